"""What predictions rest on by attribution, and whether the maps are to be believed."""

from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import bounded, largest, value, words
from ecg_ccta.report.formatting import count, number
from ecg_ccta.report.results_folder import ResultsFolder

ORDER = 120

STRONGEST = 5
"""Regions per vessel that the page shows; all are in the download."""

REGION_COLUMNS = {
    "Lead": words("lead"),
    "Segment": words("segment"),
    "Integrated gradients (logits)": bounded("attribution", 2),
    "Occlusion (logits)": bounded("attribution_occlusion", 2, "lower_occlusion", "upper_occlusion"),
}

FAITHFULNESS = {
    "Curve": lambda rows: f"{rows['curve'].iloc[0].capitalize()}, {rows['method'].iloc[0]}",
    "Area (logits)": value("area", number, 2),
    "Random order": value("area_random", number, 2),
    "Difference": bounded("difference", 2),
    "Folds better than random": lambda rows: f"{count(rows['folds_better'].iloc[0])} of {count(rows['folds'].iloc[0])}",
}

RANDOMISATION = {
    "Vessel": words("vessel"),
    "Rank correlation": bounded("correlation", 2),
    "Of absolute values": value("correlation_absolute", number, 2),
}


def attribution(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, _ in results.sites_with("attribution"):
        blocks += [*_regions(results, site), *_faithfulness(results, site), *_randomisation(results, site)]
    return Section("attribution", "Attribution", blocks) if blocks else None


def _regions(results: ResultsFolder, site: str) -> list:
    found = results.table("attribution", site)
    gradients, occluded = (found[found["method"] == name] for name in ("integrated gradients", "occlusion"))
    says = " ".join(sentences.attribution(vessel, cells) for vessel, cells in gradients.groupby("vessel", sort=False))
    both = gradients.merge(occluded, on=["vessel", "lead", "segment"], suffixes=("", "_occlusion"))
    return [
        *results.drawn(
            "attribution",
            site,
            "Attribution over lead and time",
            "Heat map per vessel: twelve leads by time within the beat, red where it raises the prediction, blue "
            "where it lowers it; above it Grad-CAM over time.",
            says,
            "attribution_map",
        ),
        *results.drawn(
            "attribution_regions",
            site,
            "Attribution by lead and segment",
            "Heat maps of twelve leads by five segments, for each vessel by integrated gradients and by occlusion.",
            "Dots: the 95 % interval over folds leaves out zero.",
            "attribution",
        ),
        results.tabulated(
            "attribution",
            site,
            "Regions that the predictions rest on most",
            largest(both, "attribution", STRONGEST),
            REGION_COLUMNS,
            group="vessel",
            says=f"The {STRONGEST} regions of each vessel with the largest integrated gradients; all regions, and "
            "Grad-CAM by segment, are in the download.",
            notes=[
                "Logits that the ECGs of highest risk gain by a region's deviation from the mean beat of other "
                "patients; 95 % interval over folds, which says how steady a value is, not what another hospital would "
                "give. Integrated gradients add up to the whole rise. Occlusion is what one region's replacement "
                "costs: small where other leads tell the network the same.",
                "Leads I to aVF are combinations of two, so that a network may weigh one against another: a negative "
                "value in an altered lead is no error.",
            ],
        ),
    ]


def _faithfulness(results: ResultsFolder, site: str) -> list:
    if not results.has("faithfulness", site):
        return []
    found = results.table("faithfulness", site)
    says = sentences.deletion(found)
    return [
        *results.drawn(
            "faithfulness",
            site,
            "Deletion and insertion of regions in the order of their attribution",
            "Curves of the logit's rise for each vessel, by method and in random order.",
            says,
            "faithfulness_curves",
        ),
        results.tabulated(
            "faithfulness",
            site,
            "Areas of deletion and insertion curves",
            found.sort_values("curve", kind="stable"),
            FAITHFULNESS,
            group="vessel",
            label=lambda vessel, rows: f"{vessel} ({count(rows['events'].iloc[0])} events)",
            says=says,
            notes=["Better: below random in deletion, above it in insertion. 95 % interval over folds."],
        ),
    ]


def _randomisation(results: ResultsFolder, site: str) -> list:
    if not results.has("randomisation", site):
        return []
    found = results.table("randomisation", site)
    whole = found[found["reinitialised"] == found["of_layers"]]
    says = sentences.randomisation(whole)
    return [
        *results.drawn(
            "randomisation",
            site,
            "What is left of the maps when weights are re-initialised",
            "Rank correlation against the layers that are re-initialised, for each vessel and method.",
            says,
            "randomisation",
        ),
        results.tabulated(
            "randomisation",
            site,
            "Maps before and after all weights are re-initialised",
            whole,
            RANDOMISATION,
            group="method",
            says=says,
            notes=[
                "Absolute values keep the size of an ECG's deviation from the mean beat, whatever the network: they "
                "are not what the maps above show. 95 % interval over folds."
            ],
        ),
    ]
