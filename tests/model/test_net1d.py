"""Net1D against numbers computed by an independent implementation, in float64."""

import json
from pathlib import Path

import pytest
import torch

from ecg_ccta.model.net1d import Net1D

EXTRACT = json.loads((Path(__file__).parent / "net1d_extract.json").read_text())


def formula_network(config: dict) -> Net1D:
    """The network with every weight set by the reference's formula."""
    network = Net1D(**config).double().eval()
    state = network.state_dict()
    for i, (name, value) in enumerate(state.items()):
        if name.endswith("num_batches_tracked"):
            continue
        s = torch.sin(0.7310585 * torch.arange(value.numel(), dtype=torch.float64) + 1.3 * i).reshape(value.shape)
        is_norm = ".bn" in name or "_bn" in name
        if name.endswith("running_var"):
            value = 1 + 0.5 * s
        elif is_norm and name.endswith("weight"):
            value = 1 + 0.1 * s
        elif is_norm:
            value = 0.1 * s
        elif s.ndim > 1:
            value = 3.0 * s / s[0].numel() ** 0.5
        else:
            value = 0.05 * s
        state[name] = value
    network.load_state_dict(state)
    return network


def formula_input(shape: list[int]) -> torch.Tensor:
    batch, leads, samples = shape
    t = torch.arange(samples, dtype=torch.float64) / 500
    b = torch.arange(batch, dtype=torch.float64)[:, None, None]
    c = torch.arange(leads, dtype=torch.float64)[None, :, None]
    pi = torch.pi
    return torch.sin(2 * pi * (1.1 + 0.13 * c + 0.71 * b) * t + 0.3 * c) + (0.25 + 0.5 * b) * torch.sin(
        2 * pi * (7 + c) * t
    )


def assert_reproduces(case: dict) -> None:
    network = formula_network(case["config"])
    assert sum(p.numel() for p in network.parameters()) == case["n_parameters"]
    with torch.no_grad():
        x = formula_input(case["input_shape"])
        features = network.features(x)
        logits = network(x)
    for found, expected in [
        (logits, case["logits"]),
        (features[:, :8], case["features_first_8"]),
        (features.sum(1), case["features_sum"]),
    ]:
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", sorted(EXTRACT))
def test_reproduces_the_extract(name):
    assert_reproduces(EXTRACT[name])


@pytest.mark.parametrize(
    "name", ["ecgfounder_12lead/5000", "ecgfounder_1lead/5000", "small_batchnorm/5000", "small_batchnorm/1001"]
)
def test_reproduces_every_reference_vector(reference_vectors, name):
    cases = json.loads((reference_vectors / "net1d_vectors.json").read_text())
    assert len(cases) == 4
    assert_reproduces(cases[name])


def test_state_dict_equals_ecgfounders(reference_vectors):
    expected = json.loads((reference_vectors / "ecgfounder_12lead_state_dict.json").read_text())
    config = json.loads((reference_vectors / "net1d_vectors.json").read_text())["ecgfounder_12lead/5000"]["config"]
    found = [[name, list(value.shape)] for name, value in Net1D(**config).state_dict().items()]
    assert found == expected


def test_stages_and_blocks_must_agree():
    with pytest.raises(ValueError, match="one per stage"):
        Net1D(12, 16, 1, [16, 32], [1], 16, 2, 16, 4)
