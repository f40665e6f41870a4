"""The section on sensitivity analyses: other choices of ECGs and outcome side by side, and the centres one by one."""

import pandas as pd

from ecg_ccta.evaluation.analyse_sensitivity import MAIN
from ecg_ccta.evaluation.sensitivity_centres import CENTRES, HETEROGENEITY, PREDICTION, WITHOUT_CENTRE
from ecg_ccta.report.blocks import Section, Table, Text
from ecg_ccta.report.columns import ABSENT, capital, measured, part_of, words
from ecg_ccta.report.formatting import count, is_missing, number, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.statistics.estimates import rows_of

ORDER = 72


def _counts(rows: pd.DataFrame) -> str:
    return ABSENT if is_missing(rows["n"].iloc[0]) else part_of("events", "n")(rows)


SENSITIVITY = {
    "Analysis": words("analysis", capital),
    "Events / ECGs": _counts,
    "AUC": measured("AUC"),
    "AUC minus main": measured("AUC difference", absent=""),
    "Intercept": measured("intercept", 2),
    "Slope": measured("slope", 2),
}

CENTRE = {
    "Centre": words("centre", capital),
    "Events / ECGs": _counts,
    "AUC": measured("AUC"),
    "Intercept": measured("intercept", 2),
    "Slope": measured("slope", 2),
}
LEFT_OUT_CENTRE = CENTRE | {"AUC minus probe out of fold": measured("AUC difference")}


def sensitivity(results: ResultsFolder) -> Section | None:
    blocks: list = []
    for site, title in results.judged_sites_with("sensitivity"):
        found, centres = results.table("sensitivity", site), results.table("sensitivity_centres", site)
        blocks += results.drawn(
            "sensitivity",
            site,
            "AUC under other choices of ECGs, outcome and patients",
            f"Forest plot of the AUC of each vessel at {title}: the main analysis, then the others, then the centres.",
            range_sentence(found),
            "sensitivity",
            "sensitivity_centres",
        )
        blocks.append(
            results.tabulated(
                "sensitivity",
                site,
                "Sensitivity analyses",
                found,
                SENSITIVITY,
                row="analysis",
                group="vessel",
                says=difference_sentence(found),
                notes=_notes(found),
            )
        )
        blocks.append(_centres(results, site, centres))
    return Section("sensitivity", "Sensitivity analyses", blocks) if blocks else None


def _centres(results: ResultsFolder, site: str, centres: pd.DataFrame) -> Table | Text:
    notes = centres.loc[centres["centre"] == CENTRES, "note"]
    if (centres["centre"] == CENTRES).all():
        return Text(f"{results.title(site)}: {notes.iloc[0]}, so centres are not compared.")
    is_development = site == results.study.development_site
    said = (
        "Internal-external validation: each centre is evaluated by a linear probe of the foundation's features that "
        "was trained and calibrated without any patient who has an ECG there. It is compared with the linear probe out "
        "of fold, which saw other patients of the same centre. The fine-tuned network was not trained again: what "
        "holds of the probe need not hold of the network."
        if is_development
        else "The study's predictions as they are; nothing was trained or updated at this site."
    )
    return results.tabulated(
        "sensitivity_centres",
        site,
        "Each centre left out in turn" if is_development else "Each centre",
        centres,
        LEFT_OUT_CENTRE if is_development else CENTRE,
        row="centre",
        group="vessel",
        says=heterogeneity_sentence(centres),
        notes=[
            said,
            "Mean over centres: random effects (Paule and Mandel's variance, interval of Hartung and Knapp), of the "
            "AUC on its log-odds; centres with too few events are left out. The prediction interval is for another "
            "centre of the kind. With a few centres that differ it is rather too narrow: by simulation of five to ten "
            "it missed another one in 9 to 12 % instead of 5 %. Where no difference beyond chance is found it is no "
            "wider than the interval of the mean, which does not show that there is none.",
        ],
    )


def _notes(found: pd.DataFrame) -> list[str]:
    aucs = rows_of(found, "AUC")
    latest = aucs.loc[aucs["note"].str.startswith("recorded from"), "note"]
    since = f" ({latest.iloc[0].split(';')[0]})" if len(latest) else ""
    return [
        "The study's predictions as they are: nothing is trained again, but for the linear probe without each centre. "
        "AUC minus main: paired over patients, where an analysis takes some of the main one's ECGs; in the row of the "
        "linear probe, minus the linear probe out of fold. Intervals are not corrected for the number of analyses.",
        "The model predicts a stenosis of 70 % or more, so that for 50 % a positive intercept is expected. An ECG of "
        "the same date as the CCTA counts as one before it where either has no time of day. The latest third of the "
        f"calendar{since} is an evaluation only: models and thresholds come from all years.",
    ]


def range_sentence(found: pd.DataFrame) -> str:
    """Of each vessel the main AUC and between what values the other analyses' lie."""
    aucs = rows_of(found, "AUC").dropna(subset=["estimate"])
    said = []
    for vessel, rows in aucs.groupby("vessel", sort=False):
        main, others = rows[rows["analysis"] == MAIN], rows[rows["analysis"] != MAIN]["estimate"]
        if len(main) and len(others):
            value = number(main["estimate"].iloc[0])
            said.append(f"{vessel} {value}, others {number(others.min())} to {number(others.max())}")
    return f"AUC of the main analysis: {'; '.join(said)}." if said else "No analysis has enough events."


def difference_sentence(found: pd.DataFrame) -> str:
    """How many differences' intervals exclude 0, and how many would by chance."""
    rows = rows_of(found, "AUC difference").dropna(subset=["estimate"])
    rows = rows[rows["method"].isin(["patient-clustered"])]
    if rows.empty:
        return "No analysis has a difference to the main one."
    apart = int(((rows["lower"] > 0) | (rows["upper"] < 0)).sum())
    expected = number((1 - rows["level"].iloc[0]) * len(rows), 1)
    return (
        f"Of {len(rows)} AUC differences to the main analysis {apart} have an interval without 0; "
        f"{expected} would by chance where none differed."
    )


def heterogeneity_sentence(centres: pd.DataFrame) -> str:
    """Of each vessel the mean AUC over centres, the prediction interval and I²; and ECGs of unknown centre."""
    said = []
    for vessel, rows in centres[centres["centre"] == CENTRES].groupby("vessel", sort=False):
        mean, spread = rows_of(rows, "AUC").iloc[0], rows_of(rows, f"AUC, {HETEROGENEITY}").iloc[0]
        if is_missing(mean["estimate"]):
            said.append(f"{vessel}: {mean['note']}")
            continue
        interval = measured("AUC")(rows)
        other = rows_of(rows, f"AUC, {PREDICTION}").iloc[0]
        said.append(
            f"{vessel} {interval}, prediction interval {number(other['lower'])} to {number(other['upper'])}, I² "
            f"{percent(spread['estimate'])}"
        )
    without = rows_of(centres, WITHOUT_CENTRE)["estimate"].max()
    unknown = f" {count(without)} ECGs are of unknown centre and in none." if without > 0 else ""
    return f"Mean AUC over centres: {'; '.join(said)}.{unknown}"
