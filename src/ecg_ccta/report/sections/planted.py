"""How well waveform differences and attribution find the regions that were planted."""

from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import Cell, bounded, capital, value, where, words
from ecg_ccta.report.formatting import count, number
from ecg_ccta.report.results_folder import ResultsFolder

ORDER = 150

WAVEFORMS = {
    "Vessel": words("vessel"),
    "Planted": value("planted", count),
    "Regions": value("regions", count),
    "Waveform difference": value("waveform", number, 2, missing="nothing planted, or no curves"),
}

_AREA = "Area under the ROC curve over regions (lead and segment): 1 ranks every planted one first; 0.5 is chance."


def planted(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site in results.study.sites:
        blocks += [*_waveforms(results, site), *_attribution(results, site)]
    return Section("planted", "Planted and recovered regions", blocks) if blocks else None


def _waveforms(results: ResultsFolder, site: str) -> list:
    if not results.has("planted", site):
        return []
    found = results.table("planted", site)
    figures = results.drawn(
        "planted",
        site,
        "Planted regions and waveform differences",
        "Heat maps of lead by segment for each vessel: planted, waveform difference.",
        sentences.planted(found),
        "planted_regions",
    )
    caption = "How well waveform differences find planted regions"
    return [*figures, results.tabulated("planted", site, caption, found, WAVEFORMS, notes=[_AREA])]


def _attribution(results: ResultsFolder, site: str) -> list:
    if not results.has("planted_attribution", site):
        return []
    found = results.table("planted_attribution", site)
    vessels = list(found["vessel"].unique())
    blocks: list = []
    for vessel in vessels:
        blocks += results.drawn(
            f"planted_attribution_{vessel}",
            site,
            f"Planted beside recovered, {vessel}",
            f"Three panels of twelve leads for {vessel}: windows that were planted, integrated gradients and "
            "occlusion over the mean beat.",
            sentences.recovered(vessel, found[found["vessel"] == vessel]),
            "planted_attribution_regions",
        )
    blocks.append(
        results.tabulated(
            "planted_attribution",
            site,
            "How well attribution finds planted regions",
            found,
            {"Measure": words("measure", capital), **{vessel: _area(vessel) for vessel in vessels}},
            row="measure",
            says=sentences.recovered("On average over vessels", found[found["vessel"] == "mean"]),
            notes=[
                f"{_AREA} Intervals: jackknife over folds, within 0 and 1; folds share patients, so that they say how "
                "steady the area is, not what another hospital would give; none where every fold left out gives the "
                "same.",
                "Absolute: ECGs' values without their sign. Random weights: the same ECGs and a network whose "
                "weights were all re-initialised, to tell what comes from the ECGs alone. "
                "Grad-CAM has one value for all leads.",
            ],
        )
    )
    return blocks


def _area(vessel: str) -> Cell:
    return where("vessel", vessel, bounded("auroc", 2))
