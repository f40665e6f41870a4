"""The section on any vessel, made from tables of the library itself."""

import shutil
from html import unescape

import pandas as pd
import pytest

from ecg_ccta.evaluation.analyse_any_vessel import ECG, GAIN, RANGE, WITH
from ecg_ccta.report.page import build_report
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections import any_vessel
from ecg_ccta.statistics.estimates import CLUSTERED


@pytest.fixture
def made(study, results, put_table, load_script):
    """The results folder with any vessel's tables and figures beside the others."""
    tests = load_script("tests/evaluation/test_analyse_any_vessel.py")
    for site in ("internal", "external"):
        for name, table in tests.analyse_any_vessel(
            tests.simulate(400), None, tests.choices(), tests.SETTINGS, 1
        ).items():
            put_table(table, name, site)
        for suffix in (".svg", ".png"):
            shutil.copy(results / f"figures/toy{suffix}", results / f"figures/any_vessel_{site}{suffix}")
    return results


def test_the_section_stands_in_the_page(study, made):
    page = unescape(build_report(study, made))
    for words in (
        "Any vessel: the decision for a patient",
        "The outcome here is a severe or complete stenosis of any vessel",
        "Rule-out: sensitivity",
        "Strata: low",
        "Recalibrated, the probability of any vessel has calibration intercept",
        "Against the clinical model,",
        "Of the 46 threshold probabilities from 5 to 50 %",
        "Guideline's, in any vessel",
        "each vessel's",
    ):
        assert words in page, words
    assert "not available" not in page.split("Any vessel: the decision for a patient")[-1].split("Limits")[0][:200]


def test_the_outcomes_name_follows_the_configuration(changed, made):
    study = changed({"cohort": {"event_from": {"LM": "moderate"}}})
    section = any_vessel.any_vessel(ResultsFolder(study, made))
    assert "a stenosis of 70 % (LM: 50 %) or more of any vessel" in section.blocks[0].text
    assert any_vessel.any_vessel(ResultsFolder(study, made / "nothing")) is None


def test_how_often_the_ecg_gains_is_counted():
    rows = [
        {"basis": "clinical model", "strategy": name, "measure": GAIN, "threshold": at, "estimate": 0.01,
         "lower": 0.002 if at > 0.3 else -0.01, "upper": 0.02, "n": 500, "note": ""}
        for name in (ECG, WITH) for at in RANGE
    ]  # fmt: skip
    said = any_vessel.decision_sentence(pd.DataFrame(rows), "clinical model")
    assert "at 5 % by 0.010 (−0.010 to 0.020)" in said
    assert f"the interval lies above 0 at {(RANGE > 0.3).sum()}" in said
    lacking = pd.DataFrame([{"basis": "clinical model", "measure": "net benefit", "strategy": ECG, "note": "too few"}])
    assert (
        any_vessel.decision_sentence(lacking, "clinical model") == "Against the clinical model: not compared (too few)."
    )


def test_what_is_not_judged_says_why():
    table = pd.DataFrame([{"rule": "rule-out", "measure": "sensitivity", "method": "", "note": "no findings"}])
    assert any_vessel.rule_sentence(table) == "Any vessel is not judged: no findings."
    strata = pd.DataFrame([{"measure": "event rate", "stratum": "low", "estimate": None, "method": CLUSTERED}])
    assert any_vessel.stratum_sentence(strata) == ""
