"""A hospital's raw tables, read as they are and checked before any work.

Every fault of a table is a StudyError naming site, file, column, row and the fix. Rows are numbered as a spreadsheet
shows them: the header is row 1. Messages quote words, dates and numbers, never identifiers or paths of recordings.
"""

import csv
import difflib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd

from ecg_ccta.config import Export
from ecg_ccta.errors import StudyError
from ecg_ccta.tables import CHEST_PAIN, EXCLUSIONS, RISK_FACTORS
from ecg_ccta.vessels import VESSELS

REQUIRED = {
    "ecg_index": ("ecg_id", "patient_id", "path"),
    "ccta": ("patient_id", "performed_at", *VESSELS),
    "patients": ("patient_id",),
    "follow_up": ("patient_id", "end_date", "event_date", "event"),
}
OPTIONAL = {
    "ecg_index": ("recorded_at", "statement", "age", "sex", "centre", "device"),
    "ccta": ("scanner", *EXCLUSIONS),
    "patients": ("birth_date", "age", "sex", *RISK_FACTORS, "chest_pain", *EXCLUSIONS),
    "follow_up": (),
}
SEX_WORDS = {"": None, "female": "female", "f": "female", "male": "male", "m": "male"}
YES_NO_WORDS = {"": None, "yes": True, "1": True, "true": True, "no": False, "0": False, "false": False}
CHEST_PAIN_WORDS = {"": None, **{word: word for word in CHEST_PAIN}}
LABEL_WORDS = {"": math.nan, "1": 1.0, "0": 0.0}
EVENT_WORDS = {"": "censored", "myocardial infarction": "event", "death": "death"}
YEARS = range(1900, 2262)
"""Years a date may lie in; the end is that of nanosecond timestamps (some public data sets shift dates far ahead)."""
LARGEST_AGE = 120


@dataclass(frozen=True)
class SiteTables:
    """A site's tables with the project's column names; each has `row`, its row in the file. None: there is none.

    ecg_index: ecg_id, patient_id, path (str); recorded_at (datetime), recorded_has_time (bool), statement, age, sex,
        centre, device
    ccta: patient_id; performed_at, performed_has_time, scanner; a grade or missing per vessel; exclusions (boolean)
    patients: patient_id; birth_date, age, sex, risk factors (boolean), chest_pain; exclusions (boolean)
    follow_up: patient_id; end_date, event_date; event (censored, event or death)
    labels: ecg_id and each label of an intermediate task as 1, 0 or NaN, rows as in ecg_index
    """

    ecg_index: pd.DataFrame
    ccta: pd.DataFrame | None
    patients: pd.DataFrame | None
    follow_up: pd.DataFrame | None
    labels: pd.DataFrame


def read_site_tables(
    site_name: str, site: Export, export: Path, labels: Sequence[str] = (), exclude: Sequence[str] = ()
) -> SiteTables:
    """Read and check all tables of an export; raises StudyError at the first fault.

    `labels` are the columns of the ECG index that an intermediate task learns. A site with CCTA must say of whom each
    of `exclude` holds: in a column of its patients or of its CCTA table.
    """
    _check_names(site_name, site, labels)
    ecg_index = read_ecg_index(site_name, site, export)
    patients = _patients(site_name, site, export) if site.tables.patients is not None else None
    ccta = _ccta(site_name, site, export) if site.tables.ccta is not None else None
    follow_up = _follow_up(site_name, site, export) if site.tables.follow_up is not None else None
    if ccta is not None:
        _check_exclusions(site_name, site, export, exclude)
    if patients is not None:
        unknown = ecg_index.loc[~ecg_index["patient_id"].isin(patients["patient_id"])]
        if len(unknown):
            source = _Source(site_name, site, export, "ecg_index")
            raise source.fault(
                "patient_id",
                unknown["row"].iloc[0],
                f"ECG of an unknown patient, who is not in {site.tables.patients} ({len(unknown)} such row(s))",
                f"add the patient to {site.tables.patients} or remove the ECG",
            )
    return SiteTables(ecg_index, ccta, patients, follow_up, _labels(site_name, site, export, labels))


