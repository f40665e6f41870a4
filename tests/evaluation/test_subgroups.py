"""Subgroups: right members, missing covariates in none of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.evaluation.subgroups import subgroup_auc

SETTINGS = Evaluation(bootstrap_replicates=50, age_cut=60)


@pytest.fixture(scope="module")
def scored(cohort_and_predictions) -> pd.DataFrame:
    return scored_ecgs(*cohort_and_predictions)


@pytest.fixture(scope="module")
def table(scored: pd.DataFrame) -> pd.DataFrame:
    return subgroup_auc(scored, SETTINGS, seed=1).set_index(["vessel", "subgroup", "level"]).sort_index()


@pytest.mark.parametrize(
    ("subgroup", "level", "member"),
    [
        ("age", "< 60 years", lambda rows: rows["age"] < 60),
        ("age", "≥ 60 years", lambda rows: rows["age"] >= 60),
        ("sex", "female", lambda rows: rows["sex"] == "female"),
        ("ECG to CCTA", "≤ 7 days", lambda rows: rows["days_to_ccta"].between(-7, 7)),
        ("order", "ECG after CCTA", lambda rows: rows["days_to_ccta"] < 0),
        ("time of day", "6 to 12 h", lambda rows: rows["recorded_at"].dt.hour.isin(range(6, 12))),
        ("hypertension", "yes", lambda rows: rows["hypertension"].fillna(False)),
        ("hypertension", "no", lambda rows: ~rows["hypertension"].fillna(True)),
        ("chest pain", "typical", lambda rows: rows["chest_pain"] == "typical"),
        ("chest pain", "other or none", lambda rows: rows["chest_pain"].isin(["none", "atypical"])),
    ],
)
def test_members_and_auc(scored: pd.DataFrame, table: pd.DataFrame, subgroup: str, level: str, member) -> None:
    rows = scored[(scored["vessel"] == "LAD") & scored["y_true"].notna()]
    rows = rows[member(rows).to_numpy(dtype=bool)]
    found = table.loc[("LAD", subgroup, level)]
    assert (found["n"], found["events"]) == (len(rows), rows["y_true"].sum())
    if not found["note"]:
        assert found["auc"] == pytest.approx(roc_auc_score(rows["y_true"].astype(int), rows["logit"]))
        assert found["bootstrap_lower"] < found["auc"] < found["bootstrap_upper"]


@pytest.mark.parametrize("subgroup", ["age", "hypertension", "sex", "time of day"])
def test_levels_and_missing_add_up(table: pd.DataFrame, subgroup: str) -> None:
    rows = table.loc["RCA"].loc[subgroup]
    assert rows["n"].sum() + rows["missing"].iloc[0] == table.loc[("RCA", "all ECGs", "all"), "n"]
    assert (rows["missing"].iloc[0] > 0) == (subgroup in ("age", "hypertension"))


def test_few_events_have_a_note(table: pd.DataFrame) -> None:
    few = table.loc["LM"]
    assert few["note"].str.startswith("too few events").all()
    assert few["auc"].isna().all()


def test_covariates_missing_throughout(scored: pd.DataFrame) -> None:
    bare = scored.assign(age=np.nan, recorded_at=pd.Series(pd.NaT, index=scored.index), smoking=pd.NA)
    bare["smoking"] = bare["smoking"].astype("boolean")
    table = subgroup_auc(bare, SETTINGS, seed=1)
    for subgroup in ("age", "time of day", "smoking"):
        rows = table[(table["subgroup"] == subgroup) & (table["vessel"] == "RCA")]
        assert (rows["n"] == 0).all()
        assert (rows["missing"] > 0).all()
        assert (rows["note"] == "no findings").all()


def test_dates_without_times_have_no_time_of_day(scored: pd.DataFrame) -> None:
    table = subgroup_auc(scored.assign(recorded_at=scored["recorded_at"].dt.normalize()), SETTINGS, seed=1)
    assert (table.loc[table["subgroup"] == "time of day", "n"] == 0).all()


def test_a_site_without_findings(unjudged) -> None:
    table = subgroup_auc(scored_ecgs(*unjudged), SETTINGS, seed=1)
    assert (table["note"] == "no findings").all()
