"""The probability of any vessel: one per patient, calibrated, and never from the patients that it judges."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.any_vessel import (
    ANY,
    any_vessel_probability,
    any_vessel_scores,
    fit_recalibration,
    lack_of_recalibration,
    recalibrated,
)
from ecg_ccta.evaluation.choose_thresholds import STRATUM_KINDS, choose_thresholds, strata_of, thresholds_of
from ecg_ccta.evaluation.stratify_risk import stratify, stratify_patients
from ecg_ccta.statistics.calibration import calibration_line
from ecg_ccta.tables import PATIENT_RISK, check
from ecg_ccta.vessels import HIGH_RISK_THRESHOLDS, VESSELS

SETTINGS = Evaluation()


@pytest.fixture(scope="module")
def chosen(scored) -> dict:
    return choose_thresholds(scored, "internal", SETTINGS)


@pytest.fixture(scope="module")
def patients(scored) -> pd.DataFrame:
    return any_vessel_scores(scored)


def test_vessels_that_share_a_cause_are_recalibrated():
    """Findings that come together: 1 - prod(1 - p) of calibrated vessels overstates; the recalibration does not."""
    rng = np.random.default_rng(11)
    shared = rng.normal(size=(20_000, 1))
    cause = 1.5 * rng.normal(size=(20_000, 1))  # of all four vessels, and not shown by the ECG
    linear = -2 + shared + cause
    found = rng.random((20_000, 4)) < expit(linear)
    # The calibrated probability of one vessel given what the ECG shows, by a fit on as many other patients.
    logits = np.repeat(logit(np.clip(_smoothed(shared[:, 0]), 1e-6, 1 - 1e-6))[:, None], 4, axis=1)
    score = np.log(np.expm1(np.logaddexp(0, logits).sum(axis=1)))
    y = found.any(axis=1).astype(int)
    people = pd.DataFrame({"patient_id": range(len(y)), "score": score, "y_true": y})
    half = len(y) // 2
    made = fit_recalibration(people[:half], 10)
    assert expit(score[half:]).mean() > y[half:].mean() + 0.05
    line = calibration_line(y[half:], logit(recalibrated(score[half:], made)), np.arange(half))
    assert abs(line["intercept"]) < 0.1
    assert line["slope"] == pytest.approx(1, abs=0.1)


def _smoothed(shown: np.ndarray) -> np.ndarray:
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    return (expit(-2 + shown[:, None] + 1.5 * nodes) * weights).sum(axis=1) / weights.sum()


def test_the_recalibration_is_scikit_learns_regression(patients):
    known = patients[patients["y_true"].notna()]
    made = fit_recalibration(patients, 10)
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(known[["score"]], known["y_true"].astype(int))
    assert made["intercept"] == pytest.approx(fit.intercept_[0], abs=1e-4)
    assert made["slope"] == pytest.approx(fit.coef_[0, 0], abs=1e-4)
    few = fit_recalibration(patients.assign(y_true=pd.array([1] * 3 + [0] * (len(patients) - 3), dtype="Int8")), 10)
    assert few == {"intercept": 0.0, "slope": 1.0, "note": "too few events (3)"}


def test_one_ecg_per_patient_of_those_whose_vessels_were_all_judged(scored, chosen, patients):
    assert patients["patient_id"].is_unique
    assert set(patients["patient_id"]) == set(scored["patient_id"])
    choice = chosen["frozen"][ANY]
    assert choice["n"] == choice["patients"] == patients["y_true"].notna().sum() < len(patients)
    assert choice["events"] == patients["y_true"].sum()
    json.dumps(chosen, allow_nan=False)


def test_targets_hold_for_any_vessel_and_not_for_four_thresholds_together(scored, chosen, patients):
    known = patients[patients["y_true"].notna()].assign(fold=-1)
    y = known["y_true"].to_numpy(dtype=int)
    probability = any_vessel_probability(known, chosen)
    low, high = (thresholds_of(known, chosen, kind) for kind in STRATUM_KINDS)
    assert (probability >= low)[y == 1].mean() >= 0.9
    assert (probability < high)[y == 0].mean() >= 0.9
    own = scored[scored["ecg_id"].isin(known["ecg_id"]) & (scored["vessel"] != "LM")].assign(fold=-1)
    in_any = own.assign(high=strata_of(own, chosen) == "high").groupby("ecg_id")["high"].any().loc[known["ecg_id"]]
    assert 1 - in_any[y == 0].mean() < 0.85


@pytest.mark.parametrize("fold", [0, 3])
def test_a_folds_own_findings_move_neither_its_probability_nor_its_strata(scored, chosen, patients, fold):
    own = scored["fold"] == fold
    changed = choose_thresholds(
        scored.assign(y_true=scored["y_true"].mask(own, 1 - scored["y_true"])), "internal", SETTINGS
    )
    members = patients[patients["fold"] == fold]
    members, again = (
        members.assign(probability=any_vessel_probability(members, thresholds)) for thresholds in (chosen, changed)
    )
    pd.testing.assert_frame_equal(members, again)
    assert strata_of(members, chosen).equals(strata_of(again, changed))
    assert changed["frozen"][ANY] != chosen["frozen"][ANY]


def test_the_group_is_high_where_a_vessels_is_and_the_stratum_is_of_the_probability(cohort_and_predictions, chosen):
    cohort, predictions = cohort_and_predictions
    groups = stratify(predictions, SETTINGS.high_risk_thresholds, chosen)
    risk = check(stratify_patients(cohort, predictions, groups, chosen), PATIENT_RISK, "test").set_index("ecg_id")
    wide = predictions.pivot_table(index="ecg_id", columns="vessel", values="probability").loc[risk.index]
    high = pd.concat([wide[vessel] >= threshold for vessel, threshold in HIGH_RISK_THRESHOLDS.items()], axis=1)
    assert (risk["group"] == np.where(high.any(axis=1), "high", "low")).all()
    cuts = pd.DataFrame(
        {
            kind: risk["fold"].map(
                lambda fold, kind=kind: chosen["cross_fitted"][str(fold)][ANY]["thresholds"][kind]["threshold"]
            )
            for kind in STRATUM_KINDS
        }
    )
    expected = np.where(
        risk["probability"] >= cuts["rule-in"],
        "high",
        np.where(risk["probability"] < cuts["rule-out"], "low", "intermediate"),
    )
    assert (risk["stratum"] == expected).all()
    assert set(expected) == {"low", "intermediate", "high"}
    with pytest.raises(StudyError, match="run stratify_risk again"):
        stratify_patients(cohort, predictions, groups[groups["vessel"] != "LM"], chosen)


def test_too_few_events_give_no_threshold_and_a_note(scored):
    rare = scored.assign(y_true=scored["y_true"].where(scored["y_true"].isna(), 0))
    made = choose_thresholds(rare, "internal", SETTINGS)
    assert [made["frozen"][ANY]["thresholds"][kind]["threshold"] for kind in STRATUM_KINDS] == [None, None]
    rows = any_vessel_scores(rare).assign(fold=-1)
    assert lack_of_recalibration(rows, made) == "not recalibrated: too few events (0) at site internal"
    rows["probability"] = any_vessel_probability(rows, made)
    assert rows["probability"].to_numpy() == pytest.approx(expit(rows["score"].to_numpy()))
    assert strata_of(rows, made).isna().all()
    with pytest.raises(StudyError, match="none of any vessel for fold 9"):
        any_vessel_probability(rows.assign(fold=9), made)
    assert len(VESSELS) + 1 == len(made["frozen"])
