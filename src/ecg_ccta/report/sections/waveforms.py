"""The section of mean beats: high-risk against low-risk ECGs."""

import pandas as pd

from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, interval, is_missing, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.matching import CALIPER_YEARS
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms.compare_waveforms import ALL, MATCHED, MILLIVOLTS, NORMALISED, rows_of

STRONGEST = 5
"""Regions and clusters per vessel that the page shows; all are in the download."""


def waveforms(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.sites_with("waveforms"):
        found = results.table(
            "waveforms",
            site,
            (
                "comparison",
                "scale",
                "vessel",
                "lead",
                "segment",
                "difference",
                "lower",
                "upper",
                "t",
                "q_value",
                "note",
            ),
        )
        found = rows_of(found, ALL)
        clusters = results.table(
            "waveform_clusters",
            site,
            (
                "comparison",
                "scale",
                "vessel",
                "lead",
                "from_ms",
                "to_ms",
                "mass",
                "difference",
                "p_corrected",
                "permutations",
                "note",
            ),
        )
        shown = rows_of(clusters, ALL)
        blocks += results.drawn(
            f"beats_{site}",
            f"R peaks and median beats of the first ECGs, {title}",
            "A quality-control sheet: ten seconds of each ECG with its R peaks, and its median beat beside it.",
            "Full marks: beats that enter the median beat; empty ones: ectopic, noisy, or not whole within the "
            "recording.",
            results.first_download(site, "beats"),
        )
        for vessel in VESSELS:
            blocks += results.drawn(
                f"waveforms_{vessel}_{site}",
                f"Mean beats of high-risk and low-risk ECGs, {vessel}, {title}",
                f"A panel per lead: mean beat of high-risk and low-risk ECGs for {vessel}, all patients above, matched "
                "ones below.",
                sentences.waveform(vessel, found[found["vessel"] == vessel], shown[shown["vessel"] == vessel]),
                results.first_download(site, "waveforms") + results.first_download(site, "waveform_curves"),
            )
        blocks += [_clusters(results, site, clusters), _matching(results, site, clusters)]
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
                    "model's calls are associated with, not what disease does.",
                ],
            )
        )
        blocks.append(_measurements(results, site))
    return Section("waveforms", "Waveform differences", blocks) if blocks else None


def _clusters(results: ResultsFolder, site: str, every: pd.DataFrame) -> Table:
    groups, clusters = [], rows_of(every, ALL)
    for vessel, rows in clusters.groupby("vessel", sort=False):
        clear = rows[rows["p_corrected"] < 0.05]
        shown = [
            [
                row["lead"],
                f"{number(row['from_ms'], 0)} to {number(row['to_ms'], 0)}",
                number(row["difference"]),
                number(row["mass"], 0),
                p_value(row["p_corrected"]),
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
        says=f"The {STRONGEST} clusters of largest mass of each vessel with p < 0.05, grey in the figures; the "
        "download has all.",
        downloads=[results.download("waveform_clusters", site)],
        notes=[
            "Cluster permutation test over all leads and samples of a vessel"
            + (f", {count(known.iloc[0])} permutations of patients" if len(known) else "")
            + ", corrected for the vessels and the two scales (millivolts, normalised): the chance of any false "
            "cluster among them is 5 %. p is that of the whole cluster, not of its borders."
        ],
    )


def _matching(results: ResultsFolder, site: str, clusters: pd.DataFrame) -> Table:
    balance = results.table(
        "matching",
        site,
        ("vessel", "pairs", "in_both", "without_age_or_sex", "smd_age", "smd_age_matched", "smd_male_matched"),
    )
    rows = []
    for _, row in balance.iterrows():
        of_vessel = clusters[(clusters["vessel"] == row["vessel"]) & (clusters["p_corrected"] < 0.05)]
        counts = [
            count(len(rows_of(of_vessel, comparison, scale)))
            for comparison in (ALL, MATCHED)
            for scale in (MILLIVOLTS, NORMALISED)
        ]
        before, after = (number(row[f"smd_age{suffix}"], 2) for suffix in ("", "_matched"))
        left_out = f"{count(row['in_both'])}, {count(row['without_age_or_sex'])}"
        rows.append([row["vessel"], count(row["pairs"]), left_out, f"{before} to {after}", *counts])
    return Table(
        f"Patients matched by age and sex, and what differs still, {results.title(site)}",
        [
            "Vessel",
            "Pairs",
            "In both groups, no age or sex",
            "SMD of age",
            "All, mV",
            "All, normalised",
            "Matched, mV",
            "Matched, normalised",
        ],
        [("", rows)],
        says="Number of clusters with p < 0.05 among all patients and among matched pairs of the same sex and an age "
        f"within {CALIPER_YEARS:.0f} years. What stays is not a difference of age or sex.",
        downloads=[results.download("matching", site)],
        notes=[
            "SMD: standardised mean difference, high minus low, before to after matching. Patients with ECGs in both "
            "groups and those without age or sex have no partner. Normalised: in units of the beat's own QRS size."
        ],
    )


def _measurements(results: ResultsFolder, site: str) -> Table:
    found = results.table(
        "measurements_comparison",
        site,
        (
            "comparison",
            "vessel",
            "measurement",
            "lead",
            "unit",
            "low",
            "high",
            "difference",
            "lower",
            "upper",
            "q_value",
            "note",
        ),
    )
    matched = rows_of(found, MATCHED).set_index(["vessel", "measurement", "lead"])
    found = rows_of(found, ALL)
    same = matched.reindex(pd.MultiIndex.from_frame(found[["vessel", "measurement", "lead"]]))
    found = found.assign(
        matched=same["standardised_difference"].to_numpy(), matched_note=same["note"].fillna("").to_numpy()
    )
    groups = []
    for vessel, rows in found.groupby("vessel", sort=False):
        by_lead = rows[rows["lead"].notna()]
        strongest = by_lead.loc[by_lead["standardised_difference"].abs().nlargest(STRONGEST).index]
        shown = pd.concat([rows[rows["lead"].isna()], strongest])
        groups.append((vessel, [_measurement_row(row) for _, row in shown.iterrows()]))
    return Table(
        f"Measurements of high-risk and low-risk ECGs, {results.title(site)}",
        ["Measurement", "Low", "High", "High − low", "Standardised", "q", "Standardised, matched"],
        groups,
        says=f"Rate, intervals, axes and R transition, and the {STRONGEST} P, R, ST and T amplitudes with the largest "
        "standardised difference; the download has all leads.",
        downloads=[results.download("measurements_comparison", site)],
        notes=[
            "Measured in the recordings as exported, because cleaning distorts ST; ST against the PR segment. Each "
            "patient counts once per group; standardised: over the standard deviation between patients. q: "
            "Benjamini-Hochberg over all measurements of a vessel. Only the last column is matched by age and sex."
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
        number(row["matched"], 2, row["matched_note"]),
    ]


def _waveform_row(row: pd.Series) -> list[str]:
    if is_missing(row["t"]):
        return [row["note"], "", "", "", ""]
    return [
        row["lead"],
        row["segment"],
        interval(row["difference"], row["lower"], row["upper"]),
        number(row["standardised_difference"], 2),
        p_value(row["q_value"]),
    ]
