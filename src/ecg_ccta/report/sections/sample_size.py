"""Sample size: how precise this study is, and how many patients a wanted precision needs."""

import pandas as pd

from ecg_ccta.evaluation.plan_sample_size import STRATA
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, estimate, is_missing, listed, number
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import COLUMNS


def sample_size(results: ResultsFolder) -> Section | None:
    if not results.has("sample_size"):
        return None
    found = results.table("sample_size", columns=(*STRATA, *COLUMNS))
    title = results.title(results.study.development_site)
    groups = [
        (vessel, [_row(row) for _, row in rows.iterrows()]) for vessel, rows in found.groupby("vessel", sort=False)
    ]
    table = Table(
        f"Interval widths at {title}, and patients that the target widths need",
        ["Measure", "Patients", "Expected (interval)", "Width", "Target width", "Patients needed", "Events among them"],
        groups,
        says=sentence(found),
        downloads=[results.download("sample_size")],
        notes=[
            "After Riley et al., Stat Med 40:4230, 2021, for patients with one ECG each and calibrated predictions: "
            "the AUC, share of patients with an event and spread of predictions found at the development site are "
            "taken for those of the next study. The interval is the one to expect, not the one found."
        ],
    )
    return Section("sample-size", "Sample size", [table])


def sentence(found: pd.DataFrame) -> str:
    """How wide the AUC's intervals are here, and how many patients an AUC and all measures need."""
    known = found.dropna(subset=["patients_needed"])
    if known.empty:
        return "No vessel has events enough to plan with."
    parts = []
    for vessel, rows in known.groupby("vessel", sort=False):
        auc = rows[rows["measure"] == "AUC"]
        if auc.empty:
            continue
        hardest = rows.loc[rows["patients_needed"].idxmax()]
        parts.append(
            f"{vessel} {number(auc['width'].iloc[0], 2)}; {count(auc['patients_needed'].iloc[0])} patients for "
            f"{number(auc['target_width'].iloc[0], 2)}, and {count(hardest['patients_needed'])} for every target "
            f"(the {hardest['measure']} needs most)"
        )
    short = [vessel for vessel in dict.fromkeys(found["vessel"]) if vessel not in set(known["vessel"])]
    gaps = f" Too few events to plan with: {listed(short)}." if short else ""
    return f"Width of the AUC's interval here: {'. '.join(parts)}.{gaps}"


def _row(row: pd.Series) -> list[str]:
    digits = 3 if row["measure"] == "AUC" else 2
    return [
        row["measure"][0].upper() + row["measure"][1:],
        count(row["patients"]),
        estimate(row, digits),
        number(row["width"], digits, row["note"]),
        number(row["target_width"], 2),
        count(row["patients_needed"], row["note"]),
        count(row["events_needed"], row["note"]) if not is_missing(row["patients_needed"]) else row["note"],
    ]