def read_ecg_index(site_name: str, site: Export, export: Path) -> pd.DataFrame:
    """Read and check the ECG index alone; see `SiteTables`."""
    source = _Source(site_name, site, export, "ecg_index")
    table = source.read(also_required=() if site.tables.ccta is None else ("recorded_at",))
    source.identifiers(table, "ecg_id")
    source.identifiers(table, "patient_id")
    source.unique(table, "ecg_id", "give every ECG its own id, or remove the copy")
    _check_paths(source, table)
    source.dates(table, "recorded_at")
    table["recorded_has_time"] = table.pop("recorded_at_has_time")
    source.ages(table)
    source.words(table, "sex", SEX_WORDS)
    for name in ("statement", "centre", "device"):
        table[name] = table[name].astype("string").replace("", pd.NA)
    return table


def _labels(site_name: str, site: Export, export: Path, labels: Sequence[str]) -> pd.DataFrame:
    source = _Source(site_name, site, export, "ecg_index")
    table = source.read(also_required=tuple(labels))
    for label in labels:
        source.words(table, label, LABEL_WORDS, fix="write 1 (yes), 0 (no), or nothing where unknown")
    return table[["ecg_id", *labels]].astype(dict.fromkeys(labels, float))


def _check_names(site_name: str, site: Export, labels: Sequence[str]) -> None:
    """The configuration names columns that there can be, and labels that are no other column of the ECG index."""
    for place, label in enumerate(labels):
        if label in labels[:place]:
            raise StudyError(f"config key intermediate.labels: {label} stands there twice. Fix: remove one")
        if label in ("row", *REQUIRED["ecg_index"], *OPTIONAL["ecg_index"]):
            raise StudyError(
                f"config key intermediate.labels: {label} has another meaning in the ECG index. Fix: give the label "
                f"another name, and that name its column in the config key sites.{site_name}.columns.ecg_index"
            )
    for table in REQUIRED:
        known = (*REQUIRED[table], *OPTIONAL[table], *(labels if table == "ecg_index" else ()))
        for name in getattr(site.columns, table) if getattr(site.tables, table) is not None else ():
            if name not in known:
                raise StudyError(
                    f"config key sites.{site_name}.columns.{table}.{name}: unknown column"
                    f"{_near(name, known)}; known are {', '.join(known)}"
                )


def _check_exclusions(site_name: str, site: Export, export: Path, exclude: Sequence[str]) -> None:
    """A column that is to exclude patients is there: an absent one would exclude nobody without a word."""
    sources = [_Source(site_name, site, export, table) for table in ("patients", "ccta") if getattr(site.tables, table)]
    headers = {source: source.header() for source in sources}
    for name in exclude:
        if not any(source.columns.get(name, name) in header for source, header in headers.items()):
            places = " or ".join(f"{source.file_name}, column {source.columns.get(name, name)}" for source in sources)
            raise StudyError(
                f"site {site_name}: {places}: the column is missing, and cohort.exclude asks for {name}. Fix: add it "
                f"to one of them (yes or no), name the hospital's own column in the config key "
                f"sites.{site_name}.columns, or take {name} out of cohort.exclude"
            )


def _patients(site_name: str, site: Export, export: Path) -> pd.DataFrame:
    source = _Source(site_name, site, export, "patients")
    table = source.read()
    source.identifiers(table, "patient_id")
    source.unique(table, "patient_id", "keep one row per patient")
    source.dates(table, "birth_date")
    source.ages(table)
    source.words(table, "sex", SEX_WORDS)
    source.words(table, "chest_pain", CHEST_PAIN_WORDS)
    for name in (*RISK_FACTORS, *EXCLUSIONS):
        source.words(table, name, YES_NO_WORDS)
        table[name] = table[name].astype("boolean")
    return table


def _ccta(site_name: str, site: Export, export: Path) -> pd.DataFrame:
    source = _Source(site_name, site, export, "ccta")
    table = source.read()
    source.identifiers(table, "patient_id")
    source.dates(table, "performed_at", required=True)
    table["performed_has_time"] = table.pop("performed_at_has_time")
    table["scanner"] = table["scanner"].astype("string").replace("", pd.NA)
    for name in EXCLUSIONS:
        source.words(table, name, YES_NO_WORDS)
        table[name] = table[name].astype("boolean")
    words: dict[str, str | None] = {**dict.fromkeys(site.missing_grade_words), **site.grade_words}
    fix = (
        f"correct the cell, or add the word to sites.{site_name}.grade_words (word: grade) or to "
        f"sites.{site_name}.missing_grade_words (no finding)"
    )
    for vessel in VESSELS:
        source.words(table, vessel, words, any_case=False, fix=fix)
    same_exam = table.duplicated(["patient_id", "performed_at"], keep=False)
    distinct = table.loc[same_exam].drop_duplicates(["patient_id", "performed_at", *VESSELS])
    conflict = distinct.loc[distinct.duplicated(["patient_id", "performed_at"], keep=False)]
    if len(conflict):
        first = conflict.iloc[0]
        other = conflict.loc[
            (conflict["patient_id"] == first["patient_id"]) & (conflict["performed_at"] == first["performed_at"])
        ].iloc[1]
        raise source.fault(
            "performed_at",
            other["row"],
            f"same patient and time as row {first['row']}, but other findings",
            "keep the row that holds",
        )
    return table


