"""Thresholds and the strata between them: what each is worth at every site."""

import pandas as pd

from ecg_ccta.evaluation.choose_thresholds import STRATA
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, interval, is_missing, listed, percent, percent_interval
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import CLUSTERED, COLUMNS, WILSON, rows_of

KIND_LABELS = {
    "guideline": "Guideline",
    "rule-out": "Rule-out",
    "rule-in": "Rule-in",
    "screening": "Screening point",
}
_PERCENT = ("sensitivity", "specificity", "PPV", "NPV")
_NUMBERS = {"LR+": 2, "LR-": 2, "F1": 2, "CCTAs per event found": 1, "ECGs per event found": 1}
_HEADER = [
    "Threshold", "From", "Sensitivity", "Specificity", "PPV", "NPV", "LR+", "LR−", "F1", "CCTAs per event found",
    "ECGs per event found",
]  # fmt: skip


def thresholds(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.sites_with("thresholds"):
        strata = results.table("strata", site, ("vessel", "stratum", *COLUMNS))
        blocks += results.drawn(
            f"strata_{site}",
            f"Event rate in the low, intermediate and high stratum, {title}",
            f"For each vessel three points with intervals: share of ECGs with an event by stratum, {title}.",
            stratum_sentence(strata),
            [results.download("strata", site)],
        )
        found = results.table("thresholds", site, ("vessel", "kind", "lowest_threshold", "highest_threshold", *COLUMNS))
        blocks.append(
            Table(
                f"Accuracy at each threshold, {title}",
                _HEADER,
                [
                    (vessel, [_row(kind, cells) for kind, cells in rows.groupby("kind", sort=False)])
                    for vessel, rows in found.groupby("vessel", sort=False)
                ],
                says=threshold_sentence(found, results.study.evaluation.rule_out_sensitivity),
                downloads=[results.download("thresholds", site)],
                notes=[_note(results, site)],
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
            f"{percent(value['share of ECGs', 'low'])} of the ECGs and {percent(value['share of events', 'low'])} of "
            "the events)"
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


def _row(kind: str, cells: pd.DataFrame) -> list[str]:
    by_measure = cells[cells["method"] != WILSON].set_index("measure")
    by_wilson = cells[cells["method"] == WILSON].set_index("measure")
    row = [KIND_LABELS[kind], _threshold(by_measure.iloc[0])]
    for measure in (*_PERCENT, *_NUMBERS):
        cell = by_measure.loc[measure]
        ends = cell["lower"], cell["upper"]
        if not is_missing(cell["lower"]) and cell["lower"] == cell["upper"]:
            # An interval without width would promise too much.
            ends = tuple(by_wilson.loc[measure, ["lower", "upper"]]) if measure in by_wilson.index else (None, None)
        if measure in _PERCENT:
            row.append(percent_interval(cell["estimate"], *ends, note=cell["note"]))
        else:
            row.append(interval(cell["estimate"], *ends, _NUMBERS[measure], cell["note"]))
    return row


def _threshold(row: pd.Series) -> str:
    if is_missing(row["lowest_threshold"]):
        return "none"
    ends = list(dict.fromkeys(percent(row[end], 1) for end in ("lowest_threshold", "highest_threshold")))
    return " to ".join(ends)


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
        f"{where}; the guideline's are constants. Rule-out: highest threshold with sensitivity "
        f"{percent(evaluation.rule_out_sensitivity)} or more. Rule-in: lowest with specificity "
        f"{percent(evaluation.rule_in_specificity)} or more. Screening point: lowest from the guideline's up with "
        f"specificity {percent(screening.RCA)} or more (LM {percent(screening.LM)}). CCTAs per event found is 1/PPV, "
        "the number needed to send to CCTA; ECGs per event found the number needed to screen. Intervals over patients "
        f"({count(evaluation.bootstrap_replicates)} draws), at the threshold given; where every draw gives the same, "
        "Wilson's, which the download has for all shares."
    )
