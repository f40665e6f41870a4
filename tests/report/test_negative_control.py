"""The words about the negative control are its tables' and the two configurations'."""

import pandas as pd
import pytest

from ecg_ccta.report.negative_control import control_differences, control_reach, control_sentence, control_table
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.vessels import VESSELS


@pytest.fixture
def controlled(control, control_results) -> ResultsFolder:
    return ResultsFolder(control, control_results)


def change(controlled: ResultsFolder, site: str, **values) -> None:
    path = controlled.path("discrimination", site)
    table = pd.read_csv(path)
    for name, value in values.items():
        table.loc[table["vessel"] == "macro", name] = value
    table.to_csv(path, index=False)


def test_both_sites_are_told_and_shown(study, controlled):
    said = control_sentence(controlled)
    assert "Internal (simulated), out of fold (1\u202f910 patients) 0.503 (0.483 to 0.523); 0.5 lies within" in said
    assert "External (simulated) (1\u202f910 patients) 0.492 (0.472 to 0.512); 0.5 lies within" in said
    table = control_table(study, controlled)
    assert [download.name for download in table.downloads] == [
        "negative-control_discrimination_internal.csv", "negative-control_discrimination_external.csv",
    ]  # fmt: skip
    assert [(label, [row[0] for row in rows]) for label, rows in table.groups] == [
        (label, [*VESSELS, "Mean"]) for label in ("Internal (simulated), out of fold", "External (simulated)")
    ]


@pytest.mark.parametrize("site", ["internal", "external"])
def test_a_control_that_finds_something_is_said_aloud(controlled, site):
    change(controlled, site, estimate=0.6, lower=0.55, upper=0.65)
    said = control_sentence(controlled)
    assert said.count("0.5 lies OUTSIDE the interval: find out why") == 1
    assert said.count("0.5 lies within the interval") == 1


def test_a_site_without_an_estimate_says_why(controlled):
    change(controlled, "external", estimate=None, lower=None, upper=None, note="too few events (7)")
    assert "External (simulated), too few events (7)" in control_sentence(controlled)
    assert "External" not in control_reach(controlled)
    assert "0.02 (Internal (simulated), out of fold)" in control_reach(controlled)


def test_the_differences_are_the_configurations(study, control, changed):
    said = control_differences(study, control)
    assert said == (
        "Beside the planted effect the control differs from the study: Internal (simulated), 600 simulated patients "
        "instead of 2\u202f000; Internal (simulated), severe stenosis of a vessel in 30 % instead of 2 % to 25 %; "
        "External (simulated), 350 simulated patients instead of 800; External (simulated), severe stenosis of a "
        "vessel in 30 % instead of 2 % to 27 %; 2 folds instead of 5."
    )
    other = changed({"training": {"epochs": 9, "patience": 9}, "cohort": {"minimum_age": 30}})
    assert "other values of cohort.minimum_age, training.epochs and training.patience" in control_differences(
        other, control
    )
    assert control_differences(control, control) == ""


def test_a_study_of_hospitals_is_not_called_simulated(study, control, changed):
    own = {"simulation": None, "export": "exports/x"}
    said = control_differences(changed({"sites": {"internal": own}}), control)
    assert "Internal (simulated), 600 simulated patients instead of a hospital's own" in said
