"""Records on their way to MLflow: into a real SQLite database, and through a real server."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ecg_ccta.files import sha256, sha256_json
from ecg_ccta.tracking.mlflow_runs import EXPERIMENT, send_or_postpone, send_records, tracking_uri

STUDY = {
    "study": "default",
    "seed": 7,
    "training": {"epochs": 8, "learning_rate": 0.001},
    "sites": {"ours": {"grade_words": {"< 50 %": "mild", "> 50 %": "moderate", "": "none"}, "columns": {}}},
    "negative_control": None,
}
RESULTS = Path("results")
"""Given to MLflow as an absolute path: within one process MLflow takes two relative ones for the same database."""


@pytest.fixture
def study(tmp_path, monkeypatch, empty_mlflow_database) -> list[Path]:
    """Records of three jobs and their files, in a working directory of its own; no server is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in (("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"), ("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")):
        monkeypatch.setenv(name, value)
    RESULTS.mkdir()
    shutil.copy(empty_mlflow_database, RESULTS / "mlflow.db")
    return [
        write_record("admit_ecgs", "ours", ["cohort/ours.parquet", "cohort/ours.flow.json", "tables/table1_ours.csv"]),
        write_record("finetune", "fold0", ["models/fold0/model.json"], series={"loss": [[0, 0.7], [1, 0.5], [2, 0.4]]}),
        write_record(
            "validate",
            "ours",
            ["tables/roc.csv", "figures/roc.svg", "figures/roc.png", "predictions/ours.parquet", "risk/ours.csv"],
        ),
    ]


def write_record(rule: str, job: str, outputs: list[str], auc: float = 0.8, series: dict | None = None) -> Path:
    paths = [RESULTS / "default" / name for name in outputs]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    log = RESULTS / "default" / "logs" / rule / f"{job}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("done")
    if rule == "finetune":  # its output is the folder
        paths = [paths[0].parent]
    record = RESULTS / "default" / "records" / rule / f"{job}.json"
    record.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "rule": rule,
        "job": f"{rule} {job}",
        "study": "default",
        "wildcards": {"study": "default", "site": job},
        "started_at": "2026-01-02T03:04:05.000+00:00",
        "finished_at": "2026-01-02T03:04:15.500+00:00",
        "seconds": 10.5,
        "threads": 1,
        "seed": 7,
        "parameters": {"seed": 7, "evaluation": {"level": 0.95, "words": ["a"]}},
        "parameters_sha256": "0" * 64,
        "metrics": {"auc.LM": auc},
        "series": series or {},
        "inputs": {},
        "outputs": {path.as_posix(): sha256(path) for path in paths},
        "git_commit": "a" * 40,
        "versions": {},
        "host": "here",
        "log": log.as_posix(),
    }
    record.write_text(json.dumps(content))
    return record


def runs(uri: str | None = None, view: int = ViewType.ACTIVE_ONLY) -> dict[str, list]:
    """Runs by name."""
    client = MlflowClient(uri or tracking_uri(RESULTS.resolve()))
    experiment = client.get_experiment_by_name(EXPERIMENT)
    found: dict[str, list] = {}
    for run in client.search_runs([experiment.experiment_id], run_view_type=view, max_results=1000):
        found.setdefault(run.info.run_name, []).append(run)
    return found


def is_complete(run) -> bool:
    return (
        run.info.status == "FINISHED"
        and "ecg_ccta.record" in run.data.tags
        and run.data.tags.get("ecg_ccta.superseded") != "true"
    )


def artefacts(run_id: str, uri: str | None = None, folder: str | None = None) -> set[str]:
    return {file.path for file in MlflowClient(uri or tracking_uri(RESULTS.resolve())).list_artifacts(run_id, folder)}


