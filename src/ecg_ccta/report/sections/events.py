"""Cumulative events after the CCTA: curves of risk groups and strata, readings, and how far the groups differ."""

import pandas as pd

from ecg_ccta.prognosis.comparison import ADJUSTED, CRUDE, RANK, TREND
from ecg_ccta.prognosis.patients import PROBABILITY, RISK_GROUP, RISK_STRATUM
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, estimate, interval, is_missing, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import rows_of
from ecg_ccta.statistics.incidence import AALEN_JOHANSEN, KAPLAN_MEIER

READINGS = (
    "vessel", "grouping", "group", "method", "day", "at_risk", "events", "percent", "lower", "upper", "note",
)  # fmt: skip
RATES = ("vessel", "group", "method", "day", "percent", "lower", "upper", "note")
AUC = ("vessel", "day", "estimate", "lower", "upper", "events", "note")
COMPARISON = ("vessel", "grouping", "measure", "estimate", "lower", "upper", "method", "note")


def cumulative_events(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.followed_sites_with("cumulative_events"):
        blocks += _site(results, site, title)
    return Section("cumulative-events", "Cumulative events", blocks) if blocks else None


def _site(results: ResultsFolder, site: str, title: str) -> list:
    readings = results.table("cumulative_events", site, READINGS)
    comparison = results.table("cumulative_events_comparison", site, COMPARISON)
    curves = results.first_download(site, "cumulative_events_curves", "cumulative_events")
    blocks: list = []
    for name, grouping, groups, says in (
        ("cumulative_events", RISK_GROUP, "the low and high risk group", group_sentence(readings)),
        (
            "cumulative_events_strata",
            RISK_STRATUM,
            "the low, intermediate and high stratum",
            trend_sentence(comparison),
        ),
    ):
        blocks += results.drawn(
            f"{name}_{site}",
            f"Cumulative events by {grouping}, {title}",
            f"Cumulative share of patients with an event over time in {groups}, {title}.",
            says,
            curves,
        )
    if results.has("event_rates", site):
        blocks += results.drawn(
            f"event_rates_{site}",
            f"Event rates at the reading days, {title}",
            f"Bars of the cumulative share of patients with an event in the low and high risk group, {title}.",
            rate_sentence(results.table("event_rates", site, RATES)),
            [results.download("event_rates", site)],
        )
    shown = readings[readings["grouping"] == RISK_GROUP]
    blocks.append(
        Table(
            f"Cumulative events at the reading days, {title}",
            [
                "Day",
                "Low: events / at risk",
                "Low: cumulative (%)",
                "High: events / at risk",
                "High: cumulative (%)",
                "Low, high: death competing (%)",
            ],
            [
                (_label(vessel), [_reading(day, cells) for day, cells in rows.groupby("day")])
                for vessel, rows in shown.groupby("vessel", sort=False)
            ],
            downloads=[results.download("cumulative_events", site)],
            notes=[
                "One minus Kaplan-Meier; the last column is Aalen and Johansen's estimate, where deaths occurred. The "
                "strata's readings are in the download."
            ],
        )
    )
    blocks.append(
        Table(
            f"Events of high against low risk, {title}",
            ["", "Log-rank p", "Hazard ratio", "Adjusted for age and sex", "Proportional hazards p", "C-index"],
            [("", [_compared(vessel, rows) for vessel, rows in comparison.groupby("vessel", sort=False)])],
            comparison_sentence(comparison),
            downloads=[results.download("cumulative_events_comparison", site)],
            notes=[
                "Cox regression; the C-index is that of the predicted probability. A small p of proportional hazards "
                "says that the ratio changes with time. The strata's tests and the differences of the restricted mean "
                "event-free time are in the download."
            ],
        )
    )
    if results.has("time_dependent_auc", site):
        blocks.append(_auc_by_day(results, site))
    return blocks


def _auc_by_day(results: ResultsFolder, site: str) -> Table:
    found = results.table("time_dependent_auc", site, AUC)
    days = sorted(found["day"].unique())
    events = found.drop_duplicates("day").set_index("day")["events"]
    return Table(
        f"Area under the ROC curve by day, {results.title(site)}",
        ["", *(f"Day {count(day)} ({count(events[day])} events)" for day in days)],
        [
            (
                "",
                [
                    [_label(vessel), *(_ratio(rows.set_index("day").loc[day]) for day in days)]
                    for vessel, rows in found.groupby("vessel", sort=False)
                ],
            )
        ],
        auc_sentence(found),
        downloads=[results.download("time_dependent_auc", site)],
        notes=[
            "How the predicted probability ranks patients with an event by that day above all others, those who died "
            "without one included; patients lost earlier are made up for by inverse probability weights."
        ],
    )


def rate_sentence(rates: pd.DataFrame) -> str:
    how = "with death competing" if (rates["method"] == AALEN_JOHANSEN).any() else "one minus Kaplan-Meier"
    says = f"Cumulative incidence, {how}, with intervals; censoring is respected, unlike in events over group size."
    last = rates[(rates["vessel"] == "any") & (rates["day"] == rates["day"].max())].set_index("group")
    if not {"low", "high"} <= set(last.index) or last["percent"].isna().any():
        return says
    parts = (f"{group} {_ratio(last.loc[group].rename({'percent': 'estimate'}), 1)}" for group in ("high", "low"))
    return f"{says} Any vessel, per cent by day {count(last.loc['high', 'day'])}: {', '.join(parts)}."


def auc_sentence(found: pd.DataFrame) -> str:
    row = found[found["vessel"] == "any"].iloc[-1]
    if is_missing(row["estimate"]):
        return f"Any vessel: {row['note'] or 'no estimate'}."
    return f"Any vessel, by day {count(row['day'])}: {_ratio(row)}."


def group_sentence(readings: pd.DataFrame) -> str:
    chosen = (readings["vessel"] == "any") & (readings["grouping"] == RISK_GROUP) & (readings["method"] == KAPLAN_MEIER)
    last = readings[chosen & (readings["day"] == readings["day"].max())].set_index("group")
    if not {"low", "high"} <= set(last.index) or last["percent"].isna().any():
        notes = [note for note in dict.fromkeys(last["note"]) if note]
        return f"Any vessel: {'; '.join(notes) or 'no estimate'}."
    high, low = last.loc["high"], last.loc["low"]
    return (
        f"By day {count(high['day'])}, {number(high['percent'], 1)} % of the patients at high risk in any vessel "
        f"had an event, and {number(low['percent'], 1)} % of those at low risk in all."
    )


def trend_sentence(comparison: pd.DataFrame) -> str:
    rows = comparison[(comparison["vessel"] == "any") & (comparison["grouping"] == RISK_STRATUM)]
    tested, ratio = _one(rows, "p", TREND), _one(rows, "hazard ratio", CRUDE)
    if is_missing(tested["estimate"]) or is_missing(ratio["estimate"]):
        return f"Any vessel: {tested['note'] or ratio['note'] or 'no estimate'}."
    p = p_value(tested["estimate"])
    return (
        f"From stratum to stratum of any vessel the hazard is {_ratio(ratio)} times as high (log-rank test for trend: "
        f"p {p if p[0] == '<' else f'= {p}'})."
    )


def comparison_sentence(comparison: pd.DataFrame) -> str:
    rows = comparison[(comparison["vessel"] == "any") & (comparison["grouping"] == RISK_GROUP)]
    crude, adjusted = _one(rows, "hazard ratio", CRUDE), _one(rows, "hazard ratio", ADJUSTED)
    if is_missing(crude["estimate"]) or is_missing(adjusted["estimate"]):
        return f"Any vessel: {crude['note'] or adjusted['note'] or 'no estimate'}."
    return (
        f"At high risk in any vessel the hazard of an event is {_ratio(crude)} times that at low risk, "
        f"{number(adjusted['estimate'], 2)} times at equal age and sex."
    )


def _label(vessel: str) -> str:
    return "Any vessel" if vessel == "any" else vessel


def _one(rows: pd.DataFrame, measure: str, method: str | None = None) -> pd.Series:
    return rows_of(rows, measure, method).iloc[0]


def _ratio(row: pd.Series, digits: int = 2) -> str:
    return estimate(row, digits)


def _reading(day: float, cells: pd.DataFrame) -> list[str]:
    row = [count(day)]
    for _, cell in cells[cells["method"] == KAPLAN_MEIER].iterrows():
        row.append(f"{count(cell['events'])} / {count(cell['at_risk'])}")
        row.append(interval(cell["percent"], cell["lower"], cell["upper"], 1, cell["note"]))
    competing = cells[cells["method"] == AALEN_JOHANSEN]
    row.append(", ".join(number(percent, 1) for percent in competing["percent"]) or "no deaths")
    return row


def _compared(vessel: str, rows: pd.DataFrame) -> list[str]:
    two = rows[rows["grouping"] == RISK_GROUP]
    tested, proportional = _one(two, "p", RANK), _one(two, "proportional hazards p", CRUDE)
    return [
        _label(vessel),
        p_value(tested["estimate"], tested["note"]),
        _ratio(_one(two, "hazard ratio", CRUDE)),
        _ratio(_one(two, "hazard ratio", ADJUSTED)),
        p_value(proportional["estimate"], proportional["note"]),
        _ratio(_one(rows[rows["grouping"] == PROBABILITY], "C-index")),
    ]
