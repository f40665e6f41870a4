"""Records on their way to MLflow: into a real SQLite database, and through a real server."""

import json
from pathlib import Path

import pytest
from mlflow.entities import ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ecg_ccta.files import sha256, sha256_json
from ecg_ccta.tracking.mlflow_runs import send_or_postpone, send_records
from ecg_ccta.tracking.sent import Tracking
from ecg_ccta.tracking.store import EXPERIMENT, tracking_uri

STUDY = {
    "study": "default",
    "seed": 7,
    "training": {"epochs": 8, "learning_rate": 0.001},
    "sites": {"ours": {"grade_words": {"< 50 %": "mild", "> 50 %": "moderate", "": "none"}, "columns": {}}},
    "negative_control": None,
}
RESULTS = Path("results")
"""Given to MLflow as an absolute path: within one process MLflow takes two relative ones for the same database."""


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


def assert_complete(sent: Tracking, records: list[Path], uri: str) -> None:
    """One parent, one child per record, with all that belongs to them and nothing of a patient."""
    client = MlflowClient(uri)
    found = runs(uri)
    assert sorted(found) == ["admit_ecgs ours", "default", "finetune fold0", "validate ours"]
    assert [len(same) for same in found.values()] == [1, 1, 1, 1]
    (parent,) = found["default"]
    assert parent.info.run_id == sent.facts["parent_run_id"]
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
        assert run.info.run_id == sent.facts["runs"][content["job"]]
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["ecg_ccta.record"] == sha256_json(content)
        assert run.data.tags["rule"] == content["rule"]
        assert run.data.tags["git_commit"] == "a" * 40
        assert run.data.params == {"seed": "7", "evaluation.level": "0.95", "evaluation.words": "['a']"}
        assert {"auc.LM": 0.8, "seconds": 10.5}.items() <= run.data.metrics.items()
        assert run.info.end_time - run.info.start_time == 10_500
    loss = client.get_metric_history(sent.facts["runs"]["finetune fold0"], "loss")
    assert sorted((metric.step, metric.value) for metric in loss) == [(0, 0.7), (1, 0.5), (2, 0.4)]
    expected = {
        "admit_ecgs ours": {"record.json", "admit_ecgs.py", "ours.log", "ours.flow.json", "table1_ours.csv"},
        "finetune fold0": {"record.json", "finetune.py", "fold0.log"},
        "validate ours": {"record.json", "validate.py", "ours.log", "roc.csv", "roc.svg", "roc.png"},
    }
    assert {job: artefacts(run_id, uri) for job, run_id in sent.facts["runs"].items()} == expected


def test_one_parent_and_one_child_per_record(study):
    sent = send_records(STUDY, study, RESULTS.resolve())
    assert sent.facts["status"] == "sent"
    assert sent.sent == 3
    assert sent.facts["tracking_uri"] == tracking_uri(RESULTS.resolve())
    assert sent.facts["records"] == {path.relative_to(RESULTS).as_posix(): sha256(path) for path in study}
    assert_complete(sent, study, tracking_uri(RESULTS.resolve()))
    stored = [path.name for path in (RESULTS / "mlflow-artifacts").rglob("*") if path.is_file()]
    assert not [name for name in stored if name.endswith((".parquet", ".npy", ".safetensors"))]
    assert "ours.csv" not in stored, "a table of the folder risk has a row per patient"


def test_sending_again_sends_nothing(study):
    first = send_records(STUDY, study, RESULTS.resolve())
    again = send_records(STUDY, study, RESULTS.resolve())
    assert again.sent == 0
    assert (again.facts["parent_run_id"], again.facts["runs"]) == (first.facts["parent_run_id"], first.facts["runs"])
    assert_complete(again, study, tracking_uri(RESULTS.resolve()))


def test_a_job_that_ran_anew_supersedes_its_run_and_can_be_taken_back(study, make_record):
    first = send_records(STUDY, study, RESULTS.resolve())
    before = study[2].read_text()
    make_record("validate", "ours", ["tables/roc.csv"], auc=0.9)
    second = send_records(STUDY, study, RESULTS.resolve())
    assert second.sent == 1
    assert {job for job in first.facts["runs"] if first.facts["runs"][job] != second.facts["runs"][job]} == {
        "validate ours"
    }
    found = runs()["validate ours"]
    assert len(found) == 2, "the older run is kept"
    assert [run.data.metrics["auc.LM"] for run in found if is_complete(run)] == [0.9]
    # The older state of the results comes back, such as from a backup: nothing is new, but what counts changes.
    study[2].write_text(before)
    third = send_records(STUDY, study, RESULTS.resolve())
    assert third.sent == 0
    assert third.facts["runs"] == first.facts["runs"]
    assert [run.data.metrics["auc.LM"] for run in runs()["validate ours"] if is_complete(run)] == [0.8]


