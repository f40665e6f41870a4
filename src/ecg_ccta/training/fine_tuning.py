"""Fine-tuning a foundation network on the CCTA findings of one outer fold's training patients."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ecg_ccta.config import Architecture, Training
from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256, sha256_json
from ecg_ccta.model.checkpoints import load_foundation
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.training.loop import Epoch, Store, predict_logits, train
from ecg_ccta.training.splits import roles
from ecg_ccta.training.temperature import fit_temperature
from ecg_ccta.vessels import VESSELS


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
    network = load_foundation(foundation, architecture, len(VESSELS))
    start_at_prevalence(network, labels[train_rows])
    network.to(device_here())
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


def start_at_prevalence(network: Net1D, labels: np.ndarray) -> None:
    """Let the new last layer begin near each vessel's training prevalence.

    Without it the first epochs are spent on learning that a rare vessel is rare.
    """
    events, known = np.nansum(labels, axis=0), (~np.isnan(labels)).sum(axis=0)
    prevalence = (events + 0.5) / (known + 1)
    with torch.no_grad():
        network.dense.weight.mul_(0.1)
        network.dense.bias.copy_(torch.from_numpy(np.log(prevalence / (1 - prevalence)).astype(np.float32)))


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
