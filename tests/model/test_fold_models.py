"""Fine-tuned folds on disk: nothing is lost, and nothing that does not fit is loaded."""

import json

import pytest
import torch

from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.model.fold_models import FoldModel, load_fold, save_fold

TINY = Architecture(
    base_filters=4, ratio=1, filter_list=[4], m_blocks_list=[1], kernel_size=4, stride=2, groups_width=4, use_bn=True
)


@pytest.fixture
def model() -> FoldModel:
    torch.manual_seed(3)
    network = build_network(TINY, 4)
    network(torch.randn(2, 12, 5000))  # running statistics of the batch norms move away from 0 and 1
    return FoldModel(2, network.eval(), 1.0 / 3.0, TINY, {"best_epoch": 4, "epochs": [{"loss": 0.1}]})


@pytest.fixture
def folder(tmp_path, model):
    save_fold(model, tmp_path / "fold2")
    return tmp_path / "fold2"


def edit(folder, **changes) -> None:
    path = folder / "model.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value != "gone"}))


def test_a_round_trip_is_exact_to_the_bit(model, folder):
    found = load_fold(folder)
    assert (found.fold, found.temperature, found.architecture) == (2, 1.0 / 3.0, TINY)
    assert found.provenance == model.provenance
    expected = model.network.state_dict()
    state = found.network.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[name], expected[name]) for name in expected)
    assert all(state[name].dtype == expected[name].dtype for name in expected)
    assert not found.network.training
    ecg = torch.randn(2, 12, 5000)
    with torch.no_grad():
        assert torch.equal(found.network(ecg), model.network(ecg))


def test_equal_models_are_equal_files(model, folder, tmp_path):
    save_fold(model, tmp_path / "again")
    for name in ("model.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["model.json", "model.safetensors"]


def test_a_model_that_cannot_be_written_leaves_the_old_one(model, folder):
    before = (folder / "model.json").read_bytes()
    model.temperature = float("nan")
    with pytest.raises(ValueError, match="JSON"):
        save_fold(model, folder)
    assert (folder / "model.json").read_bytes() == before
    assert load_fold(folder).fold == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preprocessing": "gone"}, "no preprocessing contract"),
        ({"preprocessing": {"sampling_rate": 250}}, "sampling_rate: 250 instead of 500"),
        ({"outputs": ["LM", "RCA", "LAD", "LCX"]}, "outputs are not RCA, LM, LAD, LCX"),
        ({"outputs": "gone"}, "outputs are not"),
        ({"temperature": "gone"}, "'temperature'"),
        ({"temperature": 0}, "temperature is 0.0, not a positive number"),
        ({"temperature": "warm"}, "warm"),
        ({"fold": "gone"}, "'fold'"),
        ({"architecture": "gone"}, "'architecture'"),
        ({"architecture": {"base_filters": 4}}, "validation error"),
    ],
)
def test_a_description_that_does_not_fit_is_named(folder, changes, message):
    edit(folder, **changes)
    with pytest.raises(StudyError, match=r"fold2/model\.json: ") as caught:
        load_fold(folder)
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"\xff\xfe", b"null"])
def test_a_damaged_description_is_named(folder, content):
    (folder / "model.json").write_bytes(content)
    with pytest.raises(StudyError, match=r"fold2/model\.json: not the description"):
        load_fold(folder)


@pytest.mark.parametrize("keep", [0, 4, 200, -1])
def test_truncated_weights_are_named(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(StudyError, match=r"fold2/model\.safetensors: not the weights"):
        load_fold(folder)


def test_weights_of_another_network_are_named(folder):
    edit(folder, architecture={**TINY.model_dump(), "filter_list": [8]})
    with pytest.raises(StudyError, match=r"fold2/model\.safetensors: .*size mismatch"):
        load_fold(folder)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(StudyError, match=name):
        load_fold(folder)
