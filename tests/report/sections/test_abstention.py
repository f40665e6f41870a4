"""The section on prediction sets: only where asked for, in words that the tables carry."""

import shutil

import pytest

from ecg_ccta.config import Abstention, Evaluation
from ecg_ccta.evaluation.build_prediction_sets import build_prediction_sets
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.report.page import build_report
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.abstention import abstention, answered, sentence

SETTINGS = Evaluation(bootstrap_replicates=50, minimum_events=5)


@pytest.fixture(scope="module")
def sets(cohort_and_predictions):
    scored = scored_ecgs(*cohort_and_predictions)
    return build_prediction_sets(scored, scored, SETTINGS, Abstention(level=0.8), 1)[0]


def test_the_section_is_there_only_where_the_study_asks_for_it(study, changed, results, put_table, sets):
    put_table(sets, "prediction_sets", "internal")
    shutil.copy(results / "figures/toy.svg", results / "figures/prediction_sets_internal.svg")
    assert abstention(ResultsFolder(study, results)) is None
    asking = changed({"abstention": {"level": 0.8}})
    page = build_report(asking, results)
    assert "Abstention: prediction sets" in page
    assert "the 80 % promised" in page
    assert "too few events" in page, "LM has none to calibrate"


def test_a_shortfall_is_named_and_what_calibration_on_all_costs(sets):
    said = sentence(sets, 0.8)
    assert said.startswith("Calibrated by outcome, sets hold the finding in RCA ")
    assert "hold a stenosis that is there in RCA " in said
    strict = sentence(sets, 0.999)
    assert "the interval lies below the 100 % promised in RCA with stenosis" in strict
    assert answered(sets).startswith("ECGs with one answer, by outcome: RCA ")


def test_nothing_to_judge_is_said(sets):
    nothing = sets.assign(estimate=float("nan"), note="too few events (2)")
    assert sentence(nothing, 0.9) == "No vessel has enough events for prediction sets."
    assert answered(nothing) == ""
