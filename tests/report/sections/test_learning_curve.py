"""The learning curve's section: absent without its table, and its sentences follow from the tables."""

import numpy as np
import pandas as pd

from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
from ecg_ccta.report.sections.learning_curve import needed_sentence, sentence
from ecg_ccta.statistics.estimates import estimate_table


def test_sentences_name_first_and_last_number_and_what_is_needed():
    rows = [
        {"start": start, "training_patients": size, "vessel": "macro", "measure": "AUC", "estimate": auc}
        for start, size, auc in ((FINE_TUNED, 2000, 0.74), (FINE_TUNED, 250, 0.61), (PROBE, 250, 0.65))
    ]
    table = estimate_table(rows, ["start", "training_patients", "vessel"])
    assert sentence(table) == (
        "Fine-tuned on 250 patients the mean AUC over vessels is 0.610, on 2\u202f000 it is 0.740."
    )
    assert "No vessel has enough events" in sentence(table.assign(estimate=np.nan))
    needed = pd.DataFrame(
        {"start": [FINE_TUNED, PROBE], "target": 0.95, "patients": [1200.0, np.nan],
         "note": ["", "not reached with 2,000 patients; upper limit beyond 2,000"]}
    )  # fmt: skip
    assert needed_sentence(needed) == (
        "95 % of the planted effect: fine-tuned 1\u202f200 patients and linear probe not reached with 2,000 patients."
    )
