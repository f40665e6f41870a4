"""The audit of the small study: every file's hash, every run's neighbours, and the model that answers raw ECGs."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow.tracking import MlflowClient

from ecg_ccta.config import load
from ecg_ccta.errors import StudyError
from ecg_ccta.files import read_json
from ecg_ccta.signals.reading import read_recording
from ecg_ccta.signals.shards import recording_paths
from ecg_ccta.tracking.sent import read_tracking
from ecg_ccta.tracking.store import relocate
from ecg_ccta.tracking.verification import verify
from ecg_ccta.vessels import VESSELS


@pytest.fixture(scope="module")
def audited(small_study) -> Path:
    """The folder of all results of a copy of the small study, whose database knows where it is."""
    relocate(small_study.results)
    return small_study.results


@pytest.fixture
def client(audited) -> MlflowClient:
    return MlflowClient(f"sqlite:///{audited / 'mlflow.db'}")


def test_one_byte_of_any_artefact_is_found(audited):
    assert verify("small", audited).differences == []
    recordings = sorted((audited / "small/sites").rglob("*.dat"))[:3]
    files = [
        path
        for part in (audited / "small", audited / "foundation/tiny")
        for path in sorted(part.rglob("*"))
        if path.is_file()
        and not {"logs", "benchmarks", "interrupted", "sites"} & set(path.parts)
        and path.suffix not in (".log", ".tsv")
        # Of an empty file no byte can change.
        and path.stat().st_size
        and not any(name.startswith(".") for name in path.relative_to(audited).parts)
    ]
    assert {path.suffix for path in files} >= {
        ".parquet",
        ".npy",
        ".json",
        ".csv",
        ".svg",
        ".png",
        ".html",
        ".safetensors",
        ".pth",
    }
    # One of each kind in each folder; tests/tracking has every file of a smaller study.
    chosen = list({(path.parent, path.suffix): path for path in files}.values())
    assert len(chosen) > 30
    missed = []
    for path in chosen + recordings + sorted((audited / "small/sites").rglob("*.csv")):
        before, times = path.read_bytes(), path.stat()
        flipped = bytearray(before)
        flipped[len(before) // 2] ^= 1
        path.write_bytes(flipped)
        try:
            found = verify("small", audited).differences
            inside = [item for item in found if path.is_relative_to(audited / item.file.removeprefix("results/"))]
            missed += [] if inside else [path]
        except StudyError as error:
            # What verification itself rests on.
            missed += [] if path.name in str(error) else [path]
        path.write_bytes(before)
        # Snakemake goes by times, and other tests look at this study too.
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert missed == []


def test_the_report_leads_to_the_runs(audited, client):
    tracking = read_tracking(audited / "small/report_tracking.json")
    page = (audited / "small/report/index.html").read_text()
    run_id = tracking["runs"]["validate internal"]
    assert f'href="http://127.0.0.1:5000/#/experiments/{tracking["experiment_id"]}/runs/{run_id}"' in page
    assert "not yet sent" not in page
    names = {item.path for item in client.list_artifacts(tracking["parent_run_id"])}
    assert {"index.html", "config.json"} <= names


def test_every_input_of_every_run_leads_to_the_run_that_made_it(audited, client):
    tracking = read_tracking(audited / "small/report_tracking.json")
    runs = {run_id: client.get_run(run_id) for run_id in tracking["runs"].values()}
    unmade = set()
    for run_id, run in runs.items():
        upstream = run.data.tags["ecg_ccta.upstream"].split()
        made = {name: value for other in upstream for name, value in runs[other].data.tags.items()}
        assert all(run_id in runs[other].data.tags["ecg_ccta.downstream"].split() for other in upstream)
        for name, digest in run.data.tags.items():
            kind, _, path = name.partition("/")
            if kind == "input" and made.get(f"output/{path}") != digest:
                unmade.add(path)
        assert f"{run.data.tags['rule']}.py" in {item.path for item in client.list_artifacts(run_id)}
    # Records and tracking are no job's outputs, and of an export the tables alone are an input.
    assert {
        path for path in unmade if "/records/" not in path and not path.endswith(("record.json", "tracking.json"))
    } == {
        "results/small/sites/internal",
        "results/small/sites/external",
    }


def test_each_epoch_of_a_fold_and_its_patients_are_there(audited, client):
    tracking = read_tracking(audited / "small/tracking.json")
    model = read_json(audited / "small/models/fold0/model.json")
    run_id = tracking["runs"]["finetune 0"]
    for name in ("loss", "validation_loss", "learning_rate"):
        history = {metric.step: metric.value for metric in client.get_metric_history(run_id, name)}
        assert history == {epoch["epoch"]: epoch[name] for epoch in model["epochs"]}
    data = {
        item.tags[0].value: json.loads(item.dataset.profile) for item in client.get_run(run_id).inputs.dataset_inputs
    }
    splits = pd.read_parquet(audited / "small/splits/internal.parquet")
    assert data["training"]["patients"] + data["validation"]["patients"] == int((splits["fold"] != 0).sum())
    assert data["training"]["ecgs"] == model["ecgs"]["train"]


@pytest.fixture(scope="module")
def served(audited, tmp_path_factory, free_port) -> Iterator[str]:
    """Address at which `mlflow models serve` answers for the registered model, with no other copy of the library."""
    port = free_port()
    folder = tmp_path_factory.mktemp("served")
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": f"sqlite:///{audited / 'mlflow.db'}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # MLflow looks for uvicorn there.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", "models:/ecg-ccta-small/1"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/ping", timeout=2):
                break
        except OSError:
            time.sleep(0.3)
    else:
        pytest.fail((folder / "log").read_text()[-3000:])
    yield f"{url}/invocations"
    os.killpg(process.pid, 15)
    process.wait(20)


def ask(url: str, body: dict) -> dict:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def raw_ecgs(results: Path, root: Path, number: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Recordings of the external site as exported (n, 12, 5000) in mV, and their predictions."""
    study = load(root / "tests/workflow/small.yaml", root / "config.yaml")
    export = results / "small/sites/external"
    long = pd.read_parquet(results / "small/predictions/external.parquet")
    ids = long["ecg_id"].drop_duplicates()[:number]
    paths = recording_paths(ids, export, study.sites["external"], "external", study.seed)
    ecgs = [read_recording(export / paths[ecg_id], seconds=10.0, folder=export) for ecg_id in ids]
    assert {rate for _, rate in ecgs} == {500.0}
    predictions = long.pivot_table(index="ecg_id", columns="vessel", values="probability").loc[ids, list(VESSELS)]
    return np.stack([ecg[:, :5000] for ecg, _ in ecgs]), predictions


