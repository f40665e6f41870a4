"""The learning curve: trainings averaged on the same held-out ECGs, and compared in pairs."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
from ecg_ccta.evaluation.build_learning_curve import (
    ONE_TRAINING,
    Training,
    build_learning_curve,
    held_out,
    learning_curve_figure,
)
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.training.splits import split_patients

SETTINGS = Evaluation(minimum_events=5)


@pytest.fixture(scope="module")
def trainings(cohort_and_predictions) -> list[Training]:
    """Fine-tuned and probe on 100 patients twice and on 400 once; the more patients, the less noise."""
    _, predictions = cohort_and_predictions
    rng = np.random.default_rng(0)

    def noisy(sd):
        return predictions.assign(logit=predictions["logit"] + rng.normal(0, sd, len(predictions)))

    points = [(100, 0, 2.0), (100, 1, 2.0), (400, 0, 0.3)]
    return [
        Training(start, size, repeat, noisy(sd + more))
        for start, more in ((FINE_TUNED, 0), (PROBE, 1.0))
        for size, repeat, sd in points
    ]


def test_points_are_means_over_trainings_on_the_same_ecgs(cohort_and_predictions, trainings):
    cohort, _ = cohort_and_predictions
    curve = build_learning_curve(cohort, trainings, SETTINGS)
    lad = rows_of(curve, "AUC").query("vessel == 'LAD' and training_patients == 100").set_index("start")
    known = cohort["target_LAD"].notna().to_numpy()
    y = cohort.loc[known, "target_LAD"].astype(int)
    each = [
        roc_auc_score(y, one.predictions.query("vessel == 'LAD'")["logit"].to_numpy()[known])
        for one in trainings
        if (one.start, one.patients) == (FINE_TUNED, 100)
    ]
    assert lad.loc[FINE_TUNED, "estimate"] == pytest.approx(np.mean(each))
    assert lad.loc[FINE_TUNED, "trainings"] == 2
    macro = rows_of(curve, "AUC").query("vessel == 'macro'").set_index(["start", "training_patients"])
    assert macro.loc[(FINE_TUNED, 400), "estimate"] > macro.loc[(FINE_TUNED, 100), "estimate"]
    assert macro.loc[(FINE_TUNED, 400), "note"] == ONE_TRAINING
    assert macro.loc[(FINE_TUNED, 100), "note"] == ""
    gain = rows_of(curve, "AUC difference").query("vessel == 'macro'").set_index(["start", "training_patients"])
    difference = macro.loc[(FINE_TUNED, 100), "estimate"] - macro.loc[(PROBE, 100), "estimate"]
    assert gain.loc[(PROBE, 100), "estimate"] == pytest.approx(difference)
    assert set(gain.index.get_level_values(0)) == {PROBE}
    figure = learning_curve_figure(curve)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == [FINE_TUNED, PROBE]


def test_predictions_of_other_ecgs_are_refused(cohort_and_predictions, trainings):
    cohort, _ = cohort_and_predictions
    with pytest.raises(StudyError, match="run predict_held_out again"):
        build_learning_curve(cohort.iloc[5:], trainings, SETTINGS)


def test_without_enough_events_the_rows_say_so(cohort_and_predictions, trainings):
    cohort, _ = cohort_and_predictions
    curve = build_learning_curve(cohort, trainings, Evaluation(minimum_events=10_000))
    assert curve["estimate"].isna().all()
    assert curve["note"].str.startswith("too few events").all()
    assert learning_curve_figure(curve).axes[0].texts[0].get_text() == "no vessel with enough events"


def test_the_first_folds_patients_are_held_out(cohort_and_predictions):
    cohort, _ = cohort_and_predictions
    splits = split_patients(cohort, 5, 1)
    held = held_out(cohort, splits)
    assert set(held["patient_id"]) == set(splits.query("fold == 0")["patient_id"])
    assert list(held.index) == list(range(len(held)))
