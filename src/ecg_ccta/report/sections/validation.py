"""ROC curves, areas, calibration and recalibration at every validated site, and external against internal."""

import pandas as pd

from ecg_ccta.evaluation.recalibrate import AS_PREDICTED, INTERCEPT, LOGISTIC
from ecg_ccta.report import sentences
from ecg_ccta.report.blocks import Heading, Section, Table
from ecg_ccta.report.formatting import count, estimate, is_missing, listed, number, p_value
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import CLUSTERED, COLUMNS, DELONG, rows_of
from ecg_ccta.vessels import VESSELS

_NAMES = {"macro": "Mean", "micro": "Pooled"}


def validation(results: ResultsFolder) -> Section:
    blocks: list = []
    for site, settings in results.study.sites.items():
        if settings.tables.ccta is not None:
            blocks += [Heading(results.title(site)), *_discrimination(results, site), *_calibration(results, site)]
            blocks += _recalibration(results, site)
    return Section("calibration", "ROC curves and calibration", [*blocks, *_comparison(results)])


def _discrimination(results: ResultsFolder, site: str) -> list:
    title = results.title(site)
    found = results.table("discrimination", site, ("vessel", *COLUMNS))
    blocks: list = results.drawn(
        f"roc_{site}",
        f"Receiver operating characteristic curves, {title}",
        f"ROC curve of each vessel in {title}: sensitivity against 1 − specificity.",
        sentences.auc_range(rows_of(found, "AUC", CLUSTERED)),
        results.first_download(site, "roc", "discrimination"),
    )
    rows = []
    for vessel, cells in found.groupby("vessel", sort=False):
        first = cells.iloc[0]
        chosen = {
            "bootstrap": rows_of(cells, "AUC", CLUSTERED),
            "delong": rows_of(cells, "AUC", DELONG),
            "pr": rows_of(cells, "PR-AUC"),
        }
        rows.append(
            [
                _NAMES.get(vessel, vessel),
                count(first["n"]),
                count(first["events"], note="–"),
                *(estimate(part.iloc[0]) if len(part) else "–" for part in chosen.values()),
            ]
        )
    blocks.append(
        Table(
            f"Areas under the ROC and precision-recall curve, {title}",
            ["Vessel", "ECGs", "Events", "AUC, clustered interval", "AUC, DeLong's interval", "PR-AUC"],
            [("", rows)],
            downloads=[results.download("discrimination", site)],
            notes=[
                "The clustered interval draws patients with all their ECGs; DeLong's takes ECGs for independent. "
                "PR-AUC: average precision; a blind guess has the share of events. Mean: over vessels with enough "
                "events. Pooled: all pairs of an ECG and such a vessel, so that the vessels' prevalences help."
            ],
        )
    )
    return blocks


def _calibration(results: ResultsFolder, site: str) -> list:
    title = results.title(site)
    summary = results.table("calibration_summary", site, ("vessel", *COLUMNS))
    blocks: list = results.drawn(
        f"calibration_{site}",
        f"Calibration, {title}",
        f"Observed share of events against predicted probability, by vessel, in {title}.",
        sentences.calibration(rows_of(summary, "slope")),
        [
            *results.first_download(site, "calibration_curve"),
            *results.first_download(site, "calibration", "calibration_summary"),
        ],
    )
    measures = {"intercept": 2, "slope": 2, "Brier": 4, "scaled Brier": 3, "ICI": 3, "E50": 3, "E90": 3}
    rows = []
    for vessel, cells in summary.groupby("vessel", sort=False):
        by_measure = cells.set_index("measure")
        first = cells.iloc[0]
        rows.append(
            [
                vessel,
                count(first["n"]),
                count(first["events"]),
                *(estimate(by_measure.loc[measure], digits) for measure, digits in measures.items()),
            ]
        )
    blocks.append(
        Table(
            f"Calibration, {title}",
            ["Vessel", "ECGs", "Events", "Intercept", "Slope", "Brier score", "Scaled Brier", "ICI", "E50", "E90"],
            [("", rows)],
            downloads=[results.download("calibration_summary", site)],
            notes=[
                "Intercept 0 and slope 1 are ideal; a slope below 1 means predictions that are too extreme. ICI, E50 "
                "and E90: mean, median and 90 % quantile of the distance between the smoothed curve and the "
                "prediction; chance alone keeps them above 0."
            ],
        )
    )
    return blocks


def _recalibration(results: ResultsFolder, site: str) -> list:
    if not results.has("recalibrated_summary", site):
        return []
    title = results.title(site)
    summary = results.table("recalibrated_summary", site, ("vessel", "predictions", *COLUMNS))
    return [
        *results.drawn(
            f"recalibrated_{site}",
            f"Recalibrated, cross-fitted, {title}",
            f"Calibration curves as predicted and after two kinds of recalibration, by vessel, in {title}.",
            _recalibrated_sentence(rows_of(summary, "ICI")),
            [
                results.download("recalibrated_summary", site),
                results.download("recalibrated_curve", site),
                results.download("recalibration", site),
            ],
        )
    ]


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
    found = results.table("site_comparison", columns=("site", "vessel", *COLUMNS))
    found = found[found["site"].isin(results.study.external_sites)]
    if found.empty:
        return []
    groups, clear = [], []
    for site, of_site in found.groupby("site", sort=False):
        rows = []
        for vessel, cells in of_site.groupby("vessel", sort=False):
            auc = rows_of(cells, "AUC difference", CLUSTERED).iloc[0]
            delong = rows_of(cells, "AUC difference").query("method != @CLUSTERED")
            p = rows_of(cells, "AUC difference p")
            rows.append(
                [
                    _NAMES.get(vessel, vessel),
                    estimate(auc),
                    estimate(delong.iloc[0]) if len(delong) else "–",
                    p_value(p.iloc[0]["estimate"], p.iloc[0]["note"]) if len(p) else "–",
                    estimate(rows_of(cells, "PR-AUC difference").iloc[0]),
                ]
            )
            if vessel in VESSELS and not is_missing(auc["lower"]) and (auc["lower"] > 0 or auc["upper"] < 0):
                word = "higher" if auc["estimate"] > 0 else "lower"
                clear.append(f"{vessel} at {results.title(site)} ({word})")
        groups.append((results.title(site), rows))
    says = (
        f"The clustered interval of the difference leaves 0 out for {listed(clear)}."
        if clear
        else "No vessel's AUC differs clearly between the sites."
    )
    own = results.title(results.study.development_site)
    return [
        Table(
            f"Discrimination at external sites minus {own}",
            ["Vessel", "AUC, clustered interval", "AUC, DeLong's interval", "DeLong's p", "PR-AUC"],
            groups,
            says=says,
            downloads=[results.download("site_comparison")],
            notes=["PR-AUC depends on the share of events, which may differ between sites."],
        )
    ]
