"""Records of jobs, made with the very objects Snakemake hands to a script."""

import json
import logging
import math
import re
import subprocess
import warnings
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, Wildcards

from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256, sha256_json
from ecg_ccta.tracking.progress import log_progress
from ecg_ccta.tracking.records import git_commit, recorded_job


@pytest.fixture(autouse=True)
def _logging_as_before():
    """recorded_job takes over the process's logging, as a job's own process wants it; pytest wants it back."""
    handlers = logging.root.handlers[:]
    level = logging.root.level
    yield
    logging.captureWarnings(False)
    for handler in logging.root.handlers[:]:
        if handler not in handlers:
            logging.root.removeHandler(handler)
            if isinstance(handler, logging.FileHandler):
                handler.close()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def named(kind, **values):
    """A Namedlist as Snakemake fills it: a list of files takes several places under one name."""
    found = kind()
    for name, value in values.items():
        start = len(found)
        many = kind in (InputFiles, OutputFiles) and isinstance(value, list)
        found.extend(value if many else [value])
        found._set_name(name, start, len(found) if many else None)
    return found


@pytest.fixture
def job(tmp_path, monkeypatch) -> SimpleNamespace:
    """A job of fold 2 with inputs of every kind, in a working directory of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("cohort.parquet", "0.npy", "1.npy"):
        Path(name).write_text(name)
    Path("models/fold0").mkdir(parents=True)
    Path("models/fold0/model.json").write_text("{}")
    Path("scripts").mkdir()
    Path("scripts/finetune.py").write_text("fine_tune()\n")
    Path("export/records").mkdir(parents=True)
    Path("export/ecg_index.csv").write_text("ecg_id\n")
    Path("export/ccta.csv").write_text("patient_id\n")
    Path("export/records/1.dat").write_text("ecg")
    return SimpleNamespace(
        rule="finetune",
        wildcards=named(Wildcards, study="default", fold="2"),
        input=named(
            InputFiles, cohort="cohort.parquet", signals=["0.npy", "1.npy"], model="models/fold0", export="export"
        ),
        output=named(OutputFiles, table="out/table.csv", folder="out/folder", record="records/finetune/fold2.json"),
        params=named(Params, seed=7, training={"epochs": 8, "folder": Path("x")}, days=[30, 100]),
        log=Log(["logs/finetune/fold2.log"]),
        threads=1,
        scriptdir="scripts",
    )


def do_work() -> None:
    Path("out/folder").mkdir(parents=True, exist_ok=True)
    Path("out/table.csv").write_text("a\n")
    Path("out/folder/model.json").write_text("{}")


def run(job, work=lambda record: None) -> dict:
    with recorded_job(job) as record:
        do_work()
        work(record)
    return json.loads(Path("records/finetune/fold2.json").read_text())


def exit_code_of(job, error: BaseException) -> int:
    with pytest.raises(SystemExit) as caught, recorded_job(job):
        raise error
    return caught.value.code


def log_text() -> str:
    return Path("logs/finetune/fold2.log").read_text(encoding="utf-8")


def test_a_record_tells_all_of_a_job(job):
    content = run(job)
    assert content["rule"] == "finetune"
    assert content["job"] == "finetune 2"
    assert content["study"] == "default"
    assert content["wildcards"] == {"study": "default", "fold": "2"}
    assert content["seed"] == 7
    assert content["threads"] == 1
    assert content["parameters"] == {"seed": 7, "training": {"epochs": 8, "folder": "x"}, "days": [30, 100]}
    assert content["parameters_sha256"] == sha256_json(content["parameters"])
    assert content["log"] == "logs/finetune/fold2.log"
    assert content["code"] == "fine_tune()\n"
    assert {"python", "numpy", "torch", "mlflow", "pandas"} <= content["versions"].keys()
    assert content["versions"]["numpy"] == np.__version__
    started, finished = (datetime.fromisoformat(content[name]) for name in ("started_at", "finished_at"))
    assert started.tzinfo is not None
    assert (finished - started).total_seconds() == pytest.approx(content["seconds"], abs=0.002)


def test_files_are_hashed(job):
    content = run(job)
    assert content["outputs"] == {path: sha256(path) for path in ("out/table.csv", "out/folder")}
    assert list(content["inputs"]) == ["cohort.parquet", "0.npy", "1.npy", "models/fold0", "export"]
    for path in ("cohort.parquet", "0.npy", "1.npy", "models/fold0"):
        assert content["inputs"][path] == sha256(path)


def test_of_an_export_the_tables_count_and_the_recordings_are_not_read(job):
    first = run(job)["inputs"]["export"]
    Path("export/records/1.dat").write_text("changed")
    assert run(job)["inputs"]["export"] == first
    Path("export/ccta.csv").write_text("patient_id\nP1\n")
    assert run(job)["inputs"]["export"] != first


def test_an_output_is_hashed_as_it_is_when_it_is_the_next_jobs_input(job):
    made = run(job)["outputs"]["out/folder"]
    Path("out/folder/.snakemake_timestamp").touch()
    job.input = named(InputFiles, model="out/folder")
    job.output = named(OutputFiles, record="records/finetune/fold2.json")
    with recorded_job(job):
        pass
    assert json.loads(Path("records/finetune/fold2.json").read_text())["inputs"]["out/folder"] == made


def test_metrics_of_every_kind_of_number(job):
    def work(record):
        record.metrics({"ecgs": 5, "share": np.float32(0.5), "n": np.int64(3), "ok": np.bool_(True), "yes": True})
        record.metrics({"auc": {"LM": 0.9, "LAD": math.nan, "RCA": None, "LCX": math.inf}})
        record.metrics({"mean": pd.Series({"LM": 0.25, "LAD": np.nan})})
        record.metrics({"nested": {"a": {"b": 1}}, "word": "x", "np word": np.str_("x"), "missing": pd.NA})
        record.metrics({"p<0.05 (%)": 1}, prefix="test.")

    assert run(job, work)["metrics"] == {
        "ecgs": 5,
        "share": 0.5,
        "n": 3,
        "ok": 1,
        "yes": 1,
        "auc.LM": 0.9,
        "mean.LM": 0.25,
        "nested.a.b": 1,
        "test.p_0.05 ___": 1,
    }


def test_a_course_leaves_out_what_is_no_number(job):
    def work(record):
        for step, value in enumerate([np.float32(2), None, math.nan, math.inf, 1]):
            record.series("loss", step, value)
        record.series("auc", 0, None)

    # An infinite loss would be refused by JSON and cost the training that had it.
    assert run(job, work)["series"] == {"loss": [[0, 2.0], [4, 1.0]]}


def test_a_study_error_ends_with_its_message_alone(job, capsys):
    message = "ccta.csv: column RCA, row 3 holds 'leicht'; add it to grade_words"
    assert exit_code_of(job, StudyError(message)) == 1
    for shown in (log_text(), capsys.readouterr().err):
        assert f"finetune 2: {message}" in shown
        assert "Traceback" not in shown
    assert not Path("records").exists()


def test_a_defect_shows_where_it_happened(job, capsys):
    assert exit_code_of(job, ZeroDivisionError("division by zero")) == 1
    for shown in (log_text(), capsys.readouterr().err):
        assert "Traceback (most recent call last)" in shown
        assert "test_records.py" in shown
        assert "ZeroDivisionError: division by zero" in shown
    assert not Path("records").exists()


def test_an_output_that_was_not_made_is_an_error(job):
    with pytest.raises(SystemExit), recorded_job(job):
        pass
    assert "out/table.csv" in log_text()
    assert not Path("records").exists()


def test_an_interruption_is_passed_on_and_leaves_no_record(job):
    with pytest.raises(KeyboardInterrupt), recorded_job(job):
        raise KeyboardInterrupt
    assert not Path("records").exists()


def test_a_failed_rerun_leaves_the_record_of_the_run_before(job):
    before = run(job)
    assert exit_code_of(job, StudyError("no")) == 1
    assert json.loads(Path("records/finetune/fold2.json").read_text()) == before


def test_warnings_and_words_of_any_language_reach_the_log(job):
    def work(record):
        warnings.warn("one lead is flat", RuntimeWarning, stacklevel=1)
        logging.getLogger("ecg_ccta.cohort").info("Universitätsklinik: 3 ECGs")

    run(job, work)
    assert "RuntimeWarning: one lead is flat" in log_text()
    assert "finetune 2: Universitätsklinik: 3 ECGs" in log_text()


def test_a_log_is_of_the_last_run_alone(job):
    exit_code_of(job, StudyError("first"))
    exit_code_of(job, StudyError("second"))
    assert "first" not in log_text()


def test_the_commit_says_whether_the_code_was_changed(tmp_path, monkeypatch, system_programs):
    def git(*words: str) -> str:
        named = ["-c", "user.name=A Name", "-c", "user.email=name@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run([program, *named, *words], check=True, capture_output=True, text=True).stdout.strip()

    program = system_programs("git", "git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    repository, elsewhere = tmp_path / "repository", tmp_path / "elsewhere"
    repository.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(repository)
    git("init", "--quiet")
    Path("file.txt").write_text("before")
    git("add", "file.txt")
    git("commit", "--quiet", "--message", "Add a file")
    commit = git("rev-parse", "HEAD")
    assert re.fullmatch(r"[0-9a-f]{40}", commit)
    assert git_commit() == commit
    Path("file.txt").write_text("after")
    assert git_commit() == f"{commit}-dirty"
    monkeypatch.chdir(elsewhere)
    assert git_commit() is None


def test_progress_is_seen_seldom_enough(monkeypatch, caplog):
    clock = [0.0]
    monkeypatch.setattr("ecg_ccta.tracking.progress.time.monotonic", lambda: clock[0])
    with caplog.at_level(logging.INFO):
        note = log_progress("ECGs cleaned")
        for done in range(1, 101):
            clock[0] += 1
            note(done, 100)
    assert len(caplog.messages) == 7
    assert caplog.messages[0] == "15 of 100 ECGs cleaned, 1 per second, 85 s left"
    assert caplog.messages[-1] == "100 of 100 ECGs cleaned, 1 per second, 0 s left"
