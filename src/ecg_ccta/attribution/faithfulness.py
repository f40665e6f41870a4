"""Whether an attribution's order is the network's: deletion and insertion curves (Petsiuk et al., BMVC 2018; RISE).

Cells are put to the mean beat one after the other, those first that an attribution holds to raise the prediction most
(deletion), or put back into the mean beat in the same order (insertion). An order that the network obeys lets the
logit fall, or rise, faster than a random one.
"""

import numpy as np
import torch
from torch import nn

from ecg_ccta.attribution.beat_regions import BeatRegions
from ecg_ccta.attribution.integrated_gradients import BATCH_SIZE
from ecg_ccta.attribution.occlusion import replaced_losses
from ecg_ccta.signals.segments import SEGMENTS
from ecg_ccta.vessels import LEADS, VESSELS

REGION_COUNT = len(LEADS) * len(SEGMENTS)

COUNTS = np.arange(0, REGION_COUNT + 1, 3)
"""Numbers of regions deleted, or inserted, at which the curves are read."""

RANDOM_ORDERS = 4
"""Random orders per ECG."""


def removal_curves(
    network: nn.Module, regions: BeatRegions, orders: np.ndarray, vessel: str, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """Deletion and insertion curves of ECGs.

    Parameters
    ----------
    network : output (n, 4) logits in the order of VESSELS; in eval mode.
    regions : n divided ECGs.
    orders : (n, 60) numbers of the regions (12 x 5, row by row) in the order of removal.
    vessel : one of VESSELS.

    Returns
    -------
    (n, 2, len(COUNTS)), deletion and insertion: rise of the vessel's logit over that of the mean beat, at COUNTS
    regions deleted from the ECG, or inserted into the mean beat.
    """
    place = np.argsort(orders, axis=1)
    first = torch.from_numpy(place[:, None] < COUNTS[:, None])
    sets = torch.cat([first, ~first], dim=1).reshape(len(regions), -1, len(LEADS), len(SEGMENTS))
    losses = replaced_losses(network, regions, sets, batch_size)[:, :, VESSELS.index(vessel)]
    deletion, insertion = np.split(losses, 2, axis=1)
    rise = deletion[:, -1:]
    return np.stack([rise - deletion, rise - insertion], axis=1)


def random_curves(
    network: nn.Module, regions: BeatRegions, vessel: str, rng: np.random.Generator, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """The same for RANDOM_ORDERS random orders per ECG, their mean."""
    curves = []
    for _ in range(RANDOM_ORDERS):
        orders = rng.permuted(np.tile(np.arange(REGION_COUNT), (len(regions), 1)), axis=1)
        curves.append(removal_curves(network, regions, orders, vessel, batch_size))
    return np.mean(curves, axis=0)


def descending(attributions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cells in falling order of attribution, equal ones in random order.

    Parameters
    ----------
    attributions : (n, 12, 5).

    Returns
    -------
    (n, 60) int.
    """
    flat = attributions.reshape(len(attributions), -1)
    return np.lexsort([rng.random(flat.shape), -flat], axis=1)


def area(curves: np.ndarray) -> np.ndarray:
    """Area under curves (..., len(COUNTS)) over the proportion of regions, by trapezoids: mean height, logits."""
    return np.trapezoid(curves, COUNTS / REGION_COUNT, axis=-1)
