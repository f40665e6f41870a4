"""Predicted probability by the grade of stenosis."""

import pandas as pd

from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import measured, p_of, value, where, words
from ecg_ccta.report.formatting import count, listed, number
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sentences import held_fixed
from ecg_ccta.statistics.estimates import rows_of

ORDER = 50

COLUMNS = {
    "Vessel": words("vessel"),
    "ECGs": value("n", count),
    "Spearman's ρ": measured("Spearman correlation", 2),
    "Patients": where("measure", "Jonckheere-Terpstra z", value("patients", count)),
    "Jonckheere's z": where("measure", "Jonckheere-Terpstra z", value("estimate", number, 1)),
    "p": p_of("Jonckheere-Terpstra p"),
    "Smallest rise of the median": where("measure", "smallest rise of the median", value("estimate", number)),
}


def severity(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.judged_sites_with("grades"):
        found = results.table("grades", site)
        blocks += results.drawn(
            "grades",
            site,
            "Predicted probability by stenosis grade",
            f"Box plots of predicted probability for each CCTA grade and vessel, {title}.",
            sentence(found),
            "grades",
        )
        blocks.append(
            results.tabulated(
                "grades",
                site,
                "Trend of predicted probability over grades",
                found[found["grade"].isna()],
                COLUMNS,
                row="vessel",
                notes=[
                    "Spearman: interval over patients with all their ECGs. Jonckheere-Terpstra: one ECG per patient, "
                    "the nearest to the first CCTA, two-sided. The smallest rise of the median from one grade to the "
                    f"next, among grades with at least {results.study.evaluation.minimum_events} patients, is positive "
                    "where the medians rise through all grades.",
                    *held_fixed(results, site),
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
        parts.append(f"Median probability rises from each grade with enough patients to the next for {listed(rising)}.")
    if falling:
        parts.append(f"It does not for {listed(falling)}.")
    short = [f"{row['vessel']}, {row['note']}" for _, row in rises.iterrows() if row["note"]]
    if short:
        parts.append(f"Left out: {'; '.join(short)}.")
    return " ".join(parts)
