"""Thresholds and the strata between them: what each is worth at every site."""

import pandas as pd

from ecg_ccta.evaluation.choose_thresholds import STRATA
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import Cell, by_draws, words
from ecg_ccta.report.formatting import count, is_missing, listed, percent, percent_interval
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.report.sentences import held_fixed
from ecg_ccta.statistics.estimates import CLUSTERED, rows_of

ORDER = 80

KIND_LABELS = {
    "guideline": "Guideline",
    "rule-out": "Rule-out",
    "rule-in": "Rule-in",
    "screening": "Screening point",
}


def _from(rows: pd.DataFrame) -> str:
    ends = rows[["lowest_threshold", "highest_threshold"]].iloc[0]
    return "none" if ends.isna().any() else " to ".join(dict.fromkeys(percent(end, 1) for end in ends))


def accuracy_columns(patients: bool = False) -> dict[str, Cell]:
    """Columns of the accuracy at a threshold, of ECGs or of patients with one ECG each."""
    return {
        "From": _from,
        "Sensitivity": by_draws("sensitivity", 0, percent_interval),
        "Specificity": by_draws("specificity", 0, percent_interval),
        "PPV": by_draws("PPV", 0, percent_interval),
        "NPV": by_draws("NPV", 0, percent_interval),
        "LR+": by_draws("LR+", 2),
        "LR−": by_draws("LR-", 2),
        "CCTAs per event found": by_draws("CCTAs per event found", 1),
        f"{'Patients' if patients else 'ECGs'} per event found": by_draws("ECGs per event found", 1),
    }


COLUMNS = {"Threshold": words("kind", KIND_LABELS.__getitem__), **accuracy_columns()}


def thresholds(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.sites_with("thresholds"):
        strata = results.table("strata", site)
        blocks += results.drawn(
            "strata",
            site,
            "Event rate in the low, intermediate and high stratum",
            f"For each vessel three points with intervals: proportion of ECGs with an event by stratum, {title}.",
            stratum_sentence(strata),
            "strata",
        )
        found = results.table("thresholds", site)
        blocks.append(
            results.tabulated(
                "thresholds",
                site,
                "Accuracy at each threshold",
                found,
                COLUMNS,
                row="kind",
                group="vessel",
                says=threshold_sentence(found, results.study.evaluation.rule_out_sensitivity),
                notes=[_note(results, site), *held_fixed(results, site)],
            )
        )
    return Section("thresholds", "Thresholds and strata", blocks) if blocks else None


def stratum_sentence(strata: pd.DataFrame) -> str:
    parts = []
    for vessel, cells in strata[strata["method"] == CLUSTERED].groupby("vessel", sort=False):
        value = cells.set_index(["measure", "stratum"])["estimate"]
        rates = [value.get(("event rate", stratum)) for stratum in STRATA]
        if any(is_missing(rate) for rate in rates):
            continue
        parts.append(
            f"{vessel} {', '.join(percent(rate, 1) for rate in rates)} (low holds "
            f"{percent(value['proportion of ECGs', 'low'])} of the ECGs and "
            f"{percent(value['proportion of events', 'low'])} of the events)"
        )
    if not parts:
        return "No vessel has events enough for three strata."
    return f"Event rate at low, intermediate and high: {'; '.join(parts)}."


def threshold_sentence(found: pd.DataFrame, target: float) -> str:
    cells = rows_of(found[found["kind"] == "rule-out"], "sensitivity", CLUSTERED)
    known = cells.dropna(subset=["estimate", "lower", "upper"])
    if known.empty:
        return "No vessel has a rule-out threshold to judge."
    below = known[known["upper"] < target]
    said = listed([f"{row['vessel']} {percent(row['estimate'], 1)}" for _, row in known.iterrows()])
    verdict = (
        f"the interval lies below the {percent(target)} it was chosen for in {listed(list(below['vessel']))}"
        if len(below)
        else f"no interval lies below the {percent(target)} it was chosen for"
    )
    return f"Sensitivity at the rule-out threshold: {said}; {verdict}."


def _note(results: ResultsFolder, site: str) -> str:
    evaluation = results.study.evaluation
    development = results.study.development_site
    where = (
        "Each fold is judged by thresholds chosen on the other folds, hence their range"
        if site == development
        else f"Thresholds were chosen at {results.title(development)} and frozen"
    )
    screening = evaluation.screening_specificity
    return (
        f"{where}; those of the kind “guideline” are constants, LM's a convention. Rule-out: highest threshold with "
        f"sensitivity {percent(evaluation.rule_out_sensitivity)} or more. Rule-in: lowest with specificity "
        f"{percent(evaluation.rule_in_specificity)} or more. Screening point: lowest from the guideline's up with "
        f"specificity {percent(screening.RCA)} or more (LM {percent(screening.LM)}). CCTAs per event found is 1/PPV, "
        "the number needed to send to CCTA; ECGs per event found the number needed to screen. Intervals over patients "
        f"({count(evaluation.bootstrap_replicates)} draws), at the threshold given; where every draw gives the same, "
        "Wilson's, which the download has for all proportions. Wilson's take ECGs for independent: by simulation 95 % "
        "intervals miss in 8 to 13 %. Those over patients miss NPV and event rates in about 10 % where 20 patients "
        "have the event."
    )
