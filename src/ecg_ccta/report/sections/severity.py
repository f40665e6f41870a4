"""Predicted probability by the grade of stenosis."""

import pandas as pd

from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, estimate, listed, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import COLUMNS, rows_of


def severity(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.judged_sites_with("grades"):
        found = results.table("grades", site, ("vessel", "grade", *COLUMNS))
        blocks += results.drawn(
            f"grades_{site}",
            f"Predicted probability by stenosis grade, {title}",
            f"Box plots of predicted probability for each CCTA grade and vessel, {title}.",
            sentence(found),
            [results.download("grades", site)],
        )
        rows = []
        for vessel, cells in found[found["grade"].isna()].groupby("vessel", sort=False):
            spearman, rise = (
                rows_of(cells, name).iloc[0] for name in ("Spearman correlation", "smallest rise of the median")
            )
            z, p = (rows_of(cells, f"Jonckheere-Terpstra {name}").iloc[0] for name in ("z", "p"))
            rows.append(
                [
                    vessel,
                    count(spearman["n"]),
                    estimate(spearman, 2),
                    count(z["patients"]),
                    number(z["estimate"], 1, z["note"]),
                    p_value(p["estimate"], p["note"]),
                    number(rise["estimate"], 3, rise["note"]),
                ]
            )
        blocks.append(
            Table(
                f"Trend of predicted probability over grades, {title}",
                ["Vessel", "ECGs", "Spearman's ρ", "Patients", "Jonckheere's z", "p", "Smallest rise of the median"],
                [("", rows)],
                downloads=[results.download("grades", site)],
                notes=[
                    "Spearman: interval over patients with all their ECGs. Jonckheere-Terpstra: one ECG per patient, "
                    "the nearest to the CCTA, two-sided. The smallest rise of the median from one grade to the next, "
                    f"among grades with at least {results.study.evaluation.minimum_events} patients, is positive where "
                    "the medians rise through all grades."
                ],
            )
        )
    return Section("severity", "Stenosis grade", blocks) if blocks else None


def sentence(found: pd.DataFrame) -> str:
    known = rows_of(found, "Spearman correlation").dropna(subset=["estimate"])
    if known.empty:
        return "No vessel has two grades to compare."
    rises = rows_of(found, "smallest rise of the median").dropna(subset=["estimate"])
    rising = list(rises.loc[rises["estimate"] > 0, "vessel"])
    falling = list(rises.loc[rises["estimate"] <= 0, "vessel"])
    said = [f"{row['vessel']} {number(row['estimate'], 2)}" for _, row in known.iterrows()]
    parts = [f"Spearman's rank correlation of probability with grade: {listed(said)}."]
    if rising:
        parts.append(f"Median probability rises through all grades for {listed(rising)}.")
    if falling:
        parts.append(f"It does not for {listed(falling)}.")
    return " ".join(parts)
