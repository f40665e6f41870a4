"""External against internal: differences of scikit-learn's areas, the test of pROC."""

import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.compare_sites import UNPAIRED_DELONG, compare_sites
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding
from ecg_ccta.statistics.auc import compare_auc_delong_unpaired
from ecg_ccta.statistics.estimates import CLUSTERED, rows_of

SETTINGS = Evaluation(bootstrap_replicates=300)


@pytest.fixture(scope="module")
def sites(cohort_and_predictions) -> tuple[pd.DataFrame, pd.DataFrame]:
    scored = scored_ecgs(*cohort_and_predictions)
    internal = scored["patient_id"].isin(scored["patient_id"].unique()[:220])
    return scored[internal], scored[~internal]


@pytest.fixture(scope="module")
def table(sites) -> pd.DataFrame:
    return compare_sites(sites[0], {"elsewhere": sites[1]}, SETTINGS, seed=1)


def test_differences_are_those_of_scikit_learn(sites, table: pd.DataFrame) -> None:
    y, score = (
        [with_finding(site, "LAD")[name].to_numpy(dtype=float) for site in sites] for name in ("y_true", "logit")
    )
    for measure, area in (("AUC", roc_auc_score), ("PR-AUC", average_precision_score)):
        row = rows_of(table, f"{measure} difference", CLUSTERED).set_index("vessel").loc["LAD"]
        assert row["estimate"] == pytest.approx(area(y[1], score[1]) - area(y[0], score[0]))
        assert row["lower"] < row["estimate"] < row["upper"]
    # Itself held to pROC's roc.test in test_discrimination.py.
    test = compare_auc_delong_unpaired(y[1], score[1], y[0], score[0])
    row = rows_of(table, "AUC difference", UNPAIRED_DELONG).set_index("vessel").loc["LAD"]
    assert (row["estimate"], row["lower"], row["upper"]) == pytest.approx((test.difference, test.lower, test.upper))
    p = rows_of(table, "AUC difference p").set_index("vessel").loc["LAD", "estimate"]
    assert p == pytest.approx(test.p_value)
    assert row["n"] == len(y[0]) + len(y[1])


def test_macro_and_short_vessels(table: pd.DataFrame) -> None:
    of = rows_of(table, "AUC difference", CLUSTERED).set_index("vessel")
    assert of.loc["macro", "estimate"] == pytest.approx(of.loc[["RCA", "LAD", "LCX"], "estimate"].mean())
    assert of.loc["LM", "note"].startswith("internal: too few events")
    assert table[table["vessel"] == "LM"]["estimate"].isna().all()


def test_the_same_patients_are_not_drawn_alike_at_both_sites(sites) -> None:
    """Two sites that happen to be equal are independent all the same: the interval has a width."""
    table = compare_sites(sites[0], {"copy": sites[0]}, SETTINGS, seed=1)
    row = rows_of(table, "AUC difference", CLUSTERED).set_index("vessel").loc["LAD"]
    assert row["estimate"] == 0
    assert row["upper"] - row["lower"] > 0.05


def test_a_site_without_findings(sites, unjudged) -> None:
    table = compare_sites(sites[0], {"elsewhere": scored_ecgs(*unjudged)}, SETTINGS, seed=1)
    assert table["estimate"].isna().all()
    assert (table["note"] != "").all()
