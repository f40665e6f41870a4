"""What perturbed recordings cost, and which of them quality control would have refused."""

import pandas as pd

from ecg_ccta.evaluation.analyse_robustness import ANY_REASON, CHANGE, MACRO, NOISY, RATIO, REFUSED
from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.columns import Cell, bounded, capital, measured, words
from ecg_ccta.report.formatting import count, estimate, listed, number, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.signals.perturbations import WITHOUT
from ecg_ccta.statistics.estimates import HONEST, rows_of

ORDER = 145

MOSTLY = 0.5
"""Proportion of ECGs from which on a perturbation counts as refused."""
SHOWN = 4
"""Perturbations that the sentence names."""


def _proportion(measure: str, reason: str) -> Cell:
    def cell(rows: pd.DataFrame) -> str:
        found = rows_of(rows, measure)
        found = found[found["reason"] == reason]
        return percent(found["estimate"].iloc[0]) if len(found) else ""

    return cell


def _reasons(rows: pd.DataFrame) -> str:
    found = rows_of(rows, REFUSED)
    return ", ".join(found.loc[found["reason"] != ANY_REASON, "reason"])


def _ratio(rows: pd.DataFrame) -> str:
    found = rows_of(rows, RATIO)
    return number(found["estimate"].iloc[0], 0) if len(found) else ""


COLUMNS = {
    "Perturbation": words("perturbation", capital),
    "Signal to noise (dB)": _ratio,
    "Difference of mean AUC": measured("AUC difference", absent=""),
    "Change of probability": measured(CHANGE, absent=""),
    "Refused": _proportion(REFUSED, ANY_REASON),
    "By": _reasons,
    "Noisy leads named": _proportion(NOISY, ""),
}
RECOVERED = {"Recovered": measured("recovered", 2, absent="")}


def robustness(results: ResultsFolder) -> Section | None:
    if results.study.robustness is None:
        return None
    blocks: list = []
    for site, _ in results.judged_sites_with("robustness"):
        blocks += _of_site(results, site)
    if not blocks:
        return None
    introduction = Text(
        "A sample of the ECGs, one per patient, was perturbed as recordings are in practice, before the study's own "
        "cleaning, and predicted again by the networks that had predicted it before (out of fold at the development "
        "site). Recordings that quality control would refuse are predicted as well, so that the table tells what a "
        "perturbation costs apart from whether it is seen."
    )
    return Section("robustness", "Robustness to the recording", [introduction, *blocks])


def _of_site(results: ResultsFolder, site: str) -> list:
    predictions, quality = results.table("robustness", site), results.table("robustness_quality", site)
    parts = [predictions[predictions["vessel"] == MACRO], quality.fillna({"reason": ""})]
    columns = dict(COLUMNS)
    notes = [
        "Mean AUC over vessels with enough events; differences to the same ECGs as recorded, paired over patients, out "
        "of fold with an interval that allows for the folds' common training patients. Change: mean absolute change of "
        "the probability over vessels. Noise in millivolts is the root mean square over the leads.",
        "The sample holds all or further stenoses of rare vessels, each for its own vessel alone; proportions and "
        "changes are of the random sample.",
    ]
    if results.has("robustness_recovery", site):
        recovery = results.table("robustness_recovery", site)
        parts.append(recovery[recovery["vessel"] == "all"])
        columns |= RECOVERED
        notes.append(
            "Recovered: the AUC above 0.5 relative to that of the oracle, the true probability, summed over the "
            "vessels whose oracle exceeds chance in the sample."
        )
    shown = pd.concat(parts, ignore_index=True)
    tables = ["robustness_quality", *(["robustness_recovery"] if results.has("robustness_recovery", site) else [])]
    return [
        *results.drawn(
            "robustness",
            site,
            "What perturbations of the recording cost, and whether they are refused",
            "Three panels of dots with intervals, a row per perturbation: difference of the mean AUC, mean absolute "
            "change of the probability, proportion refused.",
            sentence(predictions, quality),
            "robustness",
            "robustness_quality",
        ),
        results.tabulated(
            "robustness",
            site,
            "Perturbed recordings",
            shown[shown["perturbation"] != WITHOUT],
            columns,
            *tables,
            says=as_recorded(predictions),
            row="perturbation",
            group="kind",
            label=lambda kind, rows: capital(kind),
            notes=notes,
        ),
    ]


def as_recorded(predictions: pd.DataFrame) -> str:
    """The mean AUC that all others are compared with."""
    found = rows_of(predictions[predictions["vessel"] == MACRO], "AUC", HONEST)
    found = found[found["perturbation"] == WITHOUT]
    if found.empty or found["estimate"].isna().all():
        return "No vessel has enough events to compare AUCs."
    row = found.iloc[0]
    return f"Mean AUC of the {count(row['n'])} sampled ECGs as recorded: {estimate(row)}."


def sentence(predictions: pd.DataFrame, quality: pd.DataFrame) -> str:
    """How many perturbations lower the mean AUC, and which of these quality control lets through."""
    costs = rows_of(predictions[predictions["vessel"] == MACRO], "AUC difference").set_index("perturbation")
    if costs.empty or costs["estimate"].isna().all():
        return "No vessel has enough events to say what a perturbation costs."
    for_any = quality[quality["reason"] == ANY_REASON]
    refused = rows_of(for_any, REFUSED).set_index("perturbation")["estimate"]
    lowered = costs[costs["upper"] < 0].sort_values("estimate", kind="stable")
    if lowered.empty:
        return f"None of {len(costs)} perturbations lowers the mean AUC by more than its interval."
    passed = lowered[refused.reindex(lowered.index).fillna(0) < MOSTLY]
    said = (
        f"{len(lowered)} of {len(costs)} perturbations lower the mean AUC by more than their interval; quality control "
        f"refuses {len(lowered) - len(passed)} of these in at least half of the ECGs."
    )
    if passed.empty:
        return said
    cell = bounded("estimate")
    shown = passed.iloc[:SHOWN]
    named = [f"{name} ({row['kind']}) {cell(shown.loc[[name]])}" for name, row in shown.iterrows()]
    first = ": " if len(passed) <= SHOWN else "; the costliest are "
    return f"{said} It lets {len(passed)} pass{first}{listed(named)}."
