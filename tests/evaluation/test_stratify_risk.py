"""Risk groups begin at the guideline's threshold; strata are those of the chosen thresholds."""

import pytest

from ecg_ccta import tables
from ecg_ccta.config import Evaluation, PerVessel
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.stratify_risk import stratify

THRESHOLDS = Evaluation().high_risk_thresholds


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


def test_the_stratum_stands_beside_the_group(cohort_and_predictions, chosen) -> None:
    elsewhere = cohort_and_predictions[1].assign(fold=-1)
    groups = tables.check(stratify(elsewhere, THRESHOLDS, chosen), tables.RISK_GROUPS, "test")
    found = chosen["frozen"]["LAD"]["thresholds"]
    rows = groups[groups["vessel"] == "LAD"]
    low = rows["probability"] < found["rule-out"]["threshold"]
    assert (rows["stratum"] == "low").equals(low.astype("boolean"))
    assert groups.loc[groups["vessel"] == "LM", "stratum"].isna().all()
