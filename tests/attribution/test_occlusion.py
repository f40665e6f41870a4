"""Occlusion, deletion and insertion where the network is known."""

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation
from torch import nn

from ecg_ccta.attribution.beat_regions import BeatRegions, divided
from ecg_ccta.attribution.faithfulness import (
    COUNTS,
    REGION_COUNT,
    area,
    descending,
    random_curves,
    removal_curves,
)
from ecg_ccta.attribution.occlusion import occlusion
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.signals.segments import beat_times
from ecg_ccta.vessels import VESSELS

TIMES = beat_times(0.25, 0.65)


class Linear(nn.Module):
    def __init__(self, weights: torch.Tensor):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x):
        return torch.einsum("ncs,vcs->nv", x, self.weights)


@pytest.fixture
def regions():
    rng = np.random.default_rng(0)
    inputs = torch.from_numpy(rng.normal(size=(3, 12, 1500)).astype(np.float32))
    return divided(inputs, [np.array([300, 800])] * 3, rng.normal(size=(12, len(TIMES))), TIMES)


@pytest.fixture
def additive(regions):
    """A linear network, and what each region adds to each of its logits: (n, 4, 12, 5)."""
    network = Linear(torch.randn(4, 12, 1500, generator=torch.Generator().manual_seed(1)) / 50)
    difference = (regions.inputs - regions.baselines)[:, None] * network.weights[None]
    return network, torch.einsum("nvlt,nst->nvls", difference, regions.shares).detach().numpy()


def test_occlusion_of_a_linear_network_is_weight_times_difference(regions, additive):
    network, expected = additive
    for batch_size in (7, 1000):
        assert np.allclose(occlusion(network, regions, batch_size), expected, atol=1e-4)


def test_occlusion_agrees_with_captum_on_a_network(regions):
    torch.manual_seed(0)
    network = Net1D(12, 16, 1, [16, 32], [1, 1], 8, 4, 16, 4, use_bn=True, use_do=False).eval()
    # captum replaces whole samples: regions without ramps, and one group more for what lies between beats.
    segment = regions.shares.argmax(dim=1)
    between = regions.shares.sum(dim=1) == 0
    hard = nn.functional.one_hot(segment, 5).movedim(2, 1) * ~between[:, None]
    baselines = torch.where(between[:, None], regions.inputs, regions.baselines)
    own = occlusion(network, BeatRegions(regions.inputs, baselines, hard.float()))
    groups = torch.arange(12)[None, :, None] * 5 + segment[:, None]
    groups = torch.where(between[:, None], 60, groups)
    for v in range(4):
        found = FeatureAblation(network).attribute(regions.inputs, baselines, target=v, feature_mask=groups)
        expected = torch.zeros(3, 61).scatter_(1, groups.flatten(1), found.detach().flatten(1))[:, :60]
        assert np.allclose(own[:, v].reshape(3, 60), expected.numpy(), atol=1e-5)


def test_curves_of_an_additive_network_are_exact(regions, additive):
    network, added = additive
    of_vessel = added[:, VESSELS.index("LAD")].reshape(3, REGION_COUNT)
    orders = np.stack([np.random.default_rng(i).permutation(REGION_COUNT) for i in range(3)])
    found = removal_curves(network, regions, orders, "LAD", 32)
    gone = np.cumsum(np.take_along_axis(of_vessel, orders, axis=1), axis=1)
    gone = np.concatenate([np.zeros((3, 1)), gone], axis=1)[:, COUNTS]
    assert np.allclose(found[:, 0], gone[:, -1:] - gone, atol=1e-4)
    assert np.allclose(found[:, 1], gone, atol=1e-4)


def test_no_order_deletes_faster_or_inserts_faster_than_that_of_the_additive_network(regions, additive):
    network, added = additive
    rng = np.random.default_rng(0)
    best = removal_curves(network, regions, descending(added[:, 0], rng), "RCA")
    worst = removal_curves(network, regions, descending(-added[:, 0], rng), "RCA")
    random = random_curves(network, regions, "RCA", rng)
    assert (best[:, 0] <= random[:, 0] + 1e-4).all()
    assert (best[:, 1] >= random[:, 1] - 1e-4).all()
    assert (worst[:, 0] >= random[:, 0] - 1e-4).all()
    assert (area(best[:, 0]) < area(random[:, 0])).all()


def test_order_and_area():
    values = np.zeros((1, 12, 5))
    values[0, 3, 2], values[0, 0, 1], values[0, 11, 4] = 2, 1, -1
    order = descending(values, np.random.default_rng(0))[0]
    assert (order[0], order[1], order[-1]) == (3 * 5 + 2, 1, 59)
    # Equal regions are in no fixed order.
    assert (order != descending(values, np.random.default_rng(1))[0]).any()
    assert area(2 - 2 * COUNTS / REGION_COUNT) == pytest.approx(1)
