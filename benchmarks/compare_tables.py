"""Compare every table of two runs of a study, bit for bit: has a change of the code changed a number?

    python benchmarks/compare_tables.py before/results/default after/results/default

A CSV must be the same bytes; of a Parquet table every column must have the same values and types. Tables of measured
time are left out. Prints a line per difference, then the count; exits with 1 where a table differs or is missing.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

TIMES = {"time_used.csv"}
FOLDERS = ("tables", "cohort", "signals", "measurements", "splits", "predictions", "recalibration", "risk", "truth")
RENAMED = {"tables/discrimination_comparison.csv": "tables/site_comparison.csv"}
"""Name before version 0.2.0 -> name since."""


RENAMED_COLUMNS = {b"drawn_anew": b"reinitialised"}


def tables(folder: Path) -> Iterator[Path]:
    """Every table of a study, relative to its folder."""
    for name in FOLDERS:
        for path in sorted((folder / name).rglob("*")):
            if path.suffix in (".csv", ".parquet") and path.name not in TIMES:
                yield path.relative_to(folder)


def counterpart(path: Path, sites: list[str]) -> Path:
    """Where a table lies since version 0.2.0: those of a site in a folder per table."""
    if path.as_posix() in RENAMED:
        return Path(RENAMED[path.as_posix()])
    for site in sites:
        if path.parent == Path("tables") and path.stem.endswith(f"_{site}"):
            return Path("tables", path.stem.removesuffix(f"_{site}"), f"{site}.csv")
    return path


def are_equal(before: Path, after: Path) -> bool:
    if before.suffix == ".csv":
        header, line, rest = before.read_bytes().partition(b"\n")
        for old, new in RENAMED_COLUMNS.items():
            header = header.replace(old, new)
        return header + line + rest == after.read_bytes()
    return pd.read_parquet(before).equals(pd.read_parquet(after))


def largest_difference(before: Path, after: Path) -> str:
    """How far the numbers of two CSVs of the same shape are apart."""
    if before.suffix != ".csv":
        return "other content"
    first, second = pd.read_csv(before), pd.read_csv(after)
    if first.shape != second.shape or list(first.columns) != list(second.columns):
        return f"other shape: {first.shape} and {second.shape}"
    numbers = first.select_dtypes("number").columns
    words = first.drop(columns=numbers).equals(second.drop(columns=numbers))
    apart = (first[numbers] - second[numbers]).abs().max().max()
    columns = [name for name in numbers if not first[name].equals(second[name])]
    return f"numbers at most {apart:.2g} apart (columns {', '.join(columns)}){'' if words else '; other words'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    before, after = arguments.before, arguments.after
    sites = sorted(
        (path.name.removesuffix(".flow.json") for path in (after / "cohort").glob("*.flow.json")), key=len, reverse=True
    )
    present = set(tables(after))
    compared, different = 0, 0
    for path in tables(before):
        here = counterpart(path, sites) if counterpart(path, sites) in present else path
        compared += 1
        if here not in present:
            different += 1
            print(f"{path}: not there any more")
            continue
        present.discard(here)
        if not are_equal(before / path, after / here):
            different += 1
            print(f"{here}: {largest_difference(before / path, after / here)}")
    for path in sorted(present):
        print(f"{path}: new")
    print(f"{compared} tables compared, {compared - different} of them identical, {len(present)} new")
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
