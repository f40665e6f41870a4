"""A foundation checkpoint loads strictly or is refused with the differences."""

import builtins
import json
import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import build_network, load_foundation, save_checkpoint

SMALL = Architecture(
    base_filters=16, ratio=1, filter_list=[16, 32], m_blocks_list=[1, 1], kernel_size=16, stride=2, groups_width=16
)
ECGFOUNDER = Architecture(
    base_filters=64,
    ratio=1,
    filter_list=[64, 160, 160, 400, 400, 1024, 1024],
    m_blocks_list=[2, 2, 2, 3, 3, 4, 4],
    kernel_size=16,
    stride=2,
    groups_width=16,
)


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(3)
    network = build_network(SMALL, outputs=150)
    save_checkpoint(network, tmp_path / "foundation.pth")
    return network, tmp_path / "foundation.pth"


def assert_same_body(loaded, state) -> None:
    found = loaded.state_dict()
    assert list(found) == list(state)
    for name, value in state.items():
        assert name.startswith("dense.") or torch.equal(found[name], value), name


def test_all_but_the_last_layer_is_loaded(checkpoint):
    network, path = checkpoint
    loaded = load_foundation(path, SMALL, outputs=4)
    assert_same_body(loaded, network.state_dict())
    assert loaded.dense.out_features == 4


def test_the_weights_compute_what_they_did(checkpoint):
    network, path = checkpoint
    loaded = load_foundation(path, SMALL, outputs=4)
    ecg = torch.randn(2, 12, 1000)
    with torch.no_grad():
        assert torch.equal(loaded.eval().features(ecg), network.eval().features(ecg))


def published(state: dict) -> dict:
    """What else ECGFounder's published file holds: the state of optimiser and scheduler, with a NumPy number."""
    moments = {0: {"step": torch.tensor(7.0), "exp_avg": torch.zeros(3)}}
    return {
        "epoch": 5,
        "step": 120000,
        "state_dict": state,
        "optimizer": {"state": moments, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999), "params": [0]}]},
        "scheduler": {"best": np.float64(0.93), "mode": "max", "last_epoch": 5},
    }


def entries(reference_vectors, leads: int) -> list:
    """Name and shape of all entries of the published file of so many leads, in order."""
    listed = json.loads((reference_vectors / "ecgfounder_12lead_state_dict.json").read_text())
    published_shape = {"first_conv.conv.weight": [64, leads, 16], "dense.weight": [150, 1024], "dense.bias": [150]}
    return [(name, published_shape.get(name, shape)) for name, shape in listed]


@pytest.mark.parametrize("leads", [12, 1])
def test_a_file_in_the_published_format_loads(reference_vectors, tmp_path, leads):
    state = {
        name: torch.tensor(7) if name.endswith("num_batches_tracked") else torch.empty(shape).fill_(i / 1000)
        for i, (name, shape) in enumerate(entries(reference_vectors, leads))
    }
    assert len(state) == 509
    path = tmp_path / "published.pth"
    torch.save(published(state), path)
    loaded = load_foundation(path, ECGFOUNDER, outputs=4, leads=leads)
    assert_same_body(loaded, state)
    assert loaded.dense.weight.shape == (4, 1024)
    if leads == 1:
        with pytest.raises(StudyError, match=r"the weights are for ECGs of 1 leads, not 12") as caught:
            load_foundation(path, ECGFOUNDER, outputs=4)
        assert str(caught.value).count("\n") == 2, "nothing else differs"


