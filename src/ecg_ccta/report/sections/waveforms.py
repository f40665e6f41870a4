"""The section of mean beats: high-risk against low-risk ECGs."""

import pandas as pd

from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.columns import Cell, bounded, largest, value, words
from ecg_ccta.report.formatting import count, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.matching import CALIPER_YEARS
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms.compare_waveforms import ALL, MATCHED, MILLIVOLTS, NORMALISED, comparison_rows

ORDER = 115

STRONGEST = 5
"""Regions and clusters per vessel that the page shows; all are in the download."""

REGION_COLUMNS = {
    "Lead": words("lead"),
    "Segment": words("segment"),
    "High − low (mV)": bounded("difference"),
    "Standardised": value("standardised_difference", number, 2),
    "q": value("q_value", p_value),
}

CLUSTERS = {
    "Lead": words("lead"),
    "From R (ms)": lambda rows: " to ".join(number(rows[end].iloc[0], 0) for end in ("from_ms", "to_ms")),
    "High − low (mV)": value("difference", number),
    "Mass (sum of t)": value("mass", number, 0),
    "p": value("p_corrected", p_value),
}


def _in_unit(cell: Cell, coarse: Cell) -> Cell:
    """Write millivolts with three digits, other units with one."""
    return lambda rows: (cell if rows["unit"].iloc[0] == "mV" else coarse)(rows)


MEASUREMENT_COLUMNS = {
    "Measurement": lambda rows: (
        ", ".join(rows[["measurement", "lead"]].iloc[0].dropna()) + f" ({rows['unit'].iloc[0]})"
    ),
    "Low": _in_unit(value("low", number), value("low", number, 1)),
    "High": _in_unit(value("high", number), value("high", number, 1)),
    "High − low": _in_unit(bounded("difference"), bounded("difference", 1)),
    "Standardised": value("standardised_difference", number, 2),
    "q": value("q_value", p_value),
    "Standardised, matched": lambda rows: number(rows["matched"].iloc[0], 2, rows["matched_note"].iloc[0]),
}


