"""Augmentation on the device, for a whole batch at once."""

import math

import torch
from torch import Tensor

from ecg_ccta.config import Recipe
from ecg_ccta.training import parallel


def intensity(progress: float) -> float:
    """Strength of augmentation, falling by a cosine from 1 at the start to 0.5 at the end (arXiv 2512.05136)."""
    return 0.75 + 0.25 * math.cos(math.pi * progress)


class Draws:
    """The randomness of one epoch's augmentation.

    Numbers per ECG are drawn alike in all processes for the whole batch, of which each takes its own ECGs': so several
    processes do what one would. Noise is each process's own.
    """

    def __init__(self, device: torch.device, seed: int):
        self._shared = torch.Generator(device).manual_seed(seed)
        self._own = torch.Generator(device).manual_seed(seed * 4099 + 1 + parallel.rank())
        self._device = device

    def uniform(self, low: float, high: float, total: int) -> Tensor:
        """(ECGs of this process, 1, 1) of the `total` ECGs of the batch."""
        drawn = torch.rand(total, 1, 1, generator=self._shared, device=self._device)
        return low + (high - low) * drawn[parallel.rank() :: parallel.processes()]

    def noise(self, shape: torch.Size) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self._own, device=self._device)


def augment(x: Tensor, settings: Recipe, strength: float, draws: Draws, total: int) -> Tensor:
    """Circular shift, crop, amplitude scale, added noise and one masked stretch, drawn for each ECG; a new tensor.

    Parameters
    ----------
    x : standardised ECGs (ECGs, leads, samples)
    strength : multiplies every range, 0 to 1
    total : ECGs of the batch over all processes

    Returns
    -------
    (ECGs, leads, `crop_fraction` of the samples)
    """
    ecgs, leads, recorded = x.shape
    samples = max(1, round(settings.crop_fraction * recorded))
    largest_shift = settings.shift_fraction * strength * recorded
    shift = draws.uniform(-largest_shift, largest_shift, total).long()
    if samples < recorded:
        shift -= draws.uniform(0, recorded - samples, total).long()
    time = torch.arange(samples, device=x.device)
    x = x.gather(2, ((time - shift) % recorded).expand(ecgs, leads, samples))
    x.mul_(draws.uniform(1 - settings.scale_range * strength, 1 + settings.scale_range * strength, total))
    if settings.noise:
        x.add_(draws.noise(x.shape), alpha=settings.noise * strength)
    length = draws.uniform(min(0.02, settings.mask_fraction), settings.mask_fraction, total) * strength * samples
    start = draws.uniform(0, 1, total) * (samples - length)
    return x.masked_fill_((time >= start) & (time < start + length), 0)
