"""The leakage audit: what was checked so that no training patient was evaluated."""

import pandas as pd

from ecg_ccta.audit.checks import BLIND
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import capital, value, words
from ecg_ccta.report.formatting import count
from ecg_ccta.report.results_folder import ResultsFolder

ORDER = 200

COLUMNS = {
    "Leak": words("check", capital),
    "Compared": words("compared"),
    "Of": lambda rows: f"{count(rows['n'].iloc[0])} {rows['unit'].iloc[0]}",
    "Found": value("findings", count),
    "How": lambda rows: " ".join([rows["method"].iloc[0], *(f"({note})" for note in rows["note"] if note)]),
}


def leakage(results: ResultsFolder) -> Section:
    found = results.table("leakage")
    table = results.tabulated(
        "leakage",
        None,
        "Leakage audit",
        found,
        COLUMNS,
        says=sentence(found),
        notes=[
            "The study stops where a check finds something. What no check can see: a patient of two sites with "
            "different pseudonym keys and different recordings, a patient who stands under two identifiers in one "
            "export, a copy that was cut to less than 5 s, has its leads exchanged, or is drowned in noise, and an "
            "outcome that stands in the recordings themselves, as where another device was used for the sick."
        ],
    )
    return Section("leakage", "Leakage audit", [table])


def sentence(found: pd.DataFrame) -> str:
    total = int(found["findings"].sum())
    if total:
        return f"{count(total)} findings in {len(found)} checks: the results are not those of unseen patients."
    blind = found[found["note"].str.startswith(BLIND)]
    said = f"In {len(found)} checks no evaluated patient was found in training, calibration or the choice of thresholds"
    if blind.empty:
        return f"{said}."
    reasons = "; ".join(dict.fromkeys(blind["note"].str.removeprefix(BLIND)))
    return f"{said}. {len(blind)} of them {'is' if len(blind) == 1 else 'are'} blind: {reasons}."
