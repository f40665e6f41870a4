"""One fold as a job: in this process, or in several that torchrun starts (`python -m ecg_ccta.training.worker JOB`)."""

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ecg_ccta import tables
from ecg_ccta.config import Architecture, EventFrom, Recipe
from ecg_ccta.errors import StudyError
from ecg_ccta.files import read_json, write_json
from ecg_ccta.model.fold_models import save_fold
from ecg_ccta.signals.store import SignalStore
from ecg_ccta.training import parallel
from ecg_ccta.training.fine_tuning import fine_tune
from ecg_ccta.training.history import Step
from ecg_ccta.training.redevelopment import redevelopment_seed, resampled_cohort

log = logging.getLogger(__name__)

PORT = 29500
"""Where the nodes of one job meet."""


@dataclass(frozen=True)
class FoldJob:
    """Everything that one fold's training needs, as paths and plain values.

    `threads` are those of each process, `gpus` those of each node.
    """

    foundation: str | None
    architecture: dict
    cohort: str
    signals: str
    splits: str
    fold: int
    recipe: dict
    threads: int
    gpus: int
    nodes: int
    seed: int
    interrupted: str
    model: str
    """The folder that is made."""
    event_from: dict = field(default_factory=dict)
    """First grade of each vessel's outcome."""
    redevelopment: int = 0
    """From 1 on: the fold is trained on patients drawn with replacement, with a seed of its own."""


def fold_job(inputs: Any, settings: Any, machine: Any, fold: int, model: str) -> FoldJob:
    """Make the job of a workflow's rule.

    Parameters
    ----------
    inputs : foundation (absent: random weights), cohort, splits, and signals, files of one folder
    settings : architecture, recipe, cohort (its event_from), seed, interrupted; redevelopment where patients are drawn
    machine : torch_threads, and gpu and nodes, of the whole job
    fold, model : which fold, and the folder to make
    """
    return FoldJob(
        foundation=inputs.get("foundation") or None,
        architecture=settings.get("architecture"),
        cohort=inputs.get("cohort"),
        signals=str(Path(inputs.get("signals")[0]).parent),
        splits=inputs.get("splits"),
        fold=fold,
        recipe=settings.get("recipe"),
        threads=machine.get("torch_threads"),
        gpus=machine.get("gpu") // machine.get("nodes"),
        nodes=machine.get("nodes"),
        seed=settings.get("seed"),
        interrupted=settings.get("interrupted"),
        model=model,
        event_from=settings.get("cohort")["event_from"],
        redevelopment=settings.get("redevelopment", 0),
    )


def run_fold(job: FoldJob, on_step: Callable[[Step], None] = lambda step: None) -> None:
    """Train and save the fold in this process, one of a torchrun group or on its own."""
    parallel.join()
    torch.set_num_threads(job.threads)
    try:
        cohort = resampled_cohort(tables.read(tables.COHORT, job.cohort), job.redevelopment, job.seed)
        model = fine_tune(
            None if job.foundation is None else Path(job.foundation),
            Architecture(**job.architecture),
            SignalStore(job.signals, cohort),
            cohort,
            tables.read(tables.SPLITS, job.splits),
            job.fold,
            Recipe(**job.recipe),
            redevelopment_seed(job.seed, job.redevelopment),
            Path(job.interrupted),
            on_step if parallel.rank() == 0 else lambda step: None,
            event_from=EventFrom(**job.event_from),
        )
        if parallel.rank() == 0:
            save_fold(model, job.model)
    finally:
        parallel.leave()


def train_fold(job: FoldJob, on_step: Callable[[Step], None] = lambda step: None) -> dict:
    """Train the fold with the GPUs and nodes that it asks for; what model.json says of it.

    Raises
    ------
    StudyError
        Where more GPUs are asked for than this machine has, several nodes outside Slurm, or where a process failed.
    """
    if job.gpus * job.nodes <= 1:
        run_fold(job, on_step)
        return read_json(Path(job.model) / "model.json")
    if torch.cuda.device_count() < job.gpus:
        raise StudyError(
            f"training.gpus is {job.gpus} and this machine has {torch.cuda.device_count()}; ask for as many as "
            "it has, 1 at the least (1 without a GPU is the CPU)"
        )
    # Beside the state of interrupted trainings, because all nodes must read it.
    Path(job.interrupted).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=job.interrupted) as folder:
        file = Path(folder) / "job.json"
        write_json(file, asdict(job))
        command = [*across_nodes(job.nodes), *torchrun(file, job.gpus, job.nodes)]
        log.info("%s", " ".join(command))
        if subprocess.run(command, check=False).returncode:
            raise StudyError(f"fold {job.fold}: a training process failed; the messages above say why")
    return read_json(Path(job.model) / "model.json")


def torchrun(job: Path, processes: int, nodes: int, meeting_point: str | None = None) -> list[str]:
    """Command that trains a job with so many processes on each of so many nodes."""
    if meeting_point is None and nodes > 1:
        meeting_point = f"{_first_node()}:{PORT}"
    if meeting_point is None:
        meeting = ["--standalone"]
    else:
        meeting = [
            *("--rdzv-backend", "c10d", "--rdzv-endpoint", meeting_point),
            *("--rdzv-id", os.environ.get("SLURM_JOB_ID", "ecg-ccta")),
        ]
    return [
        *(sys.executable, "-m", "torch.distributed.run"),
        *("--nnodes", str(nodes), "--nproc-per-node", str(processes), *meeting),
        *("-m", "ecg_ccta.training.worker", str(job)),
    ]


def across_nodes(nodes: int) -> list[str]:
    """Prefix that starts a command once on each node of this Slurm job; empty for one node."""
    return ["srun", "--nodes", str(nodes), "--ntasks", str(nodes), "--ntasks-per-node", "1"] if nodes > 1 else []


def _first_node() -> str:
    if "SLURM_JOB_NODELIST" not in os.environ:
        raise StudyError("training.nodes is more than 1 outside a Slurm job; set it to 1 or run through Slurm")
    listed = subprocess.run(
        ["scontrol", "show", "hostnames", os.environ["SLURM_JOB_NODELIST"]], capture_output=True, text=True, check=True
    )
    return listed.stdout.split()[0]


def main() -> None:
    """Entry of a torchrun process: one argument, the job's file."""
    logging.basicConfig(level=logging.INFO if os.environ.get("RANK") == "0" else logging.WARNING)
    from ecg_ccta.tracking.progress import training_bar

    job = FoldJob(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    with training_bar(f"fold {job.fold}") as on_step:
        run_fold(job, on_step)


if __name__ == "__main__":
    main()
