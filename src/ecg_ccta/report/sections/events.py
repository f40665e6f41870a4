"""Cumulative events after the CCTA: curves of risk groups and strata, readings, and how far the groups differ."""

import pandas as pd

from ecg_ccta.prognosis.comparison import ADJUSTED, CRUDE, RANK, TREND
from ecg_ccta.prognosis.patients import PROBABILITY, RISK_GROUP, RISK_STRATUM
from ecg_ccta.report.blocks import Folded, Section, Table
from ecg_ccta.report.columns import Cell, bounded, equal_p, measured, p_of, part_of, value, vessel_name, where, words
from ecg_ccta.report.formatting import count, estimate, is_missing, number
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.statistics.incidence import AALEN_JOHANSEN, KAPLAN_MEIER

ORDER = 110


def _of_group(group: str, cell: Cell) -> Cell:
    return where("method", KAPLAN_MEIER, where("group", group, cell))


def _competing(group: str) -> Cell:
    """Write Aalen and Johansen's estimate of a group, where patients died."""

    def cell(rows: pd.DataFrame) -> str:
        found = rows[(rows["method"] == AALEN_JOHANSEN) & (rows["group"] == group)]
        return number(found["percent"].iloc[0], 1, found["note"].iloc[0]) if len(found) else "no deaths"

    return cell


READINGS = {
    "Day": value("day", count),
    "Low: events / at risk": _of_group("low", part_of("events", "at_risk")),
    "Low: 1 − KM (%)": _of_group("low", bounded("percent", 1)),
    "Low: death competing (%)": _competing("low"),
    "High: events / at risk": _of_group("high", part_of("events", "at_risk")),
    "High: 1 − KM (%)": _of_group("high", bounded("percent", 1)),
    "High: death competing (%)": _competing("high"),
}

COMPARED = {
    "": words("vessel", vessel_name),
    "Log-rank p": where("grouping", RISK_GROUP, p_of("p", RANK)),
    "Hazard ratio": where("grouping", RISK_GROUP, measured("hazard ratio", 2, CRUDE)),
    "Adjusted for age and sex": where("grouping", RISK_GROUP, measured("hazard ratio", 2, ADJUSTED)),
    "Proportional hazards p": where("grouping", RISK_GROUP, p_of("proportional hazards p", CRUDE)),
    "C-index": where("grouping", PROBABILITY, measured("C-index", 2)),
}


