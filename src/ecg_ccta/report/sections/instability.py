"""Prediction instability: how far predictions move with other development patients, and what such intervals miss."""

import pandas as pd

from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
from ecg_ccta.evaluation.measure_instability import CURVES, THRESHOLDS
from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.columns import by_draws, capital, measured, words
from ecg_ccta.report.formatting import count, is_missing, listed, number, percent, percent_interval
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import CLUSTERED, rows_of
from ecg_ccta.truth.compare_instability_with_truth import ABOVE, BELOW, ERROR, EVERY, HELD, MOVED

ORDER = 87


def _points(measure: str):
    """Write a difference of probabilities in percentage points."""

    def cell(rows: pd.DataFrame) -> str:
        row = rows_of(rows, measure)
        if row.empty:
            return ""
        return number(100 * row["estimate"].iloc[0], 1, "–") if not is_missing(row["estimate"].iloc[0]) else "–"

    return cell


def _percent(measure: str):
    def cell(rows: pd.DataFrame) -> str:
        row = rows_of(rows, measure)
        return percent(row["estimate"].iloc[0], 1, row["note"].iloc[0]) if len(row) else ""

    return cell


SUMMARY = {
    "Model": words("model", capital),
    "MAPE, points": _points("MAPE"),
    "MAPE, 95 % quantile": _points("MAPE, 95 % quantile"),
    "Width of interval, median": _points("width of interval, median"),
    **{f"Reclassified, {kind}": _percent(f"classification instability, {kind}") for kind in THRESHOLDS},
    "AUC": measured("AUC"),
    "AUC, re-developed": measured("AUC, re-developed"),
    "Slope": measured("slope", 2),
    "Slope, re-developed": measured("slope, re-developed", 2),
}

TRUTH = {
    "Model": words("model", capital),
    "Intervals that hold the true risk": by_draws(HELD, 0, percent_interval),
    "True risk above": by_draws(ABOVE, 0, percent_interval),
    "True risk below": by_draws(BELOW, 0, percent_interval),
    "RMS error, points": _points(ERROR),
    "RMS deviation over re-developments": _points(MOVED),
}


def instability(results: ResultsFolder) -> Section | None:
    settings = results.study.instability
    if settings is None:
        return None
    blocks: list = []
    for site, title in results.judged_sites_with("instability"):
        found = results.table("instability", site)
        blocks += results.drawn(
            "instability",
            site,
            "Re-developed against original predictions",
            f"For each vessel, bands of re-developed probabilities around the diagonal, {title}.",
            sentence(found),
            "instability_bands",
        )
        blocks.append(
            results.tabulated(
                "instability",
                site,
                "Instability of predictions",
                found,
                SUMMARY,
                row="model",
                group="vessel",
                notes=[_note(results, site)],
            )
        )
        blocks += results.drawn(
            "instability_calibration",
            site,
            "Calibration of the original and of re-developed models",
            f"For each vessel a bundle of smoothed calibration curves and the original's in black, {title}.",
            f"At most {CURVES} re-developments are drawn; curves near each other say that calibration does not hang on "
            "who was there.",
            "instability_calibration",
        )
        blocks += _truth(results, site)
    if not blocks:
        return None
    networks = (
        f"The networks of all folds were fine-tuned {count(settings.networks)} more times, each with another seed"
        if settings.networks
        else "The networks were not fine-tuned again"
    )
    introduction = Text(
        f"The linear probe of the foundation's features was developed {count(settings.redevelopments)} more times on "
        "development patients drawn with replacement, with all that its development does: standardisation, penalty, "
        f"temperature. {networks}. Folds stay as they are, so that every ECG here is of a patient whom no version of "
        "the model has seen. The spread says how far a prediction would have moved with other patients of the same "
        "kind; it does not say how far it is from the truth."
    )
    return Section("instability", "Instability of predictions", [introduction, *blocks])


def sentence(found: pd.DataFrame) -> str:
    """Say how far the models' probabilities move, and how many ECGs change sides of the guideline's threshold."""
    parts = []
    for model in (PROBE, FINE_TUNED):
        of_model = found[found["model"] == model]
        moved = rows_of(of_model, "MAPE").dropna(subset=["estimate"])
        if moved.empty:
            continue
        points = listed([f"{row['vessel']} {number(100 * row['estimate'], 1)}" for _, row in moved.iterrows()])
        changed = rows_of(of_model, "classification instability, guideline").dropna(subset=["estimate"])
        sides = f"{percent(changed['estimate'].min())} to {percent(changed['estimate'].max())}"
        parts.append(
            f"{capital(model)} ({moved['method'].iloc[0]}): mean absolute prediction error {points} percentage points; "
            f"by vessel {sides} of the predictions change sides of the guideline's threshold"
        )
    return f"{'. '.join(parts)}." if parts else "No vessel has findings."


def _truth(results: ResultsFolder, site: str) -> list:
    if not results.has("instability_truth", site):
        return []
    found = results.table("instability_truth", site)
    shown = found[found["group"] == EVERY]
    says = coverage_sentence(shown, results.study.evaluation.level)
    return [
        *results.drawn(
            "instability_truth",
            site,
            "Intervals over re-developments of the linear probe that hold the true risk",
            "Points with intervals: proportion of intervals that hold the planted risk, by fifth of the prediction.",
            says,
            "instability_truth",
        ),
        results.tabulated(
            "instability_truth",
            site,
            "Intervals over re-developments and the true risk",
            shown,
            TRUTH,
            row="model",
            group="vessel",
            notes=[
                "True risk: the planted probability of severe or complete stenosis given everything the ECG shows; of "
                "all ECGs, whether or not CCTA judged the vessel. RMS error: root mean square distance of the original "
                "prediction from it; RMS deviation: of the re-developments from their mean. What exceeds the deviation "
                "in the error is common to all re-developments, and no interval over them shows it."
            ],
        ),
    ]


def coverage_sentence(shown: pd.DataFrame, level: float) -> str:
    held = rows_of(shown, HELD, CLUSTERED).dropna(subset=["estimate"])
    if held.empty:
        return "There are too few re-developments for intervals."
    parts = []
    for model, cells in held.groupby("model", sort=False):
        each = listed([f"{row['vessel']} {percent(row['estimate'])}" for _, row in cells.iterrows()])
        parts.append(f"{model}: {each}")
    lowest = held["upper"].max() < level
    verdict = (
        "They are no intervals of the risk: they know of the variance between developments alone, not of what all "
        "developments get wrong together"
        if lowest
        else "They know of the variance between developments alone, not of what all developments get wrong together"
    )
    return f"{percent(level)} intervals over re-developments hold the true risk in: {'; '.join(parts)}. {verdict}."


def _note(results: ResultsFolder, site: str) -> str:
    study = results.study
    whom = (
        "Each fold's ECGs by the versions of its own model, which never saw their patients, drawn or not"
        if site == study.development_site
        else "Each ECG by the mean calibrated logit of a version's folds, as the original is"
    )
    return (
        f"{whom}. MAPE: mean over ECGs of the mean absolute prediction error, in percentage points. Width: of the "
        f"interval between percentiles of a level of {percent(study.evaluation.level)}. Reclassified: proportion of "
        "predictions on the other side of the threshold from the original's (classification instability index); "
        "thresholds are the study's. AUC and slope of re-developments: median, and percentiles or, where few, range. "
        "A draw with replacement holds 63 % of the patients, so that re-developments are somewhat worse."
    )