def waveforms(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, _ in results.sites_with("waveforms"):
        every = results.table("waveform_clusters", site)
        found, clusters = comparison_rows(results.table("waveforms", site), ALL), comparison_rows(every, ALL)
        blocks += results.drawn(
            "beats",
            site,
            "R peaks and median beats of the first ECGs",
            "A quality-control sheet: ten seconds of each ECG with its R peaks, and its median beat beside it.",
            "Full marks: beats that enter the median beat; empty ones: ectopic, noisy, or not whole within the "
            "recording.",
            "beats",
        )
        for vessel in VESSELS:
            blocks += results.drawn(
                f"waveforms_{vessel}",
                site,
                f"Mean beats of high-risk and low-risk ECGs, {vessel}",
                f"A panel per lead: mean beat of high-risk and low-risk ECGs for {vessel}, all patients above, matched "
                "ones below.",
                sentences.waveform(vessel, found[found["vessel"] == vessel], clusters[clusters["vessel"] == vessel]),
                "waveforms",
                "waveform_curves",
            )
        blocks += [
            _clusters(results, site, clusters),
            _matching(results, site, every),
            results.tabulated(
                "waveforms",
                site,
                "Largest differences between high-risk and low-risk ECGs",
                largest(found, "t", STRONGEST),
                REGION_COLUMNS,
                group="vessel",
                needs="t",
                says=f"The {STRONGEST} regions with the largest t statistic of each vessel; the download has all.",
                notes=[
                    "Voltages are relative to the beat's own PQ level. Each patient counts once per group. q: "
                    "Benjamini-Hochberg over all regions of a vessel.",
                    "These are differences between ECGs that the model calls high and low risk: they show what the "
                    "model's calls are associated with, not what disease does.",
                ],
            ),
            _measurements(results, site),
        ]
    return Section("waveforms", "Waveform differences", blocks) if blocks else None


def _clusters(results: ResultsFolder, site: str, clusters: pd.DataFrame) -> Table:
    clear = clusters.assign(
        mass=clusters["mass"].where(clusters["p_corrected"] < 0.05),
        note=clusters["note"].replace("", "no cluster with p < 0.05"),
    )
    known = clusters["permutations"].dropna()
    return results.tabulated(
        "waveform_clusters",
        site,
        "Where in the beat high-risk and low-risk ECGs differ",
        largest(clear, "mass", STRONGEST),
        CLUSTERS,
        group="vessel",
        needs="mass",
        says=f"The {STRONGEST} clusters of largest mass of each vessel with p < 0.05, grey in the figures; the "
        "download has all.",
        notes=[
            "Cluster permutation test over all leads and samples of a vessel"
            + (f", {count(known.iloc[0])} permutations of patients" if len(known) else "")
            + ", corrected for the vessels and the two scales (millivolts, normalised): the chance of any false "
            "cluster among them is 5 %. p is that of the whole cluster, not of its borders."
        ],
    )


def _matching(results: ResultsFolder, site: str, clusters: pd.DataFrame) -> Table:
    clear = clusters[clusters["p_corrected"] < 0.05]

    def differing(comparison: str, scale: str) -> Cell:
        chosen = comparison_rows(clear, comparison, scale)
        return lambda rows: count((chosen["vessel"] == rows["vessel"].iloc[0]).sum())

    columns = {
        "Vessel": words("vessel"),
        "Pairs": value("pairs", count),
        "In both groups, no age or sex": lambda rows: ", ".join(
            count(rows[name].iloc[0]) for name in ("in_both", "without_age_or_sex")
        ),
        "SMD of age": lambda rows: " to ".join(
            number(rows[name].iloc[0], 2) for name in ("smd_age", "smd_age_matched")
        ),
        "All, mV": differing(ALL, MILLIVOLTS),
        "All, normalised": differing(ALL, NORMALISED),
        "Matched, mV": differing(MATCHED, MILLIVOLTS),
        "Matched, normalised": differing(MATCHED, NORMALISED),
    }
    return results.tabulated(
        "matching",
        site,
        "Patients matched by age and sex, and what differs still",
        results.table("matching", site),
        columns,
        says="Number of clusters with p < 0.05 among all patients and among matched pairs of the same sex and an age "
        f"within {CALIPER_YEARS:.0f} years. What remains in matched pairs is not explained by either.",
        notes=[
            "SMD: standardised mean difference, high minus low, before to after matching. Patients with ECGs in both "
            "groups and those without age or sex have no partner. Pairs are analysed as pairs: labels are exchanged "
            "within them, and a pair of whom one has no beat is left out. Normalised: in units of the beat's own QRS "
            "size."
        ],
    )


def _measurements(results: ResultsFolder, site: str) -> Table:
    every = results.table("measurements_comparison", site)
    keys = ["vessel", "measurement", "lead"]
    matched = comparison_rows(every, MATCHED)[[*keys, "standardised_difference", "note"]]
    matched = matched.rename(columns={"standardised_difference": "matched", "note": "matched_note"})
    found = comparison_rows(every, ALL).merge(matched, on=keys, how="left")
    shown = []
    for _, rows in found.groupby("vessel", sort=False):
        by_lead = rows[rows["lead"].notna()]
        strongest = by_lead.loc[by_lead["standardised_difference"].abs().nlargest(STRONGEST).index]
        shown += [rows[rows["lead"].isna()], strongest]
    return results.tabulated(
        "measurements_comparison",
        site,
        "Measurements of high-risk and low-risk ECGs",
        pd.concat(shown),
        MEASUREMENT_COLUMNS,
        group="vessel",
        says=f"Rate, intervals, axes and R transition, and the {STRONGEST} P, R, ST and T amplitudes with the largest "
        "standardised difference; the download has all leads.",
        notes=[
            "Measured in the recordings as exported, because cleaning distorts ST; ST against the PR segment. Each "
            "patient counts once per group; standardised: over the standard deviation between patients. q: "
            "Benjamini-Hochberg over all measurements of a vessel. Only the last column is matched by age and sex; the "
            "download has its paired t tests."
        ],
    )
