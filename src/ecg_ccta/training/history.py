"""What a training notes of itself: every step's loss, every epoch's inner validation."""

from dataclasses import asdict, dataclass, field


@dataclass
class Epoch:
    """One pass over the training ECGs and the inner validation after it."""

    epoch: int
    loss: float
    validation_loss: float
    validation_auc: float | None
    learning_rate: float
    seconds: float
    ecgs_per_second: float
    step_losses: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """Where a running training is, for a progress bar."""

    epoch: int
    ecgs: int
    """ECGs of this step."""
    total_ecgs: int
    """ECGs of the whole training."""
    loss: float | None
    """Loss of a recent step; read from the device every second or so."""
    validation_auc: float | None


@dataclass
class History:
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = -1
    """The epoch whose weights are kept; -1: those of the start."""
    kept: str = "the start: no epoch was asked for"
    """Which weights are kept, and why."""

    def as_json(self) -> dict:
        return {
            "best_epoch": self.best_epoch,
            "kept": self.kept,
            "epochs": [asdict(epoch) for epoch in self.epochs],
        }
