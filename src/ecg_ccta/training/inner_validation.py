"""Scoring a network on inner-validation patients, and predicting in general."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from ecg_ccta.config import Recipe
from ecg_ccta.errors import StudyError
from ecg_ccta.model.inputs import standardise
from ecg_ccta.signals.store import Store
from ecg_ccta.training import parallel
from ecg_ccta.training.batches import read_ahead, split_into_batches
from ecg_ccta.training.criterion import masked_loss


@torch.no_grad()
def predict(
    function: Callable[[Tensor], Tensor],
    network: nn.Module,
    store: Store,
    rows: np.ndarray,
    batch_size: int = 64,
) -> np.ndarray:
    """What `function` of `network` (itself, or its features) gives for the rows of the store, in eval mode.

    Always in float32, whatever the training's precision: epochs are compared by what the saved model will predict.
    """
    network.eval()
    device = next(network.parameters()).device
    batches = split_into_batches(np.arange(len(rows)), batch_size)
    parts = [
        function(standardise(signals)).float().cpu().numpy()
        for signals in read_ahead(store, [rows[part] for part in batches], device)
    ]
    return np.concatenate(parts)


def predict_logits(network: nn.Module, store: Store, rows: np.ndarray) -> np.ndarray:
    """Logits (ECGs, outputs), float32, of the given rows of the store."""
    return predict(network, network, store, rows)


def macro_auc(labels: np.ndarray, logits: np.ndarray, minimum_events: int) -> float | None:
    """Mean AUC of the outputs with at least `minimum_events` events and non-events; None where there is none."""
    aucs = []
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        events = labels[known, column].sum()
        if min(events, known.sum() - events) >= minimum_events:
            aucs.append(roc_auc_score(labels[known, column], logits[known, column]))
    return float(np.mean(aucs)) if aucs else None


class InnerValidation:
    """The inner-validation patients of one training.

    Parameters
    ----------
    labels : (rows of the store, outputs), 0, 1 or NaN
    rows : theirs
    offset : (outputs,) what the criterion wants added to the logits
    """

    def __init__(self, store: Store, labels: np.ndarray, rows: np.ndarray, offset: np.ndarray, settings: Recipe):
        self._store, self._rows, self._labels, self._offset = store, rows, labels[rows], offset
        self._settings = settings

    def score(self, network: nn.Module) -> tuple[float, float, float | None]:
        """How good the network is by `settings.monitor` (higher is better), its loss and its macro AUC."""
        mine = self._rows[parallel.rank() :: parallel.processes()]
        logits = parallel.gather_rows(predict_logits(network, self._store, mine), len(self._rows)) + self._offset
        loss = float(masked_loss(torch.from_numpy(logits), torch.from_numpy(self._labels)))
        auc = macro_auc(self._labels, logits, self._settings.minimum_events)
        if self._settings.monitor != "macro-auc":
            return -loss, loss, auc
        if auc is None:
            raise StudyError(
                f"no output has {self._settings.minimum_events} events and as many others among the "
                f"{len(self._rows)} inner-validation ECGs, so macro AUC cannot choose the epoch; set training.monitor: "
                "loss or lower training.minimum_events"
            )
        return auc, loss, auc