def assert_complete(sent: dict, records: list[Path], uri: str) -> None:
    """One parent, one child per record, with all that belongs to them and nothing of a patient."""
    client = MlflowClient(uri)
    found = runs(uri)
    assert sorted(found) == ["admit_ecgs ours", "default", "finetune fold0", "validate ours"]
    assert [len(same) for same in found.values()] == [1, 1, 1, 1]
    (parent,) = found["default"]
    assert parent.info.run_id == sent["parent_run_id"]
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["ecg_ccta.config_sha256"] == sha256_json(STUDY)
    assert parent.data.params == {
        "study": "default",
        "seed": "7",
        "training.epochs": "8",
        "training.learning_rate": "0.001",
        "sites.ours.grade_words": '{"< 50 %": "mild", "> 50 %": "moderate", "": "none"}',
        "sites.ours.columns": "{}",
        "negative_control": "None",
    }
    assert artefacts(parent.info.run_id, uri) == {"config.json"}
    for path in records:
        content = json.loads(path.read_text())
        (run,) = found[content["job"]]
        assert is_complete(run)
        assert run.info.run_id == sent["runs"][content["job"]]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["ecg_ccta.record"] == sha256_json(content)
        assert run.data.tags["rule"] == content["rule"]
        assert run.data.tags["git_commit"] == "a" * 40
        assert run.data.params == {"seed": "7", "evaluation.level": "0.95", "evaluation.words": "['a']"}
        assert {"auc.LM": 0.8, "seconds": 10.5}.items() <= run.data.metrics.items()
        assert run.info.end_time - run.info.start_time == 10_500
    loss = client.get_metric_history(sent["runs"]["finetune fold0"], "loss")
    assert sorted((metric.step, metric.value) for metric in loss) == [(0, 0.7), (1, 0.5), (2, 0.4)]
    expected = {
        "admit_ecgs ours": {"record.json", "ours.log", "ours.flow.json", "table1_ours.csv"},
        "finetune fold0": {"record.json", "fold0.log"},
        "validate ours": {"record.json", "ours.log", "roc.csv", "roc.svg", "roc.png"},
    }
    assert {job: artefacts(run_id, uri) for job, run_id in sent["runs"].items()} == expected


def test_one_parent_and_one_child_per_record(study):
    sent = send_records(STUDY, study, RESULTS.resolve())
    assert sent["status"] == "sent"
    assert sent["sent"] == 3
    assert sent["tracking_uri"] == tracking_uri(RESULTS.resolve())
    assert sent["records"] == [path.relative_to(RESULTS).as_posix() for path in study]
    assert_complete(sent, study, tracking_uri(RESULTS.resolve()))
    stored = [path.name for path in (RESULTS / "mlflow-artifacts").rglob("*") if path.is_file()]
    assert not [name for name in stored if name.endswith((".parquet", ".npy", ".safetensors"))]
    assert "ours.csv" not in stored, "a table of the folder risk has a row per patient"


def test_sending_again_sends_nothing(study):
    first = send_records(STUDY, study, RESULTS.resolve())
    again = send_records(STUDY, study, RESULTS.resolve())
    assert again["sent"] == 0
    assert (again["parent_run_id"], again["runs"]) == (first["parent_run_id"], first["runs"])
    assert_complete(again, study, tracking_uri(RESULTS.resolve()))


def test_a_job_that_ran_anew_supersedes_its_run_and_can_be_taken_back(study):
    first = send_records(STUDY, study, RESULTS.resolve())
    before = study[2].read_text()
    write_record("validate", "ours", ["tables/roc.csv"], auc=0.9)
    second = send_records(STUDY, study, RESULTS.resolve())
    assert second["sent"] == 1
    assert {job for job in first["runs"] if first["runs"][job] != second["runs"][job]} == {"validate ours"}
    found = runs()["validate ours"]
    assert len(found) == 2, "the older run is kept"
    assert [run.data.metrics["auc.LM"] for run in found if is_complete(run)] == [0.9]
    # The older state of the results comes back, such as from a backup: nothing is new, but what counts changes.
    study[2].write_text(before)
    third = send_records(STUDY, study, RESULTS.resolve())
    assert third["sent"] == 0
    assert third["runs"] == first["runs"]
    assert [run.data.metrics["auc.LM"] for run in runs()["validate ours"] if is_complete(run)] == [0.8]


def test_another_configuration_is_another_parent(study):
    first = send_records(STUDY, study, RESULTS.resolve())
    second = send_records({**STUDY, "seed": 8}, study, RESULTS.resolve())
    assert second["sent"] == 3
    assert second["parent_run_id"] != first["parent_run_id"]
    assert len(runs()["default"]) == 2


