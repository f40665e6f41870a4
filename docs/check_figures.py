"""Compare the figures on the pages with the default study's tables, from which each of them is.

    python docs/check_figures.py                     # with the extract of the tables that is kept for the tests
    python docs/check_figures.py results             # with a finished run: is extract or page old?
    python docs/check_figures.py results --update    # take the extract from it, and the pages' figures

`FIGURES` lists every figure with study, table, row and column, `CLAIMS` what words say without one. In the parts of the
pages that `WATCHED` names no other number may stand but `CONSTANTS`.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from ecg_ccta.files import read_json, sha256, write_json
from ecg_ccta.statistics.estimates import HONEST

ROOT = Path(__file__).resolve().parents[1]
EXTRACT = ROOT / "tests" / "data" / "default-study"
MAIN, CONTROL = "default", "negative-control"

WATCHED = {"README.md": ("### What is planted", "### How leaks are prevented"), "docs/tour.md": ("", "")}
"""Page -> headings between which every number is a figure or a constant; both empty: the whole page."""
CONSTANTS = {
    "README.md": [
        "(model's AUC − 0.5) / (oracle's AUC − 0.5)",
        "100 % is everything",
        "0 % is chance",
        "should hold 0.5",
        "paper's version 1.",
    ],
    "docs/tour.md": ["the paper's (version 1,"],
}
"""Page -> words whose numbers are definitions."""


@dataclass(frozen=True)
class Row:
    """One row of a table: `where` gives a column's value, or the values that it may have."""

    study: str
    table: str
    where: Mapping[str, str | tuple[str, ...]]

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        chosen = table
        for column, value in self.where.items():
            chosen = chosen[chosen[column].isin([value] if isinstance(value, str) else value)]
        if len(chosen) != 1:
            raise SystemExit(f"{self.study}/{self.table}: {len(chosen)} rows with {dict(self.where)}, not one")
        return chosen


@dataclass(frozen=True)
class Figure:
    """Words of a page with `{column:form}` for each figure, of the rows in turn; forms are those of `FORMS`."""

    page: str
    words: str
    rows: tuple[Row, ...]

    def cells(self) -> list[tuple[int, str, str]]:
        """(row, column, form) of each figure; `1.column:form` is of the second row."""
        found = re.findall(r"\{(?:(\d)\.)?(\w+):(\w+)\}", self.words)
        return [(int(row or 0), column, form) for row, column, form in found]

    def pattern(self) -> str:
        """Regular expression of the words, with a group for each figure, at any line breaks."""
        parts = re.split(r"\{[^}]+\}", self.words)
        return r"([-\d.,]*\d)".join(r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in parts)


@dataclass(frozen=True)
class Claim:
    """Words of a page that are true where a row meets a condition."""

    page: str
    words: str
    row: Row
    holds: Callable[[pd.Series], bool]


FORMS: dict[str, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "three": lambda value: f"{value:.3f}",
    "percent": lambda value: f"{100 * value:.0f}",
}


def recovered(site: str, vessel: str) -> Row:
    return Row(MAIN, f"recovery/{site}", {"stratum": "all", "vessel": vessel})


def rung(name: str, measure: str = "AUC") -> Row:
    return Row(MAIN, "ladder", {"rung": name, "vessel": "macro", "measure": measure})


MACRO = {"vessel": "macro", "measure": "AUC", "method": HONEST}
CONTROLS = tuple(Row(CONTROL, f"discrimination/{site}", MACRO) for site in ("internal", "external"))
OVER_PROBE = rung("linear probe", "AUC difference")
OVER_MEASURED = rung("measurements, age and sex", "AUC difference")

FIGURES = [
    *[
        Figure(
            "README.md",
            f"| {vessel} | {{events:count}} / {{n:count}} | {{model_auc:three}} | {{oracle_auc:three}} | "
            "{recovered:percent} % |",
            (recovered("internal", vessel),),
        )
        for vessel in ("RCA", "LM", "LAD", "LCX")
    ],
    Figure(
        "README.md",
        "Over the vessels with at least 100 events that is {recovered:percent} % (95 % interval "
        "{recovered_lower:percent} to {recovered_upper:percent}), externally {1.recovered:percent} % "
        "({1.recovered_lower:percent} to {1.recovered_upper:percent})",
        (recovered("internal", "mean"), recovered("external", "mean")),
    ),
    Figure(
        "README.md",
        "negative control's mean AUC was {estimate:three} ({lower:three} to {upper:three}) out of fold and "
        "{1.estimate:three} ({1.lower:three} to {1.upper:three}) externally",
        CONTROLS,
    ),
    Figure(
        "README.md",
        "age and sex {estimate:three}; these with a reader's measurements {1.estimate:three}; a linear probe of the "
        "foundation's features {2.estimate:three}; the fine-tuned network {3.estimate:three}.",
        (rung("age and sex"), rung("measurements, age and sex"), rung("linear probe"), rung("fine-tuned")),
    ),
    Figure(
        "README.md",
        "Fine-tuning adds {estimate:three} to the probe ({lower:three} to {upper:three},",
        (OVER_PROBE,),
    ),
    Figure("README.md", "to the measurements ({estimate:three}, {lower:three} to {upper:three})", (OVER_MEASURED,)),
]

CLAIMS = [
    Claim("README.md", "Fine-tuning adds", OVER_PROBE, lambda row: row["lower"] > 0),
    Claim(
        "README.md",
        "nothing that could be told from chance to the measurements",
        OVER_MEASURED,
        lambda row: row["lower"] <= 0 <= row["upper"],
    ),
]