def _follow_up(site_name: str, site: Export, export: Path) -> pd.DataFrame:
    source = _Source(site_name, site, export, "follow_up")
    table = source.read()
    source.identifiers(table, "patient_id")
    source.unique(table, "patient_id", "keep one row per patient, with the first event")
    source.dates(table, "end_date")
    source.dates(table, "event_date")
    source.words(table, "event", EVENT_WORDS)
    named = table["event"] != "censored"
    for wrong, column, problem, fix in (
        (named & table["event_date"].isna(), "event_date", "an event without its date", "give the date"),
        (~named & table["event_date"].notna(), "event", "a date of an event without the event", "name the event"),
        (table["event_date"] > table["end_date"], "event_date", "the event lies after end_date", "correct either date"),
    ):
        if wrong.any():
            raise source.fault(column, table.loc[wrong, "row"].iloc[0], problem, fix)
    return table


def _check_paths(source: "_Source", table: pd.DataFrame) -> None:
    """No recording lies outside the export folder, neither by its written path nor through links."""
    root = Path(os.path.realpath(source.export))
    for row, path in zip(table["row"], table["path"], strict=True):
        written = PurePosixPath(path)
        if written.is_absolute() or PureWindowsPath(path).is_absolute():
            raise source.fault("path", row, "the path is absolute", "give it relative to the export folder")
        if "\0" in path:
            raise source.fault("path", row, "the path holds a zero byte", "export the table again")
        # realpath, not resolve: a link that points to itself must not end the program.
        found = [Path(os.path.realpath(root / name)) for name in (path, f"{path}.hea")]
        if ".." in written.parts or not all(file.is_relative_to(root) for file in found[: 2 if path else 0]):
            raise source.fault(
                "path", row, "the path leaves the export folder", "keep every recording inside it, without links out"
            )


