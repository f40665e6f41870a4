"""Fixtures that every test may use."""

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from ecg_ccta.vessels import LEADS, SAMPLES, SAMPLING_RATE

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def real_ecg(root) -> Path:
    """Folder of openly licensed recordings (tests/data/README.md)."""
    return root / "tests" / "data" / "real-ecg"


@pytest.fixture(scope="session")
def reference_vectors(root) -> Path:
    """Folder of numbers that an independent implementation must reproduce (tests/data/README.md)."""
    return root / "tests" / "data" / "reference"


def system_program(name: str, package: str, folders: str = "/usr/sbin:/sbin") -> str:
    """Path of a program that a test needs and pip cannot bring; without it the test skips, but fails under CI.

    Parameters
    ----------
    name : of the program, such as chromium
    package : Debian's package that brings it
    folders : searched beside PATH
    """
    found = shutil.which(name) or shutil.which(name, path=folders)
    if found is None:
        wanting = f"{name} is not installed (Debian's package {package})"
        if os.getenv("CI"):
            pytest.fail(wanting)
        pytest.skip(wanting)
    return found


@pytest.fixture(scope="session")
def system_programs():
    """The function `system_program`."""
    return system_program


@pytest.fixture(scope="session")
def free_port():
    """Function that gives a port of 127.0.0.1 that nobody uses."""

    def find() -> int:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            return listener.getsockname()[1]

    return find


@pytest.fixture(scope="session")
def empty_mlflow_database(tmp_path_factory) -> Path:
    """A SQLite database as MLflow sets it up, to be copied: setting up takes seconds."""
    from mlflow.tracking import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


class Hub:
    """A server on this machine that answers for files as the Hugging Face Hub does.

    `status` makes it fail with that status, `sent_bytes` breaks off each file, and without `is_hub` it answers as a web
    server that knows nothing of revisions.
    """

    def __init__(self, files: dict[str, bytes]):
        self.files, self.requests = files, []
        self.status, self.sent_bytes, self.is_hub = None, None, True
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                hub.answer(self)

            def do_GET(self):
                hub.answer(self)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.requests.append((request.command, request.path))
        repository, _, rest = request.path.partition("/resolve/")
        revision = rest.partition("/")[0]
        content = self.files.get(request.path, b"")
        if self.status:
            status, headers = self.status, {}
        elif request.path in self.files:
            status, headers = 200, {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "X-Repo-Commit": revision}
        elif any(path.startswith(f"{repository}/resolve/{revision}/") for path in self.files):
            status, headers = 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": revision}
        elif any(path.startswith(f"{repository}/resolve/") for path in self.files):
            status, headers = 404, {"X-Error-Code": "RevisionNotFound"}
        else:
            status, headers = 401, {"X-Error-Code": "RepoNotFound"}
        request.send_response(status)
        for name, value in headers.items() if self.is_hub else ():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(content[: self.sent_bytes])

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def make_hub():
    """Function (files by path) -> Hub; it stops after the test."""
    hubs = []

    def make(files: dict[str, bytes]) -> Hub:
        hubs.append(Hub(files))
        return hubs[-1]

    yield make
    for hub in hubs:
        hub.stop()


@pytest.fixture
def make_ecg():
    """Function of (RR in seconds, ST shift in mV of V2, first R in seconds) that gives (12, 5000) int16 microvolts."""

    def make(rr: float = 0.8, st_v2: float = 0.0, first: float = 0.5, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        time = np.arange(SAMPLES) / SAMPLING_RATE
        ecg = np.zeros((len(LEADS), SAMPLES))
        for peak in np.arange(first, 10, rr):
            since = time - peak
            beat = (
                0.1 * np.exp(-((since + 0.16) ** 2) / (2 * 0.02**2))
                + 1.0 * np.exp(-(since**2) / (2 * 0.01**2))
                + 0.25 * np.exp(-((since - 0.28) ** 2) / (2 * 0.04**2))
            )
            ecg += beat * np.linspace(0.6, 1.4, len(LEADS))[:, None]
            ecg[LEADS.index("V2")] += st_v2 * ((since >= 0.06) & (since < 0.16))
        ecg += rng.normal(0, 0.005, ecg.shape)
        return np.round(1000 * ecg).astype(np.int16)

    return make


class Workflow:
    """Snakemake on the project's Snakefile in a folder of its own."""

    def __init__(self, root: Path, folder: Path, overlay: Path):
        self.root, self.folder, self.overlay = root, folder, overlay

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def run(
        self,
        *targets: str,
        options: Sequence[str] = (),
        check: bool = True,
        tracking_uri: str = "",
        environment: Mapping[str, str] = os.environ,
    ) -> subprocess.CompletedProcess:
        environment = {**environment, "MLFLOW_TRACKING_URI": tracking_uri}
        done = subprocess.run(
            [
                *(sys.executable, "-m", "snakemake", "--cores", "2"),
                *("--snakefile", self.root / "Snakefile", "--directory", self.folder),
                # Targets stand before options that take any number of values, which would swallow them.
                *targets,
                *options,
                *("--configfile", self.root / "config.yaml", self.overlay),
            ],
            # Snakemake plans on one of the two streams and works on the other.
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            timeout=900,
        )
        if check and done.returncode:
            raise AssertionError(f"snakemake failed:\n{done.stdout[-8000:]}")
        return done


@pytest.fixture(scope="session")
def make_workflow(root):
    """Function (folder, overlay) -> Workflow."""
    return lambda folder, overlay=root / "tests" / "workflow" / "small.yaml": Workflow(root, folder, overlay)


@pytest.fixture(scope="session")
def pristine_study(make_workflow, tmp_path_factory, worker_id) -> Path:
    """Folder of the finished small study, made once for all test processes; no test may change it."""
    base = tmp_path_factory.getbasetemp()
    pristine = (base if worker_id == "master" else base.parent) / "pristine"
    finished = pristine.with_name("finished")
    with FileLock(f"{pristine}.lock"):
        if not finished.exists():
            pristine.mkdir(exist_ok=True)
            make_workflow(pristine).run()
            finished.touch()
    return pristine


@pytest.fixture(scope="module")
def small_study(make_workflow, pristine_study, tmp_path_factory) -> Workflow:
    """The finished small study, a copy for each file of tests: what one adds to it no other sees."""
    folder = tmp_path_factory.mktemp("small") / "study"
    shutil.copytree(pristine_study, folder, symlinks=True)
    return make_workflow(folder)
