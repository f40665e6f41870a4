import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from ecg_ccta.attribution.integrated_gradients import attribute_ecgs, completeness_error, logits_of
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.vessels import LEADS, VESSELS


class Linear(nn.Module):
    """Logits are fixed weighted sums of the ECG, plus a constant."""

    def __init__(self, weights: torch.Tensor):
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, x):
        return torch.einsum("ncs,vcs->nv", x, self.weights) + 3


@pytest.fixture
def ecgs():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(5, len(LEADS), 400, generator=generator), torch.randn(5, 12, 400, generator=generator)


def test_a_linear_network_is_attributed_weight_times_difference(ecgs):
    inputs, baselines = ecgs
    weights = torch.randn(4, 12, 400, generator=torch.Generator().manual_seed(1))
    found = attribute_ecgs(Linear(weights), inputs, "LAD", baselines, batch_size=24)
    assert found.shape == (5, 12, 400)
    expected = (weights[VESSELS.index("LAD")] * (inputs - baselines)).numpy()
    assert np.allclose(found, expected, atol=1e-4)
    flat = attribute_ecgs(Linear(weights), inputs, "RCA")
    assert np.allclose(flat, (weights[0] * inputs).numpy(), atol=1e-4)


def test_attributions_add_up_to_the_rise_of_the_logit_and_more_steps_miss_less(ecgs):
    inputs, baselines = ecgs
    torch.manual_seed(0)
    network = Net1D(12, 16, 1, [16, 32], [1, 1], 8, 4, 16, 4, use_bn=True, use_do=False).eval()
    rise = (logits_of(network, inputs) - logits_of(network, baselines))[:, VESSELS.index("LCX")]
    missed = [np.abs(attribute_ecgs(network, inputs, "LCX", baselines, k).sum(axis=(1, 2)) - rise) for k in (2, 200)]
    assert missed[1].max() < 5e-4 < missed[0].min()
    found = attribute_ecgs(network, inputs, "LCX", baselines, 2)
    assert np.allclose(completeness_error(found, rise), missed[0] / np.abs(rise))


def test_batches_and_captum_agree(ecgs):
    inputs, baselines = ecgs
    torch.manual_seed(0)
    network = Net1D(12, 16, 1, [16], [1], 8, 4, 16, 4, use_bn=True, use_do=False).eval()
    expected = IntegratedGradients(network).attribute(inputs, baselines, target=1, n_steps=7).detach().numpy()
    for batch_size in (1, 16, 1000):
        found = attribute_ecgs(network, inputs, "LM", baselines, 7, batch_size)
        assert np.allclose(found, expected, atol=1e-6)
