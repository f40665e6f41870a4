"""Reading a study's results: which files the report needs, and which are there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from ecg_ccta.config import Study
from ecg_ccta.errors import StudyError
from ecg_ccta.files import read_json, sha256_json
from ecg_ccta.report.blocks import Figure, Table
from ecg_ccta.report.columns import Cell, grouped_rows
from ecg_ccta.report.embedding import Download, Source, download, image_uri
from ecg_ccta.result_tables import read_csv
from ecg_ccta.tracking.sent import read_tracking
from ecg_ccta.tracking.store import page_of_run


class ResultsFolder:
    """The files under results/<study>/ of one study, and those of its negative control."""

    def __init__(self, study: Study, folder: Path, control: "ResultsFolder | None" = None):
        self.study, self.folder, self.control = study, Path(folder), control

    def title(self, site: str) -> str:
        return self.study.sites[site].title or site

    def path(self, table: str, site: str | None = None) -> Path:
        """The file of a site's table, or of one of the whole study."""
        return self.folder / "tables" / (f"{table}/{site}.csv" if site else f"{table}.csv")

    def has(self, table: str, site: str | None = None) -> bool:
        return self.path(table, site).exists()

    def sites_with(self, table: str) -> list[tuple[str, str]]:
        """(key, title) of the sites that have a table, in the study's order."""
        return [(site, self.title(site)) for site in self.study.sites if self.has(table, site)]

    def judged_sites_with(self, table: str) -> list[tuple[str, str]]:
        """Those of them that have CCTA findings."""
        return [pair for pair in self.sites_with(table) if self.study.sites[pair[0]].tables.ccta is not None]

    def followed_sites_with(self, table: str) -> list[tuple[str, str]]:
        """Those of them whose patients are followed up."""
        return [pair for pair in self.sites_with(table) if self.study.sites[pair[0]].tables.follow_up is not None]

    def table(self, table: str, site: str | None = None) -> pd.DataFrame:
        """A result table, checked by its contract.

        Raises
        ------
        StudyError
            Where the file is missing, or lacks a column or a value that it must have.
        """
        return read_csv(self.path(table, site))

    def words(self, table: str, site: str) -> pd.DataFrame:
        """A result table with every cell as it is written."""
        return pd.read_csv(self.path(table, site), dtype=str, keep_default_na=False)

    def download(self, table: str, site: str | None = None) -> Download:
        """A table for the reader to keep, or where it lies if it is too large."""
        path = self.path(table, site)
        place = path.relative_to(self.folder).as_posix()
        found = download(path, f"{table}_{site}.csv" if site else path.name)
        return replace(found, name=found.name if found.uri else place, source=self.sources.get(place))

    @cached_property
    def tracking(self) -> dict[str, Any]:
        """Where the runs are; empty before anything was sent or put off."""
        path = self.folder / "tracking.json"
        return read_tracking(path) if path.exists() else {}

    @cached_property
    def sources(self) -> dict[str, Source]:
        """File, relative to the study's folder, -> the job that made it."""
        found: dict[str, Source] = {}
        for record in self.records():
            if record["rule"] == "build_report":
                # Of an earlier report; this one's own record comes after it.
                continue
            run_id = self.tracking.get("runs", {}).get(record.get("job"))
            page = page_of_run(self.tracking, run_id) if run_id else None
            source = Source(str(record["rule"]), str(record.get("job")), sha256_json(record), page)
            prefix = f"results/{self.study.study}/"
            found |= {name.removeprefix(prefix): source for name in record.get("outputs") or {}}
        return found

    def has_figure(self, name: str) -> bool:
        return (self.folder / "figures" / f"{name}.svg").exists()

    def figure(self, name: str) -> str:
        """A figure as data URI."""
        return image_uri(self.folder / "figures" / f"{name}.svg")

    def drawn(self, name: str, site: str | None, caption: str, alt: str, says: str, *numbers: str) -> list[Figure]:
        """A figure as a block with its words and the tables of its `numbers`, or nothing where it was not drawn."""
        file = f"{name}_{site}" if site else name
        if not self.has_figure(file):
            return []
        downloads = [self.download(table, site) for table in numbers if self.has(table, site)]
        source = self.sources.get(f"figures/{file}.svg")
        caption = self.captioned(caption, site)
        return [Figure(caption, alt, self.figure(file), says, downloads, file=file, source=source)]

    def tabulated(
        self,
        name: str,
        site: str | None,
        caption: str,
        found: pd.DataFrame,
        columns: Mapping[str, Cell],
        *also: str,
        says: str = "",
        notes: Sequence[str] = (),
        **rows: Any,
    ) -> Table:
        """A result table as a table of the page; `rows` as in `grouped_rows`, `also` are further downloads."""
        return Table(
            self.captioned(caption, site),
            list(columns),
            grouped_rows(found, columns, **rows),
            says,
            [self.download(table, site) for table in (name, *also) if self.has(table, site)],
            list(notes),
        )

    def captioned(self, caption: str, site: str | None) -> str:
        return f"{caption}, {self.title(site)}" if site else caption

    def flow(self, site: str) -> list[dict[str, Any]]:
        """Steps of the inclusion flow: {"label", "ecgs", "patients"} or {"excluded", "ecgs"}."""
        name, rule = self._flow_file(site)
        path = self.folder / name
        if not path.exists():
            raise StudyError(f"{path}: the report needs the inclusion flow; run {rule}")
        return read_json(path)["steps"]

    def flow_source(self, site: str) -> Source | None:
        return self.sources.get(self._flow_file(site)[0])

    def _flow_file(self, site: str) -> tuple[str, str]:
        """A site's flow, relative to the study's folder, and the rule that makes it."""
        if site == self.study.intermediate_site:
            return "intermediate/flow.json", "finetune_intermediate"
        return f"cohort/{site}.flow.json", "admit_ecgs"

    def records(self) -> list[dict[str, Any]]:
        """What every job noted that the report tells of, in the order of their start.

        The record of an earlier report is none of them: the same results must give the same page.
        """
        paths = sorted((self.folder / "records").glob("*/*.json"))
        found = [read_json(path) for path in paths if path.parent.name != "build_report"]
        return sorted(found, key=lambda record: str(record.get("started_at", "")))
