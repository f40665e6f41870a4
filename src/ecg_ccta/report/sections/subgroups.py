"""The section on subgroups: a forest plot per vessel, and the tests of interaction."""

import pandas as pd

from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.columns import Cell, capital, words
from ecg_ccta.report.formatting import count, is_missing, listed, number, p_value, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import HONEST, rows_of
from ecg_ccta.vessels import VESSELS

ORDER = 70


def subgroups(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.judged_sites_with("subgroups"):
        found = results.table("subgroups", site)
        blocks += [Text(said, lead=title) for said in [after_ccta_sentence(found)] if said]
        for vessel in VESSELS:
            blocks += results.drawn(
                f"subgroups_{vessel}",
                site,
                f"AUC in subgroups, {vessel}",
                f"Forest plot of the AUC of {vessel} in subgroups of {title}.",
                range_sentence(vessel, found[found["vessel"] == vessel]),
                "subgroups",
            )
        blocks.append(
            results.tabulated(
                "subgroups",
                site,
                "Tests of interaction",
                found[found["measure"].isin(["interaction p", "interaction q"])],
                {
                    "Subgroup": words("subgroup", capital),
                    **{f"{vessel}: p (q)": _interaction(vessel) for vessel in VESSELS},
                },
                row="subgroup",
                says=interaction_sentence(found),
                notes=[
                    "p: Welch's test that the categories share one AUC, on log-odds, patients clustered. q: Benjamini-"
                    "Hochberg over all tests of the site. A category with fewer than "
                    f"{results.study.evaluation.minimum_events} patients with, or without, an event is left out."
                ],
            )
        )
    return Section("subgroups", "Subgroups", blocks) if blocks else None


def range_sentence(vessel: str, found: pd.DataFrame) -> str:
    """How many categories have an AUC, and between what values."""
    parts = rows_of(found[found["subgroup"] != "all ECGs"], "AUC", HONEST)
    known = parts.dropna(subset=["estimate"])
    if known.empty:
        return f"{vessel}: no category has enough events."
    low, high = known.loc[known["estimate"].idxmin()], known.loc[known["estimate"].idxmax()]
    said = [
        f"{number(row['estimate'])} ({row['subgroup']} {row['category']}, {count(row['events'])} events)"
        for row in (low, high)
    ]
    return f"{vessel}: {len(known)} of {len(parts)} categories have enough events; AUCs from {said[0]} to {said[1]}."


def after_ccta_sentence(found: pd.DataFrame) -> str:
    """How many ECGs were recorded after the CCTA, and the AUCs without them; nothing where there are none."""
    aucs = rows_of(found, "AUC", HONEST)
    every = aucs[aucs["subgroup"] == "all ECGs"].set_index("vessel")
    before, after = (
        aucs[(aucs["subgroup"] == "order") & (aucs["category"] == name)].set_index("vessel")
        for name in ("ECG before or same day", "ECG after CCTA")
    )
    if every.empty or before.empty or after.empty or not after["n"].sum():
        return ""
    shares = after["n"] / every["n"]
    parts = [
        f"{vessel} {number(before.loc[vessel, 'estimate'])} ({number(row['estimate'])} with all)"
        for vessel, row in every.iterrows()
        if not (is_missing(row["estimate"]) or is_missing(before.loc[vessel, "estimate"]))
    ]
    share = " to ".join(dict.fromkeys(percent(value, 1) for value in (shares.min(), shares.max())))
    said = f"{share} of the ECGs with a finding were recorded after the CCTA"
    return f"{said}; AUC without them: {', '.join(parts)}." if parts else f"{said}."


def interaction_sentence(found: pd.DataFrame) -> str:
    """Which interactions remain after correction for their number."""
    tests = rows_of(found, "interaction q").dropna(subset=["estimate"])
    if tests.empty:
        return "No subgroup has two categories with enough events."
    left = tests[tests["estimate"] < 0.05]
    if left.empty:
        smallest = number(tests["estimate"].min(), 2)
        return f"Of {len(tests)} tests of interaction none has q under 0.05 (smallest {smallest})."
    named = [f"{row['vessel']} by {row['subgroup']} (q {p_value(row['estimate'])})" for _, row in left.iterrows()]
    return f"{len(left)} of {len(tests)} tests of interaction have q under 0.05: {listed(named)}."


def _interaction(vessel: str) -> Cell:
    def cell(rows: pd.DataFrame) -> str:
        of_vessel = rows[rows["vessel"] == vessel].set_index("measure")["estimate"]
        p, q = of_vessel["interaction p"], of_vessel["interaction q"]
        return "too few events" if is_missing(p) else f"{p_value(p)} ({p_value(q)})"

    return cell
