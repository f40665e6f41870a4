"""The section on what a reader's measurements explain of the logits."""

import pandas as pd

from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, interval, percent, percent_interval
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.waveforms.explain_logits import BLOCKS, BOTH, FOLDS, MEASUREMENTS, REFITS
from ecg_ccta.waveforms.logit_figure import strongest

STRONGEST = 5
"""Measurements per vessel that the page lists; all are in the download."""


def logits(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.sites_with("logit_r2"):
        r2 = results.table("logit_r2", site, ("vessel", "predictors", "r2", "lower", "upper", "patients", "note"))
        groups = results.table("logit_groups", site, ("vessel", "group", "r2_lost", "lower", "upper", "note"))
        coefficients = results.table(
            "logit_coefficients", site, ("vessel", "label", "coefficient", "lower", "upper", "selected", "note")
        )
        blocks += results.drawn(
            f"logits_{site}",
            f"Measurements that explain the logits, {title}",
            "Bars per vessel: the largest standardised coefficients, and the R² lost without a group.",
            sentence(r2, groups, coefficients),
            [results.download("logit_coefficients", site), results.download("logit_groups", site)],
        )
        blocks += [_explained(results, site, r2), _strongest(results, site, coefficients)]
    return Section("logits", "What measurements explain", blocks) if blocks else None


def sentence(r2: pd.DataFrame, groups: pd.DataFrame, coefficients: pd.DataFrame) -> str:
    """Per vessel: how much is explained, by which group most, and the measurement with the largest coefficient."""
    parts = []
    for vessel, rows in r2[r2["predictors"] == BOTH].groupby("vessel", sort=False):
        row = rows.iloc[0]
        if row["note"]:
            parts.append(f"{vessel}: {row['note']}.")
            continue
        if row["lower"] <= 0:
            parts.append(f"The measurements explain nothing of the {vessel} logit that could be told from chance.")
            continue
        explained = percent_interval(row["r2"], row["lower"], row["upper"])
        lost = groups[groups["vessel"] == vessel]
        group = lost.loc[lost["r2_lost"].idxmax()]
        of_vessel = coefficients[coefficients["vessel"] == vessel]
        top = of_vessel.loc[of_vessel["coefficient"].abs().idxmax()]
        parts.append(
            f"Measurements, age and sex explain {explained} of the variance of the {vessel} logit; {group['group']} "
            f"most ({percent(group['r2_lost'])} lost without), and {top['label']} has the largest coefficient."
        )
    return " ".join(parts)


def _explained(results: ResultsFolder, site: str, r2: pd.DataFrame) -> Table:
    rows = []
    for vessel, cells in r2.groupby("vessel", sort=False):
        by_block = cells.set_index("predictors").loc[list(BLOCKS)]
        explained = [interval(row["r2"], row["lower"], row["upper"], 2, row["note"]) for _, row in by_block.iterrows()]
        rows.append([vessel, count(cells["patients"].iloc[0]), *explained])
    return Table(
        f"Variance of the logits explained (R²), {results.title(site)}",
        ["Vessel", "Patients", *(block[0].upper() + block[1:] for block in BLOCKS)],
        [("", rows)],
        downloads=[results.download("logit_r2", site)],
        notes=[
            "Elastic net of the logits on what measure_ecgs gives of the recordings, linear, in "
            f"{FOLDS} folds of patients; the penalty is chosen in {FOLDS} folds inside each, and R² is that of the "
            "patients left out, so that it is below 0 where nothing is explained. A missing measurement is the median "
            "of the fitting patients and has a flag of its own. Intervals: patients drawn with all their ECGs."
        ],
    )


def _strongest(results: ResultsFolder, site: str, coefficients: pd.DataFrame) -> Table:
    groups = []
    for vessel, rows in coefficients.groupby("vessel", sort=False):
        top = strongest(rows, STRONGEST)
        shown = [
            [
                row["label"],
                interval(row["coefficient"], row["lower"], row["upper"], 2),
                percent(row["selected"]),
            ]
            for _, row in top.iterrows()
        ]
        groups.append((vessel, shown or [[rows["note"].iloc[0] or "no measurement was selected", "", ""]]))
    return Table(
        f"Measurements with the largest coefficients, {results.title(site)}",
        ["Measurement", "Standardised coefficient", "Selected"],
        groups,
        downloads=[results.download("logit_coefficients", site)],
        notes=[
            f"Standard deviations of the logit per standard deviation of the measurement, with {MEASUREMENTS}, age and "
            f"sex in one model; interval and share of selection over {REFITS} draws of patients, each refitted. "
            "Penalised coefficients are drawn towards 0, and measurements that go together share them: neighbouring ST "
            "levels and leads are to be read as one. They tell what the logits are associated with, not what the "
            "network computes."
        ],
    )
