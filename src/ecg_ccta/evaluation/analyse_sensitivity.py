"""Discrimination and calibration of each vessel under other choices of ECGs, outcome and patients, one by one.

Nothing is trained again but the linear probe of internal-external validation (`sensitivity_centres`): the predictions
are those of the study, and each analysis asks what the main one would have found among other ECGs, or of another
outcome.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation, Sensitivity
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.findings import Findings, difference_rows, findings_by_vessel
from ecg_ccta.evaluation.patients import nearest_to_ccta
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.evaluation.sensitivity_centres import CENTRES, pooled_rows
from ecg_ccta.statistics.calibration import WALD_CLUSTERED, calibration_line
from ecg_ccta.statistics.clustered_auc import AucInfluence, compare_paired
from ecg_ccta.statistics.cross_validated_auc import variance_factor
from ecg_ccta.statistics.estimates import PATIENTS, estimate_table
from ecg_ccta.vessels import GRADES, SAMPLING_RATE, VESSELS

MAIN = "main analysis"
OUTCOME = "outcome: stenosis of 50 % or more"
LATEST = "latest third of the calendar, evaluation only"
LEAST_GRADE = "moderate"
"""The lowest grade of a stenosis of 50 % or more."""
SAME = "same ECGs"
"""Of an analysis that leaves out none of the main one's."""

LEFT_OUT = "linear probe, centres left out in turn: mean"

SENSITIVITY_MEASURES = ("AUC", "AUC difference", "intercept", "slope")


class Choice(NamedTuple):
    """Which ECGs an analysis takes.

    members : (ECGs,) of bool in the order of the cohort; None where the cohort cannot say
    note : why it cannot, or what the reader should know
    """

    members: np.ndarray | None
    note: str = ""


def analyse_sensitivity(
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    centres: pd.DataFrame,
    settings: Evaluation,
    sensitivity: Sensitivity,
) -> pd.DataFrame:
    """Repeat the main analysis of a site under each other choice.

    Parameters
    ----------
    cohort, predictions : `tables.COHORT`, `tables.PREDICTIONS`
    centres : of `sensitivity_centres.centre_table`
    settings : level and minimum_events

    Returns
    -------
    Strata vessel and analysis, in the form of `estimate_table`; measures SENSITIVITY_MEASURES. The AUC is
    `Findings.expected`; its difference is that of the analysis minus MAIN, paired over patients, where the analysis
    takes some of the main one's ECGs. Intercept and slope as in `validate`, conditional on the models. The last
    analysis has the means over centres: LEFT_OUT at the development site, elsewhere CENTRES.
    """
    scored = scored_ecgs(cohort, predictions)
    choices = ecg_choices(cohort, sensitivity)
    rows: list[dict[str, Any]] = []
    for vessel, main in findings_by_vessel(scored, settings, None).items():
        place = pd.Index(cohort["ecg_id"]).get_indexer(main.rows["ecg_id"])
        made = {MAIN: _rows(main, None), OUTCOME: _rows(with_outcome(main, LEAST_GRADE), None)}
        made |= {name: _chosen(main, choice, place) for name, choice in choices.items()}
        rows += [{"vessel": vessel, "analysis": name} | row for name, of in made.items() for row in of]
        last = LEFT_OUT if main.is_out_of_fold else CENTRES
        rows += [{"analysis": last} | row for row in pooled_rows(centres, vessel)]
    return estimate_table(rows, ["vessel", "analysis"])


def ecg_choices(cohort: pd.DataFrame, sensitivity: Sensitivity) -> dict[str, Choice]:
    """Name the choices of ECGs, in the order of the table, with those that each takes."""
    days = cohort["days_to_ccta"].to_numpy(dtype=float)
    first = cohort.sort_values(["patient_id", "recorded_at", "ecg_id"], na_position="last", kind="stable")
    complete = cohort[[f"target_{vessel}" for vessel in VESSELS]].notna().all(axis=1)
    found = {
        "one ECG per patient, nearest to the CCTA": Choice(_are(cohort, nearest_to_ccta(cohort)["ecg_id"])),
        "one ECG per patient, the first": Choice(_are(cohort, first.drop_duplicates("patient_id")["ecg_id"])),
        # Whole days have no time of day: an ECG of the day of the CCTA counts as one before it.
        "ECG before or on the day of the CCTA": Choice(days >= 0),
    }
    for window in sensitivity.windows_days:
        name = f"ECG within {window} day{'s' * (window != 1)} of the CCTA"
        found[name] = Choice(np.abs(days) <= window)
    found["patients with all four vessels assessed"] = Choice(
        complete.groupby(cohort["patient_id"]).transform("all").to_numpy(dtype=bool)
    )
    found["recordings without a noisy lead"] = Choice((cohort["noisy_leads"].fillna("") == "").to_numpy(dtype=bool))
    found[f"recorded at {SAMPLING_RATE} Hz"] = Choice(np.isclose(cohort["source_rate"], SAMPLING_RATE))
    found[LATEST] = _latest(cohort["recorded_at"])
    return found


