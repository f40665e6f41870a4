"""Fairness: members of the groups, counted values, differences to the largest group, and what is said of few events."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from ecg_ccta.config import Evaluation, Fairness
from ecg_ccta.evaluation.analyse_fairness import (
    ACCURACY,
    CORRECTED,
    NO_THRESHOLD,
    WITHOUT,
    analyse_fairness,
    fairness_groups,
)
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds, thresholds_of
from ecg_ccta.evaluation.fairness_figure import fairness_figure
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.figures import PAGE
from ecg_ccta.result_tables import write_csv
from ecg_ccta.statistics.calibration import calibration_line
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(bootstrap_replicates=50, minimum_events=8)
FAIRNESS = Fairness(age_cuts=[55, 65])


@pytest.fixture(scope="module")
def chosen(scored) -> dict:
    return choose_thresholds(scored, "internal", SETTINGS)


@pytest.fixture(scope="module")
def found(scored, chosen) -> tuple[pd.DataFrame, pd.DataFrame]:
    return analyse_fairness(scored, chosen, SETTINGS, FAIRNESS)


def women(scored: pd.DataFrame, vessel: str) -> pd.DataFrame:
    return scored[(scored["vessel"] == vessel) & scored["y_true"].notna() & (scored["sex"] == "female")]


def test_values_are_counted_at_cross_fitted_thresholds(scored, chosen, found) -> None:
    rows = women(scored, "LAD")
    y = rows["y_true"].to_numpy(dtype=int) == 1
    values = found[0].query("vessel == 'LAD' and group == 'female'").set_index(["kind", "measure"])
    for kind in ("guideline", "rule-out", "rule-in", "screening"):
        positive = rows["probability"].to_numpy() >= thresholds_of(rows, chosen, kind)
        expected = [positive[y].mean(), (~positive)[~y].mean(), y[positive].mean(), (~y)[~positive].mean()]
        for name, value in zip(ACCURACY, expected, strict=True):
            row = values.loc[(kind, name)]
            assert row["estimate"] == pytest.approx(value)
            assert row["lower"] < value < row["upper"]
    line = calibration_line(y.astype(int), rows["logit"].to_numpy(), rows["patient_id"].to_numpy())
    for name in ("intercept", "slope"):
        assert values.loc[(NO_THRESHOLD, name), "estimate"] == pytest.approx(line[name])
    assert values.loc[(NO_THRESHOLD, "slope"), ["n", "events"]].tolist() == [len(rows), y.sum()]


def test_differences_are_to_the_largest_group(scored, found) -> None:
    values, differences = found
    ages = fairness_groups(scored, FAIRNESS)["age"]
    largest = ages.value_counts().index[0]
    of_age = differences.query("vessel == 'LAD' and attribute == 'age' and measure == 'slope'").set_index("group")
    assert set(of_age["reference"]) == {largest}
    assert len(of_age) == 2
    slopes = values.query("vessel == 'LAD' and attribute == 'age' and measure == 'slope'").set_index("group")[
        "estimate"
    ]
    for group, row in of_age.iterrows():
        assert row["estimate"] == pytest.approx(slopes[group] - slopes[largest])
        assert row["lower"] < row["estimate"] < row["upper"]


def test_age_groups_hold_their_lower_end(scored) -> None:
    ages = pd.Series([54.9, 55.0, 64.9, 65.0, np.nan])
    rows = scored.head(5).assign(age=ages.to_numpy())
    groups = fairness_groups(rows, FAIRNESS)["age"]
    expected = ["< 55 years", "55 to < 65 years", "55 to < 65 years", "≥ 65 years"]
    assert groups.astype(object).tolist()[:4] == expected
    assert groups.isna().tolist() == [False] * 4 + [True]


def test_ecgs_without_an_attribute_are_counted_and_a_missing_one_named(scored, chosen, found) -> None:
    rows = found[0][(found[0]["measure"] == WITHOUT) & (found[0]["vessel"] == "LAD")].set_index("attribute")
    lad = scored[(scored["vessel"] == "LAD") & scored["y_true"].notna()]
    assert rows.loc["age", "estimate"] == lad["age"].isna().sum() > 0
    assert rows.loc["sex", "estimate"] == 0
    assert rows.loc["centre", "note"] == "no centre column"
    assert "centre" not in set(found[1]["attribute"])
    nameless = scored.assign(sex=pd.array([pd.NA] * len(scored), dtype="string"))
    assert fairness_groups(nameless, FAIRNESS)["sex"] == "sex is not known of any ECG"


def test_few_events_are_said_and_not_compared(found) -> None:
    values, differences = found
    rare = values[(values["vessel"] == "LM") & (values["measure"] != WITHOUT)]
    assert rare["estimate"].isna().all()
    assert rare["note"].str.startswith("too few events").all()
    between = differences[differences["vessel"] == "LM"]
    assert between["estimate"].isna().all()
    assert between["note"].str.contains("male: too few events").any()


def test_a_difference_that_is_there_remains_after_correction(scored, chosen) -> None:
    """Predictions of men of any centre are far too low; nothing is wrong between the centres."""
    men = (scored["sex"] == "male").to_numpy(dtype=bool)
    logit = scored["logit"] - 3.0 * men
    centre = np.where(scored["patient_id"].map(lambda name: int(name, 16) % 2 == 0), "north", "south")
    wrong = scored.assign(logit=logit, probability=1 / (1 + np.exp(-logit)), centre=pd.array(centre, dtype="string"))
    differences = analyse_fairness(wrong, chosen, SETTINGS, FAIRNESS)[1]
    lad = differences[differences["vessel"] == "LAD"].set_index(["attribute", "kind", "measure"])
    by_sex = lad.loc[("sex", NO_THRESHOLD, "intercept")]
    assert abs(by_sex["estimate"].iloc[0]) == pytest.approx(3, abs=0.6)
    number = differences["estimate"].notna().sum()
    assert by_sex["note"].iloc[0] == f"excludes 0, also {CORRECTED} ({number} differences)"
    by_centre = lad.loc["centre"]["note"]
    assert not by_centre.str.contains(f"also {CORRECTED}", regex=False).any()


def test_the_tables_keep_their_contract(found, tmp_path) -> None:
    for name, table in zip(("fairness", "fairness_differences"), found, strict=True):
        path = tmp_path / "tables" / name / "internal.csv"
        path.parent.mkdir(parents=True)
        write_csv(table, path)


def test_a_site_without_findings(unjudged, chosen) -> None:
    values, differences = analyse_fairness(scored_ecgs(*unjudged), chosen, SETTINGS, FAIRNESS)
    known = values[values["measure"] != WITHOUT]
    assert (known["note"] == "no findings").all()
    assert differences["estimate"].isna().all()
    for vessel in VESSELS:
        fairness_figure(values, vessel)


def test_figure(found, tmp_path) -> None:
    figure = fairness_figure(found[0], "LAD")
    assert figure.get_figwidth() == pytest.approx(PAGE)
    words = {text.get_text() for text in figure.findobj(Text)}
    assert {"All ECGs", "Sex", "female", "Age", "≥ 65 years", "Centre: no centre column", "PPV\n(%)"} <= words
    figure.savefig(tmp_path / "fairness.png")


def test_age_cuts_must_rise() -> None:
    with pytest.raises(ValueError, match="must rise"):
        Fairness(age_cuts=[65, 50])
