"""Abstention: prediction sets, how often they hold the finding, and how often they say nothing."""

import pandas as pd

from ecg_ccta.evaluation.build_prediction_sets import ALL, BY_OUTCOME, KINDS
from ecg_ccta.report.blocks import Section
from ecg_ccta.report.columns import by_draws, words
from ecg_ccta.report.formatting import count, listed, percent, percent_interval
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import CLUSTERED, rows_of

ORDER = 85

CALIBRATED = {BY_OUTCOME: "By outcome", ALL: "On all ECGs"}

COLUMNS = {
    "Calibrated": words("calibration", CALIBRATED.__getitem__),
    "Coverage": by_draws("coverage", 0, percent_interval),
    "With stenosis": by_draws("coverage, stenosis", 0, percent_interval),
    "Without": by_draws("coverage, no stenosis", 0, percent_interval),
    **{f"Set: {kind}": by_draws(kind, 0, percent_interval) for kind in KINDS},
    "NPV": by_draws("NPV", 0, percent_interval),
    "PPV": by_draws("PPV", 0, percent_interval),
}


def abstention(results: ResultsFolder) -> Section | None:
    settings = results.study.abstention
    if settings is None:
        return None
    blocks: list = []
    for site, title in results.judged_sites_with("prediction_sets"):
        found = results.table("prediction_sets", site)
        blocks += results.drawn(
            "prediction_sets",
            site,
            "Prediction sets, and how often they hold the finding",
            f"For each vessel and calibration a bar of the four kinds of sets, and three points of coverage, {title}.",
            sentence(found, settings.level),
            "prediction_sets",
        )
        blocks.append(
            results.tabulated(
                "prediction_sets",
                site,
                "Prediction sets",
                found,
                COLUMNS,
                "prediction_set_cutoffs",
                row="calibration",
                group="vessel",
                says=answered(found),
                notes=[_note(results, site, settings.level)],
            )
        )
    return Section("abstention", "Abstention: prediction sets", blocks) if blocks else None


def sentence(found: pd.DataFrame, level: float) -> str:
    """Say whether sets by outcome hold the finding as often as promised, and what calibration on all does to events."""
    by_outcome = found[(found["calibration"] == BY_OUTCOME) & (found["method"] == CLUSTERED)]
    known = rows_of(by_outcome, "coverage").dropna(subset=["estimate"])
    if known.empty:
        return "No vessel has enough events for prediction sets."
    said = listed([f"{row['vessel']} {percent(row['estimate'], 1)}" for _, row in known.iterrows()])
    lacking = []
    for measure, whom in (("coverage, stenosis", "with stenosis"), ("coverage, no stenosis", "without stenosis")):
        below = rows_of(by_outcome, measure).dropna(subset=["upper"])
        lacking += [f"{vessel} {whom}" for vessel in below.loc[below["upper"] < level, "vessel"]]
    verdict = (
        f"the interval lies below the {percent(level)} promised in {listed(lacking)}"
        if lacking
        else f"in no vessel does the interval of either outcome lie below the {percent(level)} promised"
    )
    of_all = rows_of(found[found["calibration"] == ALL], "coverage, stenosis", CLUSTERED).dropna(subset=["estimate"])
    events = listed([f"{row['vessel']} {percent(row['estimate'])}" for _, row in of_all.iterrows()])
    return (
        f"Calibrated by outcome, sets hold the finding in {said} of the ECGs; {verdict}. Calibrated on all ECGs they "
        f"hold a stenosis that is there in {events}: the rare answer pays."
    )


def answered(found: pd.DataFrame) -> str:
    """Say how many ECGs get an answer, by sets calibrated by outcome, and how often it is right."""
    by_outcome = found[(found["calibration"] == BY_OUTCOME) & (found["method"] == CLUSTERED)]
    parts = []
    for vessel, cells in by_outcome.groupby("vessel", sort=False):
        value = cells.set_index("measure")["estimate"]
        if pd.isna(value["coverage"]):
            continue
        single = value["only no stenosis"] + value["only stenosis"]
        parts.append(
            f"{vessel} {percent(single)} (NPV {percent(value['NPV'], note='none')}, PPV "
            f"{percent(value['PPV'], note='none')})"
        )
    return f"ECGs with one answer, by outcome: {'; '.join(parts)}." if parts else ""


def _note(results: ResultsFolder, site: str, level: float) -> str:
    study = results.study
    development = results.title(study.development_site)
    whom = (
        "each fold's ECGs by the out-of-fold predictions of the other folds"
        if site == study.development_site
        else f"by the out-of-fold predictions of {development}, as they are"
    )
    transported = (
        ""
        if site == study.development_site
        else f" The promise is for patients like those of {development}; here it is put to the test."
    )
    return (
        f"Conformal sets, calibrated {whom}; every patient counts once. By outcome: either answer by the patients who "
        f"have it, so that {percent(level)} is promised to patients with and without stenosis; such sets are those of "
        "a rule-out and a rule-in threshold with a margin for the number of patients. On all ECGs: "
        f"{percent(level)} is promised on average only. Both: the ECG does not decide. Neither: it resembles neither. "
        "NPV and PPV: proportion of right answers among sets with one. Intervals over patients "
        f"({count(study.evaluation.bootstrap_replicates)} draws), sets as given; where every draw gives the same, "
        f"Wilson's.{transported}"
    )
