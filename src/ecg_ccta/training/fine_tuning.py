"""Fine-tuning a foundation network on the CCTA findings of one outer fold's training patients, or on other labels."""

import logging
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import GroupShuffleSplit

import ecg_ccta
from ecg_ccta.config import Architecture, EventFrom, Recipe
from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256, sha256_json
from ecg_ccta.model.checkpoints import build_network, load_foundation
from ecg_ccta.model.contracts import require_contract
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.signals.store import Store
from ecg_ccta.tracking.library import library_hash
from ecg_ccta.training import parallel
from ecg_ccta.training.criterion import Criterion, make_criterion
from ecg_ccta.training.history import Epoch, History, Step
from ecg_ccta.training.inner_validation import predict, predict_logits
from ecg_ccta.training.loop import train
from ecg_ccta.training.probe import choose_probe
from ecg_ccta.training.splits import patients_fingerprint, roles
from ecg_ccta.training.temperature import fit_temperature, prevalence_logit
from ecg_ccta.vessels import GRADES, VESSELS

log = logging.getLogger(__name__)

_SEVERE = EventFrom()

INNER_FRACTION = 0.1
"""Proportion of the patients of a labelled table by which the best epoch is chosen."""


def targets(cohort: pd.DataFrame) -> np.ndarray:
    """Labels (ECGs, 4) float32: 1 event, 0 none, NaN where the vessel has no finding."""
    columns = [cohort[f"target_{vessel}"].astype("Float32").to_numpy(np.float32, na_value=np.nan) for vessel in VESSELS]
    return np.stack(columns, axis=1)


def grades(cohort: pd.DataFrame) -> np.ndarray:
    """Stenosis grades (ECGs, 4) float32: 0 none to 4 complete, NaN where the vessel has no finding."""
    levels = {grade: float(level) for level, grade in enumerate(GRADES)}
    columns = [cohort[f"grade_{vessel}"].astype(object).map(levels).to_numpy(np.float32) for vessel in VESSELS]
    return np.stack(columns, axis=1)


def fine_tune(
    foundation: Path | None,
    architecture: Architecture,
    store: Store,
    cohort: pd.DataFrame,
    splits: pd.DataFrame,
    fold: int,
    settings: Recipe,
    seed: int,
    interrupted: Path | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    event_from: EventFrom = _SEVERE,
) -> FoldModel:
    """The model of one fold, calibrated. The patients of fold `fold` are not touched.

    Parameters
    ----------
    foundation : checkpoint to start from; None: random weights
    store : signals, in the cohort's row order
    interrupted : folder for the state of an unfinished training, keyed by a fingerprint of everything that decides
        the weights: killed and started again the training goes on, with changed code, config or input it starts afresh
    event_from : the grade from which a stenosis is an event, as in the cohort's targets; ordinal labels need it

    Raises
    ------
    StudyError
        Where the training patients of this fold have no event of any vessel.
    """
    labels = targets(cohort)
    learnt = grades(cohort) if settings.labels == "ordinal" else labels
    role = roles(cohort, splits, fold)
    known = ~np.isnan(labels).all(axis=1)
    train_rows = np.flatnonzero((role == "train") & known)
    inner_rows = np.flatnonzero((role == "inner") & known)
    if not np.nansum(labels[train_rows]) or not len(inner_rows):
        raise StudyError(
            f"fold {fold}: {len(train_rows)} training and {len(inner_rows)} inner-validation ECGs hold no event to "
            "learn from; include more patients or lower training.folds"
        )
    decides = {
        "cohort": _identity(cohort),
        "labels": [learnt.tolist(), labels.tolist()],
        "splits": splits.to_csv(index=False),
        "fold": fold,
    }
    network, offset, provenance = _tune(
        foundation,
        architecture,
        store,
        labels,
        learnt,
        (train_rows, inner_rows),
        settings,
        seed,
        seed * 101 + fold,
        _state_file(interrupted, f"fold{fold}", decides, foundation, architecture, settings, seed),
        on_step,
        on_epoch,
        event_from.lowest(),
    )
    with torch.no_grad():
        network.dense.bias.add_(offset)
    centre = prevalence_logit(labels[train_rows])
    temperature = fit_temperature(predict_logits(network, store, inner_rows), labels[inner_rows], centre)
    with torch.no_grad():
        # What is added here, and then divided by the temperature, leaves the centre where it is.
        network.dense.bias.add_(torch.from_numpy((temperature - 1) * centre).to(network.dense.bias))
    provenance["prevalence_logit"] = dict(zip(VESSELS, centre.tolist(), strict=True))
    patients = cohort["patient_id"].to_numpy()
    # The leakage audit compares these with the splits: training patients, and those of the epoch and temperature.
    provenance["patients_sha256"] = {
        "train": patients_fingerprint(patients[train_rows]),
        "inner_validation": patients_fingerprint(patients[inner_rows]),
    }
    provenance["patients"] = {
        "train": len(set(patients[train_rows])),
        "inner_validation": len(set(patients[inner_rows])),
    }
    return FoldModel(fold, network.cpu(), temperature, architecture, provenance)


