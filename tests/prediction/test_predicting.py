"""Who predicts whom: the fold's own model at the development site, all models elsewhere."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from ecg_ccta import tables
from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.model.inputs import standardise
from ecg_ccta.prediction.predicting import ENSEMBLE, predict_ensemble, predict_held_out, predict_out_of_fold
from ecg_ccta.training.splits import patients_fingerprint, roles
from ecg_ccta.vessels import VESSELS

TINY = Architecture(
    base_filters=4, ratio=1, filter_list=[4], m_blocks_list=[1], kernel_size=4, stride=4, groups_width=4
)
FOLDS = 3
PATIENT = [0, 1, 2, 0, 3, 4, 5, 2, 1, 0]
"""Patient of each ECG; patient p belongs to fold p % 3, so that no fold's ECGs lie together."""
BIAS = np.array([0.1, 0.2, 0.3, 0.4])


class Signals:
    """Ten different ECGs in memory."""

    def __init__(self) -> None:
        self.ecgs = np.random.default_rng(5).normal(0, 200, (len(PATIENT), 12, 5000)).astype(np.int16)

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self.ecgs[rows]


@pytest.fixture
def store() -> Signals:
    return Signals()


@pytest.fixture
def cohort() -> pd.DataFrame:
    return pd.DataFrame(
        {
            # Descending, so that a sort by identifier would show.
            "ecg_id": [f"{100 - i:020x}" for i in range(len(PATIENT))],
            "patient_id": [f"{p:020x}" for p in PATIENT],
        }
    )


@pytest.fixture
def splits() -> pd.DataFrame:
    patients = sorted(set(PATIENT))
    return pd.DataFrame(
        {
            "patient_id": [f"{p:020x}" for p in patients],
            "fold": [p % FOLDS for p in patients],
            "inner": [p < FOLDS for p in patients],
        }
    )


def biased(fold: int) -> FoldModel:
    """A model that answers 10 * fold + bias to every ECG, with temperature fold + 1."""
    network = build_network(TINY, 4)
    with torch.no_grad():
        network.dense.weight.zero_()
        network.dense.bias.copy_(torch.from_numpy(10 * fold + BIAS))
    return FoldModel(fold, network, fold + 1.0, TINY, {})


def listening(fold: int) -> FoldModel:
    """A model whose answer depends on the ECG."""
    torch.manual_seed(fold)
    return FoldModel(fold, build_network(TINY, 4), 2.0, TINY, {})


def wide(predictions: pd.DataFrame) -> np.ndarray:
    return predictions["logit"].to_numpy().reshape(-1, 4)


def test_each_ecg_is_scored_by_its_own_folds_model_alone(store, cohort, splits):
    predictions = predict_out_of_fold([biased(fold) for fold in range(FOLDS)], store, cohort, splits)
    fold = np.array(PATIENT) % FOLDS
    np.testing.assert_allclose(wide(predictions), (10 * fold[:, None] + BIAS) / (fold[:, None] + 1), rtol=1e-6)
    assert predictions["fold"].tolist() == np.repeat(fold, 4).tolist()
    of_patient = predictions.merge(splits, on="patient_id", suffixes=("", "_of_patient"))
    assert (of_patient["fold"] == of_patient["fold_of_patient"]).all()


def test_the_order_of_the_models_does_not_matter(store, cohort, splits):
    models = [listening(fold) for fold in range(FOLDS)]
    pd.testing.assert_frame_equal(
        predict_out_of_fold(models, store, cohort, splits), predict_out_of_fold(models[::-1], store, cohort, splits)
    )


def test_rows_are_those_of_the_cohort_and_each_has_its_own_ecg(store, cohort, splits):
    models = [listening(fold) for fold in range(FOLDS)]
    predictions = predict_out_of_fold(models, store, cohort, splits)
    assert predictions["ecg_id"].tolist() == np.repeat(cohort["ecg_id"], 4).tolist()
    assert predictions["patient_id"].tolist() == np.repeat(cohort["patient_id"], 4).tolist()
    assert predictions["vessel"].tolist() == list(VESSELS) * len(cohort)
    for i, patient in enumerate(PATIENT):
        with torch.no_grad():
            alone = models[patient % FOLDS].network(standardise(torch.from_numpy(store.ecgs[[i]])))[0] / 2
        np.testing.assert_allclose(wide(predictions)[i], alone.numpy(), rtol=1e-4, atol=1e-6)
    assert len(np.unique(wide(predictions)[:, 0].round(7))) == len(cohort), "the ECGs differ, so must the answers"


