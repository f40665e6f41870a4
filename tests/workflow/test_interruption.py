"""A finetune job killed again and again ends with the weights of one that was left alone."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml

from ecg_ccta.files import read_json, sha256

TARGET = "results/small/models/fold0"
EPOCHS = 7
KILLS = ((1, "after"), (1, "before"), (2, "after"), (2, "before"), (1, "after"))
"""For each job in turn: at which of the states that it writes it is killed, before or after that takes its name."""

RESUMED = (None, 1, 1, 3, 4)
"""The epochs that each of these jobs finds done."""

PAUSE = """
import os, signal
from pathlib import Path

replace, written = os.replace, []
wanted, moment = int(os.environ["PAUSE_AT"]), os.environ["PAUSE_MOMENT"]


def pause():
    Path(os.environ["PAUSED"]).touch()
    while True:
        signal.pause()


def replace_and_pause(source, target, **options):
    if Path(target).parent.name != "interrupted":
        return replace(source, target, **options)
    written.append(target)
    if moment == "before" and len(written) == wanted:
        pause()
    replace(source, target, **options)
    if moment == "after" and len(written) == wanted:
        pause()


os.replace = replace_and_pause
"""
"""What Python runs first in each process of a killed job, as its sitecustomize: the job waits there to be killed."""


@pytest.fixture
def training(root, tmp_path, small_study, make_workflow):
    """Function (name) -> the small study in a folder of its own, with a training of some epochs to do."""
    overlay = yaml.safe_load((root / "tests/workflow/small.yaml").read_text())
    overlay["training"] |= {"epochs": EPOCHS, "patience": EPOCHS}
    (tmp_path / "epochs.yaml").write_text(yaml.safe_dump(overlay))

    def make(name):
        shutil.copytree(small_study.folder, tmp_path / name, symlinks=True)
        return make_workflow(tmp_path / name, tmp_path / "epochs.yaml")

    return make


def kill_at(workflow, hook, wanted: int, moment: str) -> None:
    """Start the training and kill it, with all its processes, once it waits at the `wanted`-th state."""
    paused = hook / "paused"
    paused.unlink(missing_ok=True)
    searched = os.pathsep.join(filter(None, [str(hook), os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "2", TARGET, "--rerun-incomplete"),
            *("--snakefile", workflow.root / "Snakefile", "--directory", workflow.folder),
            *("--configfile", workflow.root / "config.yaml", workflow.overlay),
        ],
        env=os.environ
        | {"PYTHONPATH": searched, "PAUSED": str(paused), "PAUSE_AT": str(wanted), "PAUSE_MOMENT": moment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 600
        while not paused.exists():
            assert process.poll() is None, "the job ended before it wrote the state"
            assert time.monotonic() < deadline, "the job wrote no state"
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_killed_five_times_a_training_ends_with_the_same_weights(training, tmp_path):
    alone = training("alone")
    alone.run(TARGET)

    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(PAUSE)
    killed = training("killed")
    interrupted = killed.results / "small/interrupted"
    log = killed.results / "small/logs/finetune/fold0.log"
    for (wanted, moment), epochs in zip(KILLS, RESUMED, strict=True):
        log.unlink()
        kill_at(killed, hook, wanted, moment)
        assert len([file for file in interrupted.iterdir() if file.is_file()]) == 1
        assert (f"resuming after epoch {epochs}\n" in log.read_text()) == (epochs is not None)
        killed.run(options=["--unlock"])
    assert [file for file in interrupted.iterdir() if file.is_dir()], "nothing was killed in the midst of writing"

    log.unlink()
    killed.run(TARGET)
    assert "resuming after epoch 5\n" in log.read_text()
    weights = [sha256(workflow.folder / TARGET / "model.safetensors") for workflow in (alone, killed)]
    assert weights[0] == weights[1]
    models = [read_json(workflow.folder / TARGET / "model.json") for workflow in (alone, killed)]
    assert models[0]["temperature"] == models[1]["temperature"]
    assert len(models[1]["epochs"]) == EPOCHS
    assert not list(interrupted.iterdir())