def with_outcome(findings: Findings, least: str) -> Findings:
    """Take the same ECGs and predictions with the outcome of a stenosis of this grade or more."""
    events = GRADES[GRADES.index(least) :]
    unknown = findings.rows["grade"].isna()
    if unknown.any():
        raise StudyError(f"{int(unknown.sum())} findings have no grade. Fix: run build_cohort and admit_ecgs again")
    outcome = findings.rows["grade"].isin(events).astype("Int8")
    return Findings(findings.vessel, findings.rows.assign(y_true=outcome), findings.bootstrap, findings.minimum_events)


def paired_difference(part: Findings, whole: Findings) -> dict[str, Any]:
    """Row of the AUC among some ECGs minus that among all of them.

    Out of fold both are means over folds, or both of pooled folds where the part has too few patients in one. There is
    no factor for folds: as between subgroups, the pairs across cancel what those within count twice.
    """
    level = whole.bootstrap.level
    one, other = (_fixed_within_folds(of) if of.is_out_of_fold else None for of in (part, whole))
    if one is None or other is None:
        one, other = part.fixed, whole.fixed
    return difference_rows(compare_paired(one, other, level), PATIENTS, level)[0]


def _fixed_within_folds(findings: Findings) -> AucInfluence | None:
    found = findings.within_folds
    if found is None:
        return None
    return found._replace(influence=found.influence / variance_factor(findings.rows["fold"].nunique()) ** 0.5)


def _chosen(main: Findings, choice: Choice, place: np.ndarray) -> list[dict[str, Any]]:
    """Rows of an analysis of some ECGs; `place` says where the findings' ECGs are in the cohort."""
    if choice.members is None:
        return [{"measure": measure, "note": choice.note} for measure in SENSITIVITY_MEASURES]
    rows = _rows(main.where(choice.members[place]), main)
    rows[0]["note"] = "; ".join(filter(None, (choice.note, rows[0].get("note", ""))))
    return rows


def _rows(findings: Findings, main: Findings | None) -> list[dict[str, Any]]:
    """Rows of AUC, difference to the main analysis where that is given, intercept and slope."""
    counts, level = findings.counts, findings.bootstrap.level
    rows = findings.auc_rows(findings.method)
    if main is not None:
        note = findings.insufficient or (SAME if len(findings.rows) == len(main.rows) else "")
        absent = {"measure": "AUC difference", "method": PATIENTS, "note": note}
        rows.append(counts | (absent if note else paired_difference(findings, main)))
    line: dict[str, Any] = {"note": findings.insufficient}
    if not findings.insufficient:
        line = calibration_line(findings.y, findings.logit, findings.codes, level)
    for name in ("intercept", "slope"):
        row: dict[str, Any] = counts | {"measure": name, "level": level, "method": WALD_CLUSTERED}
        if name in line:
            row |= {"estimate": line[name], "lower": line[f"{name}_lower"], "upper": line[f"{name}_upper"]}
        else:
            row["note"] = line["note"]
        rows.append(row)
    return rows


def _are(cohort: pd.DataFrame, ecgs: pd.Series) -> np.ndarray:
    return cohort["ecg_id"].isin(ecgs).to_numpy(dtype=bool)


def _latest(recorded: pd.Series) -> Choice:
    """ECGs of the last third of the time from the first to the last recording."""
    if recorded.isna().all():
        return Choice(None, "no recording times")
    start = recorded.min() + (recorded.max() - recorded.min()) * 2 / 3
    return Choice((recorded >= start).to_numpy(dtype=bool), f"recorded from {start:%Y-%m-%d} on")
