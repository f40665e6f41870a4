"""External against internal: differences of scikit-learn's areas, the test of pROC."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.compare_sites import compare_sites
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding
from ecg_ccta.statistics.auc import compare_auc_delong_unpaired
from ecg_ccta.statistics.estimates import rows_of

SETTINGS = Evaluation(bootstrap_replicates=300)


@pytest.fixture(scope="module")
def sites(cohort_and_predictions) -> tuple[pd.DataFrame, pd.DataFrame]:
    scored = scored_ecgs(*cohort_and_predictions)
    internal = scored["patient_id"].isin(scored["patient_id"].unique()[:220])
    return scored[internal], scored[~internal].assign(fold=-1)


@pytest.fixture(scope="module")
def table(sites) -> pd.DataFrame:
    return compare_sites(sites[0], {"elsewhere": sites[1]}, SETTINGS, seed=1)


def test_differences_are_those_of_scikit_learn(sites, table: pd.DataFrame) -> None:
    y, score = (
        [with_finding(site, "LAD")[name].to_numpy(dtype=float) for site in sites] for name in ("y_true", "logit")
    )
    row = rows_of(table, "PR-AUC difference").set_index("vessel").loc["LAD"]
    by_hand = average_precision_score(y[1], score[1]) - average_precision_score(y[0], score[0])
    assert row["estimate"] == pytest.approx(by_hand)
    assert row["lower"] < row["estimate"] < row["upper"]
    # Of the development site the mean over folds, weighted by their pairs.
    areas, pairs = [], []
    for _, fold in with_finding(sites[0], "LAD").groupby("fold"):
        events = int(fold["y_true"].sum())
        areas.append(roc_auc_score(fold["y_true"].astype(int), fold["logit"]))
        pairs.append(events * (len(fold) - events))
    row = rows_of(table, "AUC difference").set_index("vessel").loc["LAD"]
    assert row["estimate"] == pytest.approx(roc_auc_score(y[1], score[1]) - np.average(areas, weights=pairs))
    assert row["lower"] < row["estimate"] < row["upper"]
    p = rows_of(table, "AUC difference p").set_index("vessel").loc["LAD", "estimate"]
    assert (p < 0.05) == (not row["lower"] < 0 < row["upper"])
    assert row["n"] == len(y[0]) + len(y[1])


def test_the_folds_common_labels_widen_the_interval(sites, table) -> None:
    """DeLong's, which takes the out-of-fold scores for fixed and ECGs for independent, is too narrow."""
    y, score = (
        [with_finding(site, "LAD")[name].to_numpy(dtype=float) for site in sites] for name in ("y_true", "logit")
    )
    delong = compare_auc_delong_unpaired(y[1], score[1], y[0], score[0])
    row = rows_of(table, "AUC difference").set_index("vessel").loc["LAD"]
    assert row["upper"] - row["lower"] > 1.1 * (delong.upper - delong.lower)


def test_macro_and_short_vessels(table: pd.DataFrame) -> None:
    of = rows_of(table, "AUC difference").set_index("vessel")
    assert of.loc["macro", "estimate"] == pytest.approx(of.loc[["RCA", "LAD", "LCX"], "estimate"].mean())
    assert of.loc["LM", "note"].startswith("internal: too few events")
    assert table[table["vessel"] == "LM"]["estimate"].isna().all()


def test_the_same_patients_are_not_drawn_alike_at_both_sites(sites) -> None:
    """Two sites that happen to be equal are independent all the same: the interval has a width."""
    table = compare_sites(sites[0], {"copy": sites[0]}, SETTINGS, seed=1)
    row = rows_of(table, "AUC difference").set_index("vessel").loc["LAD"]
    assert row["estimate"] == 0
    assert row["upper"] - row["lower"] > 0.05


def test_a_site_without_findings(sites, unjudged) -> None:
    table = compare_sites(sites[0], {"elsewhere": scored_ecgs(*unjudged)}, SETTINGS, seed=1)
    assert table["estimate"].isna().all()
    assert (table["note"] != "").all()