def events(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, _ in results.followed_sites_with("cumulative_events"):
        readings = results.table("cumulative_events", site)
        comparison = results.table("cumulative_events_comparison", site)
        blocks += _curves(results, site, readings, comparison)
        by_group = readings[readings["grouping"] == RISK_GROUP]
        blocks += [
            results.tabulated(
                "cumulative_events",
                site,
                "Cumulative events at the reading days",
                by_group,
                READINGS,
                row="day",
                group="vessel",
                label=lambda vessel, rows: vessel_name(vessel),
                notes=[
                    "1 − KM: one minus Kaplan-Meier, which takes deaths for censored and so lies above the proportion "
                    "of patients with an event where patients die. Death competing: Aalen and Johansen's estimate of "
                    "that proportion. The strata's readings are in the download."
                ],
            ),
            results.tabulated(
                "cumulative_events_comparison",
                site,
                "Events of high against low risk",
                comparison,
                COMPARED,
                row="vessel",
                says=comparison_sentence(comparison),
                notes=[
                    "Cox regression; the C-index is Harrell's, of the predicted probability: it takes deaths for "
                    "censored, and depends on how long patients were followed. A small p of proportional "
                    "hazards says that the ratio changes with time. The strata's tests and the differences of the "
                    "restricted mean event-free time are in the download."
                ],
            ),
            *_auc_by_day(results, site),
            *_flow(results, site),
        ]
    return Section("cumulative-events", "Cumulative events", blocks) if blocks else None


def _curves(results: ResultsFolder, site: str, readings: pd.DataFrame, comparison: pd.DataFrame) -> list:
    title = results.title(site)
    blocks: list = []
    for name, grouping, groups, says in (
        (
            "cumulative_events",
            RISK_GROUP,
            "the low and high risk group",
            f"{group_sentence(readings)} {landmark_sentence(results, site)}",
        ),
        (
            "cumulative_events_strata",
            RISK_STRATUM,
            "the low, intermediate and high stratum",
            trend_sentence(comparison),
        ),
    ):
        blocks += results.drawn(
            name,
            site,
            f"Cumulative events by {grouping}",
            f"Cumulative incidence of events over time in {groups}, {title}.",
            says,
            "cumulative_events_curves",
        )
    if results.has("event_rates", site):
        blocks += results.drawn(
            "event_rates",
            site,
            "Event rates at the reading days",
            f"Bars of the cumulative incidence of events in the low and high risk group, {title}.",
            rate_sentence(results.table("event_rates", site)),
            "event_rates",
        )
    return blocks


def _flow(results: ResultsFolder, site: str) -> list[Folded]:
    if not results.has("cumulative_events_flow", site):
        return []
    table = results.tabulated(
        "cumulative_events_flow",
        site,
        "Patients in follow-up",
        results.table("cumulative_events_flow", site),
        {"": words("step"), "Patients": value("patients", count)},
        says=landmark_sentence(results, site),
    )
    return [Folded("Who is followed, and why others are not", [table])]


def landmark_sentence(results: ResultsFolder, site: str) -> str:
    """From which day patients are followed, and how many with a prediction are not, by reason."""
    day = results.study.follow_up.landmark_days
    if not results.has("cumulative_events_flow", site):
        return f"Follow-up starts on day {day}."
    steps = results.table("cumulative_events_flow", site).set_index("step")["patients"]
    left = {step: patients for step, patients in steps.iloc[1:-1].items() if patients}
    reasons = f": {', '.join(f'{step} ({count(patients)})' for step, patients in left.items())}" if left else ""
    return (
        f"Follow-up starts on day {day}: {count(steps.iloc[-1])} of {count(steps.iloc[0])} patients with a prediction "
        f"are followed from there, {count(sum(left.values()))} are not{reasons}."
    )


def _auc_by_day(results: ResultsFolder, site: str) -> list[Table]:
    if not results.has("time_dependent_auc", site):
        return []
    found = results.table("time_dependent_auc", site)
    days = found.drop_duplicates("day").sort_values("day")
    by_day = {
        f"Day {count(day['day'])} ({count(day['events'])} events)": where("day", day["day"], bounded("estimate", 2))
        for _, day in days.iterrows()
    }
    table = results.tabulated(
        "time_dependent_auc",
        site,
        "Area under the ROC curve by day",
        found,
        {"": words("vessel", vessel_name), **by_day},
        row="vessel",
        says=auc_sentence(found),
        notes=[
            "How the predicted probability ranks patients with an event by that day above all others, those who died "
            "without one included; patients lost earlier are made up for by inverse probability weights, which "
            "assumes that who is lost has nothing to do with prediction or prognosis."
        ],
    )
    return [table]


def rate_sentence(rates: pd.DataFrame) -> str:
    how = "with death competing" if (rates["method"] == AALEN_JOHANSEN).any() else "one minus Kaplan-Meier"
    says = f"Cumulative incidence, {how}, with intervals; patients who were lost count until they left."
    last = rates[(rates["vessel"] == "any") & (rates["day"] == rates["day"].max())].set_index("group")
    if not {"low", "high"} <= set(last.index) or last["percent"].isna().any():
        return says
    parts = (f"{group} {bounded('percent', 1)(last.loc[[group]])}" for group in ("high", "low"))
    return f"{says} Any vessel, per cent by day {count(last.loc['high', 'day'])}: {', '.join(parts)}."


def auc_sentence(found: pd.DataFrame) -> str:
    row = found[found["vessel"] == "any"].iloc[-1]
    if is_missing(row["estimate"]):
        return f"Any vessel: {row['note'] or 'no estimate'}."
    return f"Any vessel, by day {count(row['day'])}: {estimate(row, 2)}."


def group_sentence(readings: pd.DataFrame) -> str:
    competing = (readings["method"] == AALEN_JOHANSEN).any()
    method = AALEN_JOHANSEN if competing else KAPLAN_MEIER
    chosen = (readings["vessel"] == "any") & (readings["grouping"] == RISK_GROUP) & (readings["method"] == method)
    last = readings[chosen & (readings["day"] == readings["day"].max())].set_index("group")
    if not {"low", "high"} <= set(last.index) or last["percent"].isna().any():
        notes = [note for note in dict.fromkeys(last["note"]) if note]
        return f"Any vessel: {'; '.join(notes) or 'no estimate'}."
    how = "death competing" if competing else "one minus Kaplan-Meier"
    high, low = (bounded("percent", 1)(last.loc[[group]]) for group in ("high", "low"))
    return (
        f"Cumulative incidence by day {count(last.loc['high', 'day'])} in per cent ({how}): {high} at high risk in any "
        f"vessel, {low} at low risk in all."
    )


def trend_sentence(comparison: pd.DataFrame) -> str:
    rows = comparison[(comparison["vessel"] == "any") & (comparison["grouping"] == RISK_STRATUM)]
    trend, ratio = _one(rows, "p", TREND), _one(rows, "hazard ratio", CRUDE)
    if is_missing(trend["estimate"]) or is_missing(ratio["estimate"]):
        return f"Any vessel: {trend['note'] or ratio['note'] or 'no estimate'}."
    return (
        f"From stratum to stratum of any vessel the hazard is {estimate(ratio, 2)} times as high (log-rank test for "
        f"trend: p {equal_p(trend['estimate'])})."
    )


def comparison_sentence(comparison: pd.DataFrame) -> str:
    rows = comparison[(comparison["vessel"] == "any") & (comparison["grouping"] == RISK_GROUP)]
    crude, adjusted = _one(rows, "hazard ratio", CRUDE), _one(rows, "hazard ratio", ADJUSTED)
    if is_missing(crude["estimate"]) or is_missing(adjusted["estimate"]):
        return f"Any vessel: {crude['note'] or adjusted['note'] or 'no estimate'}."
    return (
        f"At high risk in any vessel the hazard of an event is {estimate(crude, 2)} times that at low risk, "
        f"{number(adjusted['estimate'], 2)} times at equal age and sex."
    )


def _one(rows: pd.DataFrame, measure: str, method: str | None = None) -> pd.Series:
    return rows_of(rows, measure, method).iloc[0]
