"""Several processes train as one does."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ecg_ccta.errors import StudyError
from ecg_ccta.training.batches import split_into_batches
from ecg_ccta.training.worker import across_nodes, torchrun

SCRIPT = Path(__file__).with_name("train_in_processes.py")


def train(processes, surgery, folder, root):
    result = folder / f"{processes}-{surgery}.pt"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [*command, SCRIPT, surgery, result],
        env={**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return torch.load(result, weights_only=True)


@pytest.mark.parametrize("surgery", ["none", "pcgrad", "pcgrad-features"])
def test_two_processes_follow_one_at_the_same_global_batch(surgery, tmp_path, root):
    one, two = (train(processes, surgery, tmp_path, root) for processes in (1, 2))
    losses = [np.concatenate([epoch["step_losses"] for epoch in result["history"]["epochs"]]) for result in (one, two)]
    assert len(losses[0]) == 20
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)
    for epoch, other in zip(one["history"]["epochs"], two["history"]["epochs"], strict=True):
        assert epoch["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-4)
        assert epoch["validation_auc"] == pytest.approx(other["validation_auc"], abs=0.02)


def test_every_process_has_a_row_of_every_batch():
    batches = split_into_batches(np.arange(97), 32, processes=4)
    assert [len(batch) for batch in batches] == [32, 32, 33]
    assert [len(batch) for batch in split_into_batches(np.arange(97), 32)] == [32, 32, 32, 1]
    assert np.array_equal(np.concatenate(batches), np.arange(97))


def test_command_for_several_nodes(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    command = [*across_nodes(2), *torchrun(Path("job.json"), 4, 2, "node-1:29500")]
    assert command[:7] == ["srun", "--nodes", "2", "--ntasks", "2", "--ntasks-per-node", "1"]
    assert command[command.index("--nproc-per-node") + 1] == "4"
    assert command[command.index("--rdzv-id") + 1] == "77"
    assert across_nodes(1) == []
    assert "--standalone" in torchrun(Path("job.json"), 4, 1)


def test_several_nodes_need_slurm(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_NODELIST", raising=False)
    with pytest.raises(StudyError, match="outside a Slurm job"):
        torchrun(Path("job.json"), 4, 2)
