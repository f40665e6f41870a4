"""Integrated gradients (Sundararajan et al., ICML 2017; captum): a logit's rise over a baseline, sample by sample."""

import numpy as np
import torch
from torch import Tensor, nn

from ecg_ccta.attribution.constants import INTEGRATION_STEPS
from ecg_ccta.vessels import VESSELS

BATCH_SIZE = 64
"""ECGs, or points on their paths, that a network sees at once."""


def attribute_ecgs(
    network: nn.Module,
    inputs: Tensor,
    vessel: str,
    baselines: Tensor | None = None,
    steps: int = INTEGRATION_STEPS,
    batch_size: int = BATCH_SIZE,
) -> np.ndarray:
    """Attribute a vessel's logit to every sample of ECGs.

    Parameters
    ----------
    network : input (n, 12, samples), output (n, 4) logits in the order of VESSELS; in eval mode.
    inputs : (n, 12, samples) float32 as `model.inputs.standardise` gives them; moved to the network's device.
    vessel : one of VESSELS.
    baselines : what the ECGs are compared with, shaped like `inputs`; a flat line where None. `beat_regions.divided`
        gives the mean beat at the ECG's own R peaks.
    steps : points of the path integral.
    batch_size : ECGs on the device at once.

    Returns
    -------
    (n, 12, samples) float32, in logits: positive raises the prediction. The sum over an ECG is the rise of its logit
    over that of its baseline, but for what finite steps miss (`completeness_error`).
    """
    # captum costs a second to import.
    from captum.attr import IntegratedGradients

    device = device_of(network)
    method = IntegratedGradients(network)
    at_once = max(1, batch_size // steps)
    maps = []
    for start in range(0, len(inputs), at_once):
        ecgs = inputs[start : start + at_once].to(device)
        flat = torch.zeros_like(ecgs) if baselines is None else baselines[start : start + at_once].to(device)
        values = method.attribute(ecgs, flat, target=VESSELS.index(vessel), n_steps=steps)
        maps.append(values.detach().float().cpu().numpy())
    return np.concatenate(maps)


def completeness_error(attributions: np.ndarray, rises: np.ndarray) -> np.ndarray:
    """What attributions miss of the rise of the logit, relative to it.

    Parameters
    ----------
    attributions : (n, 12, samples) from `attribute_ecgs`.
    rises : (n,) logit of each ECG minus that of its baseline.

    Returns
    -------
    (n,) |sum - rise| / |rise|.
    """
    return np.abs(attributions.sum(axis=(1, 2)) - rises) / np.maximum(np.abs(rises), 1e-6)


def device_of(network: nn.Module) -> torch.device:
    """Where a network's parameters lie."""
    return next((parameter.device for parameter in network.parameters()), torch.device("cpu"))


def logits_of(network: nn.Module, inputs: Tensor, batch_size: int = BATCH_SIZE) -> np.ndarray:
    """(n, 4) logits of (n, 12, samples), float64."""
    device = device_of(network)
    with torch.no_grad():
        parts = [network(part.to(device)).double().cpu() for part in inputs.split(batch_size)]
    return torch.cat(parts).numpy()