@pytest.mark.parametrize(
    ("method", "nth"),
    [("set_tag", 1), ("log_artifact", 1), ("set_terminated", 2), ("log_dict", 1), ("log_dict", 2), ("log_batch", 1)],
)
def test_a_sending_that_broke_off_is_made_good(study, monkeypatch, method, nth):
    real = getattr(MlflowClient, method)
    calls = []

    def broken(self, *args, **kwargs):
        calls.append(args)
        if len(calls) == nth:
            raise MlflowException("the line is dead")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(MlflowClient, method, broken)
    postponed = send_or_postpone(STUDY, study, RESULTS.resolve())
    assert postponed["status"] == "pending"
    assert postponed["reason"] == "the line is dead"
    assert postponed["records"] == [path.relative_to(RESULTS).as_posix() for path in study]
    again = send_or_postpone(STUDY, study, RESULTS.resolve())
    assert again["status"] == "sent"
    assert_complete(again, study, tracking_uri(RESULTS.resolve()))
    assert send_or_postpone(STUDY, study, RESULTS.resolve())["sent"] == 0


def test_a_study_may_have_the_name_of_a_folder_with_patients(study):
    path = study[2]
    content = json.loads(path.read_text())
    outputs = [Path("results/risk/tables/auc.csv"), Path("results/risk/risk/ours.csv")]
    for output in outputs:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text("x")
    path.write_text(json.dumps({**content, "outputs": {str(output): "0" for output in outputs}}))
    sent = send_records({**STUDY, "study": "risk"}, [path], RESULTS.resolve())
    assert artefacts(sent["runs"]["validate ours"]) == {"record.json", "ours.log", "auc.csv"}


def test_a_result_that_is_gone_is_said(study, caplog):
    (RESULTS / "default" / "tables" / "roc.csv").unlink()
    sent = send_records(STUDY, study, RESULTS.resolve())
    assert sent["sent"] == 3
    assert "validate ours: not logged, because results/default/tables/roc.csv is missing" in caplog.text


def test_a_password_in_the_uri_is_not_written_down(study, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:s3cret@127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with caplog.at_level("INFO"):
        postponed = send_or_postpone(STUDY, study, RESULTS.resolve())
    assert postponed["tracking_uri"] == "http://127.0.0.1:1"
    for shown in (str(postponed), caplog.text):
        assert "s3cret" not in shown


def test_an_error_without_words_is_named_by_its_kind(study, monkeypatch):
    def fail(*_):
        raise TimeoutError

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", fail)
    assert send_or_postpone(STUDY, study, RESULTS.resolve())["reason"] == "TimeoutError"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def server(folder: Path, port: int) -> Iterator[None]:
    """`mlflow server` on 127.0.0.1, stopped with all its processes at the end."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'server.db'}"]
    command += ["--artifacts-destination", (folder / "artefacts").as_uri()]
    # Without its helper processes for language models the server starts sooner.
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, env=environment
        )
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}/health", folder / "server.log")
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def wait_until_healthy(process: subprocess.Popen, url: str, log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"mlflow server did not start:\n{log.read_text()[-3000:]}")


def test_a_server_that_is_down_delays_nothing_and_gets_everything_later(
    study, tmp_path, tmp_path_factory, monkeypatch, empty_mlflow_database
):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    started = time.monotonic()
    postponed = send_or_postpone(STUDY, study, RESULTS.resolve())
    assert time.monotonic() - started < 60
    assert postponed["status"] == "pending"
    assert postponed["tracking_uri"] == uri
    assert postponed["reason"]
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_mlflow_database, folder / "server.db")
    with server(folder, port):
        sent = send_or_postpone(STUDY, study, RESULTS.resolve())
        assert sent["status"] == "sent", sent
        assert sent["sent"] == 3
        assert_complete(sent, study, uri)
        assert send_or_postpone(STUDY, study, RESULTS.resolve())["sent"] == 0
    assert not (RESULTS / "mlflow-artifacts").exists(), "the server keeps the artefacts"
    assert list((folder / "artefacts").rglob("roc.svg"))
