"""PCGrad against torchjd's own Jacobian descent and against the algorithm written out."""

import numpy as np
import pytest
import torch
from torch import nn
from torchjd.aggregation import PCGrad
from torchjd.autojac import backward as jacobian_backward

from ecg_ccta.training.surgery import backward


@pytest.fixture
def setting():
    torch.manual_seed(1)
    trunk = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh())
    last = nn.Linear(8, 4)
    x = torch.randn(40, 6)
    labels = (torch.rand(40, 4) < 0.4).float()
    labels[:, 2] = 1 - labels[:, 0]  # a conflict
    features = trunk(x)
    losses = nn.functional.binary_cross_entropy_with_logits(last(features), labels, reduction="none").mean(0)
    return trunk, last, features, losses


def run(setting, surgery, seed=5, present=None):
    trunk, last, features, losses = setting
    present = torch.ones(4, dtype=torch.bool) if present is None else present
    backward(losses, present, features, list(last.parameters()), list(trunk.parameters()), surgery, seed)
    return [parameter.grad.clone() for parameter in (*trunk.parameters(), *last.parameters())]


def test_without_surgery_it_is_the_gradient_of_the_mean(setting):
    trunk, last, _, losses = setting
    expected = torch.autograd.grad(losses.mean(), [*trunk.parameters(), *last.parameters()], retain_graph=True)
    for ours, other in zip(run(setting, "none"), expected, strict=True):
        torch.testing.assert_close(ours, other)


def test_exact_pcgrad_equals_torchjds(setting):
    trunk, last, _, losses = setting
    parameters = [*trunk.parameters(), *last.parameters()]
    jacobian_backward(losses / 4, inputs=parameters, retain_graph=True)
    jacobian = torch.cat([parameter.jac.flatten(1) for parameter in parameters], dim=1)
    torch.manual_seed(5)
    expected = PCGrad()(jacobian)
    ours = torch.cat([gradient.flatten() for gradient in run(setting, "pcgrad")])
    torch.testing.assert_close(ours, expected)
    assert not torch.allclose(ours, jacobian.sum(0)), "the setting holds no conflict"


def test_pcgrad_takes_conflicts_out_whatever_the_order(setting):
    trunk, last, _, losses = setting
    parameters = [*trunk.parameters(), *last.parameters()]
    gradients = [
        torch.cat([g.flatten() for g in torch.autograd.grad(loss / 4, parameters, retain_graph=True)]).double().numpy()
        for loss in losses
    ]
    rng_orders = []
    torch.manual_seed(11)
    for _ in gradients:
        rng_orders.append(torch.randperm(4).tolist())
    total = np.zeros_like(gradients[0])
    for task, order in enumerate(rng_orders):
        projected = gradients[task].copy()
        for other in order:
            inner = projected @ gradients[other]
            if other != task and inner < 0:
                projected -= inner / (gradients[other] @ gradients[other]) * gradients[other]
        total += projected
    flat = torch.cat([g.flatten() for g in run(setting, "pcgrad", seed=11)])
    np.testing.assert_allclose(flat.numpy(), total, rtol=1e-4, atol=1e-7)


def test_features_form_projects_the_features_gradients_and_keeps_the_last_layers(setting):
    trunk, last, features, losses = setting
    rows = torch.stack([torch.autograd.grad(loss / 4, features, retain_graph=True)[0] for loss in losses])
    torch.manual_seed(5)
    combined = PCGrad()(rows.flatten(1)).view_as(features)
    expected_trunk = torch.autograd.grad(features, list(trunk.parameters()), combined, retain_graph=True)
    expected_last = torch.autograd.grad(losses.mean(), list(last.parameters()), retain_graph=True)
    for ours, other in zip(run(setting, "pcgrad-features"), (*expected_trunk, *expected_last), strict=True):
        torch.testing.assert_close(ours, other)


@pytest.mark.parametrize("surgery", ["none", "pcgrad", "pcgrad-features"])
def test_an_absent_output_has_no_part(setting, surgery):
    present = torch.tensor([True, True, False, True])
    trunk, _, _, losses = setting
    mean = torch.autograd.grad(losses[present].mean(), list(trunk.parameters()), retain_graph=True)
    gradients = run(setting, surgery, present=present)
    assert (gradients[-2][2] == 0).all()
    if surgery == "none":
        torch.testing.assert_close(gradients[0], mean[0])


def test_the_random_order_leaves_the_global_generator_alone(setting):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    run(setting, "pcgrad-features")
    assert torch.equal(before, torch.get_rng_state())
