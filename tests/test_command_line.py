"""The command `ecg-ccta`: exit codes, messages that help, and help texts that teach."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ecg_ccta.cohort.pseudonyms import pseudonym, site_key
from ecg_ccta.command_line import app
from ecg_ccta.config import load
from ecg_ccta.files import sha256, sha256_json
from ecg_ccta.tracking.sent import Tracking, write_tracking

ROOT = Path(__file__).resolve().parents[1]


def ecg_ccta(*arguments: str) -> Result:
    result = CliRunner(env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"}).invoke(app, list(arguments))
    # Anything but a wanted exit is a defect that the user would see as a traceback.
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def words(text: str) -> str:
    """Text without line breaks and the box that help is drawn in."""
    return " ".join(text.replace("│", " ").split())


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    """A copy of the project's configuration to stand in, with room for exports and results."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    shutil.copy(ROOT / "config.yaml", tmp_path)
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    return tmp_path


def write_export(folder: Path, grade: str = "severe") -> None:
    tables = {
        "ecg_index": [{"ecg_id": "ECG-77", "patient_id": "PAT-88", "path": "records/a", "recorded_at": "2022-05-01"}],
        "ccta": [
            {"patient_id": "PAT-88", "performed_at": "2022-05-02", "RCA": grade, "LM": "none", "LAD": "", "LCX": "mild"}
        ],
    }
    folder.mkdir(parents=True)
    for name, rows in tables.items():
        with (folder / f"{name}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


OURS = """\
study: ours
title: Ours
negative_control: null
sites:
  internal: null
  external: null
  ours:
    role: development
    export: data/ours
    pseudonym_key: ours.key
    tables: {patients: null, follow_up: null}
"""


@pytest.fixture
def ours(project) -> Path:
    write_export(project / "data" / "ours")
    (project / "ours.key").write_text("0123456789abcdef0123456789abcdef")
    path = project / "ours.yaml"
    path.write_text(OURS)
    return path


def test_help_teaches_the_three_commands_and_the_way_to_a_study():
    text = words(ecg_ccta("--help").output)
    for part in (
        "snakemake --cores all",
        "check",
        "sync",
        "verify",
        "audit",
        "pseudonym",
        "explain",
        "before anything",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        ("check", ("negative control", "hospital export", "studies/hospital.yaml")),
        ("sync", ("MLflow", "nothing is sent twice", "MLFLOW_TRACKING_URI", "results/mlflow.db")),
        ("verify", ("changed since its job recorded it", "Ends with 1")),
        ("audit", ("results/mlflow.db", "AUDIT_PORT", "this machine alone")),
        ("pseudonym", ("pseudonym", "secret key", "patient or ecg")),
        (
            "explain",
            ("WFDB", "any hospital", "to scale when printed", "refused with the reason", ".pdf"),
        ),
    ],
)
def test_help_of_a_command(command, parts):
    result = ecg_ccta(command, "--help")
    assert result.exit_code == 0
    for part in parts:
        assert part in words(result.output)


def test_an_unknown_command_is_an_error_of_use():
    assert ecg_ccta("chekc").exit_code == 2  # codespell:ignore


def test_check_of_the_default_study():
    result = ecg_ccta("check")
    assert result.exit_code == 0, result.output
    assert result.output == "default: 2 site(s), 5 folds; nothing wrong found\n"


def test_check_of_a_hospital(ours):
    result = ecg_ccta("check", str(ours))
    assert result.exit_code == 0, result.output
    assert result.output.startswith("ours: 1 site(s)")
    assert not Path("private").exists(), "checking makes no key"
    assert not Path("results").exists()


def test_check_names_a_wrong_key(ours):
    ours.write_text(OURS + "trainig: {epochs: 1}\n")  # codespell:ignore
    result = ecg_ccta("check", str(ours))
    assert result.exit_code == 1
    assert "trainig: unknown key; did you mean training?" in result.stderr  # codespell:ignore
    assert result.stdout == ""


