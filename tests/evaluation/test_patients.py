"""One row per patient: which ECG, which outcome, and what cannot be known."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.choose_thresholds import choose_thresholds
from ecg_ccta.evaluation.patients import any_vessel, any_vessel_logit, patient_level
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.evaluation.stratify_risk import stratify, stratify_patients
from ecg_ccta.vessels import VESSELS


@pytest.fixture
def site(cohort_and_predictions):
    cohort, predictions = cohort_and_predictions
    settings = Evaluation()
    chosen = choose_thresholds(scored_ecgs(cohort, predictions), "here", settings)
    groups = stratify(predictions, settings.high_risk_thresholds, chosen)

    def make(cohort):
        return cohort, predictions, stratify_patients(cohort, predictions, groups, chosen)

    return make


def splits_of(predictions):
    return predictions.drop_duplicates("patient_id")[["patient_id", "fold"]]


def test_each_patient_once_by_the_nearest_ecg(site, cohort_and_predictions):
    cohort = cohort_and_predictions[0].copy()
    cohort.loc[cohort["patient_id"].duplicated(keep=False).to_numpy().nonzero()[0][0], "days_to_ccta"] = np.nan
    patients = patient_level(*site(cohort))
    assert patients["patient_id"].is_unique
    assert len(patients) == cohort["patient_id"].nunique()
    for row in patients.itertuples():
        own = cohort[cohort["patient_id"] == row.patient_id]
        distance = own["days_to_ccta"].abs()
        nearest = own[distance == distance.min()] if distance.notna().any() else own
        assert row.ecg_id == nearest.sort_values("recorded_at")["ecg_id"].iloc[0]


def test_the_ecg_of_a_later_ccta_does_not_count(site, cohort_and_predictions):
    """However near to its own CCTA: it is recorded after day 0, and its patient lived to have it."""
    cohort = cohort_and_predictions[0].copy()
    twice = cohort["patient_id"].map(cohort.groupby("patient_id").size()) == 2
    later = twice & cohort["patient_id"].duplicated()
    cohort["ccta_date"] = pd.Timestamp("2022-01-01") + pd.to_timedelta(400 * later, unit="D")
    cohort["days_to_ccta"] = np.where(later, 0.0, 80.0)
    chosen = patient_level(*site(cohort))["ecg_id"]
    assert later.any()
    assert not chosen.isin(cohort.loc[later, "ecg_id"]).any()
    assert cohort.loc[twice & ~later, "ecg_id"].isin(chosen).all()


def test_any_vessel_is_unknown_while_one_is(site, cohort_and_predictions):
    cohort = cohort_and_predictions[0]
    patients = patient_level(*site(cohort)).set_index("ecg_id")
    targets = cohort.set_index("ecg_id").loc[patients.index, [f"target_{vessel}" for vessel in VESSELS]]
    whole = targets.notna().all(axis=1)
    assert patients.loc[whole, "y_true"].tolist() == targets[whole].astype(int).max(axis=1).tolist()
    assert patients.loc[~whole, "y_true"].isna().all()
    assert (~whole).any()


def test_findings_that_are_missing_by_chance_leave_the_proportion_of_events():
    """Had patients with an event and a missing vessel stayed, and those without one not, it would have risen."""
    rng = np.random.default_rng(4)
    truth = pd.DataFrame(rng.random((40_000, 4)) < [0.18, 0.02, 0.25, 0.17])
    seen = truth.astype("Int8").mask(pd.DataFrame(rng.random(truth.shape) < 0.1))
    expected = truth.any(axis=1).mean()
    found = any_vessel(seen).dropna()
    error = np.sqrt(expected * (1 - expected) / len(found))
    assert found.mean() == pytest.approx(expected, abs=4 * error)
    kept = seen.eq(1).fillna(False).any(axis=1)
    assert kept[kept | seen.notna().all(axis=1)].mean() > expected + 10 * error


def test_score_of_any_vessel(site, cohort_and_predictions):
    cohort, predictions = cohort_and_predictions
    patients = patient_level(*site(cohort)).set_index("ecg_id")
    wide = predictions.pivot_table(index="ecg_id", columns="vessel", values="probability").loc[patients.index]
    probability = 1 / (1 + np.exp(-patients["ecg_logit"].to_numpy()))
    assert probability == pytest.approx((1 - (1 - wide).prod(axis=1)).to_numpy())
    assert any_vessel_logit(np.array([[800.0, 0.0], [-40.0, -40.0]])) == pytest.approx(
        [800 + np.log(2), -40 + np.log(2)]
    )


def test_folds_are_those_of_the_splits(site, cohort_and_predictions):
    cohort, predictions, risk = site(cohort_and_predictions[0])
    splits = splits_of(predictions)
    patients = patient_level(cohort, predictions, risk, splits)
    assert patients.set_index("patient_id")["fold"].to_dict() == splits.set_index("patient_id")["fold"].to_dict()
    assert (patient_level(cohort, predictions, risk)["fold"] == -1).all()
    splits.loc[splits.index[0], "fold"] += 1
    with pytest.raises(StudyError, match="1 patients were not predicted in the fold"):
        patient_level(cohort, predictions, risk, splits)


def test_a_patient_without_a_risk_group_is_an_error(site, cohort_and_predictions):
    cohort, predictions, risk = site(cohort_and_predictions[0])
    with pytest.raises(StudyError, match="stratify_risk"):
        patient_level(cohort, predictions, risk.iloc[1:])