def test_the_served_model_gives_our_predictions_from_raw_ecgs(audited, served, root):
    ecgs, expected = raw_ecgs(audited, root, 5)
    answer = pd.DataFrame(ask(served, {"inputs": ecgs.tolist()})["predictions"])
    assert list(answer.columns) == list(VESSELS)
    np.testing.assert_allclose(answer.to_numpy(), expected.to_numpy(), atol=1e-6, rtol=0)
    assert answer.to_numpy().std() > 0


def test_the_served_model_answers_its_own_example_and_refuses_what_a_study_would_exclude(audited, served):
    example = read_json(audited / "small/ensemble/serving_input_example.json")
    assert np.shape(example["inputs"]) == (1, 12, 5000)
    (answer,) = ask(served, example)["predictions"]
    assert all(0 < answer[vessel] < 1 for vessel in VESSELS)
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(served, {"inputs": np.zeros((1, 12, 5000)).tolist()})
    assert caught.value.code == 400
    assert "ECG 0: flat lead" in caught.value.read().decode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(served, {"inputs": np.zeros((1, 8, 5000)).tolist()})
    assert caught.value.code == 400


def test_the_model_holds_no_pickle_and_says_what_it_wants(audited, client):
    folder = audited / "small/ensemble"
    assert {path.suffix for path in folder.rglob("*") if path.is_file() and path.parent.name != "templates"} <= {
        "", ".json", ".yaml", ".txt", ".py", ".safetensors", ".css", ".html", ".js", ".typed",
    }  # fmt: skip
    (version,) = client.search_model_versions("name = 'ecg-ccta-small'")
    assert (
        version.tags["sha256"]
        == read_json(audited / "small/records/package_ensemble/ensemble.json")["outputs"]["results/small/ensemble"]
    )
    description = (folder / "MLmodel").read_text()
    assert '"millivolts"' in description
    assert "[-1, 12, 5000]" in description


def test_a_study_whose_server_is_down_finishes_and_is_sent_later(make_workflow, small_study, tmp_path):
    study = make_workflow(tmp_path / "down")
    shutil.copytree(small_study.folder, study.folder, symlinks=True)
    (study.results / "small/tracking.json").unlink()
    study.run(options=["--rerun-triggers", "mtime"], tracking_uri="http://127.0.0.1:1")
    tracking = study.results / "small/tracking.json"
    page = study.results / "small/report/index.html"
    assert read_tracking(tracking)["status"] == "pending"
    assert "not yet sent to MLflow" in page.read_text()
    assert verify("small", study.results).differences == []
    command = [sys.executable, "-c", "from ecg_ccta.command_line import app; app()", "sync", "small"]
    subprocess.run(command, cwd=study.folder, check=True, env={**os.environ, "MLFLOW_TRACKING_URI": ""})
    assert read_tracking(tracking)["status"] == "sent"
    study.run(options=["--rerun-triggers", "mtime"])
    assert "not yet sent to MLflow" not in page.read_text()
    assert verify("small", study.results).differences == []
