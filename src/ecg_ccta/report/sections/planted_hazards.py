"""Planted hazards and what follow-up recovers of them, and how far the oracle's risk groups differ."""

import pandas as pd

from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, estimate, interval, is_missing, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.truth.planted_hazards import ALONE, MODEL, ORACLE, TOGETHER

HAZARDS = ("regression", "finding", "planted", "estimate", "lower", "upper", "inside", "p_planted", "patients",
           "events", "note")  # fmt: skip
SEPARATION = ("source", "vessel", "patients_high", "events_high", "patients_low", "events_low", "log_rank_p",
              "hazard_ratio", "lower", "upper", "per_sd", "per_sd_lower", "per_sd_upper", "note")  # fmt: skip


def planted_hazards(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.followed_sites_with("planted_hazards"):
        blocks += _site(results, site, title)
    return Section("planted-hazards", "Planted and recovered hazards", blocks) if blocks else None


def _site(results: ResultsFolder, site: str, title: str) -> list:
    hazards = results.table("planted_hazards", site, HAZARDS)
    separated = results.table("oracle_separation", site, SEPARATION)
    blocks: list = results.drawn(
        f"planted_hazards_{site}",
        f"Planted and estimated hazard ratios, {title}",
        "Estimates with intervals and planted hazard ratios, for any vessel and for each vessel.",
        hazard_sentence(hazards),
        [results.download("planted_hazards", site)],
    )
    groups = []
    for regression, rows in hazards.groupby("regression", sort=False):
        size = f"{count(rows['events'].iloc[0])} events, {count(rows['patients'].iloc[0])} patients"
        groups.append((f"{regression.capitalize()} ({size})", [_hazard(row) for _, row in rows.iterrows()]))
    blocks.append(
        Table(
            f"Hazard ratios of true findings, {title}",
            ["Severe or complete stenosis", "Planted", "Cox regression", "Planted ratio within"],
            groups,
            alone_sentence(hazards),
            downloads=[results.download("planted_hazards", site)],
            notes=[
                "Patients with a finding in every vessel. Planted were the ratios of all findings at once; of one "
                "finding alone the table gives the ratio of the two groups' mean planted hazards, from which the "
                "estimate departs as patients at high hazard leave. One interval in twenty misses by chance."
            ],
        )
    )
    blocks.append(
        Table(
            f"Events of high against low risk by the oracle and by the model, {title}",
            [
                "Vessel",
                "High: events / patients",
                "Low: events / patients",
                "Log-rank p",
                "Hazard ratio",
                "Per SD of the log odds",
            ],
            [
                (source.capitalize(), [_separated(row) for _, row in rows.iterrows()])
                for source, rows in separated.groupby("source", sort=False)
            ],
            separation_sentence(separated),
            downloads=[results.download("oracle_separation", site)],
            notes=[
                "Oracle: the true probability of stenosis given everything that the simulated ECG shows; same "
                "thresholds. The hazard depends on the stenoses, the groups on what the ECG shows of them, so they "
                "differ by less than was planted. The last column needs no threshold."
            ],
        )
    )
    return blocks


def hazard_sentence(hazards: pd.DataFrame) -> str:
    rows = hazards[hazards["regression"] == TOGETHER]
    if rows["estimate"].isna().any():
        return f"No estimate: {rows['note'].iloc[0]}."
    inside = _inside(rows)
    p = p_value(rows["p_planted"].iloc[0])
    return (
        f"With all findings in one Cox regression, {inside} of {len(rows)} intervals hold the planted hazard ratio; "
        f"test that all planted ratios are the true ones: p {p if p[0] == '<' else f'= {p}'}."
    )


def alone_sentence(hazards: pd.DataFrame) -> str:
    rows = hazards[(hazards["regression"] == ALONE) & hazards["estimate"].notna()]
    if rows.empty:
        return ""
    return f"One finding alone: {_inside(rows)} of {len(rows)} intervals hold the ratio of the mean planted hazards."


def _inside(rows: pd.DataFrame) -> int:
    # A column with a missing value is read as words.
    return int(rows["inside"].astype(str).eq("True").sum())


def separation_sentence(separated: pd.DataFrame) -> str:
    parts = []
    for source in (ORACLE, MODEL):
        row = separated[(separated["source"] == source) & (separated["vessel"] == "any")].iloc[0]
        if is_missing(row["log_rank_p"]) or is_missing(row["hazard_ratio"]):
            parts.append(f"{source}: {row['note'] or 'no estimate'}")
            continue
        p, ratio = p_value(row["log_rank_p"]), interval(row["hazard_ratio"], row["lower"], row["upper"], 2)
        parts.append(f"{source}: hazard ratio {ratio}, log-rank p {p if p[0] == '<' else f'= {p}'}")
    return f"High against low risk in any vessel, {'; '.join(parts)}."


def _label(name: str) -> str:
    return "Any vessel" if name == "any" else name


def _hazard(row: pd.Series) -> list[str]:
    return [
        _label(row["finding"]),
        number(row["planted"], 1),
        estimate(row, 2),
        "–" if is_missing(row["inside"]) else "yes" if str(row["inside"]) == "True" else "no",
    ]


def _separated(row: pd.Series) -> list[str]:
    return [
        _label(row["vessel"]),
        f"{count(row['events_high'])} / {count(row['patients_high'])}",
        f"{count(row['events_low'])} / {count(row['patients_low'])}",
        p_value(row["log_rank_p"], row["note"]),
        interval(row["hazard_ratio"], row["lower"], row["upper"], 2, row["note"]),
        interval(row["per_sd"], row["per_sd_lower"], row["per_sd_upper"], 2, row["note"]),
    ]
