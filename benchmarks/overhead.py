"""What running a finished study as a workflow cost beside its work; prints a table and the ratio.

    python benchmarks/overhead.py [results/default ...]

The baseline is the work alone: the seconds inside the jobs' blocks less those of their import statements, which is what
the same library calls take in one process that has everything imported. Overhead is all else of the jobs' wall time:
interpreters that start and end, imports, hashes, records. Several folders, as a study's, its negative control's and
its foundation's, are added up. To hold: overhead at most a quarter of the wall time of all jobs.
"""

import sys
from pathlib import Path

from ecg_ccta.tracking.overhead import job_times, time_by_rule

LIMIT = 0.25


def records_in(folder: Path) -> list[Path]:
    """Records of a study's folder, or of a foundation's."""
    return sorted([*folder.glob("records/*/*.json"), *folder.glob("record.json")])


def main() -> None:
    folders = [Path(name) for name in sys.argv[1:]] or [
        *(Path("results") / name for name in ("default", "negative-control")),
        *Path("results/foundation").glob("*"),
    ]
    table = time_by_rule(job_times(path for folder in folders for path in records_in(folder)))
    if table.empty:
        sys.exit(
            f"no job of {', '.join(map(str, folders))} has left both a record with its import time and a benchmark"
        )
    print(f"{'rule':<26} {'jobs':>5} {'work, s':>9} {'imports':>9} {'other':>9} {'overhead':>9}")
    for row in table.itertuples():
        print(
            f"{row.rule:<26} {row.jobs:>5} {row.work_seconds:>9.1f} {row.import_seconds:>9.1f} "
            f"{row.other_seconds:>9.1f} {100 * row.overhead:>8.0f}%"
        )
    total = table.iloc[-1]
    print(
        f"\n{total['wall_seconds'] / total['work_seconds']:.2f} times the work alone; "
        f"overhead {100 * total['overhead']:.1f} % of the jobs' wall time (limit {100 * LIMIT:.0f} %)"
    )


if __name__ == "__main__":
    main()