def fine_tune_labelled(
    foundation: Path,
    architecture: Architecture,
    store: Store,
    cohort: pd.DataFrame,
    labels: np.ndarray,
    settings: Recipe,
    seed: int,
    interrupted: Path | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[Net1D, dict]:
    """A network fine-tuned on any labels of ECGs, to be fine-tuned further, and how it was made.

    Nine tenths of the patients are trained on, the others choose the epoch; nobody is evaluated.

    Parameters
    ----------
    store : signals, in the cohort's row order
    labels : (ECGs, outputs) in the cohort's row order, 0, 1 or NaN where unknown

    Raises
    ------
    StudyError
        Where the training patients have no positive label, or for ordinal labels, which only CCTA has.
    """
    if settings.labels == "ordinal":
        raise StudyError("intermediate.training.labels: an intermediate task has yes-or-no labels; set it to binary")
    labels = labels.astype(np.float32)
    rows = np.flatnonzero(~np.isnan(labels).all(axis=1))
    splitter = GroupShuffleSplit(n_splits=1, test_size=INNER_FRACTION, random_state=seed)
    train_part, inner_part = next(splitter.split(rows, groups=cohort["patient_id"].to_numpy()[rows]))
    train_rows, inner_rows = rows[train_part], rows[inner_part]
    if not np.nansum(labels[train_rows]):
        raise StudyError(f"the intermediate task has no positive label among {len(train_rows)} training ECGs")
    decides = {"cohort": _identity(cohort), "labels": labels.tolist()}
    network, offset, provenance = _tune(
        foundation,
        architecture,
        store,
        labels,
        labels,
        (train_rows, inner_rows),
        settings,
        seed,
        seed * 101,
        _state_file(interrupted, "intermediate", decides, foundation, architecture, settings, seed),
        on_step,
        on_epoch,
    )
    with torch.no_grad():
        network.dense.bias.add_(offset)
    # Training and choosing the epoch are one here: no patient of either may be evaluated.
    provenance["patients_sha256"] = patients_fingerprint(cohort["patient_id"].to_numpy()[rows])
    return network.cpu(), provenance


def _tune(
    foundation: Path | None,
    architecture: Architecture,
    store: Store,
    labels: np.ndarray,
    learnt: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray],
    settings: Recipe,
    seed: int,
    training_seed: int,
    state_file: Path | None,
    on_step: Callable[[Step], None],
    on_epoch: Callable[[Epoch], None],
    lowest: list[int] | None = None,
) -> tuple[Net1D, torch.Tensor, dict]:
    """A trained network on its device, the offset of its logits, and its provenance."""
    torch.manual_seed(seed)
    train_rows, inner_rows = rows
    outputs = labels.shape[1]
    device = parallel.device_here()
    if foundation is None:
        network = build_network(architecture, outputs)
    else:
        require_contract(foundation, architecture)
        network = load_foundation(foundation, architecture, outputs)
    network = parallel.synchronised_batch_norm(network.to(device))
    criterion = make_criterion(learnt[train_rows], settings, lowest)
    probe = None
    if settings.probe_start and foundation is not None:
        if parallel.rank() == 0:
            probe = start_from_probe(
                network, store, labels, learnt, train_rows, inner_rows, criterion, settings.minimum_events
            )
        criterion.to(device)
        parallel.copy_from_first(criterion)
    criterion.to(device)
    parallel.copy_from_first(network)
    if settings.method == "linear-probe":
        history = History()
    else:
        history = train(
            network,
            store,
            labels,
            train_rows,
            inner_rows,
            settings,
            training_seed,
            criterion,
            learnt,
            state_file,
            on_step,
            on_epoch,
        )
    provenance = {
        "probe": probe,
        **history.as_json(),
        "seed": seed,
        "training": settings.model_dump(),
        "foundation_sha256": None if foundation is None else sha256(foundation),
        "ecgs": {"train": len(train_rows), "inner_validation": len(inner_rows)},
        "environment": environment(),
    }
    return network.eval(), criterion.offset, provenance