def test_check_names_the_fault_of_a_table_and_no_patient(ours):
    shutil.rmtree("data")
    write_export(Path("data/ours"), grade="hochgradig")
    result = ecg_ccta("check", str(ours))
    assert result.exit_code == 1
    for part in ("ccta.csv", "RCA", "row 2", "hochgradig", "grade_words"):
        assert part in result.stderr
    assert "88" not in result.stderr
    assert "77" not in result.stderr


def test_check_reads_the_labels_of_an_intermediate_site(ours):
    write_export(Path("data/registry"))
    training = "{epochs: 1, patience: 1, batch_size: 8, learning_rate: 0.001, weight_decay: 0}"
    tables = "{ccta: null, patients: null, follow_up: null}"
    ours.write_text(
        f"{OURS}  registry:\n    role: intermediate\n    export: data/registry\n    tables: {tables}\n"
        f"intermediate: {{labels: [infarction], training: {training}}}\n"
    )
    result = ecg_ccta("check", str(ours))
    assert result.exit_code == 1
    assert "site registry: ecg_index.csv, row 1: column infarction is missing" in result.stderr


def test_check_names_a_missing_export_and_a_missing_overlay(ours):
    shutil.rmtree("data")
    result = ecg_ccta("check", str(ours))
    assert result.exit_code == 1
    assert "data/ours" in result.stderr
    result = ecg_ccta("check", "none.yaml")
    assert result.exit_code == 1
    assert "none.yaml: no such config file" in result.stderr


def test_check_looks_at_the_negative_control_too(project):
    control = project / "studies" / "negative-control.yaml"
    control.write_text(control.read_text() + "cohrt: {}\n")
    result = ecg_ccta("check")
    assert result.exit_code == 1
    assert "negative-control.yaml" in result.stderr
    assert "did you mean cohort?" in result.stderr


def test_pseudonym_is_that_of_the_cohort(ours):
    study = load(ours)
    key = site_key("ours", study.sites["ours"], study.seed)
    for kind in ("patient", "ecg"):
        result = ecg_ccta("pseudonym", "ours", " PAT-88 ", "--kind", kind, "--overlay", str(ours))
        assert result.exit_code == 0
        assert result.output == pseudonym(key, kind, "PAT-88") + "\n"
    assert ecg_ccta("pseudonym", "ours", "PAT-88", "--overlay", str(ours)).output.strip() == pseudonym(
        key, "patient", "PAT-88"
    ), "a patient unless said otherwise"


def test_pseudonym_refuses_what_it_does_not_know(ours):
    result = ecg_ccta("pseudonym", "theirs", "PAT-88", "--overlay", str(ours))
    assert result.exit_code == 1
    assert "no site theirs; the study has ours" in result.stderr
    result = ecg_ccta("pseudonym", "ours", "PAT-88", "--kind", "doctor", "--overlay", str(ours))
    assert result.exit_code == 1
    assert "give patient or ecg" in result.stderr
    Path("ours.key").unlink()
    result = ecg_ccta("pseudonym", "ours", "PAT-88", "--overlay", str(ours))
    assert result.exit_code == 1
    assert "ours.key" in result.stderr
    assert "PAT-88" not in result.output


@pytest.fixture
def ran(project, empty_mlflow_database) -> Path:
    """What a study leaves that ran while the MLflow server was down; returns its folder."""
    folder = project / "results" / "default"
    record = folder / "records" / "validate" / "ours.json"
    record.parent.mkdir(parents=True)
    shutil.copy(empty_mlflow_database, project / "results" / "mlflow.db")
    content = {
        "rule": "validate",
        "job": "validate ours",
        "wildcards": {"site": "ours"},
        "started_at": "2026-01-02T03:04:05.000+00:00",
        "finished_at": "2026-01-02T03:04:15.500+00:00",
        "seconds": 10.5,
        "seed": 7,
        "parameters": {},
        "parameters_sha256": "0" * 64,
        "metrics": {"auc.LM": 0.8},
        "series": {},
        "inputs": {},
        "outputs": {},
        "git_commit": "a" * 40,
        "host": "here",
        "log": "none.log",
    }
    record.write_text(json.dumps(content))
    stale = folder / "records" / "validate" / "site-of-an-earlier-configuration.json"
    stale.write_text(json.dumps({**content, "job": "validate earlier"}))
    (folder / "config.json").write_text(json.dumps({"study": "default", "seed": 7}))
    pending = Tracking.of([record], project / "results", {"status": "pending", "reason": "no answer"}, 0)
    write_tracking(pending, folder / "tracking.json")
    return folder


