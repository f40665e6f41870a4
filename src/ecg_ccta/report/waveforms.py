"""The section of mean beats: high-risk against low-risk ECGs."""

import pandas as pd

from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, interval, is_missing, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.vessels import VESSELS

STRONGEST = 5
"""Regions and clusters per vessel that the page shows; all are in the download."""


def waveforms(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.sites_with("waveforms"):
        found = results.table(
            "waveforms", site, ("vessel", "lead", "segment", "difference_mv", "lower", "upper", "t", "q_value", "note")
        )
        clusters = results.table(
            "waveform_clusters",
            site,
            ("vessel", "lead", "from_ms", "to_ms", "mass", "difference_mv", "p_value", "permutations", "note"),
        )
        for vessel in VESSELS:
            blocks += results.drawn(
                f"waveforms_{vessel}_{site}",
                f"Mean beats of high-risk and low-risk ECGs, {vessel}, {title}",
                f"Twelve panels, one per lead: mean beat of high-risk and low-risk ECGs for {vessel}.",
                sentences.waveform(vessel, found[found["vessel"] == vessel], clusters[clusters["vessel"] == vessel]),
                results.first_download(site, "waveforms") + results.first_download(site, "waveform_curves"),
            )
        blocks.append(_clusters(results, site, clusters))
        groups = []
        for vessel, cells in found.groupby("vessel", sort=False):
            top = cells.reindex(cells["t"].abs().sort_values(ascending=False).index).head(STRONGEST)
            groups.append(
                (vessel, [_waveform_row(row) for _, row in top.iterrows()][: None if top["t"].notna().any() else 1])
            )
        blocks.append(
            Table(
                f"Largest differences between high-risk and low-risk ECGs, {title}",
                ["Lead", "Segment", "High − low (mV)", "Standardised", "q"],
                groups,
                says=f"The {STRONGEST} regions with the largest t statistic of each vessel; the download has all.",
                downloads=[results.download("waveforms", site)],
                notes=[
                    "Voltages are relative to the beat's own PQ level. Each patient counts once per group. q: "
                    "Benjamini-Hochberg over all regions of a vessel.",
                    "These are differences between ECGs that the model calls high and low risk: they show what the "
                    "model's calls go along with, not what disease does.",
                ],
            )
        )
        blocks.append(_measurements(results, site))
    return Section("waveforms", "Waveform differences", blocks) if blocks else None


def _clusters(results: ResultsFolder, site: str, clusters: pd.DataFrame) -> Table:
    groups = []
    for vessel, rows in clusters.groupby("vessel", sort=False):
        clear = rows[rows["p_value"] < 0.05]
        shown = [
            [
                row["lead"],
                f"{number(row['from_ms'], 0)} to {number(row['to_ms'], 0)}",
                number(row["difference_mv"]),
                number(row["mass"], 0),
                p_value(row["p_value"]),
            ]
            for _, row in clear.head(STRONGEST).iterrows()
        ]
        note = rows["note"].iloc[0] or "no cluster with p < 0.05"
        groups.append((vessel, shown or [[note, "", "", "", ""]]))
    known = clusters["permutations"].dropna()
    return Table(
        f"Where in the beat high-risk and low-risk ECGs differ, {results.title(site)}",
        ["Lead", "From R (ms)", "High − low (mV)", "Mass (sum of t)", "p"],
        groups,
        says=f"The {STRONGEST} heaviest clusters of each vessel with p < 0.05, grey in the figures; the download has "
        "all.",
        downloads=[results.download("waveform_clusters", site)],
        notes=[
            "Cluster permutation test over all leads and samples of a vessel"
            + (f", {count(known.iloc[0])} permutations of patients" if len(known) else "")
            + ": the chance of any false cluster in a vessel without differences is 5 %. p is that of the whole "
            "cluster, not of its borders; the four vessels are tested each by itself."
        ],
    )


def _measurements(results: ResultsFolder, site: str) -> Table:
    found = results.table(
        "measurements_comparison",
        site,
        ("vessel", "measurement", "lead", "unit", "low", "high", "difference", "lower", "upper", "q_value", "note"),
    )
    groups = []
    for vessel, rows in found.groupby("vessel", sort=False):
        by_lead = rows[rows["lead"].notna()]
        strongest = by_lead.loc[by_lead["standardised_difference"].abs().nlargest(STRONGEST).index]
        shown = pd.concat([rows[rows["lead"].isna()], strongest])
        groups.append((vessel, [_measurement_row(row) for _, row in shown.iterrows()]))
    return Table(
        f"Measurements of high-risk and low-risk ECGs, {results.title(site)}",
        ["Measurement", "Low", "High", "High − low", "Standardised", "q"],
        groups,
        says=f"Rate, intervals, axes and R transition, and the {STRONGEST} P, R, ST and T amplitudes with the largest "
        "standardised difference; the download has all leads.",
        downloads=[results.download("measurements_comparison", site)],
        notes=[
            "Measured in the recordings as exported, because cleaning distorts ST; ST against the PR segment. Each "
            "patient counts once per group; standardised: over the standard deviation between patients. q: "
            "Benjamini-Hochberg over all measurements of a vessel. Not adjusted for age or sex."
        ],
    )


def _measurement_row(row: pd.Series) -> list[str]:
    name = row["measurement"] if is_missing(row["lead"]) else f"{row['measurement']}, {row['lead']}"
    digits = 3 if row["unit"] == "mV" else 1
    return [
        f"{name} ({row['unit']})",
        number(row["low"], digits, row["note"]),
        number(row["high"], digits, row["note"]),
        interval(row["difference"], row["lower"], row["upper"], digits, row["note"]),
        number(row["standardised_difference"], 2, row["note"]),
        p_value(row["q_value"], row["note"]),
    ]


def _waveform_row(row: pd.Series) -> list[str]:
    if is_missing(row["t"]):
        return [row["note"], "", "", "", ""]
    return [
        row["lead"],
        row["segment"],
        interval(row["difference_mv"], row["lower"], row["upper"]),
        number(row["standardised_difference"], 2),
        p_value(row["q_value"]),
    ]