class _Source:
    """One file of an export, for reading it and for messages about it."""

    def __init__(self, site_name: str, site: Export, export: Path, table: str) -> None:
        self.site_name, self.table, self.export = site_name, table, Path(export)
        self.file_name = getattr(site.tables, table)
        self.columns: dict[str, str] = getattr(site.columns, table)

    def fault(self, column: str, row: Any, problem: str, fix: str) -> StudyError:
        """The StudyError for one cell; `column` is the project's name and is shown as in the file."""
        shown = self.columns.get(column, column)
        return StudyError(f"site {self.site_name}: {self.file_name}, column {shown}, row {row}: {problem}. Fix: {fix}")

    def header(self) -> list[str]:
        """The names of the file's columns, as they stand there."""
        return self._records()[0]

    def read(self, also_required: tuple[str, ...] = ()) -> pd.DataFrame:
        """The table as strings under the project's column names, optional columns that are absent as empty."""
        required = (*REQUIRED[self.table], *also_required)
        known = dict.fromkeys((*required, *OPTIONAL[self.table]))
        header, records = self._records()
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise StudyError(
                f"site {self.site_name}: {self.file_name}, row 1: column {twice[0]} stands there twice. "
                "Fix: rename or remove one"
            )
        table: dict[str, list] = {"row": [row for row, _ in records]}
        for name in known:
            shown = self.columns.get(name, name)
            if shown in header:
                position = header.index(shown)
                table[name] = [record[position].strip() for _, record in records]
            elif name in required or name in self.columns:
                raise StudyError(
                    f"site {self.site_name}: {self.file_name}, row 1: column {shown} is missing{_near(shown, header)}; "
                    f"found: {', '.join(header)}. Fix: rename the column, or name the hospital's own column in the "
                    f"config key sites.{self.site_name}.columns.{self.table} ({name}: its name)"
                )
            else:
                table[name] = [""] * len(records)
        return pd.DataFrame(table)

    def _records(self) -> tuple[list[str], list[tuple[int, list[str]]]]:
        """Header, and (row number, cells) of every row that is not blank."""
        path = self.export / self.file_name
        where = f"site {self.site_name}: {path}"
        try:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                rows = list(csv.reader(stream, strict=True))
        except FileNotFoundError:
            raise StudyError(
                f"{where}: the file is missing. Fix: put it there, or correct the config key "
                f"sites.{self.site_name}.tables.{self.table}"
                + ("" if self.table == "ecg_index" else " (null: the hospital has none)")
            ) from None
        except UnicodeDecodeError:
            raise StudyError(f"{where}: not UTF-8 text. Fix: export or save the table as UTF-8") from None
        except (csv.Error, OSError) as error:
            raise StudyError(f"{where}: cannot be read as CSV ({error}). Fix: export the table again") from None
        if not rows or not any(rows[0]):
            raise StudyError(f"{where}, row 1: no header. Fix: the first row must name the columns")
        header = [name.strip() for name in rows[0]]
        if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
            raise StudyError(f"{where}, row 1: cells are not separated by commas. Fix: export with commas")
        records = []
        for row, cells in enumerate(rows[1:], start=2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise StudyError(
                    f"{where}, row {row}: {len(cells)} cells under {len(header)} columns. "
                    "Fix: quote cells that hold commas, or complete the row"
                )
            records.append((row, cells))
        if not records:
            raise StudyError(f"{where}: no rows under the header. Fix: export the table again")
        return header, records

    def identifiers(self, table: pd.DataFrame, column: str) -> None:
        empty = table.loc[table[column] == "", "row"]
        if len(empty):
            raise self.fault(column, empty.iloc[0], "the id is empty", "give the id or remove the row")

    def unique(self, table: pd.DataFrame, column: str, fix: str) -> None:
        repeated = table.loc[table[column].duplicated()]
        if len(repeated):
            row = repeated["row"].iloc[0]
            first = table.loc[table[column] == repeated[column].iloc[0], "row"].iloc[0]
            raise self.fault(column, row, f"the same id as in row {first}", fix)

    def dates(self, table: pd.DataFrame, column: str, required: bool = False) -> None:
        """Strings to datetimes (empty: missing), with `<column>_has_time`: the cell held a time of day too."""
        moments, has_time = [], []
        for row, text in zip(table["row"], table[column], strict=True):
            if not text and required:
                raise self.fault(column, row, "the date is empty", "give the date or remove the row")
            moments.append(self._moment(column, row, text) if text else pd.NaT)
            has_time.append(":" in text or "T" in text)
        table[column] = pd.Series(moments, index=table.index, dtype="datetime64[ns]")
        table[f"{column}_has_time"] = has_time

    def _moment(self, column: str, row: Any, text: str) -> datetime:
        fix = "write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, the hospital's local time without an offset"
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise self.fault(column, row, f"not a date: {_quoted(text)}", fix) from None
        if moment.tzinfo is not None or moment.year not in YEARS:
            raise self.fault(column, row, f"not a usable date: {_quoted(text)}", fix)
        return moment

    def ages(self, table: pd.DataFrame) -> None:
        """Strings to years (empty: missing)."""
        ages = []
        for row, text in zip(table["row"], table["age"], strict=True):
            try:
                age = float(text) if text else math.nan
            except ValueError:
                age = -1.0
            if text and not 0 <= age <= LARGEST_AGE:
                raise self.fault(
                    "age",
                    row,
                    f"not an age: {_quoted(text)}",
                    f"write years from 0 to {LARGEST_AGE}, or nothing where unknown",
                )
            ages.append(age)
        table["age"] = pd.Series(ages, index=table.index, dtype=float)

    def words(
        self,
        table: pd.DataFrame,
        column: str,
        words: dict[str, Any],
        any_case: bool = True,
        fix: str = "correct the cell; empty where unknown",
    ) -> None:
        """Words to their values (None: missing)."""
        normal: Callable[[str], str] = str.lower if any_case else str
        for row, word in zip(table["row"], table[column], strict=True):
            if normal(word) not in words:
                allowed = ", ".join(_quoted(known) for known in words)
                raise self.fault(column, row, f"unknown word {_quoted(word)}; allowed are {allowed}", fix)
        table[column] = pd.Series([words[normal(word)] for word in table[column]], index=table.index, dtype="object")


def _near(name: str, known: tuple[str, ...] | list[str]) -> str:
    match = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {match[0]}?)" if match else ""


def _quoted(text: str) -> str:
    return '"' + (text if len(text) <= 40 else text[:40] + "...") + '"'
