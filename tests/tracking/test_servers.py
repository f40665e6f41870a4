"""Servers that many processes talk to at once, that are not there, or that die in the middle: every run exactly once.

The processes are `ecg-ccta sync`, as a user starts it.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from ecg_ccta.files import write_json
from ecg_ccta.tracking.mlflow_runs import send_or_postpone
from ecg_ccta.tracking.sent import Tracking, read_tracking, write_tracking
from ecg_ccta.tracking.store import EXPERIMENT

JOBS = ["admit_ecgs ours", "finetune fold0", "validate ours"]


def finished(folder: Path, make_study, name: str) -> Path:
    """What a study leaves in `folder`/results that ran while no server was there."""
    results = folder / "results"
    records = make_study(results, name)
    write_json(results / name / "config.json", {"study": name, "seed": 7})
    waiting = Tracking.of(records, results, {"status": "pending", "tracking_uri": "", "reason": ""}, 0)
    write_tracking(waiting, results / name / "tracking.json")
    return folder


def start_sync(folder: Path, study: str, uri: str | None, log: Path) -> subprocess.Popen:
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri or ""}
    command = [sys.executable, "-c", "from ecg_ccta.command_line import app; app()", "sync", study]
    with log.open("a") as stream:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=subprocess.STDOUT)


def sync_at_once(places: list[tuple[Path, str]], uri: str | None, log: Path) -> None:
    """One process per (folder, study), all started together; each must end well."""
    processes = [start_sync(folder, study, uri, log) for folder, study in places]
    assert [process.wait(180) for process in processes] == [0] * len(places), log.read_text()


def assert_exactly_once(uri: str, studies: list[str]) -> None:
    """One whole parent per study, each with one whole child per job, and nothing else."""
    client = MlflowClient(uri)
    assert [found.name for found in client.search_experiments() if found.name != "Default"] == [EXPERIMENT]
    experiment = client.get_experiment_by_name(EXPERIMENT)
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = {run.info.run_id: run for run in runs if "mlflow.parentRunId" not in run.data.tags}
    assert sorted(run.info.run_name for run in parents.values()) == sorted(studies)
    children = [run for run in runs if run.info.run_id not in parents]
    found = Counter((run.data.tags["mlflow.parentRunId"], run.info.run_name) for run in children)
    assert found == Counter((parent, job) for parent in parents for job in JOBS)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert all("ecg_ccta.record" in run.data.tags for run in children)
    for run in children:
        linked = run.data.tags["ecg_ccta.upstream"].split() + run.data.tags["ecg_ccta.downstream"].split()
        assert set(linked) <= {other.info.run_id for other in children}, "no link to a run that is gone"
        names = {item.path for item in client.list_artifacts(run.info.run_id)}
        assert {"record.json", f"{run.data.tags['rule']}.py"} <= names


@pytest.fixture
def log(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "sync.log"


def test_eight_first_starts_into_one_database_that_is_not_there_yet(tmp_path, make_study, log):
    studies = [f"study-{i}" for i in range(4)]
    for study in studies:
        finished(tmp_path, make_study, study)
    sync_at_once([(tmp_path, study) for study in studies * 2], None, log)
    assert_exactly_once(f"sqlite:///{tmp_path / 'results/mlflow.db'}", studies)


def test_eight_first_starts_into_an_empty_postgres_without_a_server(tmp_path, make_study, log, postgres, monkeypatch):
    # Each from a folder of its own, so that no lock on disk can help.
    database = postgres.rpartition("/")[0] + "/template1"
    studies = [f"study-{i}" for i in range(8)]
    places = [(finished(tmp_path / study, make_study, study), study) for study in studies]
    sync_at_once(places, database, log)
    monkeypatch.chdir(tmp_path)
    client = MlflowClient(database)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    names = [run.info.run_name for run in client.search_runs([experiment.experiment_id], max_results=1000)]
    assert Counter(names) == Counter(dict.fromkeys(JOBS, 8) | dict.fromkeys(studies, 1))


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_eight_jobs_log_to_one_server_at_once(tmp_path, make_study, log, mlflow_server, free_port, backend, request):
    database = request.getfixturevalue("postgres") if backend == "postgresql" else None
    studies = [f"study-{i}" for i in range(4)]
    places = [(finished(tmp_path / study, make_study, study), study) for study in studies]
    with mlflow_server(tmp_path, free_port(), database) as server:
        # Two processes for each study: one sends it, the other finds it sent.
        sync_at_once(places * 2, server.url, log)
        assert_exactly_once(server.url, studies)
        sent = [line for line in log.read_text().splitlines() if line.startswith("sent ")]
        assert Counter(line.split()[1] for line in sent) == {"3": 4, "0": 4}


def test_a_server_that_is_down_costs_seconds_and_gets_everything_later(
    study, tmp_path, mlflow_server, free_port, monkeypatch
):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    parameters, results = {"study": "default"}, Path("results").resolve()
    started = time.monotonic()
    postponed = send_or_postpone(parameters, study, results)
    assert time.monotonic() - started < 15
    assert postponed.facts["status"] == "pending"
    assert postponed.facts["tracking_uri"] == uri
    assert postponed.facts["reason"]
    with mlflow_server(tmp_path, port):
        assert send_or_postpone(parameters, study, results).sent == 3
        assert send_or_postpone(parameters, study, results).sent == 0
        assert_exactly_once(uri, ["default"])
    assert not (results / "mlflow-artifacts").exists(), "the server keeps the artefacts"
    assert list((tmp_path / "artefacts").rglob("roc.svg"))


def test_a_server_that_takes_calls_and_never_answers_costs_seconds(study, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:s3cret@127.0.0.1:{mute.getsockname()[1]}")
        started = time.monotonic()
        postponed = send_or_postpone({"study": "default"}, study, Path("results").resolve())
    assert time.monotonic() - started < 15
    assert "timed out" in postponed.facts["reason"]
    assert "s3cret" not in str(postponed.facts)


def test_a_server_that_dies_while_it_is_sent_to(tmp_path, make_study, log, mlflow_server, free_port):
    finished(tmp_path, make_study, "default")
    port = free_port()
    with mlflow_server(tmp_path, port) as server:
        process = start_sync(tmp_path, "default", server.url, log)
        client = MlflowClient(server.url)
        end = time.monotonic() + 60
        # The first child is there, the last is not yet.
        while time.monotonic() < end:
            experiment = client.get_experiment_by_name(EXPERIMENT)
            if experiment and len(client.search_runs([experiment.experiment_id])) >= 2:
                break
        server.kill()
        assert process.wait(60) == 1
    assert "nothing is lost, try again later" in log.read_text()
    assert read_tracking(tmp_path / "results/default/tracking.json")["status"] == "pending"
    with mlflow_server(tmp_path, port) as server:
        sync_at_once([(tmp_path, "default")], server.url, log)
        assert_exactly_once(server.url, ["default"])
        assert read_tracking(tmp_path / "results/default/tracking.json")["status"] == "sent"


def test_answers_that_are_lost_double_nothing(study, tmp_path, mlflow_server, free_port, make_line, monkeypatch):
    """The server does what it is asked, but the client never hears of it, at every point of the sending."""
    parameters, results = {"study": "default"}, Path("results").resolve()
    with mlflow_server(tmp_path, free_port()) as server:
        sent, answers = None, 0
        while sent is None or not sent.is_sent:
            # Requests that are retried may have been done already.
            monkeypatch.setenv("MLFLOW_TRACKING_URI", make_line(server.url, answers).url)
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
            monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
            sent = send_or_postpone(parameters, study, results)
            answers += 3
            assert answers < 200
        assert answers > 20, "the line was cut many times"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        assert send_or_postpone(parameters, study, results).sent == 0
        assert_exactly_once(server.url, ["default"])


def test_two_threads_wait_for_each_other(study):
    """The lock holds between two openings of one file, also within a process."""
    results = Path("results").resolve()
    sent = []
    threads = [
        threading.Thread(target=lambda: sent.append(send_or_postpone({"study": "default"}, study, results)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(tracking.sent for tracking in sent) == [0, 3]
