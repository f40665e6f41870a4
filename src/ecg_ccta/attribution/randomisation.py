"""Whether a map depends on what the network has learnt: randomisation of its weights.

Adebayo et al., NeurIPS 2018: layers are re-initialised, the last one first, then more and more of them. A method whose
map survives shows the ECG, not the network.
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn


def randomised_cascade(network: nn.Module, seed: int) -> Iterator[tuple[str, nn.Module]]:
    """Copies of a network with more and more layers that are re-initialised, from the last to the first.

    A layer is a child of the network, or of its stages, that has weights. It is drawn as PyTorch does when a network is
    made, which also takes a batch norm back to no scale and no shift.

    Yields
    ------
    (name of the layer re-initialised last, network in eval mode); the last network keeps no learnt weight.
    """
    network = copy.deepcopy(network)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for name, layer in reversed(list(_layers(network))):
            for part in layer.modules():
                if reset := getattr(part, "reset_parameters", None):
                    reset()
            yield name, copy.deepcopy(network).eval()


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, child in network.named_children():
        if isinstance(child, nn.ModuleList):
            yield from ((f"{name}.{number}", part) for number, part in enumerate(child))
        elif any(True for _ in child.parameters()):
            yield name, child


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each pair of maps (Adebayo et al. use it on saliency maps).

    Parameters
    ----------
    a, b : (n, ...).

    Returns
    -------
    (n,); 0 where a map is constant, for it then tells nothing.
    """
    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (a, b)]
    x, y = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.divide((x * y).sum(axis=1), size, out=np.zeros(len(a)), where=size > 0)
