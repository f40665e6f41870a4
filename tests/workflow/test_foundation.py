"""Where a study's foundation comes from is the configuration's choice, and what arrives is verified by the workflow."""

import hashlib

import pytest
import torch
import yaml

from ecg_ccta.config import load
from ecg_ccta.files import read_json, sha256
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.model.contracts import require_contract
from ecg_ccta.model.inputs import PREPROCESSING

CHECKPOINT = "results/foundation/published/checkpoint.pth"
REVISION = "d9b1793951b2342f5f7e84f1ac03cd37f8a08724"


@pytest.fixture
def architecture(root):
    return load(root / "tests/workflow/small.yaml", root / "config.yaml").foundation.architecture


@pytest.fixture
def published(architecture, tmp_path) -> bytes:
    torch.save({"state_dict": build_network(architecture, outputs=150).state_dict()}, tmp_path / "made.pth")
    return (tmp_path / "made.pth").read_bytes()


@pytest.fixture
def study(make_workflow, make_hub, published, root, tmp_path, monkeypatch):
    """Function (changes of foundation.weights) -> the small study with published weights, and a Hub that has them."""
    hub = make_hub({f"/owner/name/resolve/{REVISION}/tiny.pth": published})
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    pinned = hashlib.sha256(published).hexdigest()

    def make(**changes):
        overlay = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
        weights = {"repository": "owner/name", "revision": REVISION, "file": "tiny.pth", "sha256": pinned, **changes}
        overlay["foundation"] |= {"name": "published", "pretraining": None, "weights": weights}
        (tmp_path / "published.yaml").write_text(yaml.safe_dump(overlay))
        return make_workflow(tmp_path, tmp_path / "published.yaml")

    return make


def test_published_weights_are_fetched_once_and_keep_their_contract(study, published, architecture, tmp_path):
    workflow = study()
    workflow.run(CHECKPOINT)
    checkpoint = tmp_path / CHECKPOINT
    assert checkpoint.read_bytes() == published
    contract = require_contract(checkpoint, architecture)
    assert contract["preprocessing"] == PREPROCESSING
    assert contract["source"] == {"repository": "owner/name", "revision": REVISION, "file": "tiny.pth"}
    record = read_json(checkpoint.with_name("record.json"))
    assert record["rule"] == "fetch_foundation"
    assert record["outputs"][CHECKPOINT] == sha256(checkpoint)

    # Where a copy lies is no setting of the study: naming one starts no training anew.
    assert "Nothing to be done" in study(local=str(tmp_path / "made.pth")).run(CHECKPOINT, options=["-n"]).stdout


def test_a_local_copy_needs_no_network(study, published, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    study(local=str(tmp_path / "made.pth")).run(CHECKPOINT)
    assert (tmp_path / CHECKPOINT).read_bytes() == published


def test_another_file_than_the_pinned_one_ends_the_study(study, tmp_path):
    done = study(sha256="0" * 64).run(CHECKPOINT, check=False)
    assert done.returncode
    assert "not the file that foundation.weights names" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (tmp_path / CHECKPOINT).exists()


def test_the_configuration_chooses_the_rule(study, make_workflow, tmp_path):
    fetched = study().run(CHECKPOINT, options=["-n"]).stdout
    assert "fetch_foundation" in fetched
    assert "pretrain_foundation" not in fetched
    pretrained = make_workflow(tmp_path).run("results/foundation/tiny/checkpoint.pth", options=["-n"]).stdout
    assert "pretrain_foundation" in pretrained
    assert "fetch_foundation" not in pretrained
