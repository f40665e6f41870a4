"""The sections of attribution: what predictions rest on, whether to believe it, and what of the planted it finds."""

import pandas as pd

from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section, Table
from ecg_ccta.report.formatting import count, interval, is_missing, number
from ecg_ccta.report.results_folder import ResultsFolder

STRONGEST = 5
"""Regions per vessel that the page shows; all are in the download."""


def attribution(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site in results.study.sites:
        if results.has("attribution", site):
            blocks += [*_regions(results, site), *_faithfulness(results, site), *_randomisation(results, site)]
    return Section("attribution", "Attribution", blocks) if blocks else None


def _regions(results: ResultsFolder, site: str) -> list:
    title, blocks = results.title(site), []
    found = results.table(
        "attribution",
        site,
        ("method", "vessel", "lead", "segment", "attribution", "lower", "upper", "rise", "ecgs", "note"),
    )
    gradients, occluded = (found[found["method"] == name] for name in ("integrated gradients", "occlusion"))
    says = " ".join(sentences.attribution(vessel, cells) for vessel, cells in gradients.groupby("vessel", sort=False))
    blocks += results.drawn(
        f"attribution_{site}",
        f"Attribution over lead and time, {title}",
        "Heat map per vessel: twelve leads by time within the beat, red where it raises the prediction, blue "
        "where it lowers it; above it Grad-CAM over time.",
        says,
        results.first_download(site, "attribution_map", "attribution"),
    )
    blocks += results.drawn(
        f"attribution_regions_{site}",
        f"Attribution by lead and segment, {title}",
        "Heat maps of twelve leads by five segments, for each vessel by integrated gradients and by occlusion.",
        "Dots: the 95 % interval over folds leaves out zero.",
        [results.download("attribution", site)],
    )
    groups = []
    for vessel, cells in gradients.groupby("vessel", sort=False):
        top = cells.sort_values("attribution", key=abs, ascending=False).head(STRONGEST)
        other = occluded[occluded["vessel"] == vessel].set_index(["lead", "segment"])
        rows = [
            [
                row["lead"],
                row["segment"],
                interval(row["attribution"], row["lower"], row["upper"], 2, row["note"]),
                interval(*other.loc[(row["lead"], row["segment"]), ["attribution", "lower", "upper"]], 2, row["note"]),
            ]
            for _, row in top.iterrows()
        ]
        groups.append((vessel, rows if top["attribution"].notna().any() else rows[:1]))
    blocks.append(
        Table(
            f"Regions that the predictions rest on most, {title}",
            ["Lead", "Segment", "Integrated gradients (logits)", "Occlusion (logits)"],
            groups,
            says=f"The {STRONGEST} regions of each vessel with the largest integrated gradients; all regions, and "
            "Grad-CAM by segment, are in the download.",
            downloads=[results.download("attribution", site)],
            notes=[
                "Logits that the ECGs of highest risk gain by a region's deviation from the mean beat of other "
                "patients; 95 % interval over folds. Integrated gradients add up to the whole rise. Occlusion is what "
                "one region's replacement costs: small where other leads tell the network the same.",
                "Leads I to aVF are combinations of two, so that a network may weigh one against another: a negative "
                "value in an altered lead is no error.",
            ],
        )
    )
    return blocks


def _faithfulness(results: ResultsFolder, site: str) -> list:
    if not results.has("faithfulness", site):
        return []
    title, blocks = results.title(site), []
    found = results.table(
        "faithfulness",
        site,
        ("method", "vessel", "curve", "area", "area_random", "difference", "lower", "upper", "folds_better", "folds",
         "events", "note"),
    )  # fmt: skip
    says = sentences.deletion(found)
    blocks += results.drawn(
        f"faithfulness_{site}",
        f"Deletion and insertion of regions in the order of their attribution, {title}",
        "Curves of the logit's rise for each vessel, by method and in random order.",
        says,
        results.first_download(site, "faithfulness_curves", "faithfulness"),
    )
    groups = [
        (
            f"{vessel} ({count(rows['events'].iloc[0])} events)",
            [
                [
                    f"{row['curve'].capitalize()}, {row['method']}",
                    number(row["area"], 2, row["note"]),
                    number(row["area_random"], 2, row["note"]),
                    interval(row["difference"], row["lower"], row["upper"], 2, row["note"]),
                    f"{count(row['folds_better'])} of {count(row['folds'])}",
                ]
                for _, row in rows.sort_values("curve", kind="stable").iterrows()
            ],
        )
        for vessel, rows in found.groupby("vessel", sort=False)
    ]
    blocks.append(
        Table(
            f"Areas of deletion and insertion curves, {title}",
            ["Curve", "Area (logits)", "Random order", "Difference", "Folds better than random"],
            groups,
            says=says,
            downloads=[results.download("faithfulness", site)],
            notes=["Better: below random in deletion, above it in insertion. 95 % interval over folds."],
        )
    )
    return blocks


def _randomisation(results: ResultsFolder, site: str) -> list:
    if not results.has("randomisation", site):
        return []
    title, blocks = results.title(site), []
    found = results.table(
        "randomisation",
        site,
        (
            "method",
            "vessel",
            "reinitialised",
            "of_layers",
            "correlation",
            "lower",
            "upper",
            "correlation_absolute",
            "note",
        ),
    )
    whole = found[found["reinitialised"] == found["of_layers"]]
    says = sentences.randomisation(whole)
    blocks += results.drawn(
        f"randomisation_{site}",
        f"What is left of the maps when weights are re-initialised, {title}",
        "Rank correlation against the layers that are re-initialised, for each vessel and method.",
        says,
        [results.download("randomisation", site)],
    )
    groups = [
        (
            method,
            [
                [
                    row["vessel"],
                    interval(row["correlation"], row["lower"], row["upper"], 2, row["note"]),
                    number(row["correlation_absolute"], 2, row["note"]),
                ]
                for _, row in rows.iterrows()
            ],
        )
        for method, rows in whole.groupby("method", sort=False)
    ]
    blocks.append(
        Table(
            f"Maps before and after all weights are re-initialised, {title}",
            ["Vessel", "Rank correlation", "Of absolute values"],
            groups,
            says=says,
            downloads=[results.download("randomisation", site)],
            notes=[
                "Absolute values keep the size of an ECG's deviation from the mean beat, whatever the network: they "
                "are not what the maps above show. 95 % interval over folds."
            ],
        )
    )
    return blocks


def planted(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site in results.study.sites:
        if results.has("planted", site):
            blocks += _planted_waveforms(results, site)
        if results.has("planted_attribution", site):
            blocks += _planted_attribution(results, site)
    return Section("planted", "Planted and recovered regions", blocks) if blocks else None


def _planted_waveforms(results: ResultsFolder, site: str) -> list:
    title, blocks = results.title(site), []
    found = results.table("planted", site, ("vessel", "regions", "planted", "waveform"))
    says = sentences.planted(found)
    blocks += results.drawn(
        f"planted_{site}",
        f"Planted regions and waveform differences, {title}",
        "Heat maps of lead by segment for each vessel: planted, waveform difference.",
        says,
        results.first_download(site, "planted_regions", "planted"),
    )
    rows = [
        [
            row["vessel"],
            count(row["planted"]),
            count(row["regions"]),
            number(row["waveform"], 2, "nothing planted, or no curves"),
        ]
        for _, row in found.iterrows()
    ]
    blocks.append(
        Table(
            f"How well waveform differences find planted regions, {title}",
            ["Vessel", "Planted", "Regions", "Waveform difference"],
            [("", rows)],
            downloads=[results.download("planted", site)],
            notes=[_AREA],
        )
    )
    return blocks


_AREA = "Area under the ROC curve over regions (lead and segment): 1 ranks every planted one first; 0.5 is chance."


def _planted_attribution(results: ResultsFolder, site: str) -> list:
    title = results.title(site)
    found = results.table("planted_attribution", site, ("measure", "vessel", "auroc", "lower", "upper", "note"))
    blocks: list = []
    for vessel in found["vessel"].unique():
        blocks += results.drawn(
            f"planted_attribution_{vessel}_{site}",
            f"Planted beside recovered, {vessel}, {title}",
            f"Three panels of twelve leads for {vessel}: windows that were planted, integrated gradients and "
            "occlusion over the mean beat.",
            sentences.recovered(vessel, found[found["vessel"] == vessel]),
            results.first_download(site, "planted_attribution_regions", "planted_attribution"),
        )
    vessels = list(found["vessel"].unique())
    rows = []
    for measure, cells in found.groupby("measure", sort=False):
        of_vessel = cells.set_index("vessel")
        rows.append(
            [measure.capitalize() if measure != "Grad-CAM" else measure] + [_cell(of_vessel.loc[v]) for v in vessels]
        )
    blocks.append(
        Table(
            f"How well attribution finds planted regions, {title}",
            ["Measure", *vessels],
            [("", rows)],
            says=sentences.recovered("On average over vessels", found[found["vessel"] == "mean"]),
            downloads=[results.download("planted_attribution", site)],
            notes=[
                f"{_AREA} Intervals: jackknife over folds, within 0 and 1.",
                "Absolute: ECGs' values without their sign. Random weights: the same ECGs and a network whose "
                "weights were all re-initialised, to tell what comes from the ECGs alone. "
                "Grad-CAM has one value for all leads.",
            ],
        )
    )
    return blocks


def _cell(row: pd.Series) -> str:
    if is_missing(row["auroc"]):
        return row["note"]
    return interval(row["auroc"], row["lower"], row["upper"], 2)
