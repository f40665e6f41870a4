"""A checkpoint without the contract that was written for it starts no training."""

import json

import pytest

from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256
from ecg_ccta.model.contracts import require_contract, write_contract
from ecg_ccta.model.inputs import PREPROCESSING

SHAPE = Architecture(
    base_filters=4, ratio=1, filter_list=[4], m_blocks_list=[1], kernel_size=4, stride=2, groups_width=4
)


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "tiny" / "checkpoint.pth"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    write_contract(path, SHAPE, {"source": {"repository": "owner/name"}})
    return path


def edit(checkpoint, **changes) -> None:
    path = checkpoint.with_name("contract.json")
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value != "gone"}))


def test_the_contract_tells_all_that_decides_the_use_of_the_weights(checkpoint):
    assert require_contract(checkpoint, SHAPE) == {
        "sha256": sha256(checkpoint),
        "preprocessing": PREPROCESSING,
        "architecture": SHAPE.model_dump(),
        "source": {"repository": "owner/name"},
    }


def test_another_file_than_the_contracts_is_refused(checkpoint):
    expected = sha256(checkpoint)
    checkpoint.write_bytes(b"weightz")
    with pytest.raises(StudyError, match="not the file of its contract") as caught:
        require_contract(checkpoint, SHAPE)
    for part in (str(checkpoint), expected, sha256(checkpoint), f"delete {checkpoint.parent} and run again"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preprocessing": {**PREPROCESSING, "sampling_rate": 250}}, "sampling_rate: 250 instead of 500"),
        ({"preprocessing": {**PREPROCESSING, "filters": []}}, r"filters: \[\] instead of \['notch 50 Hz"),
        ({"preprocessing": "gone"}, "no preprocessing contract"),
        ({"architecture": "gone"}, "no architecture"),
        ({"sha256": "gone"}, "says None"),
    ],
)
def test_a_contract_of_something_else_is_refused(checkpoint, changes, message):
    edit(checkpoint, **changes)
    with pytest.raises(StudyError, match=message) as caught:
        require_contract(checkpoint, SHAPE)
    assert "contract.json" in str(caught.value)


@pytest.mark.parametrize("change", [{"use_bn": True}, {"stride": 4}, {"filter_list": [4, 8]}])
def test_an_architecture_that_the_weights_do_not_show_is_refused(checkpoint, change):
    name, value = next(iter(change.items()))
    with pytest.raises(StudyError, match="another architecture") as caught:
        require_contract(checkpoint, SHAPE.model_copy(update=change))
    assert f"{name}: {getattr(SHAPE, name)!r} instead of {value!r}" in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "null", "[1]"])
def test_a_damaged_contract_is_named(checkpoint, content):
    checkpoint.with_name("contract.json").write_text(content)
    with pytest.raises(StudyError, match=r"contract\.json: not the contract"):
        require_contract(checkpoint, SHAPE)


@pytest.mark.parametrize("name", ["contract.json", "checkpoint.pth"])
def test_a_missing_file_is_named(checkpoint, name):
    checkpoint.with_name(name).unlink()
    with pytest.raises(StudyError, match=name):
        require_contract(checkpoint, SHAPE)
