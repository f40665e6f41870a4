"""The one training loop, of pre-training and of fine-tuning.

Batches come from a store of int16 ECGs; scaling, augmentation and loss run on the device. All randomness of an epoch
comes from a generator seeded by (seed, epoch), so that a run resumed at an epoch continues as if never interrupted.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from ecg_ccta.config import Training
from ecg_ccta.files import replacing
from ecg_ccta.model.inputs import standardise
from ecg_ccta.training.augmentation import augment, intensity

log = logging.getLogger(__name__)


class Store(Protocol):
    """Where ECGs lie: rows in, int16 microvolts (ECGs, 12, 5000) out."""

    def batch(self, rows: np.ndarray) -> np.ndarray: ...


@dataclass
class Epoch:
    epoch: int
    loss: float
    validation_loss: float
    validation_auc: float | None
    learning_rate: float
    seconds: float
    ecgs_per_second: float


@dataclass
class History:
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = -1

    def as_json(self) -> dict:
        return {"best_epoch": self.best_epoch, "epochs": [asdict(epoch) for epoch in self.epochs]}


def masked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over outputs of the binary cross-entropy over that output's known labels.

    `labels` (ECGs, outputs) holds 0, 1 or NaN for missing; a missing label has no part in the loss, and an output
    without any known label in the batch none in the mean.
    """
    known = ~torch.isnan(labels)
    each = functional.binary_cross_entropy_with_logits(logits, labels.nan_to_num(), reduction="none")
    count = known.sum(0)
    per_output = (each * known).sum(0) / count.clamp(min=1)
    return per_output.sum() / (count > 0).sum().clamp(min=1)


def macro_auc(labels: np.ndarray, logits: np.ndarray, minimum_events: int) -> float | None:
    """Mean AUC of the outputs with at least `minimum_events` events and non-events; None where there is none."""
    aucs = []
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        events = labels[known, column].sum()
        if min(events, known.sum() - events) >= minimum_events:
            aucs.append(roc_auc_score(labels[known, column], logits[known, column]))
    return float(np.mean(aucs)) if aucs else None


def predict_logits(network: nn.Module, store: Store, rows: np.ndarray) -> np.ndarray:
    """Logits (ECGs, outputs), float32, of the given rows of the store."""
    return predict(network, network, store, rows)


@torch.no_grad()
def predict(
    function: Callable[[Tensor], Tensor], network: nn.Module, store: Store, rows: np.ndarray, batch_size: int = 64
) -> np.ndarray:
    """What `function` of `network` (itself, or its features) gives for the rows of the store, float32, in eval mode."""
    network.eval()
    device = next(network.parameters()).device
    parts = [
        function(standardise(torch.from_numpy(store.batch(rows[i : i + batch_size])).to(device))).float().cpu().numpy()
        for i in range(0, len(rows), batch_size)
    ]
    return np.concatenate(parts)


