"""Where the jobs' time goes: work, and all else that running it as a job costs."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ecg_ccta.files import read_json

TIME_COLUMNS = ["rule", "jobs", "wall_seconds", "work_seconds", "other_seconds", "overhead"]


def job_times(records: Iterable[Path]) -> pd.DataFrame:
    """One row per job whose record and benchmark file exist, in the order of their start.

    `wall_seconds` is what Snakemake's benchmark measured around the whole process. `work_seconds` is what the job's
    block took, import statements included, and `other_seconds` what is left: the start and the end of the interpreter,
    hashes of inputs and outputs, the record.

    Parameters
    ----------
    records : the jobs' records, results/<study>/records/<rule>/<job>.json; the benchmark lies beside them as
        results/<study>/benchmarks/<rule>/<job>.tsv, for a foundation as <rule>.tsv in the record's own folder
    """
    rows = []
    for path in records:
        record = read_json(path)
        if not (benchmark := benchmark_of(path, record["rule"])).exists():
            continue
        wall = float(pd.read_csv(benchmark, sep="\t")["s"].iloc[0])
        work = float(record["seconds"])
        rows.append(
            {
                "rule": record["rule"],
                "job": record["job"],
                "started_at": record["started_at"],
                "wall_seconds": wall,
                "work_seconds": work,
                # The benchmark's clock is read to a hundredth.
                "other_seconds": max(wall - work, 0.0),
            }
        )
    columns = ["rule", "job", "started_at", *TIME_COLUMNS[2:-1]]
    return pd.DataFrame(rows, columns=columns).sort_values("started_at", kind="stable", ignore_index=True)


def benchmark_of(record: Path, rule: str) -> Path:
    """The benchmark file of the job that wrote a record."""
    if record.parent.parent.name == "records":
        return record.parents[2] / "benchmarks" / rule / f"{record.stem}.tsv"
    return record.with_name(f"{rule}.tsv")


def time_by_rule(jobs: pd.DataFrame) -> pd.DataFrame:
    """`job_times` summed by rule, in the order of their first job, and a last row `all`.

    `overhead` is the proportion of the wall time that was no work.
    """
    parts = TIME_COLUMNS[2:-1]
    table = jobs.groupby("rule", sort=False)[parts].sum()
    table.insert(0, "jobs", jobs.groupby("rule", sort=False).size())
    if len(table):
        table.loc["all"] = table.sum()
    table["overhead"] = 1 - table["work_seconds"] / table["wall_seconds"]
    return table.astype({"jobs": int}).round(4).rename_axis("rule").reset_index()[TIME_COLUMNS]
