"""What running a finished study as a workflow cost beside its work; prints a table and the ratio.

    python benchmarks/overhead.py [results/default ...]

The baseline is the work alone: the seconds inside the jobs' blocks less those of their import statements, which is what
the same library calls take in one process that has everything imported. The imports of a rule's script are timed here,
in a fresh interpreter. Overhead is all else of the jobs' wall time: interpreters that start and end, imports, hashes,
records. Several folders, as a study's, its negative control's and its foundation's, are added up. To hold: overhead at
most a quarter of the wall time of all jobs.
"""

import ast
import subprocess
import sys
from pathlib import Path

from ecg_ccta.tracking.overhead import job_times, time_by_rule

LIMIT = 0.25
SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
TRIES = 3


def records_in(folder: Path) -> list[Path]:
    """List the records of a study's folder, or of a foundation's."""
    return sorted([*folder.glob("records/*/*.json"), *folder.glob("record.json")])


def import_seconds(rule: str) -> float:
    """Time the import statements of a rule's script in a fresh interpreter, the median of `TRIES`."""
    tree = ast.parse((SCRIPTS / f"{rule}.py").read_text(encoding="utf-8"))
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    timed = ["import time", "started = time.perf_counter()", *imports, "print(time.perf_counter() - started)"]
    command = [sys.executable, "-c", "\n".join(timed)]
    taken = [float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(TRIES)]
    return sorted(taken)[TRIES // 2]


def main() -> None:
    folders = [Path(name) for name in sys.argv[1:]] or [
        *(Path("results") / name for name in ("default", "negative-control")),
        *Path("results/foundation").glob("*"),
    ]
    table = time_by_rule(job_times(path for folder in folders for path in records_in(folder)))
    if table.empty:
        sys.exit(f"no job of {', '.join(map(str, folders))} has left both a record and a benchmark")
    rules = table[table["rule"] != "all"].copy()
    rules["imports"] = [row.jobs * import_seconds(row.rule) for row in rules.itertuples()]
    # A script imported faster or slower then than now: its imports are part of its block at most.
    rules["imports"] = rules[["imports", "work_seconds"]].min(axis="columns")
    rules["work"] = rules["work_seconds"] - rules["imports"]
    print(f"{'rule':<26} {'jobs':>5} {'work, s':>9} {'imports':>9} {'other':>9} {'overhead':>9}")
    for row in rules.itertuples():
        print(
            f"{row.rule:<26} {row.jobs:>5} {row.work:>9.1f} {row.imports:>9.1f} {row.other_seconds:>9.1f} "
            f"{100 * (1 - row.work / row.wall_seconds):>8.0f}%"
        )
    work, wall = rules["work"].sum(), rules["wall_seconds"].sum()
    print(
        f"\n{wall / work:.2f} times the work alone; "
        f"overhead {100 * (1 - work / wall):.1f} % of the jobs' wall time (limit {100 * LIMIT:.0f} %)"
    )


if __name__ == "__main__":
    main()