@dataclass(frozen=True)
class Tables:
    """The tables of a run (`results`), or their extract."""

    folder: Path
    of_run: bool

    def path(self, row: Row) -> Path:
        return self.folder / row.study / ("tables" if self.of_run else "") / f"{row.table}.csv"

    def row(self, row: Row) -> pd.Series:
        return row.of(_read(self.path(row))).iloc[0]

    def written(self, figure: Figure) -> list[str]:
        """The figures as the page should write them."""
        rows = [self.row(row) for row in figure.rows]
        return [FORMS[form](rows[place][column]) for place, column, form in figure.cells()]


@cache
def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise SystemExit(f"{path}: no such table. Fix: run the default study to its end") from None


def problems(tables: Tables, pages: Path = ROOT) -> list[str]:
    """Every figure that differs from its table, claim that does not hold, and number without a table."""
    found, read = [], {page: (pages / page).read_text("utf-8") for page in WATCHED}
    rest = {page: _between(read[page], *WATCHED[page]) for page in WATCHED}
    for figure in FIGURES:
        said, right = re.search(figure.pattern(), read[figure.page]), tables.written(figure)
        names = ", ".join(dict.fromkeys(f"{row.study}/{row.table}" for row in figure.rows))
        if said is None:
            found.append(f"{figure.page}: does not say “{figure.words}”")
            continue
        if list(said.groups()) != right:
            found.append(f"{figure.page}: “{_line(said[0])}” should have {', '.join(right)} ({names})")
        rest[figure.page] = re.sub(figure.pattern(), " ", rest[figure.page])
    for claim in CLAIMS:
        words = r"\s+".join(map(re.escape, claim.words.split()))
        if not re.search(words, read[claim.page]):
            found.append(f"{claim.page}: does not say “{claim.words}”")
        elif not claim.holds(tables.row(claim.row)):
            found.append(f"{claim.page}: “{claim.words}” does not hold ({claim.row.study}/{claim.row.table})")
    for page, text in rest.items():
        for words in CONSTANTS.get(page, []):
            text = re.sub(r"\s+".join(map(re.escape, words.split())), " ", text)
        found += [f"{page}: {number} is in no table" for number in re.findall(r"(?<![\w.-])\d[\d.,]*", text)]
    return found


def _between(text: str, first: str, last: str) -> str:
    start = text.index(first) if first else 0
    return text[start : text.index(last, start) if last else None]


def _line(text: str) -> str:
    return " ".join(text.split())


def update(run: Tables, extract: Path = EXTRACT, pages: Path = ROOT) -> None:
    """Write the extract, where it is from, and the pages' figures."""
    rows = [row for figure in FIGURES for row in figure.rows] + [claim.row for claim in CLAIMS]
    origin: dict[str, dict[str, str]] = {}
    for table in dict.fromkeys((row.study, row.table) for row in rows):
        own = [row for row in rows if (row.study, row.table) == table]
        source = run.path(own[0])
        kept = pd.concat([row.of(_read(source)) for row in own]).drop_duplicates()
        path = Tables(extract, of_run=False).path(own[0])
        path.parent.mkdir(parents=True, exist_ok=True)
        kept.to_csv(path, index=False)
        origin["/".join(table)] = {"sha256": sha256(source), **_made_by(run.folder, own[0])}
    write_json(extract / "provenance.json", origin)
    sums = extract.parent / "SHA256SUMS"
    others = [line for line in sums.read_text("utf-8").splitlines() if f"  {extract.name}/" not in line]
    own_sums = [
        f"{sha256(file)}  {file.relative_to(extract.parent).as_posix()}"
        for file in sorted(extract.rglob("*"))
        if file.is_file()
    ]
    sums.write_text("\n".join(sorted([*others, *own_sums], key=lambda line: line.split("  ")[1])) + "\n", "utf-8")
    for figure in FIGURES:
        path, right = pages / figure.page, run.written(figure)
        text = path.read_text("utf-8")
        said = re.search(figure.pattern(), text)
        if said is None:
            continue
        for group in range(said.re.groups, 0, -1):
            start, end = said.span(group)
            text = text[:start] + right[group - 1] + text[end:]
        path.write_text(text, "utf-8")


def _made_by(results: Path, row: Row) -> dict[str, str]:
    """Rule, commit and versions of the job that made a table."""
    name = f"results/{row.study}/tables/{row.table}.csv"
    for path in sorted((results / row.study / "records").glob("*/*.json")):
        record = read_json(path)
        if name in (record.get("outputs") or {}):
            versions = {program: record["versions"][program] for program in ("python", "torch")}
            return {"rule": record["rule"], "git_commit": record["git_commit"], **versions}
    raise SystemExit(f"{name}: no job's record names it. Fix: run the study to its end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="?", type=Path, help="folder with the results of the default study")
    parser.add_argument("--update", action="store_true", help="take extract and pages' figures from these results")
    given = parser.parse_args()
    if given.update:
        if given.results is None:
            parser.error("--update needs the folder of the results")
        update(Tables(given.results, of_run=True))
    found = problems(Tables(given.results or EXTRACT, of_run=given.results is not None))
    if given.results and not given.update:
        found += [f"extract: {problem}" for problem in problems(Tables(EXTRACT, of_run=False)) if problem not in found]
    print("\n".join(found) or f"{sum(len(figure.cells()) for figure in FIGURES)} figures are those of the tables")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
