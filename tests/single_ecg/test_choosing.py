"""Which ECGs are explained one by one."""

import numpy as np
import pandas as pd

from ecg_ccta.single_ecg.choosing import choose_ecgs, named_ecgs
from ecg_ccta.vessels import VESSELS


def scored(ecgs: list[tuple]) -> pd.DataFrame:
    """Rows of (ECG, patient, LAD probability, LAD finding); the other vessels have no finding."""
    rows = [
        {"ecg_id": ecg, "patient_id": patient, "vessel": v, "probability": p if v == "LAD" else 0.01,
         "y_true": y if v == "LAD" else None, "group": "high" if v == "LAD" and p >= 0.15 else "low",
         "logit": np.log(p / (1 - p)) if v == "LAD" else -4.6}
        for ecg, patient, p, y in ecgs for v in VESSELS
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"y_true": "Int8"})


def test_the_clearest_example_of_each_outcome_is_chosen_and_each_patient_once():
    ecgs = [
        ("a", "p", 0.9, 1), ("b", "p", 0.8, 0), ("c", "q", 0.7, 0), ("d", "r", 0.14, 1), ("e", "s", 0.02, 1),
        ("f", "t", 0.01, 0), ("g", "u", 0.03, 0), ("h", "v", 0.99, None),
    ]  # fmt: skip
    found = choose_ecgs(scored(ecgs), 1)
    assert list(found["ecg_id"]) == ["a", "c", "e", "f"]  # b is a's patient; h has no finding
    assert list(found["chosen_as"]) == ["true positive", "false positive", "false negative", "true negative"]
    assert list(choose_ecgs(scored(ecgs), 2)["ecg_id"]) == ["a", "c", "e", "d", "f", "g"]
    assert choose_ecgs(scored(ecgs), 0).empty
    shuffled = scored(ecgs).sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(choose_ecgs(shuffled, 2), choose_ecgs(scored(ecgs), 2))


def test_named_ecgs_have_the_vessel_of_highest_risk_and_foreign_ones_are_named_in_a_warning(caplog):
    thresholds = {"RCA": 0.15, "LM": 0.005, "LAD": 0.15, "LCX": 0.15}
    found = named_ecgs(scored([("a", "p", 0.9, 1), ("b", "q", 0.1, 0)]), thresholds, ["a", "b", "elsewhere"])
    assert "no ECG of this site: elsewhere;" in caplog.text
    assert list(zip(found["ecg_id"], found["vessel"], strict=True)) == [("a", "LAD"), ("b", "LM")]
