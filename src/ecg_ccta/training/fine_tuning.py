"""Fine-tuning a foundation network on the CCTA findings of one outer fold's training patients."""

import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ecg_ccta.config import Architecture, Training
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import load_foundation
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.training.loop import Epoch, History, Store, predict_logits, train
from ecg_ccta.training.splits import roles
from ecg_ccta.training.temperature import fit_temperature
from ecg_ccta.vessels import VESSELS


def targets(cohort: pd.DataFrame) -> np.ndarray:
    """Labels (ECGs, 4) float32: 1 event, 0 none, NaN where the vessel has no finding."""
    columns = [cohort[f"target_{vessel}"].astype("Float32").to_numpy(np.float32, na_value=np.nan) for vessel in VESSELS]
    return np.stack(columns, axis=1)


def device_here() -> torch.device:
    """The GPU of this job where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fine_tune(
    foundation: Path,
    architecture: Architecture,
    store: Store,
    cohort: pd.DataFrame,
    splits: pd.DataFrame,
    fold: int,
    settings: Training,
    seed: int,
    state_file: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[Net1D, float, History]:
    """The network of one fold, the temperature that calibrates it, and the history of its training.

    The patients of fold `fold` are not touched.

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
    history = train(
        network, store, labels, train_rows, inner_rows, settings, seed * 101 + fold, state_file, on_epoch=on_epoch
    )
    temperature = fit_temperature(predict_logits(network, store, inner_rows), labels[inner_rows])
    return network.cpu(), temperature, history


def start_at_prevalence(network: Net1D, labels: np.ndarray) -> None:
    """Set the last layer to predict each vessel's training prevalence, so that rare vessels need not be unlearnt."""
    events, known = np.nansum(labels, axis=0), (~np.isnan(labels)).sum(axis=0)
    prevalence = (events + 0.5) / (known + 1)
    with torch.no_grad():
        network.dense.weight.mul_(0.1)
        network.dense.bias.copy_(torch.from_numpy(np.log(prevalence / (1 - prevalence)).astype(np.float32)))


def inner_validation_auc(history: History) -> float | None:
    """Macro AUC of the chosen epoch on the inner-validation patients."""
    return history.epochs[history.best_epoch].validation_auc


def environment(settings: Training) -> dict:
    """What decides whether another run gives the same weights."""
    device = device_here()
    return {
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or "cpu",
        "threads": settings.threads,
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
