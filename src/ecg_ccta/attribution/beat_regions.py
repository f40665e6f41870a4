"""An ECG divided into regions, a lead by a segment of all its beats, each of which can be put to the mean beat.

Explanations need something to compare an ECG with. A flat line in place of a wave is itself an abnormal ECG, of which
a network may say anything (Sturmfels et al., Distill 2020; Hooker et al., NeurIPS 2019). The comparison here is the
mean beat of other patients, placed at the R peaks of the ECG: a network is asked what the deviation from the average
patient does to its prediction, and every mixture of the two still looks like an ECG.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ecg_ccta.signals.segments import SEGMENTS
from ecg_ccta.vessels import SAMPLING_RATE

RAMP_S = 0.02
"""Seconds over which one segment passes into the next, so that a replaced one leaves no step."""


@dataclass(frozen=True)
class BeatRegions:
    """ECGs, what they are compared with, and the regions that tell the two apart."""

    inputs: Tensor
    """(n, 12, samples) float32, as `model.inputs.standardise` gives them."""
    baselines: Tensor
    """(n, 12, samples): the same ECGs with the mean beat in place of their own beats; equal to them between beats."""
    shares: Tensor
    """(n, 5, samples): how much of each sample belongs to each segment; sums to 1 within beats, to 0 between them."""

    def with_replaced(self, replaced: Tensor) -> Tensor:
        """The ECGs with regions put to the mean beat.

        Parameters
        ----------
        replaced : (n, k, 12, 5), for each ECG k sets of regions, 1 where a lead's segment is replaced, else 0.

        Returns
        -------
        (n, k, 12, samples).
        """
        degree = torch.einsum("nkls,nst->nklt", replaced.to(self.shares), self.shares)
        return self.inputs[:, None] + degree * (self.baselines - self.inputs)[:, None]

    def __getitem__(self, rows: slice) -> "BeatRegions":
        return BeatRegions(self.inputs[rows], self.baselines[rows], self.shares[rows])

    def __len__(self) -> int:
        return len(self.inputs)


def segment_shares(times: np.ndarray) -> np.ndarray:
    """How much of each sample of a beat belongs to each segment, ramps between neighbours.

    Parameters
    ----------
    times : (L,) seconds from the R peak.

    Returns
    -------
    (5, L) in the order of SEGMENTS; sums to 1 within the segments, falls to 0 outside them.
    """

    def begun(border: float) -> np.ndarray:
        return np.clip((times - border) / RAMP_S + 0.5, 0, 1)

    return np.stack([begun(start) - begun(end) for start, end in SEGMENTS.values()])


def divided(inputs: Tensor, peaks: Sequence[np.ndarray], mean_beat: np.ndarray, times: np.ndarray) -> BeatRegions:
    """Divide ECGs into regions.

    Parameters
    ----------
    inputs : (n, 12, samples) as `model.inputs.standardise` gives them, on the network's device.
    peaks : R peaks of each ECG, as `signals.beats.usable_peaks` gives them; other beats, such as ectopic ones, are not
        replaced.
    mean_beat : (12, L) on the scale of `inputs`.
    times : (L,) seconds from the R peak.
    """
    window = round(float(times[0]) * SAMPLING_RATE) + np.arange(len(times))
    beat_shares = segment_shares(times)
    of_beat = beat_shares.sum(axis=0)
    n, leads, samples = inputs.shape
    shares = np.zeros((n, len(SEGMENTS), samples), dtype=np.float32)
    mean = np.zeros((n, leads, samples), dtype=np.float32)
    for i in range(n):
        for peak in peaks[i]:
            shares[i][:, peak + window] += beat_shares
            mean[i][:, peak + window] += of_beat * mean_beat
    total = shares.sum(axis=1, keepdims=True)
    # At fast rates a P wave falls into the T wave before it: both beats count, in proportion.
    inside = np.maximum(total, 1)
    placed, covered = (torch.from_numpy(array).to(inputs.device) for array in (mean / inside, total / inside))
    baselines = inputs * (1 - covered) + placed
    shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 1e-6)
    return BeatRegions(inputs, baselines, torch.from_numpy(shares).to(inputs.device))
