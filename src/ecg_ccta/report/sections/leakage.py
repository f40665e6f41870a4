"""The leakage audit: what was checked so that no training patient was evaluated."""

import pandas as pd

from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count
from ecg_ccta.report.results_folder import ResultsFolder

COLUMNS = ("check", "compared", "n", "unit", "findings", "method", "note")


def leakage(results: ResultsFolder) -> Section:
    found = results.table("leakage", columns=COLUMNS)
    rows = [
        [
            row["check"][0].upper() + row["check"][1:],
            row["compared"],
            f"{count(row['n'])} {row['unit']}",
            count(row["findings"]),
            f"{row['method']} ({row['note']})" if row["note"] else row["method"],
        ]
        for _, row in found.iterrows()
    ]
    table = Table(
        "Leakage audit",
        ["Leak", "Compared", "Of", "Found", "How"],
        [("", rows)],
        says=sentence(found),
        downloads=[results.download("leakage")],
        notes=[
            "The study stops where a check finds something. What no check can see: a patient of two sites with "
            "different pseudonym keys and different recordings, a patient who stands under two identifiers in one "
            "export, and a copy that was cut to less than 5 s, has its leads exchanged, or is drowned in noise."
        ],
    )
    return Section("leakage", "Leakage audit", [table])


def sentence(found: pd.DataFrame) -> str:
    total = int(found["findings"].sum())
    if total:
        return f"{count(total)} findings in {len(found)} checks: the results are not those of unseen patients."
    blind = int(found["note"].str.startswith("blind").sum())
    sites = "1 of them is" if blind == 1 else f"{blind} of them are"
    but = f"; {sites} blind, because the sites have different pseudonym keys" if blind else ""
    return (
        f"In {len(found)} checks no training patient was evaluated, and no recording was duplicated across sets{but}."
    )
