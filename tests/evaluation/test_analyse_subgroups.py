"""Subgroups: right members, missing covariates in none of them, tests of interaction with their adjustment."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.analyse_subgroups import subgroup_auc, subgroup_categories
from ecg_ccta.evaluation.forest import forest_figure
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.figures import COLUMN
from ecg_ccta.statistics.auc import compare_auc_delong_unpaired
from ecg_ccta.statistics.estimates import HONEST, rows_of
from ecg_ccta.vessels import VESSELS

SETTINGS = Evaluation(bootstrap_replicates=100, age_cut=60)


@pytest.fixture(scope="module")
def table(scored: pd.DataFrame) -> pd.DataFrame:
    return subgroup_auc(scored, SETTINGS, seed=1)


def aucs(table: pd.DataFrame) -> pd.DataFrame:
    return rows_of(table, "AUC", HONEST).set_index(["vessel", "subgroup", "category"]).sort_index()


def of_subgroups(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    return rows_of(table, measure).set_index(["vessel", "subgroup"]).sort_index()


@pytest.mark.parametrize(
    ("subgroup", "category", "member"),
    [
        ("all ECGs", "all", lambda rows: rows["age"].notna() | True),
        ("age", "< 60 years", lambda rows: rows["age"] < 60),
        ("age", "≥ 60 years", lambda rows: rows["age"] >= 60),
        ("sex", "female", lambda rows: rows["sex"] == "female"),
        ("ECG to CCTA", "≤ 7 days", lambda rows: rows["days_to_ccta"].between(-7, 7)),
        ("order", "ECG after CCTA", lambda rows: rows["days_to_ccta"] < 0),
        ("time of day", "6 to 12 h", lambda rows: rows["recorded_at"].dt.hour.isin(range(6, 12))),
        ("calendar year", "2022", lambda rows: rows["recorded_at"].dt.year == 2022),
        ("hypertension", "yes", lambda rows: rows["hypertension"].fillna(False)),
        ("hypertension", "no", lambda rows: ~rows["hypertension"].fillna(True)),
        ("chest pain", "typical", lambda rows: rows["chest_pain"] == "typical"),
        ("chest pain", "none", lambda rows: rows["chest_pain"] == "none"),
    ],
)
def test_members_and_auc(scored: pd.DataFrame, table: pd.DataFrame, subgroup: str, category: str, member) -> None:
    rows = scored[(scored["vessel"] == "LAD") & scored["y_true"].notna()]
    rows = rows[member(rows).to_numpy(dtype=bool)]
    found = aucs(table).loc[("LAD", subgroup, category)]
    assert (found["n"], found["events"]) == (len(rows), rows["y_true"].sum())
    assert found["patients"] == rows["patient_id"].nunique()
    if found["note"]:
        assert found["note"].startswith("too few events")
        assert rows.loc[rows["y_true"] == 1, "patient_id"].nunique() < SETTINGS.minimum_events
        return
    # The mean over folds, where each has enough.
    assert found["estimate"] == pytest.approx(roc_auc_score(rows["y_true"].astype(int), rows["logit"]), abs=0.05)
    assert found["lower"] < found["estimate"] < found["upper"]


@pytest.mark.parametrize("subgroup", ["age", "hypertension", "sex", "time of day", "calendar year"])
def test_categories_and_missing_add_up(table: pd.DataFrame, subgroup: str) -> None:
    whole = aucs(table).loc[("RCA", "all ECGs", "all"), "n"]
    without = of_subgroups(table, "ECGs without it").loc[("RCA", subgroup), "estimate"]
    assert aucs(table).loc["RCA"].loc[subgroup, "n"].sum() + without == whole
    assert (without > 0) == (subgroup in ("age", "hypertension"))


def test_difference_is_the_first_minus_the_second(table: pd.DataFrame) -> None:
    found = of_subgroups(table, "AUC difference").loc[("LAD", "sex")]
    of_sex = aucs(table).loc["LAD"].loc["sex", "estimate"]
    assert found["note"] == "female minus male"
    assert found["estimate"] == pytest.approx(of_sex["female"] - of_sex["male"], abs=0.03)
    assert found["lower"] < found["estimate"] < found["upper"]
    assert ("LAD", "chest pain") not in of_subgroups(table, "AUC difference").index


def test_interaction_of_patients_apart_agrees_with_the_unpaired_delong_test(scored: pd.DataFrame) -> None:
    """One ECG per patient: the two tests then ask the same."""
    single = scored.drop_duplicates(["patient_id", "vessel"])
    table = subgroup_auc(single, Evaluation(bootstrap_replicates=1000), seed=1)
    rows = single[(single["vessel"] == "LAD") & single["y_true"].notna()]
    sides = [rows[(rows["sex"] == sex).to_numpy(dtype=bool)] for sex in ("female", "male")]
    delong = compare_auc_delong_unpaired(
        *[part for side in sides for part in (side["y_true"].astype(int), side["logit"])]
    )
    assert of_subgroups(table, "interaction p").loc[("LAD", "sex"), "estimate"] == pytest.approx(
        delong.p_value, abs=0.06
    )


def test_an_interaction_that_is_there_is_found(scored: pd.DataFrame) -> None:
    broken = scored.copy()
    men = (broken["sex"] == "male").to_numpy(dtype=bool)
    broken.loc[men, "logit"] = np.random.default_rng(0).permutation(broken.loc[men, "logit"])
    table = subgroup_auc(broken, SETTINGS, seed=1)
    for vessel in ("RCA", "LAD", "LCX"):
        assert of_subgroups(table, "interaction q").loc[(vessel, "sex"), "estimate"] < 0.05


def test_q_values_are_adjusted_over_all_tests_of_the_table(table: pd.DataFrame) -> None:
    p_values, q_values = (of_subgroups(table, f"interaction {letter}")["estimate"] for letter in "pq")
    known = p_values.notna()
    assert 20 < known.sum() < len(known)
    np.testing.assert_allclose(q_values[known], multipletests(p_values[known], method="fdr_bh")[1])
    assert q_values[~known].isna().all()


def test_few_events_have_a_note(table: pd.DataFrame) -> None:
    few = aucs(table).loc["LM"]
    assert few["note"].str.match("too few events|no findings").all()
    assert few["estimate"].isna().all()
    tests = of_subgroups(table, "interaction p").loc["LM"]
    assert tests["estimate"].isna().all()
    assert (tests["note"] == "fewer than two categories with enough events").all()


def test_a_category_with_few_events_is_left_out_of_the_test_and_named(scored: pd.DataFrame) -> None:
    rare = scored.copy()
    patients = rare["patient_id"].unique()[:12]
    rare["chest_pain"] = rare["chest_pain"].mask(rare["patient_id"].isin(patients), "nonanginal")
    found = of_subgroups(subgroup_auc(rare, SETTINGS, seed=1), "interaction p").loc[("LAD", "chest pain")]
    assert found["note"].startswith("F ")
    assert found["note"].endswith(" df; too few events or non-events in nonanginal")


def test_covariates_missing_throughout(scored: pd.DataFrame) -> None:
    bare = scored.assign(age=np.nan, recorded_at=pd.Series(pd.NaT, index=scored.index), smoking=pd.NA)
    bare["smoking"] = bare["smoking"].astype("boolean")
    table = subgroup_auc(bare, SETTINGS, seed=1)
    for subgroup in ("age", "time of day", "calendar year", "smoking"):
        rows = rows_of(table[(table["subgroup"] == subgroup) & (table["vessel"] == "RCA")], "AUC")
        assert (rows["n"] == 0).all()
        assert (rows["note"] == "no findings").all()


def test_dates_without_times_have_no_time_of_day(scored: pd.DataFrame) -> None:
    table = subgroup_auc(scored.assign(recorded_at=scored["recorded_at"].dt.normalize()), SETTINGS, seed=1)
    assert (rows_of(table[table["subgroup"] == "time of day"], "AUC")["n"] == 0).all()


def test_many_years_become_periods(scored: pd.DataFrame) -> None:
    years = 2001 + np.arange(len(scored)) % 14
    spread = scored.assign(recorded_at=pd.to_datetime([f"{year}-06-01" for year in years]))
    categories = subgroup_categories(spread, SETTINGS)["calendar year"]
    assert list(categories.cat.categories) == ["2001 to 2003", "2004 to 2006", "2007 to 2009", "2010 to 2012",
                                               "2013 to 2014"]  # fmt: skip
    assert ((categories == "2013 to 2014") == np.isin(years, (2013, 2014))).all()


def test_scanners_are_there_where_the_site_names_them_and_rare_ones_are_joined(scored: pd.DataFrame) -> None:
    assert "scanner" not in subgroup_categories(scored, SETTINGS)
    names = [f"scanner {chr(65 + min(place % 40, 9))}" for place in range(len(scored))]
    named = scored.assign(scanner=pd.array(names, dtype="string"))
    named.loc[named.index[0], "scanner"] = pd.NA
    categories = subgroup_categories(named, SETTINGS)["scanner"]
    assert len(categories.cat.categories) == 9
    assert categories.cat.categories[0] == "scanner J"
    assert categories.cat.categories[-1] == "all others"
    assert categories.isna().sum() == 1


def test_a_site_without_findings(unjudged) -> None:
    table = subgroup_auc(scored_ecgs(*unjudged), SETTINGS, seed=1)
    assert (rows_of(table, "AUC")["note"] == "no findings").all()
    for vessel in VESSELS:
        forest_figure(table, vessel)


@pytest.mark.parametrize("vessel", ["LAD", "LM"])
def test_forest_plot_of_a_vessel(table: pd.DataFrame, vessel: str, tmp_path) -> None:
    figure = forest_figure(table, vessel)
    words = "\n".join(text.get_text() for text in figure.findobj(Text))
    assert figure.get_figwidth() == pytest.approx(COLUMN)
    row = aucs(table).loc[(vessel, "sex", "female")]
    assert f"{row['events']}/{row['n']}" in words
    assert words.count("too few events") >= (20 if vessel == "LM" else 1)
    if vessel == "LAD":
        p_value = of_subgroups(table, "interaction p").loc[("LAD", "sex"), "estimate"]
        assert f"p {p_value:.2f}, q" in words or p_value < 0.1
    figure.savefig(tmp_path / "forest.png")
