"""Proportions recovered by trainings of known worth, and the patients needed."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Evaluation, LearningCurve
from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
from ecg_ccta.evaluation.build_learning_curve import Training
from ecg_ccta.evaluation.scored import COVARIATES
from ecg_ccta.truth.compare_learning_curve_with_truth import (
    RECOVERED,
    compare_learning_curve_with_truth,
    recovered_curve_figure,
)
from ecg_ccta.vessels import VESSELS

KEY = b"k" * 32
SETTINGS = Evaluation(minimum_events=10)
CURVE = LearningCurve(patients={100: 2, 1000: 1}, target=0.9)


@pytest.fixture(scope="module")
def site():
    """2,000 held-out patients, and trainings whose logit is the truth's with noise that falls with the patients."""
    rng = np.random.default_rng(0)
    n = 2000
    score = rng.normal(size=(n, 4))
    true = expit(-1 + 1.2 * score)
    raw = [f"HOSP-{number:05d}" for number in range(n)]
    truth = pd.DataFrame({"ecg_id": raw, **{f"oracle_{v}": true[:, k] for k, v in enumerate(VESSELS)}})
    ids = [pseudonym(KEY, "ecg", value) for value in raw]
    cohort = pd.DataFrame({"ecg_id": ids, "patient_id": [pseudonym(KEY, "patient", value) for value in raw]})
    for column in COVARIATES:
        cohort[column] = pd.NA
    for k, vessel in enumerate(VESSELS):
        event = (rng.random(n) < true[:, k]).astype(int)
        cohort[f"target_{vessel}"] = pd.array(event, dtype="Int8")
        cohort[f"grade_{vessel}"] = pd.array(np.where(event == 1, "severe", "none"), dtype="string")

    def training(start, patients, repeat, noise):
        logit = (score + rng.normal(0, noise, score.shape)).ravel()
        predictions = pd.DataFrame(
            {"ecg_id": np.repeat(ids, 4), "patient_id": np.repeat(cohort["patient_id"], 4), "fold": 0,
             "vessel": np.tile(VESSELS, n), "logit": logit, "probability": expit(logit)}
        )  # fmt: skip
        return Training(start, patients, repeat, predictions)

    trainings = [training(FINE_TUNED, 100, 0, 1.0), training(FINE_TUNED, 100, 1, 1.0),
                 training(FINE_TUNED, 1000, 0, 0.1), training(PROBE, 100, 0, 2.0), training(PROBE, 100, 1, 2.0),
                 training(PROBE, 1000, 0, 1.0)]  # fmt: skip
    return cohort, trainings, truth.sample(frac=1, random_state=1)


def test_recovered_is_what_exceeds_chance_over_the_truths(site):
    cohort, trainings, truth = site
    table, _ = compare_learning_curve_with_truth(cohort, trainings, truth, KEY, SETTINGS, CURVE, 1)
    assert set(table["measure"]) == {RECOVERED}
    y = cohort["target_LAD"].astype(int)
    ordered = truth.sort_values("ecg_id")["oracle_LAD"]
    model = trainings[2].predictions.query("vessel == 'LAD'")["logit"]
    expected = (roc_auc_score(y, model) - 0.5) / (roc_auc_score(y, ordered) - 0.5)
    row = table.query("start == @FINE_TUNED and training_patients == 1000 and vessel == 'LAD'").iloc[0]
    assert row["estimate"] == pytest.approx(expected)
    assert row["lower"] < expected < row["upper"]
    assert "one training" in row["note"]


def test_patients_needed_are_read_off_or_said_to_be_more(site):
    cohort, trainings, truth = site
    table, needed = compare_learning_curve_with_truth(cohort, trainings, truth, KEY, SETTINGS, CURVE, 1)
    needed = needed.set_index("start")
    assert 100 < needed.loc[FINE_TUNED, "lower"] < needed.loc[FINE_TUNED, "patients"] < 1000
    assert np.isnan(needed.loc[PROBE, "patients"])
    assert needed.loc[PROBE, "note"].startswith("not reached with 1,000 patients")
    assert recovered_curve_figure(table, CURVE.target).axes[0].get_ylabel().startswith("Proportion of the planted")
