"""The section on instability: only where asked for; it says what intervals over re-developments do not know."""

import shutil

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.measure_instability import Versions, measure_instability
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.report.page import build_report
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.instability import coverage_sentence, instability, sentence
from ecg_ccta.statistics.estimates import CLUSTERED, estimate_table
from ecg_ccta.truth.compare_instability_with_truth import ABOVE, BELOW, ERROR, HELD, MOVED

SETTINGS = Evaluation(minimum_events=5)


@pytest.fixture(scope="module")
def found(cohort_and_predictions):
    scored = scored_ecgs(*cohort_and_predictions)
    logit = scored["logit"].to_numpy()
    noise = np.random.default_rng(0).normal(0, 0.4, (20, len(logit)))
    models = {PROBE: Versions(logit, logit + noise), FINE_TUNED: Versions(logit, logit + noise[:2])}
    return measure_instability(scored, models, choose_thresholds(scored, "internal", SETTINGS), SETTINGS)


@pytest.fixture(scope="module")
def truth():
    rows = [
        {"model": PROBE, "vessel": "LAD", "group": "all", "measure": measure, "estimate": value, "lower": value - 0.02,
         "upper": value + 0.02, "level": 0.95, "method": CLUSTERED}
        for measure, value in ((HELD, 0.3), (ABOVE, 0.4), (BELOW, 0.3))
    ]  # fmt: skip
    rows += [
        {"model": model, "vessel": "LAD", "group": "all", "measure": measure, "estimate": value}
        for model in (PROBE, FINE_TUNED)
        for measure, value in ((ERROR, 0.08), (MOVED, 0.02))
    ]
    few = {"model": FINE_TUNED, "vessel": "LAD", "group": "all", "note": "too few re-developments for an interval"}
    rows += [few | {"measure": measure} for measure in (HELD, ABOVE, BELOW)]
    return estimate_table(rows, ["model", "vessel", "group", "predicted"])


def test_the_section_is_there_only_where_the_study_asks_for_it(study, changed, results, put_table, found, truth):
    put_table(found.summary, "instability", "internal")
    put_table(truth, "instability_truth", "internal")
    for figure in ("instability", "instability_truth"):
        shutil.copy(results / "figures/toy.svg", results / f"figures/{figure}_internal.svg")
    assert instability(ResultsFolder(study, results)) is None
    page = build_report(changed({"instability": {"redevelopments": 20, "networks": 2}}), results)
    assert "Instability of predictions" in page
    assert "was developed 20 more times" in page
    assert "fine-tuned 2 more times" in page
    assert "95 % intervals over re-developments hold the true risk in: linear probe: LAD 30 %." in page
    assert "too few re-developments for an interval" in page


def test_the_sentence_names_both_models(found):
    said = sentence(found.summary)
    assert said.startswith("Linear probe (20 re-developments): mean absolute prediction error RCA ")
    assert "Fine-tuned (2 re-developments)" in said
    assert sentence(pd.DataFrame(columns=found.summary.columns)) == "No vessel has findings."


def test_intervals_that_hold_the_truth_too_seldom_are_called_no_intervals_of_it(truth):
    assert "They are no intervals of the risk" in coverage_sentence(truth, 0.95)
    assert "They are no intervals" not in coverage_sentence(truth, 0.31)
    assert (
        coverage_sentence(truth[truth["model"] == FINE_TUNED], 0.95)
        == "There are too few re-developments for intervals."
    )
