"""The leakage audit in the report."""

import pandas as pd
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.report.blocks import Table
from ecg_ccta.report.page import build_report
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sections.leakage import leakage, sentence


def test_every_check_is_a_row_with_what_was_compared_and_how(study, results):
    table = leakage(ResultsFolder(study, results)).blocks[0]
    assert isinstance(table, Table)
    assert table.groups[0][1] == [
        ["Patient in two folds", "patients of the development site", "1\u202f910 patients", "0",
         "folds of each pseudonym"],
        ["Patient in development and external", "internal and external", "770 patients", "0",
         "the same pseudonym (blind: other pseudonym keys)"],
    ]  # fmt: skip
    page = build_report(study, results)
    assert "Leakage audit" in page
    assert "In 2 checks no evaluated patient was found in training" in page


def test_the_sentence_says_which_checks_are_blind_and_why():
    found = pd.DataFrame({"findings": [0, 0, 0], "note": ["", "blind: other keys", "blind: published weights"]})
    none = "In 3 checks no evaluated patient was found in training, calibration or the choice of thresholds"
    assert sentence(found) == f"{none}. 2 of them are blind: other keys; published weights."
    assert sentence(found.iloc[:2]).endswith("thresholds. 1 of them is blind: other keys.")
    assert sentence(found.iloc[:1]).endswith("thresholds.")
    assert sentence(found.assign(findings=2)).startswith("6 findings in 3 checks")


def test_a_report_without_its_audit_is_refused(study, results):
    (results / "tables/leakage.csv").unlink()
    with pytest.raises(StudyError, match=r"leakage\.csv"):
        build_report(study, results)
