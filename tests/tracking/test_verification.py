"""A changed byte is found wherever it lies, and named with its rule."""

import json
import shutil
from pathlib import Path

import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256, write_json
from ecg_ccta.tracking.sent import Tracking, read_tracking, write_tracking
from ecg_ccta.tracking.verification import Difference, verify

SENT = {"status": "sent", "tracking_uri": "sqlite:///x", "experiment_id": "1", "parent_run_id": "p", "runs": {}}


@pytest.fixture
def results(tmp_path, monkeypatch, make_study, make_record) -> Path:
    """A finished study of three jobs and a report."""
    monkeypatch.chdir(tmp_path)
    results = Path("results")
    records = make_study(results)
    write_json(results / "default/config.json", {"study": "default"})
    write_tracking(Tracking.of(records, results, SENT, 3), results / "default/tracking.json")
    read = ("tracking.json", *(path.relative_to(results / "default").as_posix() for path in records))
    report = make_record("build_report", "report", ["report/index.html"], read)
    write_tracking(Tracking.of([*records, report], results, SENT, 1), results / "default/report_tracking.json")
    return results


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_an_untouched_study_has_no_difference(results):
    found = verify("default", results)
    assert found.differences == []
    assert found.files == 16


def test_one_byte_of_any_file_is_found(results):
    """First, middle and last byte of everything but logs."""
    files = [path for path in (results / "default").rglob("*") if path.is_file() and "logs" not in path.parts]
    assert len(files) == 17
    for path in files:
        before = path.read_bytes()
        for at in {0, len(before) // 2, len(before) - 1}:
            flip(path, at)
            if path.name in ("tracking.json", "report_tracking.json"):
                with pytest.raises(StudyError, match=rf"{path}: (not a|was changed)"):
                    verify("default", results)
            else:
                named = path.parent if path.name == "model.json" else path
                differences = {difference.file: difference for difference in verify("default", results).differences}
                assert differences[str(named)].kind == "changed"
                assert differences[str(named)].found == sha256(named)
            path.write_bytes(before)
    assert verify("default", results).differences == []


@pytest.mark.parametrize("damage", ['"oetputs": {', '"outputs": [{', '"outputs": {{'])
def test_a_record_that_is_none_any_more_is_named(results, damage):
    record = results / "default/records/validate/ours.json"
    record.write_text(record.read_text().replace('"outputs": {', damage))
    differences = verify("default", results).differences
    assert {"results/default/records/validate/ours.json"} == {
        item.file for item in differences if item.kind == "changed"
    }


def test_a_difference_names_both_hashes_and_the_rule(results):
    table = results / "default/tables/roc.csv"
    before = sha256(table)
    flip(table, 0)
    assert verify("default", results).differences == [
        Difference("changed", "results/default/tables/roc.csv", before, sha256(table), "validate")
    ]


def test_what_is_gone_and_what_nobody_made(results):
    (results / "default/figures/roc.png").unlink()
    shutil.rmtree(results / "default/models/fold0")
    (results / "default/tables/mine.csv").write_text("1\n")
    (results / "default/models/fold7").mkdir()
    (results / "default/models/fold7/model.json").write_text("{}")
    (results / "default/tables/.cache").write_text("hidden files are tools' own")
    found = {
        (found.kind, found.file.removeprefix("results/default/")) for found in verify("default", results).differences
    }
    assert found == {
        ("missing", "figures/roc.png"),
        ("missing", "models/fold0"),
        ("unrecorded", "models/fold7/model.json"),
        ("unrecorded", "tables/mine.csv"),
    }


def test_a_result_of_an_older_input_is_stale(results, make_record):
    """The cohort was made anew, and what was made from the older one was not."""
    admitted = results / "default/records/admit_ecgs/ours.json"
    content = json.loads(admitted.read_text())
    cohort = results / "default/cohort/ours.parquet"
    older = sha256(cohort)
    cohort.write_text("another cohort")
    content["outputs"]["results/default/cohort/ours.parquet"] = sha256(cohort)
    admitted.write_text(json.dumps(content))
    found = verify("default", results).differences
    stale = [(item.expected, item.found, item.rule) for item in found if item.kind == "stale"]
    assert stale == [(sha256(cohort), older, "finetune"), (sha256(cohort), older, "validate")]


def test_tables_of_an_export_outside_the_results(results, make_record, tmp_path):
    export = tmp_path / "export"
    export.mkdir()
    (export / "ecg_index.csv").write_text("ecg_id\n")
    (export / "ccta.csv").write_text("patient_id\n")
    record = results / "default/records/validate/ours.json"
    content = json.loads(record.read_text())
    from ecg_ccta.tracking.records import input_hash

    content["inputs"][str(export)] = input_hash(export)
    record.write_text(json.dumps(content))
    tracking = results / "default/tracking.json"
    records = [results / name for name in read_tracking(tracking)["records"]]
    (results / "default/report_tracking.json").unlink()
    shutil.rmtree(results / "default/report")
    write_tracking(Tracking.of(records, results, SENT, 3), tracking)
    assert verify("default", results).differences == []
    (export / "ccta.csv").write_text("patient_id\nP1\n")
    assert [found.file for found in verify("default", results).differences] == [str(export)]


def test_results_that_moved_are_the_same(results, tmp_path):
    moved = tmp_path / "elsewhere" / "outcomes"
    moved.parent.mkdir()
    results.rename(moved)
    assert verify("default", moved).differences == []


def test_every_file_is_passed_on_to_the_progress_bar(results):
    seen = []
    verify("default", results, lambda names: (seen.append(name) or name for name in names))
    assert len(seen) == len(set(seen)) == 16
    assert "results/default/report/index.html" in seen
