"""Augmentation on the device, for a whole batch at once."""

import math

import torch
from torch import Tensor

from ecg_ccta.config import Training


def intensity(progress: float) -> float:
    """Strength of augmentation, falling by a cosine from 1 at the start to 0.5 at the end (arXiv 2512.05136)."""
    return 0.75 + 0.25 * math.cos(math.pi * progress)


def augment(x: Tensor, settings: Training, strength: float, generator: torch.Generator) -> Tensor:
    """Circular shift, amplitude scale, added noise and one masked stretch, drawn anew for each ECG.

    Parameters
    ----------
    x : standardised ECGs (ECGs, leads, samples)
    strength : multiplies every range, 0 to 1
    generator : the only source of randomness, on the device of `x`
    """
    ecgs, leads, samples = x.shape

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(ecgs, 1, 1, generator=generator, device=x.device)

    largest_shift = settings.shift_fraction * strength * samples
    shift = uniform(-largest_shift, largest_shift).long()
    time = torch.arange(samples, device=x.device)
    x = x.gather(2, ((time - shift) % samples).expand(ecgs, leads, samples))
    x.mul_(uniform(1 - settings.scale_range * strength, 1 + settings.scale_range * strength))
    x.add_(torch.randn(x.shape, generator=generator, device=x.device), alpha=settings.noise * strength)
    length = uniform(min(0.02, settings.mask_fraction), settings.mask_fraction) * strength * samples
    start = uniform(0, 1) * (samples - length)
    return x.masked_fill_((time >= start) & (time < start + length), 0)
