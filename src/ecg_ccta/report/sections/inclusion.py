"""Who was included: the flow of ECGs of every site, and Table 1."""

import csv
import io
from dataclasses import replace
from typing import Any

from ecg_ccta.report.blocks import Folded, Section, Table
from ecg_ccta.report.embedding import Download, Source, text_uri
from ecg_ccta.report.flow_diagram import flow_diagram
from ecg_ccta.report.formatting import count
from ecg_ccta.report.results_folder import ResultsFolder

ORDER = 20


def inclusion(results: ResultsFolder) -> Section:
    study = results.study
    blocks: list = []
    for site, settings in study.sites.items():
        steps, title = results.flow(site), results.title(site)
        # Of the intermediate site, whose flow goes further, no prediction is made.
        judged = settings.tables.ccta is not None and site != study.intermediate_site
        found = results.table("discrimination", site) if judged else None
        diagram = flow_diagram(
            site, title, steps, None if found is None else found.drop_duplicates("vessel"), study.cohort.event_from
        )
        source = results.flow_source(site)
        table = _flow_table(site, title, steps, source)
        blocks += [replace(diagram, source=source), Folded(f"The flow of {title} as a table", [table])]
        # Nor is Table 1 a description of the network's training patients there.
        if not results.has("table1", site) or site == study.intermediate_site:
            continue
        words = results.words("table1", site)
        blocks.append(
            Table(
                f"Characteristics of the included patients, {title}",
                [name.capitalize() if name in ("characteristic", "value") else name for name in words.columns],
                [("", words.to_numpy().tolist())],
                downloads=[results.download("table1", site)],
            )
        )
    return Section("inclusion", "Who was included", blocks)


def _flow_table(site: str, title: str, steps: list[dict[str, Any]], source: Source | None) -> Table:
    rows = [
        [f"Excluded: {step['excluded']}", step["ecgs"], ""]
        if "excluded" in step
        else [step["label"], step["ecgs"], step["patients"]]
        for step in steps
    ]
    header = ["Step", "ECGs", "Patients"]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([header, *rows])
    return Table(
        f"Flow of ECGs, {title}, in numbers",
        header,
        [("", [[step, count(ecgs), count(patients) if patients != "" else ""] for step, ecgs, patients in rows])],
        downloads=[
            Download(f"flow_{site}.csv", text_uri("text/csv;charset=utf-8", written.getvalue().encode()), source)
        ],
    )
