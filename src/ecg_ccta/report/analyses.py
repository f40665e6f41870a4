"""The sections of the analyses: each figure and table with one plain sentence made from its numbers."""

from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, number
from ecg_ccta.report.results_folder import ResultsFolder

STRONGEST = 5
"""Regions per vessel that the page shows; all are in the download."""


def attribution(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.sites_with("attribution"):
        found = results.table(
            "attribution", site, ("vessel", "lead", "segment", "density", "density_sd", "contrast", "ecgs", "note")
        )
        says = " ".join(sentences.attribution(vessel, cells) for vessel, cells in found.groupby("vessel", sort=False))
        blocks += results.drawn(
            f"attribution_{site}",
            f"Attribution over lead and time, {title}",
            "Heat map per vessel: twelve leads by time within the beat, darker where it matters more.",
            says,
            results.first_download(site, "attribution") + results.first_download(site, "attribution_map"),
        )
        groups = []
        for vessel, cells in found.groupby("vessel", sort=False):
            top = cells.sort_values("density", ascending=False).head(STRONGEST)
            rows = [
                [
                    row["lead"],
                    row["segment"],
                    number(row["density"], 2, row["note"]),
                    number(row["density_sd"], 2, "one fold"),
                    number(row["contrast"], 2, row["note"]),
                ]
                for _, row in top.iterrows()
            ]
            groups.append((vessel, rows if top["density"].notna().any() else rows[:1]))
        blocks.append(
            Table(
                f"Regions that the predictions rest on most, {title}",
                ["Lead", "Segment", "Density", "SD over folds", "Against other vessels"],
                groups,
                says=f"The {STRONGEST} densest regions of each vessel; all regions are in the download.",
                downloads=[results.download("attribution", site)],
                notes=[
                    "Density 1 is what a network gives that looks everywhere alike. Integrated gradients favour tall "
                    "waves; the last column divides by the mean density of the four vessels, which takes that out."
                ],
            )
        )
    return Section("attribution", "Attribution", blocks) if blocks else None


def planted(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.sites_with("planted"):
        found = results.table("planted", site, ("vessel", "regions", "planted", "waveform", "attribution", "contrast"))
        says = sentences.planted(found)
        blocks += results.drawn(
            f"planted_{site}",
            f"Planted and recovered regions, {title}",
            "Heat maps of lead by segment for each vessel: planted, waveform difference, attribution.",
            says,
            results.first_download(site, "planted_regions", "planted"),
        )
        rows = [
            [row["vessel"], count(row["planted"]), count(row["regions"])]
            + [number(row[name], 2, "nothing planted, or no map") for name in ("waveform", "attribution", "contrast")]
            for _, row in found.iterrows()
        ]
        blocks.append(
            Table(
                f"How well planted regions are found, {title}",
                [
                    "Vessel",
                    "Planted",
                    "Regions",
                    "Waveform difference",
                    "Attribution",
                    "Attribution against other vessels",
                ],
                [("", rows)],
                downloads=[results.download("planted", site)],
                notes=[
                    "Area under the ROC curve over regions (lead and segment): 1 ranks every planted one first; "
                    "0.5 is chance."
                ],
            )
        )
    return Section("planted", "Planted and recovered regions", blocks) if blocks else None
