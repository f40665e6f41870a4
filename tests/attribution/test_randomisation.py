"""Randomised weights, and Grad-CAM's layer."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from ecg_ccta.attribution.grad_cam import beat_layer, grad_cam
from ecg_ccta.attribution.integrated_gradients import attribute_ecgs
from ecg_ccta.attribution.randomisation import randomised_cascade, rank_correlation
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.vessels import VESSELS


def network() -> Net1D:
    torch.manual_seed(0)
    return Net1D(12, 16, 1, [16, 16, 32], [1, 1, 1], 8, 2, 16, 4, use_bn=True, use_do=False).eval()


def test_layers_are_reinitialised_from_the_last_to_the_first():
    learnt = network()
    before = {name: value.clone() for name, value in learnt.state_dict().items()}
    same = []
    for name, other in randomised_cascade(learnt, 1):
        kept = {key.split(".")[0] for key, value in other.named_parameters() if torch.equal(value, before[key])}
        same.append((name, "dense" in kept, "first_conv" in kept))
    assert [name for name, _, _ in same] == [
        "dense", "stage_list.2", "stage_list.1", "stage_list.0", "first_bn", "first_conv"
    ]  # fmt: skip
    assert same[0][1:] == (False, True)
    assert same[-1][1:] == (False, False)
    weights = {key for key, value in other.named_parameters() if value.ndim > 1}
    assert not any(torch.equal(dict(other.named_parameters())[key], before[key]) for key in weights)
    # The learnt network is untouched, and the same seed draws the same weights.
    assert all(torch.equal(value, before[name]) for name, value in learnt.state_dict().items())
    *_, (_, again) = randomised_cascade(learnt, 1)
    assert torch.equal(again.dense.weight, other.dense.weight)


def test_rank_correlation_is_spearmans_and_a_constant_map_tells_nothing():
    rng = np.random.default_rng(0)
    a = rng.integers(0, 6, (3, 4, 5)).astype(float)
    b = rng.normal(size=(3, 4, 5))
    expected = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    assert rank_correlation(a, b) == pytest.approx(expected)
    assert rank_correlation(a, np.ones_like(a)).tolist() == [0, 0, 0]


def test_random_weights_destroy_the_map_of_a_trained_network():
    """IntermediateTraining to tell a bump in lead V2 from noise, a small network's map goes when its weights go."""
    generator = torch.Generator().manual_seed(0)
    trained = network().train()
    optimiser = torch.optim.Adam(trained.parameters(), lr=5e-3)
    bump = torch.zeros(12, 400)
    bump[7, 180:220] = 1.5
    for _ in range(40):
        y = (torch.rand(32, generator=generator) < 0.5).float()
        x = torch.randn(32, 12, 400, generator=generator) + y[:, None, None] * bump
        loss = nn.functional.binary_cross_entropy_with_logits(trained(x)[:, 2], y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.3
    trained.eval()
    x = 0.3 * torch.randn(6, 12, 400, generator=generator) + bump
    parts = [attribute_ecgs(trained, x, "LAD").reshape(6, 12, 20, 20).sum(axis=3)]
    # V2 between 180 and 220, the ninth and tenth part, stands out.
    assert np.unravel_index(parts[0].mean(axis=0).argmax(), (12, 20)) in [(7, 9), (7, 10)]
    for seed in range(3):
        *_, (_, random) = randomised_cascade(trained, seed)
        parts.append(attribute_ecgs(random, x, "LAD").reshape(6, 12, 20, 20).sum(axis=3))
    assert np.mean([rank_correlation(parts[0], other).mean() for other in parts[1:]]) < 0.3


def test_grad_cam_takes_the_deepest_stage_that_tells_waves_apart():
    # Steps of 4, 8 and 16 samples; 25 are 50 ms.
    fine = network()
    assert beat_layer(fine, torch.zeros(1, 12, 800)) is fine.stage_list[2]
    torch.manual_seed(0)
    # Steps of 8 and 32 samples, as the default study's network; then of 32 only.
    coarse = Net1D(12, 16, 1, [16, 16], [1, 1], 8, 4, 16, 4).eval()
    assert beat_layer(coarse, torch.zeros(1, 12, 800)) is coarse.stage_list[0]
    coarser = Net1D(12, 16, 1, [16, 16], [1, 1], 16, 16, 16, 4).eval()
    assert beat_layer(coarser, torch.zeros(1, 12, 800)) is coarser.stage_list[0]


class Detector(nn.Module):
    """A layer with a channel that is high where lead V2 is and one that is high where V5 is; LAD adds V2, minus V5."""

    def __init__(self):
        super().__init__()
        self.stage_list = nn.ModuleList([nn.AvgPool1d(5)])
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        seen = self.stage_list[0](self.scale * x[:, [7, 10]])
        logits = torch.zeros(len(x), 4)
        logits[:, VESSELS.index("LAD")] = seen[:, 0].sum(dim=1) - seen[:, 1].sum(dim=1)
        return logits


def test_grad_cam_shows_when_and_only_what_raises_the_logit():
    x = torch.zeros(3, 12, 500)
    x[:, 7, 100:150], x[:, 10, 300:350] = 2, 2
    found = grad_cam(Detector(), x, "LAD", batch_size=2)
    assert found.shape == (3, 500)
    assert (found[:, 105:145] > 0.5 * found.max()).all()
    assert np.abs(np.delete(found, np.s_[95:155], axis=1)).max() == 0
    assert (grad_cam(Detector(), x, "RCA") == 0).all()