def test_the_ensemble_is_the_mean_of_calibrated_logits(store, cohort):
    predictions = predict_ensemble([biased(fold) for fold in range(FOLDS)], store, cohort)
    # RCA by hand: (0.1 / 1 + 10.1 / 2 + 20.1 / 3) / 3 = (0.1 + 5.05 + 6.7) / 3
    rca = predictions[predictions["vessel"] == "RCA"]
    np.testing.assert_allclose(rca["logit"], 3.95, rtol=1e-6)
    np.testing.assert_allclose(rca["probability"], 1 / (1 + np.exp(-3.95)), rtol=1e-6)
    # LCX: (0.4 + 10.4 / 2 + 20.4 / 3) / 3 = 12.4 / 3
    np.testing.assert_allclose(predictions.loc[predictions["vessel"] == "LCX", "logit"], 12.4 / 3, rtol=1e-6)
    assert (predictions["fold"] == ENSEMBLE).all()


def test_the_ensemble_of_one_is_that_model(store, cohort):
    model = listening(0)
    with torch.no_grad():
        expected = model.network.eval()(standardise(torch.from_numpy(store.ecgs))) / 2
    np.testing.assert_allclose(wide(predict_ensemble([model], store, cohort)), expected.numpy(), rtol=1e-4, atol=1e-6)


def test_predictions_keep_their_contract(tmp_path, store, cohort, splits):
    models = [listening(fold) for fold in range(FOLDS)]
    for predictions in (predict_out_of_fold(models, store, cohort, splits), predict_ensemble(models, store, cohort)):
        tables.write(predictions, tables.PREDICTIONS, tmp_path / "p.parquet")
        pd.testing.assert_frame_equal(
            tables.read(tables.PREDICTIONS, tmp_path / "p.parquet"), predictions, check_dtype=False
        )
        np.testing.assert_allclose(predictions["probability"], 1 / (1 + np.exp(-predictions["logit"])), rtol=1e-12)


@pytest.mark.parametrize("missing", range(FOLDS))
def test_a_missing_fold_is_refused(store, cohort, splits, missing):
    with pytest.raises(StudyError, match="give the models of all folds"):
        predict_out_of_fold([biased(fold) for fold in range(FOLDS) if fold != missing], store, cohort, splits)


def test_no_model_at_all_is_refused(store, cohort, splits):
    with pytest.raises(StudyError, match="models"):
        predict_out_of_fold([], store, cohort, splits)
    with pytest.raises(StudyError, match="models"):
        predict_ensemble([], store, cohort)


def test_one_fold_given_twice_is_refused(store, cohort, splits):
    models = [biased(0), biased(1), biased(2), biased(1)]
    with pytest.raises(StudyError, match="fold 1 is given twice"):
        predict_out_of_fold(models, store, cohort, splits)
    with pytest.raises(StudyError, match="fold 1 is given twice"):
        predict_ensemble(models, store, cohort)


def test_a_patient_without_fold_is_refused(store, cohort, splits):
    with pytest.raises(StudyError, match="lacks patients of the cohort"):
        predict_out_of_fold([biased(fold) for fold in range(FOLDS)], store, cohort, splits[1:])


def test_an_answer_that_is_no_number_is_never_written(store, cohort):
    broken = biased(0)
    with torch.no_grad():
        broken.network.dense.bias[2] = torch.nan
    with pytest.raises(FloatingPointError, match="not finite"):
        predict_ensemble([broken, biased(1)], store, cohort)


def test_held_out_patients_are_predicted_by_a_model_of_its_subset_alone(store, cohort, splits):
    model = listening(0)
    own, held = cohort.iloc[2:].reset_index(drop=True), cohort.iloc[:2]
    role = roles(own, splits, 0)
    said = {
        name: patients_fingerprint(own.loc[role == part, "patient_id"])
        for name, part in (("train", "train"), ("inner_validation", "inner"))
    }
    trained = replace(model, provenance={"patients_sha256": said})
    with pytest.raises(StudyError, match="run draw_subset again"):
        predict_held_out(trained, store, held, own, splits)
    other = replace(model, provenance={"patients_sha256": said | {"train": "0" * 64}})
    strangers = held.assign(patient_id=["f" * 20] * len(held))
    with pytest.raises(StudyError, match="other train patients"):
        predict_held_out(other, store, strangers, own, splits)
    found = predict_held_out(trained, store, strangers, own, splits)
    assert found["ecg_id"].tolist() == np.repeat(held["ecg_id"], 4).tolist()
    assert (found["fold"] == 0).all()
