"""The one training loop, of pre-training, of an intermediate task and of fine-tuning.

Batches come from a store of int16 ECGs; scaling, augmentation and loss run on the device. All randomness of an epoch
comes from generators seeded by (seed, epoch), so that a run resumed at an epoch continues as if never interrupted.
"""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from ecg_ccta.config import Recipe
from ecg_ccta.model.inputs import standardise
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.signals.store import Store
from ecg_ccta.training import parallel
from ecg_ccta.training.augmentation import Draws, augment, intensity
from ecg_ccta.training.batches import read_ahead, split_into_batches
from ecg_ccta.training.criterion import BinaryCriterion, Criterion, TaskWeights
from ecg_ccta.training.history import Epoch, History, Step
from ecg_ccta.training.inner_validation import InnerValidation
from ecg_ccta.training.interruption import copy_of, forget, resume, save_state
from ecg_ccta.training.layers import parameter_groups, set_learning_layers
from ecg_ccta.training.surgery import backward

log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks at the loss, each of which makes the host wait for the device."""


def learning_rate_factor(step: int, steps: int, settings: Recipe) -> float:
    """Linear warm-up, then a cosine down to the final fraction."""
    warmup = settings.warmup_fraction * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1.0, steps - warmup)
    floor = settings.final_learning_rate_fraction
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def training_step(
    network: Net1D,
    features_of: Callable[[Tensor], Tensor],
    criterion: Criterion,
    weights: TaskWeights,
    x: Tensor,
    learnt: Tensor,
    settings: Recipe,
    seed: int,
) -> Tensor:
    """Forward and backward pass of one batch; gradients lie in `.grad` afterwards.

    Parameters
    ----------
    features_of : the network's `features`, compiled or not
    x : (ECGs, 12, 5000) on the device, standardised and augmented
    learnt : (ECGs, outputs) what the criterion takes

    Returns
    -------
    The batch's loss as a device scalar, mean over the outputs with a known label.
    """
    bf16 = settings.precision == "bfloat16"
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
        features = features_of(x)
        logits = network.dense(features)
    counts = parallel.sum_over_processes((~torch.isnan(learnt)).sum(0))
    losses = criterion(logits.float(), learnt).sum(0) / counts.clamp(min=1)
    last = list(network.dense.parameters())
    own = [*last, *criterion.parameters(), *weights.parameters()]
    trunk = [parameter for parameter in network.parameters() if not any(parameter is one for one in last)]
    weighted = weights(losses, 1 / parallel.processes())
    backward(weighted, counts > 0, features, own, trunk, settings.gradient_surgery, seed)
    if settings.gradient_surgery != "pcgrad":
        parallel.sum_gradients([*own, *trunk])
    return (losses.detach() * (counts > 0)).sum() / (counts > 0).sum().clamp(min=1)


def train(
    network: Net1D,
    store: Store,
    labels: np.ndarray,
    train_rows: np.ndarray,
    inner_rows: np.ndarray,
    settings: Recipe,
    seed: int,
    criterion: Criterion | None = None,
    learnt: np.ndarray | None = None,
    state_file: Path | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> History:
    """Train `network` in place and leave it with the weights of its best inner-validation epoch, the start included.

    `settings.monitor` says what is best. The loss is a proper score of all ECGs; the macro AUC is what studies report,
    but with the few events of a small inner validation it jumps from epoch to epoch by more than the epochs differ.
    With `none` the schedule is fixed beforehand: the last epoch is kept, and the inner validation is only noted.

    Parameters
    ----------
    labels : (rows of the store, outputs), 0, 1 or NaN for missing
    criterion, learnt : what to minimise and what it takes (rows of the store, outputs): grades, for instance; by
        default the cross-entropy of the labels. The inner validation always looks at the labels
    train_rows, inner_rows : rows of the store to learn from, and to choose the epoch by
    state_file : written after each epoch and read at the start where it exists, so that an interrupted run goes on
        there; removed at the end

    Raises
    ------
    StudyError
        Where the macro AUC is to choose the epoch and no output has enough inner-validation events for one.
    FloatingPointError
        Where the loss is no longer finite.
    """
    torch.use_deterministic_algorithms(settings.deterministic)
    device = next(network.parameters()).device
    learnt = labels if learnt is None else learnt
    criterion = (criterion or BinaryCriterion(learnt[train_rows], settings.class_balance)).to(device)
    weights = TaskWeights(labels.shape[1], settings.task_weighting).to(device)
    extra = [p for p in (*criterion.parameters(), *weights.parameters()) if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameter_groups(network, extra, settings),
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        fused=True,
    )
    parts: dict = {"network": network, "criterion": criterion, "weights": weights, "optimiser": optimiser}
    shown = network
    if settings.ema_decay:
        parts["average"] = AveragedModel(network, multi_avg_fn=_averaging(settings.ema_decay or 0.0), use_buffers=True)
        shown = parts["average"].module
    validation = InnerValidation(store, labels, inner_rows, criterion.offset.cpu().numpy(), settings)
    history = History()
    if state_file is not None and state_file.exists():
        best = resume(state_file, parts, history, device)
    else:
        best = {"score": validation.score(shown)[0], "weights": copy_of(shown)}
    features_of = torch.compile(network.features) if settings.compile else network.features
    batches_per_epoch = len(split_into_batches(train_rows, settings.batch_size, parallel.processes()))
    steps = batches_per_epoch * settings.epochs
    auc = history.epochs[-1].validation_auc if history.epochs else None
    looked, loss_seen = time.perf_counter(), None

    for epoch in range(len(history.epochs), settings.epochs):
        if epoch - history.best_epoch > settings.patience:
            log.info("stopping: no better inner validation for %d epochs", settings.patience)
            break
        started = time.perf_counter()
        order = np.random.default_rng([seed, epoch]).permutation(train_rows)
        batches = split_into_batches(order, settings.batch_size, parallel.processes())
        mine = [rows[parallel.rank() :: parallel.processes()] for rows in batches]
        draws = Draws(device, seed * 1_000_003 + epoch)
        torch.manual_seed(seed * 1_000_003 + epoch)
        set_learning_layers(network, epoch, settings)
        losses = []
        for i, microvolts in enumerate(read_ahead(store, mine, device)):
            step = epoch * batches_per_epoch + i
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * learning_rate_factor(step, steps, settings) * group["factor"]
            x = standardise(microvolts)
            augmented = augment(x, settings, intensity(step / steps), draws, len(batches[i]))
            y = torch.from_numpy(learnt[mine[i]]).to(device, non_blocking=True)
            if settings.keep_originals:
                augmented, y = torch.cat([x, augmented]), torch.cat([y, y])
            optimiser.zero_grad(set_to_none=True)
            loss = training_step(network, features_of, criterion, weights, augmented, y, settings, seed * 7919 + step)
            nn.utils.clip_grad_norm_([*network.parameters(), *extra], 1.0)
            optimiser.step()
            if settings.ema_decay:
                parts["average"].update_parameters(network)
            losses.append(loss)
            if time.perf_counter() - looked > LOOK:
                looked, loss_seen = time.perf_counter(), float(loss) * parallel.processes()
            on_step(Step(epoch, len(batches[i]), len(train_rows) * settings.epochs, loss_seen, auc))
        # Every process's part of the batch's loss, read from the device once an epoch.
        step_losses = parallel.sum_over_processes(torch.stack(losses)).tolist()
        trained = time.perf_counter() - started

        score, inner_loss, auc = validation.score(shown)
        if not (math.isfinite(inner_loss) and all(map(math.isfinite, step_losses))):
            raise FloatingPointError(f"the loss is no longer finite in epoch {epoch + 1}: lower the learning rate")
        if score > best["score"] or settings.monitor == "none":
            history.best_epoch = epoch
            best = {"score": score, "weights": copy_of(shown)}
        record = Epoch(
            epoch=epoch,
            loss=float(np.average(step_losses, weights=[len(rows) for rows in batches])),
            validation_loss=inner_loss,
            validation_auc=auc,
            learning_rate=optimiser.param_groups[-1]["lr"],
            seconds=time.perf_counter() - started,
            ecgs_per_second=len(train_rows) / trained,
            step_losses=step_losses,
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
        if state_file is not None and parallel.rank() == 0:
            save_state(state_file, parts, history, best)
        on_epoch(record)

    history.kept = _why_kept(history.best_epoch, settings.monitor)
    network.load_state_dict(best["weights"])
    network.requires_grad_(True)
    network.eval()
    if state_file is not None and parallel.rank() == 0:
        forget(state_file)
    return history


def _why_kept(epoch: int, monitor: str) -> str:
    """Which weights are kept, the start's or an epoch's, and why."""
    if monitor == "none":
        return f"epoch {epoch + 1}, the last: the schedule is fixed"
    better = {"loss": "smaller inner-validation loss", "macro-auc": "larger inner-validation macro AUC"}[monitor]
    return f"the start: no epoch had a {better}" if epoch < 0 else f"epoch {epoch + 1}: none had a {better}"


def _averaging(decay: float) -> Callable:
    """Exponential moving average, the plain mean of all steps so far until the window of the decay is full."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
        kept = min(decay, (1 + float(updates)) / (2 + float(updates)))
        for old, new in zip(averaged, current, strict=True):
            old.lerp_(new, 1 - kept) if old.is_floating_point() else old.copy_(new)

    return update
