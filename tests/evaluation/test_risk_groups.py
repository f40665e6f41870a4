"""Risk groups and what they are worth, against counts by hand, statsmodels and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix
from statsmodels.stats.proportion import proportion_confint

from ecg_ccta import tables
from ecg_ccta.config import Evaluation, PerVessel
from ecg_ccta.evaluation.risk_groups import grade_table, group_table, stratify
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.evaluation.thresholds import choose_thresholds
from ecg_ccta.vessels import GRADES

THRESHOLDS = Evaluation().high_risk_thresholds


@pytest.fixture(scope="module")
def scored(cohort_and_predictions) -> pd.DataFrame:
    return scored_ecgs(*cohort_and_predictions)


@pytest.fixture(scope="module")
def chosen(scored) -> dict:
    return choose_thresholds(scored, "internal", Evaluation())


def test_high_begins_at_the_threshold(cohort_and_predictions, chosen) -> None:
    predictions = cohort_and_predictions[1].head(3).assign(probability=[0.2, 0.1999999, 0.9])
    groups = stratify(predictions, PerVessel(RCA=0.2, LM=0.01, LAD=0.2, LCX=0.2), chosen)
    assert groups["group"].tolist() == ["high", "low", "high"]
    tables.check(groups, tables.RISK_GROUPS, "test")


def test_each_vessel_has_its_own_threshold(cohort_and_predictions, chosen) -> None:
    groups = stratify(cohort_and_predictions[1], THRESHOLDS, chosen)
    high = groups["group"] == "high"
    assert groups.loc[(groups["vessel"] == "LM") & high, "probability"].min() < 0.02
    assert groups.loc[(groups["vessel"] == "RCA") & high, "probability"].min() >= 0.15


def test_measures(scored: pd.DataFrame) -> None:
    rows = scored[(scored["vessel"] == "LAD") & scored["y_true"].notna()]
    (tn, fp), (fn, tp) = confusion_matrix(rows["y_true"].astype(int), rows["probability"] >= 0.15)
    table = group_table(scored, THRESHOLDS, 0.9)
    found = table[table["vessel"] == "LAD"].set_index("measure")
    expected = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "PPV": (tp, tp + fp),
        "NPV": (tn, tn + fn),
        "event rate low": (fn, tn + fn),
        "event rate high": (tp, tp + fp),
        "share high": (tp + fp, len(rows)),
    }
    for measure, (count, of) in expected.items():
        row = found.loc[measure]
        assert row["estimate"] == pytest.approx(count / of)
        interval = proportion_confint(count, of, alpha=0.1, method="wilson")
        assert (row["lower"], row["upper"]) == pytest.approx(interval)


def test_an_empty_group_has_a_note(scored: pd.DataFrame) -> None:
    table = group_table(scored, PerVessel(RCA=1, LM=1, LAD=1, LCX=1)).set_index(["vessel", "measure"])
    assert table.loc[("RCA", "PPV"), "note"] == "no ECG in the high group"
    assert np.isnan(table.loc[("RCA", "PPV"), "estimate"])
    assert table.loc[("RCA", "specificity"), "estimate"] == 1


def test_grades(scored: pd.DataFrame) -> None:
    table = grade_table(scored).set_index(["vessel", "grade"])
    rows = scored[(scored["vessel"] == "RCA") & scored["grade"].notna()]
    severe = rows.loc[rows["grade"] == "severe", "probability"]
    assert table.loc[("RCA", "severe"), "n"] == len(severe)
    assert table.loc[("RCA", "severe"), "median"] == pytest.approx(severe.median())
    assert table.loc[("RCA", "severe"), "upper_quartile"] == pytest.approx(severe.quantile(0.75))
    tau = stats.spearmanr(rows["grade"].map(list(GRADES).index).astype(int), rows["probability"])
    assert table.loc[("RCA", "none"), "spearman"] == pytest.approx(tau.statistic)


def test_a_site_without_findings(unjudged) -> None:
    scored = scored_ecgs(*unjudged)
    assert (group_table(scored, THRESHOLDS)["note"] == "no findings").all()
    assert (grade_table(scored)["n"] == 0).all()
    assert grade_table(scored)["spearman"].isna().all()
