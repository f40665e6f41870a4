"""A foundation checkpoint loads strictly or is refused with the differences."""

import pytest
import torch

from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import build_network, load_foundation, save_checkpoint

SMALL = Architecture(
    base_filters=16, ratio=1, filter_list=[16, 32], m_blocks_list=[1, 1], kernel_size=16, stride=2, groups_width=16
)


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(3)
    network = build_network(SMALL, outputs=150)
    save_checkpoint(network, tmp_path / "foundation.pth")
    return network, tmp_path / "foundation.pth"


def test_all_but_the_last_layer_is_loaded(checkpoint):
    network, path = checkpoint
    loaded = load_foundation(path, SMALL, outputs=4)
    for name, value in network.state_dict().items():
        if not name.startswith("dense."):
            assert torch.equal(loaded.state_dict()[name], value)
    assert loaded.dense.out_features == 4


def _without_one_entry(state):
    del state["stage_list.0.block_list.0.conv1.conv.weight"]
    return {"state_dict": state}


def _with_an_unknown_entry(state):
    return {"state_dict": {**state, "stage_list.9.weight": torch.zeros(3)}}


def _with_another_shape(state):
    return {"state_dict": {**state, "first_conv.conv.weight": torch.zeros(16, 1, 16)}}


def _with_nan(state):
    state["first_conv.conv.bias"][0] = float("nan")
    return {"state_dict": state}


def _bare(state):
    return state


def _of_another_network(state):
    return {"state_dict": torch.nn.Linear(3, 2).state_dict()}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_one_entry, "conv1.conv.weight is missing"),
        (_with_an_unknown_entry, "stage_list.9.weight is unknown"),
        (_with_another_shape, r"first_conv.conv.weight has shape \(16, 1, 16\), not \(16, 12, 16\)"),
        (_with_nan, "not finite"),
        (_bare, "under state_dict"),
        (_of_another_network, "and .* more"),
    ],
)
def test_a_wrong_checkpoint_is_refused_with_the_difference(checkpoint, tmp_path, spoil, message):
    network, _ = checkpoint
    torch.save(spoil(dict(network.state_dict())), tmp_path / "wrong.pth")
    with pytest.raises(StudyError, match=message):
        load_foundation(tmp_path / "wrong.pth", SMALL, outputs=4)


def test_a_truncated_file_is_refused(checkpoint, tmp_path):
    _, path = checkpoint
    (tmp_path / "half.pth").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(StudyError, match="not a readable checkpoint"):
        load_foundation(tmp_path / "half.pth", SMALL, outputs=4)


def test_code_in_a_pickle_is_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (print, ("executed",))

    torch.save({"state_dict": Payload()}, tmp_path / "hostile.pth")
    with pytest.raises(StudyError, match="not a readable checkpoint"):
        load_foundation(tmp_path / "hostile.pth", SMALL, outputs=4)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StudyError, match="no such checkpoint"):
        load_foundation(tmp_path / "none.pth", SMALL, outputs=4)
