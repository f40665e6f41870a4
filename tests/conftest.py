"""Fixtures that every test may use."""

import hashlib
import importlib.util
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
import pandas as pd
import pytest
from filelock import FileLock

from ecg_ccta.vessels import GRADES, LEADS, SAMPLES, SAMPLING_RATE, VESSELS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's top folder."""
    return ROOT


@pytest.fixture(scope="session")
def load_script(root):
    """Function (path below the project's folder) -> the module of a Python file that is in no package."""

    def load(path: str):
        spec = importlib.util.spec_from_file_location(Path(path).stem, root / path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


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
            timeout=2400,
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


def simulate_cohort(patients: int = 400, seed: int = 3, findings: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make a small cohort (without the signal columns) and its predictions, with repeated patients, missing findings
    and missing covariates; LM is rare.
    """
    rng = np.random.default_rng(seed)
    ecgs_of = rng.choice([1, 1, 1, 2, 3], patients)
    patient = np.repeat(np.arange(patients), ecgs_of)
    n = patient.size
    cohort = pd.DataFrame(
        {
            "ecg_id": [f"{i:020x}" for i in range(n)],
            "patient_id": [f"{i + 10**6:020x}" for i in patient],
            "recorded_at": pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(0, 10**6, n), unit="min"),
            "days_to_ccta": rng.integers(-5, 60, n).astype(float),
            "ccta_date": pd.NaT,
            "age": rng.normal(62, 10, patients)[patient].clip(20, 95),
            "sex": pd.array(rng.choice(["female", "male"], patients)[patient], dtype="string"),
            "chest_pain": pd.array(rng.choice(["none", "typical", "atypical"], patients)[patient], dtype="string"),
            "statement": pd.array(
                rng.choice(["Sinus rhythm. Normal ECG", "Abnormal ECG", "Otherwise normal ECG"], n), dtype="string"
            ),
        }
    )
    for factor in ("hypertension", "diabetes", "dyslipidaemia", "smoking"):
        cohort[factor] = pd.array(rng.random(patients)[patient] < 0.4, dtype="boolean")
    cohort.loc[rng.random(n) < 0.1, "age"] = np.nan
    cohort.loc[rng.random(n) < 0.1, "hypertension"] = pd.NA
    cohort.loc[rng.random(n) < 0.1, "statement"] = pd.NA
    predictions = []
    for vessel, prevalence in zip(VESSELS, (0.2, 0.008, 0.25, 0.15), strict=True):
        risk = rng.normal(0, 1, patients)
        logit = np.log(prevalence / (1 - prevalence)) - 0.3 + risk
        event = rng.random(patients) < 1 / (1 + np.exp(-logit))
        word = np.where(event, rng.choice(GRADES[3:], patients), rng.choice(GRADES[:3], patients))[patient]
        seen = (rng.random(n) > 0.05) & findings
        cohort[f"grade_{vessel}"] = pd.array(np.where(seen, word, None), dtype="string")
        cohort[f"target_{vessel}"] = pd.array(event[patient].astype(int), dtype="Int8")
        cohort.loc[~seen, f"target_{vessel}"] = pd.NA
        shown = logit[patient] + rng.normal(0, 0.3, n)
        predictions.append(
            pd.DataFrame(
                {
                    "ecg_id": cohort["ecg_id"],
                    "patient_id": cohort["patient_id"],
                    "vessel": pd.array([vessel] * n, dtype="string"),
                    "fold": patient % 5,
                    "logit": shown,
                    "probability": 1 / (1 + np.exp(-shown)),
                }
            )
        )
    return cohort, pd.concat(predictions, ignore_index=True)


@pytest.fixture(scope="session")
def cohort_and_predictions() -> tuple[pd.DataFrame, pd.DataFrame]:
    return simulate_cohort()


@pytest.fixture(scope="session")
def unjudged() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A site that is predicted but has no CCTA findings."""
    return simulate_cohort(patients=60, findings=False)
