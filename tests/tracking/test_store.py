"""Where runs go, also after the project's folder got another name."""

import shutil
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from ecg_ccta.tracking.mlflow_runs import send_records
from ecg_ccta.tracking.store import local_uri, page_of_run, relocate

STUDY = {"study": "default"}


def artefacts(results: Path, run_id: str) -> list[str]:
    return [item.path for item in MlflowClient(local_uri(results.resolve())).list_artifacts(run_id)]


def test_artefacts_lie_among_the_results_whatever_the_working_directory(study, tmp_path, monkeypatch):
    results = Path("results").resolve()
    run_id = send_records(STUDY, study, results).facts["runs"]["validate ours"]
    assert not Path("mlruns").exists()
    assert list((results / "mlflow-artifacts" / run_id).rglob("roc.svg"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "roc.svg" in artefacts(results, run_id)


def test_artefacts_are_found_after_the_folder_was_renamed(study, tmp_path, monkeypatch):
    results = Path("results").resolve()
    run_id = send_records(STUDY, study, results).facts["runs"]["validate ours"]
    moved = tmp_path / "another 'name'" / "results"
    moved.parent.mkdir()
    results.rename(moved)
    assert artefacts(moved, run_id) == []
    relocate(moved)
    assert "roc.svg" in artefacts(moved, run_id)
    MlflowClient(local_uri(moved)).download_artifacts(run_id, "roc.svg", str(tmp_path))
    assert (tmp_path / "roc.svg").read_text() == "roc.svg"


def test_sending_sets_the_paths_of_a_copy_and_leaves_the_original(study, tmp_path, monkeypatch, make_record):
    results = Path("results").resolve()
    first = send_records(STUDY, study, results).facts["runs"]
    copy = tmp_path / "copy"
    shutil.copytree(results, copy / "results")
    monkeypatch.chdir(copy)
    added = make_record("predict", "ours", ["tables/more.csv"])
    again = send_records(STUDY, [*study, added], copy / "results")
    assert again.sent == 1
    assert "more.csv" in artefacts(copy / "results", again.facts["runs"]["predict ours"])
    assert "roc.svg" in artefacts(copy / "results", first["validate ours"])
    shutil.rmtree(copy)
    assert "roc.svg" in artefacts(results, first["validate ours"])


@pytest.mark.parametrize(
    ("uri", "page"),
    [
        ("sqlite:///results/mlflow.db", "http://127.0.0.1:5000/#/experiments/3/runs/r"),
        ("https://mlflow.example.org/path/", "https://mlflow.example.org/path/#/experiments/3/runs/r"),
        ("postgresql://127.0.0.1/runs", None),
    ],
)
def test_a_runs_page(uri, page):
    tracking = {"status": "sent", "tracking_uri": uri, "experiment_id": "3"}
    assert page_of_run(tracking, "r") == page
    assert page_of_run({**tracking, "status": "pending"}, "r") is None