def test_another_configuration_is_another_parent(study):
    first = send_records(STUDY, study, RESULTS.resolve())
    second = send_records({**STUDY, "seed": 8}, study, RESULTS.resolve())
    assert second.sent == 3
    assert second.facts["parent_run_id"] != first.facts["parent_run_id"]
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
    assert postponed.facts["status"] == "pending"
    assert postponed.facts["reason"] == "the line is dead"
    assert postponed.facts["records"] == {path.relative_to(RESULTS).as_posix(): sha256(path) for path in study}
    again = send_or_postpone(STUDY, study, RESULTS.resolve())
    assert again.facts["status"] == "sent"
    assert_complete(again, study, tracking_uri(RESULTS.resolve()))
    assert send_or_postpone(STUDY, study, RESULTS.resolve()).sent == 0


def test_a_study_may_have_the_name_of_a_folder_with_patients(study):
    path = study[2]
    content = json.loads(path.read_text())
    outputs = [Path("results/risk/tables/auc.csv"), Path("results/risk/risk/ours.csv")]
    for output in outputs:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text("x")
    path.write_text(json.dumps({**content, "outputs": {str(output): "0" for output in outputs}}))
    sent = send_records({**STUDY, "study": "risk"}, [path], RESULTS.resolve())
    assert artefacts(sent.facts["runs"]["validate ours"]) == {"record.json", "ours.log", "auc.csv", "validate.py"}


def test_a_result_that_is_gone_is_said(study, caplog):
    (RESULTS / "default" / "tables" / "roc.csv").unlink()
    sent = send_records(STUDY, study, RESULTS.resolve())
    assert sent.sent == 3
    assert "validate ours: not logged, because results/default/tables/roc.csv is missing" in caplog.text


def test_a_password_in_the_uri_is_not_written_down(study, monkeypatch, caplog):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:s3cret@127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with caplog.at_level("INFO"):
        postponed = send_or_postpone(STUDY, study, RESULTS.resolve())
    assert postponed.facts["tracking_uri"] == "http://127.0.0.1:1"
    for shown in (str(postponed.facts), caplog.text):
        assert "s3cret" not in shown


def test_an_error_without_words_is_named_by_its_kind(study, monkeypatch):
    def fail(*_):
        raise TimeoutError

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", fail)
    assert send_or_postpone(STUDY, study, RESULTS.resolve()).facts["reason"] == "TimeoutError"


def test_a_run_names_the_runs_before_and_after_it_and_the_hashes_of_its_files(study):
    sent = send_records(STUDY, study, RESULTS.resolve())
    runs_of = sent.facts["runs"]
    client = MlflowClient(sent.facts["tracking_uri"])
    tags = {job: client.get_run(run_id).data.tags for job, run_id in runs_of.items()}
    admit, finetune, validate = (runs_of[job] for job in ("admit_ecgs ours", "finetune fold0", "validate ours"))
    assert tags["admit_ecgs ours"]["ecg_ccta.upstream"] == ""
    assert tags["admit_ecgs ours"]["ecg_ccta.downstream"] == f"{finetune} {validate}"
    assert tags["validate ours"]["ecg_ccta.upstream"] == f"{admit} {finetune}"
    note = tags["validate ours"]["mlflow.note.content"]
    assert f"[finetune fold0](#/experiments/{sent.facts['experiment_id']}/runs/{finetune})" in note
    for job, path in zip(runs_of, study, strict=True):
        content = json.loads(path.read_text())
        for kind in ("input", "output"):
            found = {name.removeprefix(f"{kind}/"): value for name, value in tags[job].items() if name.startswith(kind)}
            assert found == content[f"{kind}s"]


def test_data_sets_say_who_taught_and_who_tested(study):
    sent = send_records(STUDY, study, RESULTS.resolve())
    client = MlflowClient(sent.facts["tracking_uri"])

    def inputs(job: str) -> dict:
        found = client.get_run(sent.facts["runs"][job]).inputs.dataset_inputs
        return {item.tags[0].value: item.dataset for item in found}

    assert inputs("admit_ecgs ours") == {}
    fold, test = inputs("finetune fold0"), inputs("validate ours")["test"]
    assert (fold["training"].digest, fold["validation"].digest) == ("a" * 36, "b" * 36)
    assert json.loads(fold["validation"].profile) == {"num_rows": 10, "ecgs": 10, "patients": 9, "sha256": "b" * 64}
    assert test.name == "cohort of ours"
    assert json.loads(test.profile)["patients"] == 90
    assert json.loads(test.profile)["sha256"] == sha256(RESULTS / "default/cohort/ours.parquet")


def test_a_readers_own_description_stays(study, make_record):
    sent = send_records(STUDY, study, RESULTS.resolve())
    client = MlflowClient(sent.facts["tracking_uri"])
    for job, words in (("admit_ecgs ours", "seen by the auditor"), ("finetune fold0", None)):
        if words:
            client.set_tag(sent.facts["runs"][job], "mlflow.note.content", words)
    study.append(make_record("predict", "ours", ["tables/more.csv"], ("cohort/ours.parquet", "models/fold0")))
    again = send_records(STUDY, study, RESULTS.resolve())
    notes = {job: client.get_run(again.facts["runs"][job]).data.tags for job in ("admit_ecgs ours", "finetune fold0")}
    assert notes["admit_ecgs ours"]["mlflow.note.content"] == "seen by the auditor"
    assert again.facts["runs"]["predict ours"] in notes["admit_ecgs ours"]["ecg_ccta.downstream"]
    assert "predict ours" in notes["finetune fold0"]["mlflow.note.content"]
