"""Columns of the report's tables: how a cell is written from the rows of a result table that it stands for."""

from collections.abc import Callable, Mapping

import pandas as pd

from ecg_ccta.report.formatting import count, estimate, interval, is_missing, p_value, text
from ecg_ccta.statistics.estimates import WILSON, rows_of

Cell = Callable[[pd.DataFrame], str]
"""Writes a cell from the rows of the result table that a row of the report stands for."""

ABSENT = "–"
"""What a cell says where the result table has no row for it."""


def grouped_rows(
    found: pd.DataFrame,
    columns: Mapping[str, Cell],
    row: str | None = None,
    group: str | None = None,
    label: Callable[[str, pd.DataFrame], str] = lambda name, rows: name,
    needs: str | None = None,
) -> list[tuple[str, list[list[str]]]]:
    """Write the groups of rows of a report's table.

    Parameters
    ----------
    found : a result table.
    columns : heading -> how its cells are written.
    row : column whose values make the rows, in the table's order; None: each row is one of the report.
    group : column whose values make the groups; None: one group without a label.
    label : writes a group's label from its value and its rows.
    needs : column without which a row has nothing to say but its note.
    """
    groups = found.groupby(group, sort=False) if group else [("", found)]
    return [(label(name, rows) if group else "", _rows(rows, columns, row, needs)) for name, rows in groups]


def _rows(found: pd.DataFrame, columns: Mapping[str, Cell], row: str | None, needs: str | None) -> list[list[str]]:
    if row:
        parts = [rows for _, rows in found.groupby(row, sort=False, dropna=False)]
    else:
        parts = [found.iloc[[place]] for place in range(len(found))]
    return [
        [part["note"].iloc[0], *[""] * (len(columns) - 1)]
        if needs and part[needs].isna().all()
        else [write(part) for write in columns.values()]
        for part in parts
    ]


def words(name: str, write: Callable[[str], str] = text) -> Cell:
    """Write a column's text, or what `write` makes of it."""
    return lambda rows: write(rows[name].iloc[0])


def value(name: str, write: Callable = count, *arguments: int, missing: str | None = None) -> Cell:
    """Write a column's number as `count`, `number`, `percent` or `p_value` do; where missing, its note or `missing`."""

    def cell(rows: pd.DataFrame) -> str:
        note = rows["note"].iloc[0] if missing is None and "note" in rows else missing or ""
        return write(rows[name].iloc[0], *arguments, note=note)

    return cell


def bounded(name: str, digits: int = 3, lower: str = "lower", upper: str = "upper", write: Callable = interval) -> Cell:
    """Write a column's number with the interval of two others; where missing, its note."""

    def cell(rows: pd.DataFrame) -> str:
        first = rows.iloc[0]
        return write(first[name], first[lower], first[upper], digits, first["note"])

    return cell


def measured(measure: str, digits: int = 3, method: str | tuple[str, ...] | None = None, absent: str = ABSENT) -> Cell:
    """Write a measure's estimate with its interval."""

    def cell(rows: pd.DataFrame) -> str:
        found = rows_of(rows, measure, method)
        return estimate(found.iloc[0], digits) if len(found) else absent

    return cell


def by_draws(measure: str, digits: int = 0, write: Callable = interval) -> Cell:
    """Write a measure with its interval over draws of patients, or with Wilson's where every draw gives the same.

    An interval without width would promise too much.
    """

    def cell(rows: pd.DataFrame) -> str:
        found = rows_of(rows, measure)
        own, wilson = found[found["method"] != WILSON].iloc[0], found[found["method"] == WILSON]
        ends = own[["lower", "upper"]]
        if ends["lower"] == ends["upper"]:
            ends = wilson[["lower", "upper"]].iloc[0] if len(wilson) else (None, None)
        return write(own["estimate"], *ends, digits, own["note"])

    return cell


def p_of(measure: str, method: str | tuple[str, ...] | None = None, absent: str = ABSENT) -> Cell:
    """Write a measure that is a p value."""

    def cell(rows: pd.DataFrame) -> str:
        found = rows_of(rows, measure, method)
        return p_value(found["estimate"].iloc[0], found["note"].iloc[0]) if len(found) else absent

    return cell


def part_of(name: str, whole: str) -> Cell:
    """Write two counts, the first of the second: `12 / 340`."""
    return lambda rows: f"{count(rows[name].iloc[0])} / {count(rows[whole].iloc[0])}"


def where(name: str, wanted: object, cell: Cell) -> Cell:
    """Write a cell from the rows that have a value in a column."""

    def of_rows(rows: pd.DataFrame) -> str:
        chosen = rows[rows[name] == wanted]
        return cell(chosen) if len(chosen) else ABSENT

    return of_rows


def largest(found: pd.DataFrame, by: str, rows: int, group: str = "vessel") -> pd.DataFrame:
    """Keep the rows of largest absolute value in each group, and the first of a group that has no value at all."""
    kept: list = []
    for _, of_group in found.groupby(group, sort=False):
        known = of_group[by].abs().dropna().sort_values(ascending=False, kind="stable")
        kept += list(known.index[:rows]) or [of_group.index[0]]
    return found.loc[kept]


def capital(name: str) -> str:
    """Write a name with a capital letter in front; the rest as it is."""
    return name[:1].upper() + name[1:]


def vessel_name(name: str) -> str:
    """Write the name of a vessel, or that any is meant."""
    return "Any vessel" if name == "any" else name


def equal_p(p: float) -> str:
    """Write a p value behind the letter p: `= 0.03` or `< 0.001`."""
    written = p_value(p)
    return written if is_missing(p) or written[0] == "<" else f"= {written}"