def learning_rate_factor(step: int, steps: int, settings: Training) -> float:
    """Linear warm-up, then a cosine down to the final fraction."""
    warmup = settings.warmup_fraction * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1.0, steps - warmup)
    floor = settings.final_learning_rate_fraction
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def train(
    network: nn.Module,
    store: Store,
    labels: np.ndarray,
    train_rows: np.ndarray,
    inner_rows: np.ndarray,
    settings: Training,
    seed: int,
    state_file: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> History:
    """Train `network` in place and leave it with the weights of its best inner-validation epoch.

    Best is the smallest inner-validation loss, the start (epoch -1) included. With the few events of an inner
    validation the macro AUC, which is noted beside it, jumps from epoch to epoch by more than the epochs differ; the
    loss is a proper score of all ECGs.

    Parameters
    ----------
    labels : (rows of the store, outputs), 0, 1 or NaN for missing
    train_rows, inner_rows : rows of the store to learn from, and to choose the epoch by
    state_file : written after each epoch and read at the start where it exists, so that an interrupted run goes on
        there; removed at the end
    """
    torch.use_deterministic_algorithms(True)
    device = next(network.parameters()).device
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    batches = math.ceil(len(train_rows) / settings.batch_size)
    steps = batches * settings.epochs
    history = History()
    best_loss = _inner_loss(predict_logits(network, store, inner_rows), labels[inner_rows])
    best_weights = {name: value.clone() for name, value in network.state_dict().items()}
    if state_file is not None and state_file.exists():
        state = torch.load(state_file, map_location=device, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        history = History([Epoch(**epoch) for epoch in state["epochs"]], state["best_epoch"])
        best_loss, best_weights = state["best_loss"], state["best_weights"]
        log.info("resuming after epoch %d", len(history.epochs))

    for epoch in range(len(history.epochs), settings.epochs):
        if epoch - history.best_epoch > settings.patience:
            log.info("stopping: no better inner validation for %d epochs", settings.patience)
            break
        started = time.perf_counter()
        order = np.random.default_rng([seed, epoch]).permutation(train_rows)
        generator = torch.Generator(device).manual_seed(seed * 1_000_003 + epoch)
        torch.manual_seed(seed * 1_000_003 + epoch)
        network.train()
        total = 0.0
        for i in range(batches):
            step = epoch * batches + i
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * learning_rate_factor(step, steps, settings)
            rows = np.sort(order[i * settings.batch_size : (i + 1) * settings.batch_size])
            x = standardise(torch.from_numpy(store.batch(rows)).to(device, non_blocking=True))
            x = augment(x, settings, intensity(step / steps), generator)
            y = torch.from_numpy(labels[rows]).to(device, non_blocking=True)
            optimiser.zero_grad(set_to_none=True)
            loss = masked_loss(network(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            total += loss.item() * len(rows)
        trained = time.perf_counter() - started

        logits = predict_logits(network, store, inner_rows)
        inner_loss = _inner_loss(logits, labels[inner_rows])
        auc = macro_auc(labels[inner_rows], logits, settings.minimum_events)
        if not math.isfinite(inner_loss):
            raise FloatingPointError(f"the loss is no longer finite in epoch {epoch + 1}: lower the learning rate")
        if inner_loss < best_loss:
            best_loss, history.best_epoch = inner_loss, epoch
            best_weights = {name: value.clone() for name, value in network.state_dict().items()}
        record = Epoch(
            epoch=epoch,
            loss=total / len(train_rows),
            validation_loss=inner_loss,
            validation_auc=auc,
            learning_rate=optimiser.param_groups[0]["lr"],
            seconds=time.perf_counter() - started,
            ecgs_per_second=len(train_rows) / trained,
        )
        history.epochs.append(record)
        log.info(
            "epoch %d/%d  loss %.4f  inner-validation loss %.4f  macro AUC %s  %.0f ECGs/s  %.0f s left",
            epoch + 1,
            settings.epochs,
            record.loss,
            inner_loss,
            "-" if auc is None else f"{auc:.3f}",
            record.ecgs_per_second,
            record.seconds * (settings.epochs - epoch - 1),
        )
        on_epoch(record)
        if state_file is not None:
            _save_state(state_file, network, optimiser, history, best_loss, best_weights)

    network.load_state_dict(best_weights)
    network.eval()
    if state_file is not None:
        state_file.unlink(missing_ok=True)
    return history


def _inner_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(masked_loss(torch.from_numpy(logits), torch.from_numpy(labels)))


def _save_state(state_file, network, optimiser, history: History, best_loss: float, best_weights: dict) -> None:
    with replacing(state_file) as temporary:
        torch.save(
            {
                "network": network.state_dict(),
                "optimiser": optimiser.state_dict(),
                "epochs": [asdict(epoch) for epoch in history.epochs],
                "best_epoch": history.best_epoch,
                "best_loss": best_loss,
                "best_weights": best_weights,
            },
            temporary,
        )
