"""ROC curves, areas, calibration and recalibration at every validated site, and external against internal."""

import pandas as pd

from ecg_ccta.evaluation.recalibrate import AS_PREDICTED, INTERCEPT, LOGISTIC
from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Heading, Section
from ecg_ccta.report.columns import ABSENT, measured, p_of, value, words
from ecg_ccta.report.formatting import count, listed, number
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import CLUSTERED, HONEST, PATIENTS, rows_of
from ecg_ccta.vessels import VESSELS

ORDER = 40


def _name(vessel: str) -> str:
    return {"macro": "Mean", "micro": "Pooled"}.get(vessel, vessel)


DISCRIMINATION = {
    "Vessel": words("vessel", _name),
    "ECGs": value("n", count),
    "Events": value("events", count, missing=ABSENT),
    "AUC": measured("AUC", method=HONEST),
    "Of the models at hand": measured("AUC", method=CLUSTERED),
    "PR-AUC": measured("PR-AUC"),
}

CALIBRATION = {
    "Vessel": words("vessel"),
    "ECGs": value("n", count),
    "Events": value("events", count),
    "Intercept": measured("intercept", 2),
    "Slope": measured("slope", 2),
    "Brier score": measured("Brier", 4),
    "Scaled Brier": measured("scaled Brier"),
    "ICI": measured("ICI"),
    "E50": measured("E50"),
    "E90": measured("E90"),
}

COMPARISON = {
    "Vessel": words("vessel", _name),
    "AUC": measured("AUC difference", method=PATIENTS),
    "p": p_of("AUC difference p"),
    "PR-AUC": measured("PR-AUC difference"),
}


def validation(results: ResultsFolder) -> Section:
    blocks: list = []
    for site, settings in results.study.sites.items():
        if settings.tables.ccta is not None:
            blocks += [Heading(results.title(site)), *_discrimination(results, site), *_calibration(results, site)]
            blocks += [*_probabilities(results, site), *_recalibration(results, site)]
    return Section("calibration", "ROC curves and calibration", [*blocks, *_comparison(results)])


def _discrimination(results: ResultsFolder, site: str) -> list:
    found = results.table("discrimination", site)
    figures = results.drawn(
        "roc",
        site,
        "Receiver operating characteristic curves",
        f"ROC curve of each vessel in {results.title(site)}: sensitivity against 1 − specificity.",
        sentences.auc_range(rows_of(found, "AUC", HONEST)),
        "roc",
    )
    table = results.tabulated(
        "discrimination",
        site,
        "Areas under the ROC and precision-recall curve",
        found,
        DISCRIMINATION,
        row="vessel",
        notes=[
            "AUC: out of fold the mean over folds, with the interval of a model trained on as many patients. Of the "
            "models at hand: ECGs of all folds pooled, patients drawn with the predictions held fixed; out of fold "
            "this interval, and that of PR-AUC, is conditional on the trained models, and too narrow for any other "
            "question. PR-AUC: average precision; a blind guess has the proportion of events. Mean: over vessels with "
            "enough events. Pooled: all pairs of an ECG and such a vessel, so that the vessels' prevalences help."
        ],
    )
    return [*figures, table]


def _calibration(results: ResultsFolder, site: str) -> list:
    summary = results.table("calibration_summary", site)
    figures = results.drawn(
        "calibration",
        site,
        "Calibration",
        f"Observed proportion of events against predicted probability, by vessel, in {results.title(site)}.",
        sentences.calibration(rows_of(summary, "slope")),
        "calibration_curve",
        "calibration",
    )
    table = results.tabulated(
        "calibration_summary",
        site,
        "Calibration",
        summary,
        CALIBRATION,
        row="vessel",
        notes=[
            "Intercept 0 and slope 1 are ideal; a slope below 1 means predictions that are too extreme. ICI, E50 "
            "and E90: mean, median and 90 % quantile of the distance between the smoothed curve and the "
            "prediction; chance alone keeps them above 0, and their intervals lie too high: read the upper bound. "
            "The figure's groups have Wilson's intervals, which take ECGs for "
            "independent; its 95 % bands miss in about 15 % where 20 patients have the event.",
            *sentences.held_fixed(results, site),
        ],
    )
    return [*figures, table]


def _probabilities(results: ResultsFolder, site: str) -> list:
    if not results.has("probabilities", site):
        return []
    return results.drawn(
        "probabilities",
        site,
        "Predicted probability by outcome",
        f"Histograms of the predicted probability in ECGs with and without stenosis, by vessel, {results.title(site)}.",
        sentences.probabilities(results.table("probabilities", site)),
        "probabilities",
    )


def _recalibration(results: ResultsFolder, site: str) -> list:
    if not results.has("recalibrated_summary", site):
        return []
    summary = results.table("recalibrated_summary", site)
    return results.drawn(
        "recalibrated",
        site,
        "Recalibrated, cross-fitted",
        f"Calibration curves as predicted and after two kinds of recalibration, by vessel, in {results.title(site)}.",
        _recalibrated_sentence(rows_of(summary, "ICI")),
        "recalibrated_summary",
        "recalibrated_curve",
        "recalibration",
    )


def _recalibrated_sentence(found: pd.DataFrame) -> str:
    ici = found.set_index(["vessel", "predictions"])["estimate"]
    parts = [
        f"{vessel} {number(ici[vessel, AS_PREDICTED])} to {number(ici[vessel, INTERCEPT])} and "
        f"{number(ici[vessel, LOGISTIC])}"
        for vessel in VESSELS
        if not ici[vessel].isna().any()
    ]
    if not parts:
        return "No vessel has enough events to recalibrate."
    return (
        "Updating the intercept, or intercept and slope, on the other patients of the site changes the ICI: "
        f"{'; '.join(parts)}."
    )


def _comparison(results: ResultsFolder) -> list:
    if not results.has("site_comparison"):
        return []
    found = results.table("site_comparison")
    found = found[found["site"].isin(results.study.external_sites)]
    if found.empty:
        return []
    known = rows_of(found, "AUC difference", PATIENTS)
    clear = known[known["vessel"].isin(VESSELS) & ((known["lower"] > 0) | (known["upper"] < 0))]
    differing = [
        f"{row['vessel']} at {results.title(row['site'])} ({'higher' if row['estimate'] > 0 else 'lower'})"
        for _, row in clear.iterrows()
    ]
    table = results.tabulated(
        "site_comparison",
        None,
        f"Discrimination at external sites minus {results.title(results.study.development_site)}",
        found,
        COMPARISON,
        row="vessel",
        group="site",
        label=lambda site, rows: results.title(site),
        says=f"The interval of the difference leaves 0 out for {listed(differing)}."
        if differing
        else "No interval of a difference leaves 0 out.",
        notes=[
            "PR-AUC depends on the proportion of events, which may differ between sites; the interval of its "
            "difference is conditional on the trained models."
        ],
    )
    return [table]
