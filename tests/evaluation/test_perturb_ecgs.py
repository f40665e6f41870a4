import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ecg_ccta import tables
from ecg_ccta.config import Quality, Robustness
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.perturb_ecgs import perturb_ecgs, sampled_ecgs
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.prediction.predicting import logits_by_fold
from ecg_ccta.signals.perturbations import PERTURBATIONS
from ecg_ccta.signals.recording import clean_regardless
from ecg_ccta.signals.store import Batch
from ecg_ccta.vessels import VESSELS


class Reader(nn.Module):
    """Reads the mean square of four leads, times a weight."""

    def __init__(self, weight: float):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x):
        return self.weight * x[:, [1, 6, 8, 11]].square().mean(2)


MODELS = [FoldModel(fold, Reader(1.0 + fold), 2.0, None, {}) for fold in range(2)]
FEW = [p for p in PERTURBATIONS if p.name in ("none", "V1 lost", "RA and LA", "white noise 0.2 mV")]


@pytest.fixture(scope="module")
def recordings():
    rng = np.random.default_rng(0)
    time = np.arange(5000) / 500
    found = {}
    for number in range(6):
        two = np.exp(-(((time % 0.8) - 0.4) ** 2) / 0.0008) * rng.uniform(0.5, 1.5) + 0.02 * np.sin(
            2 * np.pi * 3 * time
        )
        one = 0.6 * two + 0.05 * np.sin(2 * np.pi * 2 * time)
        limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
        found[f"{number:020x}"] = np.stack([*limb, *(two * size for size in rng.uniform(0.3, 2, 6))])
    return found


def predictions_of(recordings, fold):
    store = Batch(np.stack([clean_regardless(ecg, Quality())[1] for ecg in recordings.values()]))
    logits = logits_by_fold(MODELS, store, fold)
    ids = list(recordings)
    return pd.DataFrame(
        {"ecg_id": np.repeat(ids, 4), "patient_id": np.repeat(ids, 4), "vessel": np.tile(VESSELS, len(ids)),
         "fold": np.repeat(fold, 4), "logit": logits.ravel(), "probability": 0.5}
    )  # fmt: skip


def sample_of(recordings):
    flags = {"common": True, **{f"analysed_{vessel}": True for vessel in VESSELS}}
    return pd.DataFrame({"ecg_id": list(recordings), "patient_id": list(recordings)}).assign(**flags)


@pytest.mark.parametrize("fold", [np.array([0, 1, 0, 1, 0, 1]), np.full(6, tables.ENSEMBLE)])
def test_each_ecg_is_predicted_by_the_model_that_predicted_it_before(recordings, fold):
    predictions = predictions_of(recordings, fold)
    found = perturb_ecgs(sample_of(recordings), predictions, recordings, MODELS, Quality(), 1, FEW)
    found = tables.check(found, tables.PERTURBED, "test")
    weights = np.where(fold == tables.ENSEMBLE, 1.5, 1.0 + fold)
    lost = found[found["perturbation"] == "V1 lost"]
    # What is left of a flat lead is the mean over all leads, which is taken off.
    np.testing.assert_allclose(lost["logit_LM"], 0, atol=0.03)
    assert (lost["reason"] == "flat lead").all()
    # The arms' cables exchanged show III, a smaller wave here, under the name of II.
    swapped, none = (found[found["perturbation"] == name]["logit_RCA"].to_numpy() for name in ("RA and LA", "none"))
    assert (swapped < 0.8 * none).all()
    by_first = predictions_of(recordings, np.zeros(6, dtype=int)).query("vessel == 'RCA'")["logit"].to_numpy()
    np.testing.assert_allclose(none, weights * by_first, rtol=1e-5)
    noise = found[found["perturbation"] == "white noise 0.2 mV"]
    assert noise["noisy_leads"].ne("").all()
    assert noise["reason"].isna().all()
    assert noise["signal_to_noise_db"].between(-10, 15).all()


def test_the_noise_of_an_ecg_does_not_depend_on_the_others(recordings):
    fold = np.zeros(6, dtype=int)
    predictions = predictions_of(recordings, fold)
    sample = sample_of(recordings)
    together = perturb_ecgs(sample, predictions, recordings, MODELS, Quality(), 1, FEW)
    alone = perturb_ecgs(sample.iloc[[3]].reset_index(drop=True), predictions, recordings, MODELS, Quality(), 1, FEW)
    expected = together[together["ecg_id"] == sample["ecg_id"][3]].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected, rtol=1e-5)
    assert perturb_ecgs(sample[:0], predictions, {}, MODELS, Quality(), 1, FEW).empty


def test_another_run_is_found_out(recordings):
    predictions = predictions_of(recordings, np.zeros(6, dtype=int))
    other = predictions.assign(logit=predictions["logit"] + 0.1)
    with pytest.raises(StudyError, match="of different runs"):
        perturb_ecgs(sample_of(recordings), other, recordings, MODELS, Quality(), 1, FEW)
    with pytest.raises(StudyError, match="was not predicted"):
        perturb_ecgs(sample_of(recordings), predictions[4:], recordings, MODELS, Quality(), 1, FEW)
    with pytest.raises(StudyError, match="model of fold 7 is missing"):
        logits_by_fold(MODELS, Batch(np.zeros((1, 12, 5000), dtype=np.int16)), np.array([7]))


def test_rare_vessels_get_further_patients_for_themselves_alone(cohort_and_predictions):
    cohort, _ = cohort_and_predictions
    sample = sampled_ecgs(cohort, Robustness(patients=100, events=30), 5)
    assert sample["patient_id"].is_unique
    assert sample["common"].sum() == 100
    target = cohort.set_index("ecg_id").loc[sample["ecg_id"]]
    for vessel in VESSELS:
        analysed = sample[f"analysed_{vessel}"].to_numpy()
        y = target[f"target_{vessel}"].to_numpy()
        assert not pd.isna(y[analysed]).any()
        # Who was drawn for a vessel has its stenosis.
        assert (y[analysed & ~sample["common"].to_numpy()] == 1).all()
        if vessel != "LM":
            assert (y[analysed] == 1).sum() >= 30
    assert (sample.loc[~sample["common"], [f"analysed_{v}" for v in VESSELS]].sum(axis=1) >= 1).all()
    again = sampled_ecgs(cohort, Robustness(patients=100, events=30), 5)
    pd.testing.assert_frame_equal(sample, again)
    assert set(sample["ecg_id"]) != set(sampled_ecgs(cohort, Robustness(patients=100, events=30), 6)["ecg_id"])
