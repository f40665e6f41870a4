"""A fold trained by torchrun: several processes, and several nodes that meet on loopback."""

import os
import socket
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from ecg_ccta.config import Architecture, Recipe, Training
from ecg_ccta.errors import StudyError
from ecg_ccta.files import read_json, write_json
from ecg_ccta.model.fold_models import load_fold
from ecg_ccta.training.worker import FoldJob, torchrun, train_fold

SETTINGS = Training(
    folds=2, epochs=2, patience=2, batch_size=16, learning_rate=1e-3, weight_decay=1e-3, minimum_events=2, noise=0.0
)
WITHOUT_BATCH_NORM = Architecture(
    base_filters=8, ratio=1, filter_list=[8, 16], m_blocks_list=[1, 1], kernel_size=8, stride=4, groups_width=8
)


@pytest.fixture
def make_job(small_study, tmp_path):
    """Function (folder name, training settings) -> a fold of the small study, from random weights."""
    results = small_study.results / "small"

    def make(name, settings=SETTINGS, architecture=WITHOUT_BATCH_NORM):
        return FoldJob(
            foundation=None,
            architecture=architecture.model_dump(),
            cohort=str(results / "cohort/internal.parquet"),
            signals=str(results / "signals/internal"),
            splits=str(results / "splits/internal.parquet"),
            fold=0,
            recipe=settings.model_dump(include=set(Recipe.model_fields)),
            threads=settings.threads,
            gpus=settings.gpus,
            nodes=settings.nodes,
            seed=1,
            interrupted=str(tmp_path / f"interrupted-{name}"),
            model=str(tmp_path / name),
        )

    return make


def start(job: FoldJob, file: Path, processes: int, nodes: int, root: Path, meeting_point=None) -> subprocess.Popen:
    write_json(file, asdict(job))
    return subprocess.Popen(
        torchrun(file, processes, nodes, meeting_point),
        env={**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*processes: subprocess.Popen) -> str:
    messages = [process.communicate(timeout=300)[1] for process in processes]
    assert all(process.returncode == 0 for process in processes), messages[0][-4000:]
    return "".join(messages)


def losses(model: str) -> np.ndarray:
    return np.concatenate([epoch["step_losses"] for epoch in read_json(Path(model) / "model.json")["epochs"]])


def test_two_processes_and_two_nodes_do_what_one_process_does(make_job, root, tmp_path):
    alone, together = make_job("alone"), make_job("together")
    train_fold(alone)
    messages = finish(start(together, tmp_path / "together.json", 2, 1, root))
    assert "epoch 2/2" in messages
    assert read_json(Path(together.model) / "model.json")["environment"]["processes"] == 2
    np.testing.assert_allclose(losses(together.model), losses(alone.model), rtol=1e-3)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting_point = f"127.0.0.1:{free.getsockname()[1]}"
    nodes = make_job("nodes")
    finish(*(start(nodes, tmp_path / "nodes.json", 1, 2, root, meeting_point) for _ in range(2)))
    np.testing.assert_allclose(losses(nodes.model), losses(together.model), rtol=1e-6)
    assert load_fold(nodes.model).fold == 0


def test_more_gpus_than_there_are_is_refused(make_job):
    with pytest.raises(StudyError, match=r"training\.gpus is 64"):
        train_fold(make_job("greedy", SETTINGS.model_copy(update={"gpus": 64})))


def test_batch_norm_on_several_cpu_processes_is_refused(make_job, root, tmp_path):
    job = make_job("norm", architecture=WITHOUT_BATCH_NORM.model_copy(update={"use_bn": True}))
    process = start(job, tmp_path / "norm.json", 2, 1, root)
    assert "cannot share batch norm" in process.communicate(timeout=300)[1]
    assert process.returncode != 0
    assert not Path(job.model).exists()