def test_sync_sends_what_waits_and_nothing_twice(ran, project):
    from mlflow.tracking import MlflowClient

    results = str(project / "results")
    result = ecg_ccta("sync", "--results", results)
    assert result.exit_code == 0, result.output
    assert f"sent 1 run(s) to sqlite:///{results}/mlflow.db" in result.output
    tracking = json.loads((ran / "tracking.json").read_text())
    assert tracking["status"] == "sent"
    assert list(tracking["runs"]) == ["validate ours"], "records of an earlier configuration are not this study's"
    run = MlflowClient(tracking["tracking_uri"]).get_run(tracking["runs"]["validate ours"])
    assert run.data.metrics["auc.LM"] == 0.8
    content = json.loads((ran / "records" / "validate" / "ours.json").read_text())
    assert run.data.tags["ecg_ccta.record"] == sha256_json(content)
    assert "sent 0 run(s)" in ecg_ccta("sync", "default", "--results", results).output


def test_sync_with_a_server_that_is_down_says_so_and_changes_nothing(ran, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:s3cret@127.0.0.1:1")
    before = (ran / "tracking.json").read_bytes()
    result = ecg_ccta("sync")
    assert result.exit_code == 1
    assert "http://127.0.0.1:1: " in result.stderr
    assert "nothing is lost, try again later" in result.stderr
    assert "s3cret" not in result.output
    assert (ran / "tracking.json").read_bytes() == before


def test_sync_of_a_study_that_did_not_run(project):
    result = ecg_ccta("sync", "mine")
    assert result.exit_code == 1
    assert "results/mine/tracking.json: missing; run the study to its end first" in result.stderr


def test_explain_says_what_is_missing_of_a_study():
    result = ecg_ccta("explain", "nothing")
    assert result.exit_code == 1
    assert "results/default/config.json: missing; run the study default to its end first" in result.stderr
    result = ecg_ccta("explain", "nothing", "--output", "page.doc")
    assert result.exit_code == 1
    assert "ends with .pdf, .svg, .png" in result.stderr


def test_sync_refuses_what_was_changed_by_hand(ran):
    tracking = ran / "tracking.json"
    tracking.write_text(tracking.read_text().replace("pending", "sent"))
    result = ecg_ccta("sync")
    assert result.exit_code == 1
    assert "tracking.json: was changed after it was written" in result.stderr


def test_verify_names_a_changed_file_its_hashes_and_its_rule(ran):
    table = ran / "tables" / "auc.csv"
    table.parent.mkdir()
    table.write_text("auc\n0.8\n")
    record = ran / "records" / "validate" / "ours.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "outputs": {"results/default/tables/auc.csv": sha256(table)}}))
    facts = {"status": "pending", "reason": "no answer"}
    write_tracking(Tracking.of([record], Path("results"), facts, 0), ran / "tracking.json")
    result = ecg_ccta("verify", "default")
    assert result.exit_code == 0, result.output
    assert "default: 3 recorded files and folders, nothing changed" in result.output
    before = sha256(table)
    table.write_text("auc\n0.9\n")
    result = ecg_ccta("verify", "default")
    assert result.exit_code == 1
    line = f"changed: results/default/tables/auc.csv: expected {before}, found {sha256(table)}, recorded by validate"
    assert line in result.stdout
    assert "default: 1 difference(s) in 3 recorded files" in result.stderr


def test_verify_and_audit_of_a_study_that_did_not_run(project):
    result = ecg_ccta("verify", "mine")
    assert result.exit_code == 1
    assert "results/mine/tracking.json: missing; run the study to its end first" in result.stderr
    result = ecg_ccta("audit")
    assert result.exit_code == 1
    assert "results/mlflow.db: missing; run a study first" in result.stderr
