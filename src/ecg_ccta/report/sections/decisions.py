"""Decision curves: over which threshold probabilities the model is worth using."""

import pandas as pd

from ecg_ccta.config import PerVessel
from ecg_ccta.evaluation.analyse_decisions import AVOIDED, useful_range
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import measured, value, where
from ecg_ccta.report.formatting import interval, number, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sentences import held_fixed
from ecg_ccta.vessels import VESSELS

ORDER = 90

SHOWN_THRESHOLDS = {"LM": (0.005, 0.01, 0.02, 0.05)}
"""Threshold probabilities that the page's table shows; the download has all."""
_COMMON = (0.05, 0.15, 0.3, 0.5)

COLUMNS = {
    "Threshold": value("threshold", percent, 1),
    "Model": where("strategy", "model", measured("net benefit", 4)),
    "CCTA for all": where("strategy", "all", measured("net benefit", 4)),
    "Model above the better of all and none": where("strategy", "model", measured("advantage", 4)),
    "CCTAs avoided per 100": where("strategy", "model", measured("net interventions avoided", 1)),
}


def decisions(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.sites_with("decision_curves"):
        found = results.table("decision_curves", site)
        blocks += results.drawn(
            "decision_curves",
            site,
            "Decision curves",
            f"For each vessel net benefit, and net CCTAs avoided, against threshold probability, {title}.",
            sentence(found, results.study.evaluation.level),
            "decision_curves",
        )
        blocks.append(
            results.tabulated(
                "decision_curves",
                site,
                "Net benefit at some threshold probabilities",
                found[[_is_shown(*pair) for pair in zip(found["vessel"], found["threshold"], strict=True)]],
                COLUMNS,
                row="threshold",
                group="vessel",
                needs="estimate",
                says=avoided_sentence(found, results.study.evaluation.high_risk_thresholds),
                notes=[
                    "One vessel at a time, as networks are compared; nobody sends one artery to CCTA. The decision "
                    "for a patient is that of any vessel, in the section before. Net benefit: true positives less "
                    "false positives at the odds of the threshold probability, per ECG; CCTA for none has 0. CCTAs "
                    "avoided: against CCTA for all, at the same number of events found. Pointwise intervals over "
                    "patients; by simulation 95 % intervals miss the CCTAs avoided in about 11 % where 20 patients "
                    "have the event.",
                    *held_fixed(results, site),
                ],
            )
        )
    return Section("decisions", "Decision curves of each vessel", blocks) if blocks else None


def _is_shown(vessel: str, threshold: float) -> bool:
    # A vessel without a curve has one row, without a threshold, that says why.
    return pd.isna(threshold) or any(abs(threshold - shown) < 1e-9 for shown in SHOWN_THRESHOLDS.get(vessel, _COMMON))


def sentence(found: pd.DataFrame, level: float) -> str:
    """Over which range the model beats both treating all and none, and where that is beyond chance."""
    parts = []
    for vessel in VESSELS:
        rows = found[found["vessel"] == vessel]
        if rows["estimate"].notna().any():
            parts.append(f"{vessel} {_stretch(found, vessel)}")
        elif len(rows):
            parts.append(f"{vessel} not estimated ({rows['note'].iloc[0]})")
    return (
        "Threshold probabilities over which the model beats both CCTA for all and CCTA for none (in brackets where the "
        f"{percent(level)} interval of its advantage lies above 0): {'; '.join(parts)}."
    )


def avoided_sentence(found: pd.DataFrame, at: PerVessel) -> str:
    """The net CCTAs avoided at the thresholds of the risk groups."""
    parts = []
    cells = found[found["measure"] == AVOIDED].dropna(subset=["estimate"])
    for vessel, rows in cells.groupby("vessel", sort=False):
        nearest = rows.loc[(rows["threshold"] - getattr(at, vessel)).abs().idxmin()]
        said = interval(nearest["estimate"], nearest["lower"], nearest["upper"], 1)
        parts.append(f"{vessel} {said} at {percent(nearest['threshold'], 1)}")
    if not parts:
        return "No vessel has events enough for a decision curve."
    return f"Net CCTAs avoided per 100 ECGs, against CCTA for all, at the risk groups' threshold: {'; '.join(parts)}."


def _stretch(found: pd.DataFrame, vessel: str) -> str:
    better, sure = (useful_range(found, vessel, beyond) for beyond in (False, True))
    if not better:
        return "nowhere"
    return f"{_longest(better)} ({_longest(sure) if sure else 'nowhere'})"


def _longest(stretches: list[tuple[float, float]]) -> str:
    low, high = max(stretches, key=lambda ends: ends[1] - ends[0])
    others = f" and {len(stretches) - 1} shorter" if len(stretches) > 1 else ""
    if low == high:
        return f"at {percent(low, 1)}{others}"
    return f"{number(100 * low, 1)} to {percent(high, 1)}{others}"