def start_from_probe(
    network: Net1D,
    store: Store,
    labels: np.ndarray,
    learnt: np.ndarray,
    train_rows: np.ndarray,
    inner_rows: np.ndarray,
    criterion: Criterion,
    minimum_events: int,
) -> dict[str, float | None]:
    """Set the new last layer, and the criterion's own parameters, to a linear probe of the foundation's features.

    A random last layer sends large and meaningless gradients into the pre-trained layers; starting from a linear
    probe keeps what they know (Kumar et al., ICLR 2022). The penalty, one for all outputs, is the one with the
    smallest inner-validation loss.

    Returns
    -------
    The penalty, and the probe's loss and macro AUC on the inner-validation patients, named as an epoch's are.
    """
    rows = np.concatenate([train_rows, inner_rows])
    features = predict(network.features, network, store, rows)
    count = len(train_rows)
    probe = choose_probe(
        features[:count], labels[train_rows], learnt[train_rows], features[count:], labels[inner_rows], criterion,
        minimum_events,
    )  # fmt: skip
    with torch.no_grad():
        network.dense.weight.copy_(torch.from_numpy(probe.weight))
        network.dense.bias.copy_(torch.from_numpy(probe.bias))
    log.info(
        "linear probe: inner-validation loss %.4f, penalty %g", probe.told["validation_loss"], probe.told["penalty"]
    )
    return probe.told


def environment() -> dict:
    """What, beside seed and inputs, decides whether another run gives the same weights."""
    device = parallel.device_here()
    return {
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "processes": parallel.processes(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


def _identity(cohort: pd.DataFrame) -> str:
    return cohort[["ecg_id", "patient_id", "signal_sha256"]].to_csv(index=False)


def _state_file(
    folder: Path | None,
    name: str,
    decides: dict,
    foundation: Path | None,
    architecture: Architecture,
    settings: Recipe,
    seed: int,
) -> Path | None:
    """Where this training leaves its state: under a fingerprint of all that decides its weights."""
    if folder is None:
        return None
    fingerprint = sha256_json(
        {
            **decides,
            "foundation": None if foundation is None else sha256(foundation),
            "architecture": architecture.model_dump(),
            "training": settings.model_dump(),
            "seed": seed,
            "processes": parallel.processes(),
            "torch": str(torch.__version__),
            # A state that other code left would give weights that neither code gives alone.
            "library": library_hash(Path(__file__), Path(ecg_ccta.__file__).resolve().parents[1]),
        }
    )
    return folder / f"{name}-{fingerprint[:16]}.pt"
