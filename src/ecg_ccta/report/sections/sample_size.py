"""Sample size: how precise this study is, and how many patients a wanted precision needs."""

import pandas as pd

from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import bounded, capital, value, words
from ecg_ccta.report.formatting import count, listed, number
from ecg_ccta.report.results_folder import ResultsFolder

ORDER = 170

COLUMNS = {
    "Measure": words("measure", capital),
    "Patients": value("patients", count),
    "Expected (interval)": lambda rows: bounded("estimate", _digits(rows))(rows),
    "Width": lambda rows: value("width", number, _digits(rows))(rows),
    "Target width": value("target_width", number, 2),
    "Patients needed": value("patients_needed", count),
    "Events among them": value("events_needed", count),
}


def sample_size(results: ResultsFolder) -> Section | None:
    if not results.has("sample_size"):
        return None
    found = results.table("sample_size")
    table = results.tabulated(
        "sample_size",
        None,
        f"Interval widths at {results.title(results.study.development_site)}, and patients that the target widths need",
        found,
        COLUMNS,
        group="vessel",
        says=sentence(found),
        notes=[
            "After Riley et al., Stat Med 40:4230, 2021, for patients with one ECG each and calibrated predictions: "
            "the AUC, proportion of patients with an event and spread of predictions found at the development site are "
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


def _digits(rows: pd.DataFrame) -> int:
    return 3 if rows["measure"].iloc[0] == "AUC" else 2
