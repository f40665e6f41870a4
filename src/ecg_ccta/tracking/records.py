"""A record per job: parameters, metrics, hashes of inputs and outputs, versions, time.

A record is one JSON file that the job itself writes when it ends well. It costs no network and no import of mlflow,
so tracking never slows or fails a job; `tracking.mlflow_runs` sends the records later.
"""

import contextlib
import gc
import importlib.metadata
import logging
import math
import platform
import re
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256, sha256_json, write_json
from ecg_ccta.tracking.library import library_modules

PACKAGES = [
    "captum",
    "deepfake-ecg",
    "lifelines",
    "matplotlib",
    "mlflow",
    "neurokit2",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "snakemake",
    "statsmodels",
    "torch",
    "wfdb",
]


SOURCE = Path(__file__).resolve().parents[2]
"""The folder that holds the library's package."""


class Job(Protocol):
    """The attributes of Snakemake's `snakemake` object that a record needs."""

    rule: str
    wildcards: Any
    input: Any
    output: Any
    params: Any
    log: Any
    threads: int
    scriptdir: str


class Record:
    """Collects what a running job wants to be known."""

    def __init__(self) -> None:
        self.metric_values: dict[str, float] = {}
        self.series_values: dict[str, list[tuple[int, float]]] = {}

    def metrics(self, values: Mapping[str, Any], prefix: str = "") -> None:
        """Note numbers; mappings and pandas Series flattened with dots; missing values and words are left out."""
        for name, value in values.items():
            key = f"{prefix}{name}"
            if hasattr(value, "to_dict"):
                value = value.to_dict()
            if isinstance(value, Mapping):
                self.metrics(value, f"{key}.")
            elif not isinstance(value, str) and (isinstance(value, int | float) or hasattr(value, "item")):
                number = float(value)
                if math.isfinite(number):
                    self.metric_values[_metric_name(key)] = number

    def series(self, name: str, step: int, value: float | None) -> None:
        """Note one step of a metric that has a course, such as the loss of an epoch; a value not finite is left out."""
        if value is not None and math.isfinite(value):
            self.series_values.setdefault(_metric_name(name), []).append((step, float(value)))

    def training(self, made: Mapping[str, Any]) -> None:
        """Note a training's course, of each step and each epoch, from the description of what it made."""
        step = 0
        for epoch in made["epochs"]:
            for name in ("loss", "validation_loss", "validation_auc", "learning_rate", "ecgs_per_second"):
                self.series(name, epoch["epoch"], epoch[name])
            for loss in epoch["step_losses"]:
                self.series("step_loss", step, loss)
                step += 1
        self.metrics({"best_epoch": made["best_epoch"]})
        self.metrics(made.get("probe") or {}, "probe.")


@contextlib.contextmanager
def recorded_job(job: Job) -> Iterator[Record]:
    """Run a job's block with logging to its log file, and write its record to `job.output.record` when it ends well.

    A `StudyError` ends the process with its message alone; any other error also shows where it happened. Both go to
    the log file and to stderr.
    """
    record = Record()
    started = datetime.now(UTC)
    log_file = Path(job.log[0])
    log_file.parent.mkdir(parents=True, exist_ok=True)
    handlers = (logging.FileHandler(log_file, mode="w", encoding="utf-8"), logging.StreamHandler(sys.stderr))
    logging.basicConfig(
        level=logging.INFO, format=f"%(asctime)s {_job_name(job)}: %(message)s", handlers=handlers, force=True
    )
    logging.captureWarnings(True)
    log = logging.getLogger("ecg_ccta")
    try:
        yield record
        finished = datetime.now(UTC)
        write_json(job.output.record, _content(job, record, started, finished))
    except StudyError as error:
        log.error("%s", error)
        sys.exit(1)
    except Exception:
        log.error("%s", traceback.format_exc())
        sys.exit(1)
    # The process ends here: what is left needs no search for garbage, which takes a torch job 0.3 s at its exit.
    gc.freeze()


def _content(job: Job, record: Record, started: datetime, finished: datetime) -> dict[str, Any]:
    wildcards = dict(job.wildcards.items())
    outputs = [Path(path) for path in job.output if str(path) != str(job.output.record)]
    parameters = _plain(dict(job.params.items()))
    script = Path(job.scriptdir) / f"{job.rule}.py"
    return {
        "rule": job.rule,
        "job": _job_name(job),
        "study": wildcards.get("study"),
        "wildcards": wildcards,
        "started_at": started.isoformat(timespec="milliseconds"),
        "finished_at": finished.isoformat(timespec="milliseconds"),
        "seconds": round((finished - started).total_seconds(), 3),
        "threads": job.threads,
        "seed": parameters.get("seed"),
        "parameters": parameters,
        "parameters_sha256": sha256_json(parameters),
        "metrics": record.metric_values,
        "series": record.series_values,
        "inputs": {str(path): input_hash(Path(path)) for path in job.input},
        "outputs": {str(path): sha256(path) for path in outputs},
        "git_commit": git_commit(),
        "code": script.read_text(encoding="utf-8"),
        "library": library_modules(script, SOURCE),
        "versions": versions(),
        "host": socket.gethostname(),
        "log": str(job.log[0]),
    }


def is_export(path: Path) -> bool:
    """Tell whether a folder is a raw export: a simulated one has an index of its ECGs at its top."""
    return (path / "ecg_index.csv").is_file()


def input_hash(path: Path) -> str | None:
    """Hash of an input file, of the tables at the top of a raw export, or of a fine-tuned fold's folder.

    The recordings of an export are not read again: each one's own hash stands in its shard table.
    """
    if is_export(path):
        return sha256_json({file.name: sha256(file) for file in sorted(path.glob("*.csv"))})
    return sha256(path) if path.exists() else None


def _job_name(job: Job) -> str:
    # The wildcard `start` of a training is empty where it starts as the study does.
    values = [str(value) for name, value in job.wildcards.items() if name != "study" and value != ""]
    return " ".join([job.rule, *values])


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return str(value)


def _metric_name(name: str) -> str:
    """`name` with only the characters that MLflow allows."""
    return re.sub(r"[^\w\-. /]", "_", name)


def git_commit() -> str | None:
    """The commit of the working tree, with `-dirty` where tracked files differ from it; None outside a repository."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that shape results."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found
