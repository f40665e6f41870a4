"""Published weights: fetched once, verified, cached; and every way of not getting them says what to do.

A server on this machine stands for the Hub: it answers HEAD and GET on /owner/name/resolve/<revision>/<file> with the
headers that the Hub's client needs, and errors with the codes that the Hub gives.
"""

import hashlib
import os
import subprocess
import sys

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.utils import _http as hub_http

from ecg_ccta.config import Architecture, Weights
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import build_network, load_foundation
from ecg_ccta.model.fetching import fetch_foundation, obtain

SHAPE = Architecture(
    base_filters=4, ratio=1, filter_list=[4], m_blocks_list=[1], kernel_size=4, stride=2, groups_width=4
)
REVISION = "d9b1793951b2342f5f7e84f1ac03cd37f8a08724"


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("published") / "tiny.pth"
    torch.manual_seed(1)
    torch.save({"state_dict": build_network(SHAPE, outputs=150).state_dict()}, path)
    return path.read_bytes()


@pytest.fixture
def weights(published) -> Weights:
    sha256 = hashlib.sha256(published).hexdigest()
    return Weights(repository="owner/name", revision=REVISION, file="tiny.pth", sha256=sha256)


@pytest.fixture
def hub(make_hub, published, tmp_path, monkeypatch):
    """A Hub with the file, where the client looks for it, and an empty cache."""
    hub = make_hub({f"/owner/name/resolve/{REVISION}/tiny.pth": published})
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    # A server that is down is asked again and again, for half a minute.
    monkeypatch.setattr(hub_http.time, "sleep", lambda seconds: None)
    return hub


def downloads(hub) -> int:
    return hub.requests.count(("GET", f"/owner/name/resolve/{REVISION}/tiny.pth"))


def test_the_published_file_arrives_byte_for_byte(hub, weights, published, tmp_path):
    checkpoint = tmp_path / "foundation" / "checkpoint.pth"
    fetch_foundation(weights, SHAPE, checkpoint)
    assert checkpoint.read_bytes() == published
    assert not checkpoint.is_symlink()
    assert [path.name for path in checkpoint.parent.iterdir()] == ["checkpoint.pth"]
    load_foundation(checkpoint, SHAPE, outputs=4)


def test_the_file_is_downloaded_once(hub, weights, published, monkeypatch):
    assert obtain(weights).read_bytes() == published
    hub.stop()
    assert obtain(weights).read_bytes() == published
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert obtain(weights).read_bytes() == published
    assert downloads(hub) == 1


def test_another_file_than_the_pinned_one_is_refused_and_not_written(hub, weights, tmp_path):
    found = weights.sha256
    wrong = weights.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(StudyError, match=r"tiny\.pth: not the file that foundation\.weights names") as caught:
        fetch_foundation(wrong, SHAPE, tmp_path / "checkpoint.pth")
    assert f"its sha256 is {found}, expected {'0' * 64}" in str(caught.value)
    assert "set foundation.weights.sha256 only if you trust it" in str(caught.value)
    assert not (tmp_path / "checkpoint.pth").exists()


def test_a_file_damaged_in_the_cache_is_mended_as_the_message_says(hub, weights, published):
    cached = obtain(weights)
    cached.resolve().write_bytes(published[:-1])
    with pytest.raises(StudyError, match=f"Delete {cached.resolve()} and get it again"):
        obtain(weights)
    cached.resolve().unlink()
    assert obtain(weights).read_bytes() == published
    assert downloads(hub) == 2


def test_a_file_of_another_architecture_is_refused_before_it_is_written(hub, weights, tmp_path):
    checkpoint = tmp_path / "checkpoint.pth"
    checkpoint.write_bytes(b"what stood here")
    with pytest.raises(StudyError, match="not the weights of the configured architecture"):
        fetch_foundation(weights, SHAPE.model_copy(update={"filter_list": [8]}), checkpoint)
    assert checkpoint.read_bytes() == b"what stood here"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"file": "other.pth"}, "EntryNotFound"),
        ({"revision": "0" * 40}, "RevisionNotFound"),
        ({"repository": "owner/other"}, "RepositoryNotFound"),
    ],
)
def test_what_the_hub_does_not_have_is_named(hub, weights, change, error):
    with pytest.raises(StudyError, match=error) as caught:
        obtain(weights.model_copy(update=change))
    name, value = next(iter(change.items()))
    for part in (hub.url, value, f"correct {name}" if name == "repository" else name, "foundation.weights"):
        assert part in str(caught.value)


def test_a_server_that_is_down_leads_to_a_local_copy(hub, weights):
    hub.stop()
    with pytest.raises(StudyError, match="could not be downloaded") as caught:
        obtain(weights)
    for part in (hub.url, "tiny.pth of owner/name", REVISION, "name the copy in foundation.weights.local"):
        assert part in str(caught.value)


def test_a_server_in_trouble_leads_to_a_local_copy(hub, weights):
    hub.status = 503
    with pytest.raises(StudyError, match=r"could not be downloaded.*503.*foundation\.weights\.local"):
        obtain(weights)


def test_a_download_cut_short_is_no_file(hub, weights, published):
    hub.sent_bytes = len(published) // 2
    with pytest.raises(StudyError, match=r"could not be downloaded.*foundation\.weights\.local"):
        obtain(weights)
    hub.sent_bytes = None
    assert obtain(weights).read_bytes() == published


def test_a_page_of_a_gateway_is_no_hub(hub, weights):
    hub.is_hub = False
    with pytest.raises(StudyError, match=r"could not be downloaded.*foundation\.weights\.local"):
        obtain(weights)


def test_offline_without_a_cached_file_leads_to_a_local_copy(hub, weights, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(StudyError, match=r"HF_HUB_OFFLINE is set.*foundation\.weights\.local"):
        obtain(weights)
    assert hub.requests == []


def test_a_local_copy_needs_no_hub(hub, weights, published, tmp_path):
    copy = tmp_path / "copied.pth"
    copy.write_bytes(published)
    fetch_foundation(weights.model_copy(update={"local": copy}), SHAPE, tmp_path / "checkpoint.pth")
    assert (tmp_path / "checkpoint.pth").read_bytes() == published
    assert hub.requests == []


def test_a_local_file_is_verified_like_any_other(weights, published, tmp_path):
    copy = tmp_path / "copied.pth"
    with pytest.raises(StudyError, match=r"copied\.pth: cannot be read .*foundation\.weights\.local must name"):
        obtain(weights.model_copy(update={"local": copy}))
    copy.write_bytes(published + b"\0")
    with pytest.raises(StudyError, match=r"copied\.pth: not the file that foundation\.weights names"):
        obtain(weights.model_copy(update={"local": copy}))


def test_endpoint_and_cache_are_those_of_the_environment(make_hub, weights, published, tmp_path):
    hub = make_hub({f"/owner/name/resolve/{REVISION}/tiny.pth": published})
    code = (
        "import sys; from ecg_ccta.config import Weights; from ecg_ccta.model.fetching import obtain;"
        "print(obtain(Weights.model_validate_json(sys.argv[1])))"
    )

    def run(**variables):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        return subprocess.run(
            [sys.executable, "-c", code, weights.model_dump_json()],
            env={**environment, "HF_HOME": str(tmp_path / "home"), **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )

    first = run(HF_ENDPOINT=hub.url)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip().startswith(str(tmp_path / "home"))
    hub.stop()
    assert run(HF_HUB_OFFLINE="1").stdout == first.stdout
