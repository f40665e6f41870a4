"""Occlusion by lead and beat segment: what a logit loses when a region of the ECG is put to the mean beat.

After Zeiler and Fergus, ECCV 2014, with regions that mean something to a reader of ECGs and a replacement that is
itself an ECG (`beat_regions`).
"""

import numpy as np
import torch
from torch import nn

from ecg_ccta.attribution.beat_regions import BeatRegions
from ecg_ccta.attribution.integrated_gradients import BATCH_SIZE, logits_of
from ecg_ccta.signals.segments import SEGMENTS
from ecg_ccta.vessels import LEADS, VESSELS


def occlusion(network: nn.Module, regions: BeatRegions, batch_size: int = BATCH_SIZE) -> np.ndarray:
    """Loss of every vessel's logit by every region.

    Parameters
    ----------
    network : input (n, 12, samples), output (n, 4) logits; in eval mode.
    regions : n divided ECGs.
    batch_size : ECGs, occluded ones included, on the device at once.

    Returns
    -------
    (n, 4, 12, 5) logit of the ECG minus the logit with that lead's segment replaced in every beat; positive where the
    region raises the prediction.
    """
    count = len(LEADS) * len(SEGMENTS)
    each = torch.eye(count).reshape(count, len(LEADS), len(SEGMENTS))
    losses = replaced_losses(network, regions, each.expand(len(regions), -1, -1, -1), batch_size)
    return np.moveaxis(losses.reshape(len(regions), len(LEADS), len(SEGMENTS), len(VESSELS)), 3, 1)


def replaced_losses(
    network: nn.Module, regions: BeatRegions, replaced: torch.Tensor, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """What the logits lose by replacing sets of regions.

    Parameters
    ----------
    replaced : (n, k, 12, 5), for each ECG k sets of regions, 1 where a region is replaced.

    Returns
    -------
    (n, k, 4) logit of the ECG minus that with the set replaced.
    """
    whole = logits_of(network, regions.inputs, batch_size)
    losses = []
    for i in range(len(regions)):
        parts = [
            logits_of(network, regions[i : i + 1].with_replaced(sets[None])[0], batch_size)
            for sets in replaced[i].split(batch_size)
        ]
        losses.append(whole[i] - np.concatenate(parts))
    return np.stack(losses)
