"""Fine-tuning a foundation network on the CCTA findings of one outer fold's training patients."""

import logging
import os
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression

from ecg_ccta.config import Architecture, Training
from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256, sha256_json
from ecg_ccta.model.checkpoints import load_foundation
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.training.loop import Epoch, Store, masked_loss, predict, predict_logits, train
from ecg_ccta.training.splits import roles
from ecg_ccta.training.temperature import fit_temperature
from ecg_ccta.vessels import VESSELS

log = logging.getLogger(__name__)

PROBE_PENALTIES = (1e2, 1e3, 1e4)
"""L2 penalties of the linear probe, on standardised features."""


def targets(cohort: pd.DataFrame) -> np.ndarray:
    """Labels (ECGs, 4) float32: 1 event, 0 none, NaN where the vessel has no finding."""
    columns = [cohort[f"target_{vessel}"].astype("Float32").to_numpy(np.float32, na_value=np.nan) for vessel in VESSELS]
    return np.stack(columns, axis=1)


def fine_tune(
    foundation: Path,
    architecture: Architecture,
    store: Store,
    cohort: pd.DataFrame,
    splits: pd.DataFrame,
    fold: int,
    settings: Training,
    seed: int,
    interrupted: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> FoldModel:
    """The model of one fold, calibrated. The patients of fold `fold` are not touched.

    Parameters
    ----------
    foundation : checkpoint to start from
    store : signals, in the cohort's row order
    interrupted : folder for the state of an unfinished training, keyed by a fingerprint of everything that decides
        the weights: killed and started again the training goes on, with a changed config or input it starts afresh

    Raises
    ------
    StudyError
        Where the training patients of this fold have no event of any vessel.
    """
    torch.set_num_threads(settings.threads)
    torch.manual_seed(seed)
    labels = targets(cohort)
    role = roles(cohort, splits, fold)
    known = ~np.isnan(labels).all(axis=1)
    train_rows = np.flatnonzero((role == "train") & known)
    inner_rows = np.flatnonzero((role == "inner") & known)
    if not np.nansum(labels[train_rows]) or not len(inner_rows):
        raise StudyError(
            f"fold {fold}: {len(train_rows)} training and {len(inner_rows)} inner-validation ECGs hold no event to "
            "learn from; include more patients or lower training.folds"
        )
    network = load_foundation(foundation, architecture, len(VESSELS)).to(device_here())
    start_from_probe(network, store, labels, train_rows, inner_rows)
    state_file = None
    if interrupted is not None:
        fingerprint = _fingerprint(foundation, architecture, cohort, splits, settings, seed)
        state_file = interrupted / f"fold{fold}-{fingerprint[:16]}.pt"
    history = train(
        network, store, labels, train_rows, inner_rows, settings, seed * 101 + fold, state_file, on_epoch=on_epoch
    )
    temperature = fit_temperature(predict_logits(network, store, inner_rows), labels[inner_rows])
    provenance = {
        **history.as_json(),
        "seed": seed,
        "training": settings.model_dump(),
        "foundation_sha256": sha256(foundation),
        "ecgs": {"train": len(train_rows), "inner_validation": len(inner_rows)},
        "environment": environment(settings),
    }
    return FoldModel(fold, network.cpu(), temperature, architecture, provenance)


def start_from_probe(
    network: Net1D, store: Store, labels: np.ndarray, train_rows: np.ndarray, inner_rows: np.ndarray
) -> None:
    """Set the new last layer to a logistic regression on the foundation's features.

    A random last layer sends large and meaningless gradients into the pre-trained layers; starting from a linear
    probe keeps what they know (Kumar et al., ICLR 2022). The penalty, one for all vessels, is the one with the
    smallest inner-validation loss. A vessel without an event among the training rows starts at its prevalence.
    """
    rows = np.concatenate([train_rows, inner_rows])
    features = predict(network.features, network, store, rows)
    mean, deviation = features[: len(train_rows)].mean(0), features[: len(train_rows)].std(0) + 1e-6
    features = (features - mean) / deviation
    train_labels, inner_labels = labels[train_rows], labels[inner_rows]
    best_loss = np.inf
    for penalty in PROBE_PENALTIES:
        probes = [_probe(features[: len(train_rows)], column, penalty) for column in train_labels.T]
        weight = np.stack([weights for weights, _ in probes])
        bias = np.array([intercept for _, intercept in probes])
        logits = features[len(train_rows) :] @ weight.T + bias
        loss = float(masked_loss(torch.from_numpy(logits), torch.from_numpy(inner_labels)))
        if loss < best_loss:
            best_loss = loss
            weight, bias = weight / deviation, bias - (weight / deviation) @ mean
            with torch.no_grad():
                network.dense.weight.copy_(torch.from_numpy(weight))
                network.dense.bias.copy_(torch.from_numpy(bias))
    log.info("linear probe: inner-validation loss %.4f", best_loss)


def _probe(features: np.ndarray, labels: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Weights and intercept of one vessel's logistic regression over its known labels."""
    known = ~np.isnan(labels)
    events, count = labels[known].sum(), known.sum()
    if 0 < events < count:
        fitted = LogisticRegression(C=1 / penalty, max_iter=1000).fit(features[known], labels[known])
        return fitted.coef_[0], float(fitted.intercept_[0])
    prevalence = (events + 0.5) / (count + 1)
    return np.zeros(features.shape[1]), float(np.log(prevalence / (1 - prevalence)))


def device_here() -> torch.device:
    """The GPU of this job where there is one."""
    # cuBLAS is deterministic only with this setting, which must stand before CUDA starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def environment(settings: Training) -> dict:
    """What, beside seed and inputs, decides whether another run gives the same weights."""
    device = device_here()
    return {
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "threads": settings.threads,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _fingerprint(
    foundation: Path,
    architecture: Architecture,
    cohort: pd.DataFrame,
    splits: pd.DataFrame,
    settings: Training,
    seed: int,
) -> str:
    rows = ["ecg_id", "patient_id", "signal_sha256", *(f"target_{vessel}" for vessel in VESSELS)]
    return sha256_json(
        {
            "foundation": sha256(foundation),
            "architecture": architecture.model_dump(),
            "training": settings.model_dump(),
            "seed": seed,
            "cohort": cohort[rows].to_csv(index=False),
            "splits": splits.to_csv(index=False),
            "torch": str(torch.__version__),
        }
    )
