"""Planted hazards and what follow-up recovers of them, and how far the oracle's risk groups differ."""

import pandas as pd

from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import bounded, equal_p, part_of, value, vessel_name, words
from ecg_ccta.report.formatting import count, interval, is_missing, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.truth.planted_hazards import ALONE, MODEL, ORACLE, TOGETHER

ORDER = 160

HAZARDS = {
    "Severe or complete stenosis": words("finding", vessel_name),
    "Planted": value("planted", number, 1),
    "Cox regression": bounded("estimate", 2),
    "Planted ratio within": words(
        "inside", lambda inside: "–" if is_missing(inside) else "yes" if str(inside) == "True" else "no"
    ),
}

SEPARATION = {
    "Vessel": words("vessel", vessel_name),
    "High: events / patients": part_of("events_high", "patients_high"),
    "Low: events / patients": part_of("events_low", "patients_low"),
    "Log-rank p": value("log_rank_p", p_value),
    "Hazard ratio": bounded("hazard_ratio", 2),
    "Per SD of the log odds": bounded("per_sd", 2, "per_sd_lower", "per_sd_upper"),
}


def planted_hazards(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, _ in results.followed_sites_with("planted_hazards"):
        hazards, separated = results.table("planted_hazards", site), results.table("oracle_separation", site)
        blocks += results.drawn(
            "planted_hazards",
            site,
            "Planted and estimated hazard ratios",
            "Estimates with intervals and planted hazard ratios, for any vessel and for each vessel.",
            hazard_sentence(hazards),
            "planted_hazards",
        )
        blocks.append(
            results.tabulated(
                "planted_hazards",
                site,
                "Hazard ratios of true findings",
                hazards,
                HAZARDS,
                group="regression",
                label=_size,
                says=alone_sentence(hazards),
                notes=[
                    "Patients with a finding in every vessel. Planted were the ratios of all findings at once; of one "
                    "finding alone the table gives the ratio of the two groups' mean planted hazards, from which the "
                    "estimate departs as patients at high hazard leave. One interval in twenty misses by chance."
                ],
            )
        )
        blocks.append(
            results.tabulated(
                "oracle_separation",
                site,
                "Events of high against low risk by the oracle and by the model",
                separated,
                SEPARATION,
                group="source",
                label=lambda source, rows: source.capitalize(),
                says=separation_sentence(separated),
                notes=[
                    "Oracle: the true probability of stenosis given everything that the simulated ECG shows; same "
                    "thresholds. The hazard depends on the stenoses, the groups on what the ECG shows of them, so they "
                    "differ by less than was planted. The last column needs no threshold."
                ],
            )
        )
    return Section("planted-hazards", "Planted and recovered hazards", blocks) if blocks else None


def _size(regression: str, rows: pd.DataFrame) -> str:
    size = f"{count(rows['events'].iloc[0])} events, {count(rows['patients'].iloc[0])} patients"
    return f"{regression.capitalize()} ({size})"


def hazard_sentence(hazards: pd.DataFrame) -> str:
    rows = hazards[hazards["regression"] == TOGETHER]
    if rows["estimate"].isna().any():
        return f"No estimate: {rows['note'].iloc[0]}."
    return (
        f"With all findings in one Cox regression, {_inside(rows)} of {len(rows)} intervals hold the planted hazard "
        f"ratio; test that all planted ratios are the true ones: p {equal_p(rows['p_planted'].iloc[0])}."
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
        ratio = interval(row["hazard_ratio"], row["lower"], row["upper"], 2)
        parts.append(f"{source}: hazard ratio {ratio}, log-rank p {equal_p(row['log_rank_p'])}")
    return f"High against low risk in any vessel, {'; '.join(parts)}."
