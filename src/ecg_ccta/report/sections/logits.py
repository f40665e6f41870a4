"""The section on what a reader's measurements explain of the logits."""

import numpy as np
import pandas as pd

from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import bounded, capital, largest, value, where, words
from ecg_ccta.report.formatting import count, percent, percent_interval
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.waveforms.explain_logits import BLOCKS, BOTH, MEASUREMENTS, NESTED_FOLDS, REFITS

ORDER = 140

STRONGEST = 5
"""Measurements per vessel that the page lists; all are in the download."""

EXPLAINED = {
    "Vessel": words("vessel"),
    "Patients": value("patients", count),
    **{capital(block): where("predictors", block, bounded("r2", 2)) for block in BLOCKS},
}

COEFFICIENTS = {
    "Measurement": words("label"),
    "Standardised coefficient": bounded("coefficient", 2),
    "Selected": value("selected", percent),
}


def logits(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, _ in results.sites_with("logit_r2"):
        r2, groups = results.table("logit_r2", site), results.table("logit_groups", site)
        coefficients = results.table("logit_coefficients", site)
        selected = coefficients.assign(
            coefficient=coefficients["coefficient"].replace(0, np.nan),
            note=coefficients["note"].replace("", "no measurement was selected"),
        )
        blocks += results.drawn(
            "logits",
            site,
            "Measurements that explain the logits",
            "Bars per vessel: the largest standardised coefficients, and the R² lost without a group.",
            sentence(r2, groups, coefficients),
            "logit_coefficients",
            "logit_groups",
        )
        blocks += [
            results.tabulated(
                "logit_r2",
                site,
                "Variance of the logits explained (R²)",
                r2,
                EXPLAINED,
                row="vessel",
                notes=[
                    "Elastic net of the logits on what measure_ecgs gives of the recordings, linear, in "
                    f"{NESTED_FOLDS} folds of patients; the penalty is chosen in {NESTED_FOLDS} folds inside each, and "
                    "R² is that of the patients left out, so that it is below 0 where nothing is explained. A missing "
                    "measurement is the median of the fitting patients and has a flag of its own. Intervals: patients "
                    "drawn with all their ECGs; by simulation 95 % intervals of R² miss in about 11 %."
                ],
            ),
            results.tabulated(
                "logit_coefficients",
                site,
                "Measurements with the largest coefficients",
                largest(selected, "coefficient", STRONGEST),
                COEFFICIENTS,
                group="vessel",
                needs="coefficient",
                notes=[
                    "Standard deviations of the logit per standard deviation of the measurement, with "
                    f"{MEASUREMENTS}, age and sex in one model; interval and proportion of selection over {REFITS} "
                    "draws of patients, each refitted. Penalised coefficients are drawn towards 0, and measurements "
                    "that go together share them: neighbouring ST levels and leads are to be read as one. They tell "
                    "what the logits are associated with, not what the network computes."
                ],
            ),
        ]
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