def test_a_numpy_number_pickled_by_numpy_1_is_read(checkpoint, tmp_path):
    """NumPy 1, with which the published file was written, names the same function differently."""
    network, _ = checkpoint
    path = tmp_path / "old.pth"
    torch.save(published(network.state_dict()), path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(b"numpy._core.multiarray\nscalar") == 1
    path.write_bytes(content.replace(b"numpy._core.multiarray\nscalar", b"numpy.core.multiarray\nscalar"))
    assert_same_body(load_foundation(path, SMALL, outputs=4), network.state_dict())


def _without_one_entry(state):
    del state["stage_list.0.block_list.0.conv1.conv.weight"]
    return {"state_dict": state}


def _with_an_unknown_entry(state):
    return {"state_dict": {**state, "stage_list.9.weight": torch.zeros(3)}}


def _with_another_shape(state):
    return {"state_dict": {**state, "first_conv.conv.weight": torch.zeros(16, 12, 8)}}


def _of_one_lead(state):
    return {"state_dict": {**state, "first_conv.conv.weight": torch.zeros(16, 1, 16)}}


def _with_nan(state):
    state["first_conv.conv.bias"][0] = float("nan")
    return {"state_dict": state}


def _with_infinity(state):
    state["stage_list.1.block_list.0.bn2.running_var"][3] = float("inf")
    return {"state_dict": state}


def _bare(state):
    return state


def _under_another_name(state):
    return {"epoch": 3, "model": state}


def _of_lists(state):
    return {"state_dict": {name: value.tolist() for name, value in state.items()}}


def _empty(state):
    return {"state_dict": {}}


def _a_tensor(state):
    return torch.zeros(3)


def _of_data_parallel(state):
    return {"state_dict": {f"module.{name}": value for name, value in state.items()}}


def _of_another_network(state):
    return {"state_dict": torch.nn.Linear(3, 2).state_dict()}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_one_entry, "conv1.conv.weight is missing"),
        (_with_an_unknown_entry, "stage_list.9.weight is unknown"),
        (_with_another_shape, r"first_conv.conv.weight has shape \(16, 12, 8\), not \(16, 12, 16\)"),
        (_of_one_lead, r"ECGs of 1 leads, not 12\n.*weight has shape \(16, 1, 16\), not \(16, 12, 16\)"),
        (_with_nan, "first_conv.conv.bias has values that are not finite"),
        (_with_infinity, "bn2.running_var has values that are not finite"),
        (_bare, "under state_dict; this one holds first_conv.conv.weight, .* [.][.][.]"),
        (_under_another_name, "under state_dict; this one holds epoch, model"),
        (_of_lists, "tensors by name, under state_dict"),
        (_empty, "under state_dict; this one holds state_dict"),
        (_a_tensor, "under state_dict; this one is a Tensor"),
        (_of_data_parallel, r"begin with module\., .* save network\.module\.state_dict\(\)"),
        (_of_another_network, r"first_conv\.conv\.weight is missing(.|\n)*and \d+ more"),
    ],
)
def test_a_wrong_checkpoint_is_refused_with_the_difference(checkpoint, tmp_path, spoil, message):
    network, _ = checkpoint
    torch.save(spoil(dict(network.state_dict())), tmp_path / "wrong.pth")
    with pytest.raises(StudyError, match=r"wrong\.pth: ") as caught:
        load_foundation(tmp_path / "wrong.pth", SMALL, outputs=4)
    caught.match(message)


def test_another_architecture_is_refused_with_the_differences(checkpoint):
    wider = SMALL.model_copy(update={"filter_list": [16, 64], "m_blocks_list": [1, 2]})
    with pytest.raises(StudyError, match=r"foundation\.architecture") as caught:
        load_foundation(checkpoint[1], wider, outputs=4)
    caught.match(r"stage_list\.1\.block_list\.1\.\S+ is missing")


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.01, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_refused(checkpoint, tmp_path, fraction, zipped):
    network, _ = checkpoint
    path = tmp_path / "half.pth"
    torch.save({"state_dict": network.state_dict()}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(
        StudyError, match=r"half\.pth: not a readable checkpoint .* damaged, cut short or no torch file"
    ):
        load_foundation(path, SMALL, outputs=4)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol", "ignore:Defining your `__torch_function__`")
def test_no_damage_gets_through_as_another_error(checkpoint, tmp_path):
    network, _ = checkpoint
    path = tmp_path / "damaged.pth"
    torch.save({"state_dict": network.state_dict()}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    chance = random.Random(5)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(4):
            damaged[chance.randrange(3000)] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            load_foundation(path, SMALL, outputs=4)
        except StudyError:
            refused += 1
    assert refused > 40


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype html><html><body>Not found</body></html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:ee19\nsize 369942585\n",
        pickle.dumps([1, 2, 3]),
        bytes(range(256)) * 4,
    ],
    ids=["web page", "pointer of git LFS", "plain pickle", "bytes"],
)
def test_what_is_no_torch_file_is_refused(tmp_path, content):
    (tmp_path / "no.pth").write_bytes(content)
    with pytest.raises(StudyError, match=r"no\.pth: not a readable checkpoint"):
        load_foundation(tmp_path / "no.pth", SMALL, outputs=4)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("function", "arguments"),
    [(builtins.exec, "open({target!r}, 'w')"), (Path.touch, None), (np.frombuffer, b"12345678")],
    ids=["exec", "touch", "a function of NumPy"],
)
def test_code_in_a_pickle_is_not_run(tmp_path, function, arguments, zipped):
    target = tmp_path / "executed"

    class Payload:
        def __reduce__(self):
            if arguments is None:
                return (function, (target,))
            return (function, (arguments.format(target=str(target)) if isinstance(arguments, str) else arguments,))

    torch.save({"state_dict": Payload()}, tmp_path / "hostile.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(StudyError, match=r"hostile\.pth: holds \S+, which is no tensor and no number"):
        load_foundation(tmp_path / "hostile.pth", SMALL, outputs=4)
    assert not target.exists()


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(StudyError, match=r"none\.pth: no such checkpoint"):
        load_foundation(tmp_path / "none.pth", SMALL, outputs=4)
    with pytest.raises(StudyError, match="cannot be read"):
        load_foundation(tmp_path, SMALL, outputs=4)
