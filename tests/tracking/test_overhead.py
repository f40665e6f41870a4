"""Seconds of work and of overhead, from records and benchmark files written by hand; imports from modules made slow."""

import gc
import importlib
import json
import sys
import threading
import time

import pandas as pd
import pytest

from ecg_ccta.tracking.imports import timed_imports
from ecg_ccta.tracking.overhead import job_times, time_by_rule


@pytest.fixture
def slow_module(tmp_path, monkeypatch):
    """Function (name, seconds, body) that makes a module whose import takes so long."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name, seconds, body=""):
        (tmp_path / f"{name}.py").write_text(f"import time\ntime.sleep({seconds})\n{body}\n")
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, name, raising=False)

    return make


def test_outermost_imports_are_timed_once_and_work_is_not(slow_module):
    slow_module("slow_inner", 0.1)
    slow_module("slow_outer", 0.2, "import slow_inner")
    with timed_imports() as found:
        import slow_outer  # noqa: F401

        time.sleep(0.3)
        import slow_inner  # noqa: F401
    assert 0.3 <= found.seconds < 0.5


def test_an_import_that_fails_is_timed_and_everything_is_as_before(slow_module):
    slow_module("slow_broken", 0.1, "raise ImportError('as planned')")
    before = __import__
    with pytest.raises(ImportError, match="as planned"), timed_imports() as found:
        import slow_broken  # noqa: F401
    assert 0.1 <= found.seconds < 0.3
    assert __import__ is before


def test_the_garbage_collector_rests_during_an_import_alone(slow_module):
    slow_module("slow_collecting", 0.0, "import gc\nwhile_importing = gc.isenabled()")
    with timed_imports():
        import slow_collecting

        assert gc.isenabled()
    assert not slow_collecting.while_importing
    gc.disable()
    try:
        with timed_imports():
            import json.tool  # noqa: F401
        assert not gc.isenabled(), "who had switched it off finds it so"
    finally:
        gc.enable()


def test_other_threads_do_not_count(slow_module):
    slow_module("slow_elsewhere", 0.2)
    with timed_imports() as found:
        thread = threading.Thread(target=lambda: __import__("slow_elsewhere"))
        thread.start()
        thread.join()
    assert found.seconds < 0.1


@pytest.fixture
def write_job(tmp_path):
    """Function that writes a job's record and, with `wall`, its benchmark; the record's path."""

    def make(rule, job, start, seconds, imports, wall):
        record = tmp_path / f"records/{rule}/{job}.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        content = {"rule": rule, "job": f"{rule} {job}", "seconds": seconds, "import_seconds": imports}
        content["started_at"] = f"2026-01-01T00:00:{start:02d}.000+00:00"
        record.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
        if wall is not None:
            benchmark = tmp_path / f"benchmarks/{rule}/{job}.tsv"
            benchmark.parent.mkdir(parents=True, exist_ok=True)
            benchmark.write_text(f"s\th:m:s\tmax_rss\n{wall}\t0:00:01\t-\n")
        return record

    return make


def test_time_is_divided_into_work_imports_and_the_rest(write_job):
    records = [
        write_job("predict", "a", 20, seconds=4.0, imports=1.0, wall=4.5),
        write_job("clean_signals", "a-0", 10, seconds=8.0, imports=1.0, wall=8.5),
        write_job("clean_signals", "a-1", 11, seconds=6.0, imports=0.5, wall=6.25),
    ]
    table = time_by_rule(job_times(records)).set_index("rule")
    assert list(table.index) == ["clean_signals", "predict", "all"]
    assert table.loc["clean_signals"].to_dict() == {
        "jobs": 2,
        "wall_seconds": 14.75,
        "work_seconds": 12.5,
        "import_seconds": 1.5,
        "other_seconds": 0.75,
        "overhead": pytest.approx(2.25 / 14.75, abs=1e-4),
    }
    assert table.loc["all", "jobs"] == 3
    assert table.loc["all", "overhead"] == pytest.approx((19.25 - 15.5) / 19.25, abs=1e-4)
    parts = table[["work_seconds", "import_seconds", "other_seconds"]].sum(axis="columns")
    assert parts.to_numpy() == pytest.approx(table["wall_seconds"])


def test_a_job_without_benchmark_or_without_its_imports_is_left_out(write_job):
    records = [
        write_job("validate", "a", 1, seconds=4.0, imports=1.0, wall=None),
        write_job("validate", "b", 2, seconds=4.0, imports=None, wall=5.0),
    ]
    assert job_times(records).empty
    assert time_by_rule(job_times(records)).empty


def test_a_foundations_benchmark_lies_beside_its_record(tmp_path):
    record = tmp_path / "foundation/tiny/record.json"
    record.parent.mkdir(parents=True)
    content = {"rule": "pretrain_foundation", "job": "pretrain_foundation tiny", "started_at": "2026-01-01T00:00:00"}
    record.write_text(json.dumps({**content, "seconds": 3.0, "import_seconds": 1.0}))
    (record.parent / "pretrain_foundation.tsv").write_text("s\th:m:s\n4.0\t0:00:04\n")
    found = job_times([record])
    pd.testing.assert_series_equal(
        found[["wall_seconds", "work_seconds", "import_seconds", "other_seconds"]].iloc[0],
        pd.Series([4.0, 2.0, 1.0, 1.0], ["wall_seconds", "work_seconds", "import_seconds", "other_seconds"]),
        check_names=False,
    )
