"""The state of an unfinished training, so that a killed job goes on where it was."""

import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ecg_ccta.files import replacing
from ecg_ccta.training.history import Epoch, History

log = logging.getLogger(__name__)


def save_state(file: Path, parts: dict[str, Any], history: History, best: dict[str, Any]) -> None:
    """Write the state dicts of `parts` (modules and the optimiser), the history and the best epoch so far."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        torch.save(
            {
                "parts": {name: part.state_dict() for name, part in parts.items()},
                "epochs": [asdict(epoch) for epoch in history.epochs],
                "best_epoch": history.best_epoch,
                "best": best,
            },
            temporary,
        )


def resume(file: Path, parts: dict[str, Any], history: History, device: torch.device) -> dict[str, Any]:
    """Load what `save_state` wrote into `parts` and `history`; the best epoch so far."""
    state = torch.load(file, map_location=device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    history.epochs[:] = [Epoch(**epoch) for epoch in state["epochs"]]
    history.best_epoch = state["best_epoch"]
    log.info("resuming after epoch %d", len(history.epochs))
    return state["best"]


def forget(file: Path) -> None:
    """Remove the state, and what a job that was killed while it wrote left beside it."""
    file.unlink(missing_ok=True)
    for scratch in file.parent.glob(f".{file.name}.*"):
        shutil.rmtree(scratch, ignore_errors=True)


def copy_of(module: nn.Module) -> dict[str, torch.Tensor]:
    """The module's state, apart from what later steps change."""
    return {name: value.clone() for name, value in module.state_dict().items()}
