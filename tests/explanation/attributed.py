"""ECGs and networks whose attribution is known."""

import numpy as np
import pandas as pd
import torch
from torch import nn

from ecg_ccta.vessels import LEADS, SAMPLES, VESSELS

V2 = LEADS.index("V2")
STEP = 5
"""Samples per step of the networks' only stage."""


class Weighted(nn.Module):
    """Weighs every sample of every lead for every vessel and averages over five samples: (n, 48, samples / 5)."""

    def __init__(self, weights: np.ndarray):
        super().__init__()
        self.weights = nn.Parameter(torch.from_numpy(weights.astype(np.float32)))

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weights)

    def forward(self, x):
        return nn.functional.avg_pool1d((x[:, None] * self.weights).flatten(1, 2), STEP)


class ReadOut(nn.Module):
    """A logit per vessel that is a fixed weighted sum of the standardised ECG; `weights` (4, 12, samples)."""

    def __init__(self, weights: np.ndarray):
        super().__init__()
        self.stage_list = nn.ModuleList([Weighted(weights)])

    def forward(self, x):
        by_vessel = self.stage_list[0](x).unflatten(1, (len(VESSELS), len(LEADS)))
        return STEP * by_vessel.sum(dim=(2, 3))


def predictions_of(ids: pd.Series, folds: list[int], probability: np.ndarray, patients=None) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {"ecg_id": ids, "patient_id": ids if patients is None else patients, "vessel": vessel, "fold": folds,
             "logit": 0.0, "probability": probability}
        )
        for vessel in VESSELS
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def weights_at(peaks: np.ndarray, cells: dict[str, dict[str, tuple[float, float]]]) -> np.ndarray:
    """(4, 12, 5000) weights of 1 in windows (seconds from R) of vessels' leads."""
    weights = np.zeros((len(VESSELS), len(LEADS), SAMPLES))
    for vessel, leads in cells.items():
        for lead, (start, end) in leads.items():
            for peak in peaks:
                weights[
                    VESSELS.index(vessel), LEADS.index(lead), peak + round(500 * start) : peak + round(500 * end)
                ] = 1
    return weights
