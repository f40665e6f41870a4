"""One row per patient: which ECG, which outcome, and what cannot be known."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.patients import any_vessel_logit, patient_level
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.evaluation.stratify_risk import stratify
from ecg_ccta.vessels import HIGH_RISK_THRESHOLDS, VESSELS


@pytest.fixture
def site(cohort_and_predictions):
    cohort, predictions = cohort_and_predictions
    settings = Evaluation()
    chosen = choose_thresholds(scored_ecgs(cohort, predictions), "here", settings)
    return cohort.copy(), predictions.copy(), stratify(predictions, settings.high_risk_thresholds, chosen)


def splits_of(predictions):
    return predictions.drop_duplicates("patient_id")[["patient_id", "fold"]]


def test_each_patient_once_by_the_nearest_ecg(site):
    cohort, predictions, groups = site
    cohort.loc[cohort["patient_id"].duplicated(keep=False).to_numpy().nonzero()[0][0], "days_to_ccta"] = np.nan
    patients = patient_level(cohort, predictions, groups)
    assert patients["patient_id"].is_unique
    assert len(patients) == cohort["patient_id"].nunique()
    for row in patients.itertuples():
        own = cohort[cohort["patient_id"] == row.patient_id]
        distance = own["days_to_ccta"].abs()
        nearest = own[distance == distance.min()] if distance.notna().any() else own
        assert row.ecg_id == nearest.sort_values("recorded_at")["ecg_id"].iloc[0]


def test_the_ecg_of_a_later_ccta_does_not_count(site):
    """However near to its own CCTA: it is recorded after day 0, and its patient lived to have it."""
    cohort, predictions, groups = site
    twice = cohort["patient_id"].map(cohort.groupby("patient_id").size()) == 2
    later = twice & cohort["patient_id"].duplicated()
    cohort["ccta_date"] = pd.Timestamp("2022-01-01") + pd.to_timedelta(400 * later, unit="D")
    cohort["days_to_ccta"] = np.where(later, 0.0, 80.0)
    chosen = patient_level(cohort, predictions, groups)["ecg_id"]
    assert later.any()
    assert not chosen.isin(cohort.loc[later, "ecg_id"]).any()
    assert cohort.loc[twice & ~later, "ecg_id"].isin(chosen).all()


def test_any_vessel_is_no_non_event_while_one_is_unknown(site):
    cohort, predictions, groups = site
    patients = patient_level(cohort, predictions, groups).set_index("ecg_id")
    targets = cohort.set_index("ecg_id").loc[patients.index, [f"target_{vessel}" for vessel in VESSELS]]
    for ecg, row in targets.iterrows():
        known = [value for value in row if not pd.isna(value)]
        found = patients.loc[ecg, "y_true"]
        if 1 in known:
            assert found == 1
        elif len(known) == 4:
            assert found == 0
        else:
            assert pd.isna(found)
    assert patients["y_true"].isna().any()


def test_score_and_stratum_of_any_vessel(site):
    cohort, predictions, groups = site
    patients = patient_level(cohort, predictions, groups).set_index("ecg_id")
    wide = predictions.pivot_table(index="ecg_id", columns="vessel", values="probability").loc[patients.index]
    probability = 1 / (1 + np.exp(-patients["ecg_logit"].to_numpy()))
    assert probability == pytest.approx((1 - (1 - wide).prod(axis=1)).to_numpy())
    high = pd.concat([wide[vessel] >= threshold for vessel, threshold in HIGH_RISK_THRESHOLDS.items()], axis=1)
    assert (patients["group"] == np.where(high.any(axis=1), "high", "low")).all()
    # LM has too few events for thresholds of its own, so three vessels decide.
    strata = groups.pivot_table(index="ecg_id", columns="vessel", values="stratum", aggfunc="first").loc[patients.index]
    assert "LM" not in strata
    expected = np.select(
        [(strata == "high").any(axis=1), (strata == "low").all(axis=1)], ["high", "low"], "intermediate"
    )
    assert (patients["stratum"] == expected).all()
    assert set(expected) == {"low", "intermediate", "high"}
    assert any_vessel_logit(np.array([[800.0, 0.0], [-40.0, -40.0]])) == pytest.approx(
        [800 + np.log(2), -40 + np.log(2)]
    )


def test_folds_are_those_of_the_splits(site):
    cohort, predictions, groups = site
    splits = splits_of(predictions)
    patients = patient_level(cohort, predictions, groups, splits)
    assert patients.set_index("patient_id")["fold"].to_dict() == splits.set_index("patient_id")["fold"].to_dict()
    assert (patient_level(cohort, predictions, groups)["fold"] == -1).all()
    splits.loc[splits.index[0], "fold"] += 1
    with pytest.raises(StudyError, match="1 patients were not predicted in the fold"):
        patient_level(cohort, predictions, groups, splits)


def test_a_missing_risk_group_is_an_error(site):
    cohort, predictions, groups = site
    with pytest.raises(StudyError, match="stratify_risk"):
        patient_level(cohort, predictions, groups[groups["vessel"] != "LM"])
