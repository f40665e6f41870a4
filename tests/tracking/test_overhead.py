"""Seconds of work and of overhead, from records and benchmark files written by hand."""

import json

import pandas as pd
import pytest

from ecg_ccta.tracking.overhead import job_times, time_by_rule


@pytest.fixture
def write_job(tmp_path):
    """Function that writes a job's record and, with `wall`, its benchmark; the record's path."""

    def make(rule, job, start, seconds, wall):
        record = tmp_path / f"records/{rule}/{job}.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        content = {"rule": rule, "job": f"{rule} {job}", "seconds": seconds}
        content["started_at"] = f"2026-01-01T00:00:{start:02d}.000+00:00"
        record.write_text(json.dumps(content))
        if wall is not None:
            benchmark = tmp_path / f"benchmarks/{rule}/{job}.tsv"
            benchmark.parent.mkdir(parents=True, exist_ok=True)
            benchmark.write_text(f"s\th:m:s\tmax_rss\n{wall}\t0:00:01\t-\n")
        return record

    return make


def test_time_is_divided_into_work_and_the_rest(write_job):
    records = [
        write_job("predict", "a", 20, seconds=4.0, wall=4.5),
        write_job("clean_signals", "a-0", 10, seconds=8.0, wall=8.5),
        write_job("clean_signals", "a-1", 11, seconds=6.0, wall=6.25),
    ]
    table = time_by_rule(job_times(records)).set_index("rule")
    assert list(table.index) == ["clean_signals", "predict", "all"]
    assert table.loc["clean_signals"].to_dict() == {
        "jobs": 2,
        "wall_seconds": 14.75,
        "work_seconds": 14.0,
        "other_seconds": 0.75,
        "overhead": pytest.approx(0.75 / 14.75, abs=1e-4),
    }
    assert table.loc["all", "jobs"] == 3
    assert table.loc["all", "overhead"] == pytest.approx((19.25 - 18.0) / 19.25, abs=1e-4)
    parts = table[["work_seconds", "other_seconds"]].sum(axis="columns")
    assert parts.to_numpy() == pytest.approx(table["wall_seconds"])


def test_a_job_without_benchmark_is_left_out(write_job):
    records = [write_job("validate", "a", 1, seconds=4.0, wall=None)]
    assert job_times(records).empty
    assert time_by_rule(job_times(records)).empty


def test_a_foundations_benchmark_lies_beside_its_record(tmp_path):
    record = tmp_path / "foundation/tiny/record.json"
    record.parent.mkdir(parents=True)
    content = {"rule": "pretrain_foundation", "job": "pretrain_foundation tiny", "started_at": "2026-01-01T00:00:00"}
    record.write_text(json.dumps({**content, "seconds": 3.0}))
    (record.parent / "pretrain_foundation.tsv").write_text("s\th:m:s\n4.0\t0:00:04\n")
    found = job_times([record])
    pd.testing.assert_series_equal(
        found[["wall_seconds", "work_seconds", "other_seconds"]].iloc[0],
        pd.Series([4.0, 3.0, 1.0], ["wall_seconds", "work_seconds", "other_seconds"]),
        check_names=False,
    )
