"""Records of a few jobs, MLflow servers on this machine, and a line to them that can be cut."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ecg_ccta.files import sha256

COHORT = "cohort/ours.parquet"
FOLD = {
    "fold": 0,
    "patients_sha256": {"train": "a" * 64, "inner_validation": "b" * 64},
    "ecgs": {"train": 70, "inner_validation": 10},
    "patients": {"train": 60, "inner_validation": 9},
}


def write_record(
    rule: str,
    job: str,
    outputs: list[str],
    inputs: tuple[str, ...] = (),
    auc: float = 0.8,
    series: dict | None = None,
    results: Path = Path("results"),
    study: str = "default",
) -> Path:
    """The record of a job, with its outputs; paths are relative to results/<study>, and inputs must be there."""
    folder = results / study
    log = folder / "logs" / rule / f"{job}.log"
    record = folder / "records" / rule / f"{job}.json"
    for path in (*(folder / name for name in outputs), log, record):
        path.parent.mkdir(parents=True, exist_ok=True)
    for name in outputs:
        (folder / name).write_text(json.dumps(FOLD) if name.endswith("model.json") else Path(name).name)
    log.write_text("done")
    if rule == "finetune":  # its output is the folder
        outputs = [str(Path(outputs[0]).parent)]
    metrics = {"ecgs": 100, "patients": 90} if rule == "admit_ecgs" else {}
    content = {
        "rule": rule,
        "job": f"{rule} {job}",
        "study": study,
        "wildcards": {"study": study, "site": job},
        "started_at": "2026-01-02T03:04:05.000+00:00",
        "finished_at": "2026-01-02T03:04:15.500+00:00",
        "seconds": 10.5,
        "threads": 1,
        "seed": 7,
        "parameters": {"seed": 7, "evaluation": {"level": 0.95, "words": ["a"]}},
        "parameters_sha256": "0" * 64,
        "metrics": {"auc.LM": auc, **metrics},
        "series": series or {},
        "inputs": {f"results/{study}/{name}": sha256(folder / name) for name in inputs},
        "outputs": {f"results/{study}/{name}": sha256(folder / name) for name in outputs},
        "git_commit": "a" * 40,
        "code": f'"""Code of {rule}."""\n',
        "versions": {},
        "host": "here",
        "log": log.as_posix(),
    }
    record.write_text(json.dumps(content))
    return record


def write_study(results: Path, study: str = "default") -> list[Path]:
    """Three jobs, each of which reads what the one before it made."""
    place = {"results": results, "study": study}
    return [
        write_record("admit_ecgs", "ours", [COHORT, "cohort/ours.flow.json", "tables/table1_ours.csv"], **place),
        write_record(
            "finetune",
            "fold0",
            ["models/fold0/model.json"],
            (COHORT,),
            series={"loss": [[0, 0.7], [1, 0.5], [2, 0.4]]},
            **place,
        ),
        write_record(
            "validate",
            "ours",
            ["tables/roc.csv", "figures/roc.svg", "figures/roc.png", "predictions/ours.parquet", "risk/ours.csv"],
            (COHORT, "models/fold0"),
            **place,
        ),
    ]


@pytest.fixture
def make_record():
    return write_record


@pytest.fixture
def make_study():
    """Function (folder of results, study) -> records of three jobs."""
    return write_study


@pytest.fixture
def study(tmp_path, monkeypatch, empty_mlflow_database) -> list[Path]:
    """Records of three jobs and their files, in a working directory of its own; no server is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in (("MAX_RETRIES", "2"), ("TIMEOUT", "20"), ("BACKOFF_FACTOR", "1")):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    results = Path("results")
    results.mkdir()
    shutil.copy(empty_mlflow_database, results / "mlflow.db")
    return write_study(results)


class Server:
    """`mlflow server` on 127.0.0.1; `kill` ends it at once, as a power cut would."""

    def __init__(self, folder: Path, port: int, database: str):
        self.url, self._log = f"http://127.0.0.1:{port}", folder / "server.log"
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
        command += ["--workers", "1", "--backend-store-uri", database]
        command += ["--artifacts-destination", (folder / "artefacts").as_uri()]
        # Without its helper processes for language models the server starts sooner.
        environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        environment.pop("MLFLOW_TRACKING_URI", None)
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment
            )

    def wait_until_healthy(self) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=2):
                return
            time.sleep(0.3)
        pytest.fail(f"mlflow server did not start:\n{self._log.read_text()[-3000:]}")

    def kill(self, how: int = signal.SIGKILL) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)


@contextmanager
def run_server(folder: Path, port: int, database: str | None = None) -> Iterator[Server]:
    """A server whose database, by default SQLite, and artefacts are in `folder`; stopped at the end."""
    server = Server(folder, port, database or f"sqlite:///{folder / 'server.db'}")
    try:
        server.wait_until_healthy()
        yield server
    finally:
        server.kill(signal.SIGTERM)


@pytest.fixture(scope="session")
def mlflow_server():
    """The context manager `run_server`."""
    return run_server


@pytest.fixture(scope="session")
def postgres(system_programs, tmp_path_factory, free_port) -> Iterator[str]:
    """Address of an empty database in a PostgreSQL of its own on 127.0.0.1, which trusts this machine."""
    tools = str(sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]) if Path("/usr/lib/postgresql").exists() else ""
    initdb, control = (system_programs(name, "postgresql", tools) for name in ("initdb", "pg_ctl"))
    port = free_port()
    folder = tmp_path_factory.mktemp("postgres") / "cluster"
    as_owner: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root.
        as_owner = ["runuser", "-u", "postgres", "--"]
        folder = Path(subprocess.check_output([*as_owner, "mktemp", "-d"], text=True, cwd="/").strip()) / "cluster"
    try:
        quiet = {"check": True, "cwd": "/", "stdout": subprocess.DEVNULL}
        subprocess.run([*as_owner, initdb, "-D", folder, "-U", "postgres", "--auth=trust", "--no-sync"], **quiet)
        options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
        log = folder.with_name("log")
        subprocess.run([*as_owner, control, "-D", folder, "-o", options, "-l", log, "-w", "start"], **quiet)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        subprocess.run([*as_owner, control, "-D", folder, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


class Line:
    """A line from this machine to a server that passes `answers` answers on and then loses every one after it.

    The requests still reach the server: it has done what it was asked, and the client does not know.
    """

    def __init__(self, server: str, answers: int):
        self._target = ("127.0.0.1", int(server.rpartition(":")[2]))
        self._answers, self._guard = answers, threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(self._target)
                threading.Thread(target=self._requests, args=(near, far), daemon=True).start()
                threading.Thread(target=self._replies, args=(far, near), daemon=True).start()

    def _requests(self, near: socket.socket, far: socket.socket) -> None:
        with suppress(OSError):
            while data := near.recv(65536):
                far.sendall(data)

    def _replies(self, far: socket.socket, near: socket.socket) -> None:
        with suppress(OSError):
            while data := far.recv(65536):
                with self._guard:
                    self._answers -= data.startswith(b"HTTP/")
                    if self._answers < 0:
                        break
                near.sendall(data)
        for end in (near, far):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def make_line():
    """Function (server's address, answers that pass) -> Line."""
    lines = []

    def make(server: str, answers: int) -> Line:
        lines.append(Line(server, answers))
        return lines[-1]

    yield make
    for line in lines:
        line.close()
