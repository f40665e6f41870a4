"""A finetune job killed again and again ends with the weights of one that was left alone."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

from ecg_ccta.files import read_json, sha256

TARGET = "results/small/models/fold0"
KILLS = 5
EPOCHS = 150
"""Some ten seconds of training on a fast machine, so that it is still going on at the last kill."""


@pytest.fixture
def long_training(root, tmp_path, small_study, make_workflow):
    """Function (name) -> the small study in a folder of its own, with a longer training to do."""
    overlay = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
    overlay["training"] |= {"epochs": EPOCHS, "patience": EPOCHS}
    (tmp_path / "long.yaml").write_text(yaml.safe_dump(overlay))

    def make(name):
        shutil.copytree(small_study.folder, tmp_path / name, symlinks=True)
        return make_workflow(tmp_path / name, tmp_path / "long.yaml")

    return make


def start(workflow) -> subprocess.Popen:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "2", TARGET, "--rerun-incomplete"),
            *("--snakefile", workflow.root / "Snakefile", "--directory", workflow.folder),
            *("--configfile", workflow.root / "config.yaml", workflow.overlay),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_killed_five_times_a_training_ends_with_the_same_weights(long_training):
    alone = long_training("alone")
    alone.run(TARGET)

    killed = long_training("killed")
    log = killed.results / "small/logs/finetune/fold0.log"
    log.unlink()
    rng = random.Random(5)
    resumed = []
    for _ in range(KILLS):
        process = start(killed)
        deadline = time.monotonic() + 120
        while "epoch" not in (log.read_text() if log.exists() else "") and time.monotonic() < deadline:
            assert process.poll() is None, "the job ended before it could be killed"
            time.sleep(0.05)
        resumed.append("resuming after epoch" in log.read_text())
        time.sleep(rng.uniform(0.0, 0.8))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed.run(options=["--unlock"])
        log.unlink()
    assert any(resumed)
    killed.run(TARGET)
    assert "resuming after epoch" in log.read_text()
    weights = [sha256(workflow.folder / TARGET / "model.safetensors") for workflow in (alone, killed)]
    assert weights[0] == weights[1]
    models = [read_json(workflow.folder / TARGET / "model.json") for workflow in (alone, killed)]
    assert models[0]["temperature"] == models[1]["temperature"]
    assert len(models[1]["epochs"]) == EPOCHS
    assert not list((killed.results / "small/interrupted").iterdir())
