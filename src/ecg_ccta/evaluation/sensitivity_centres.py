"""Discrimination and calibration at each centre of a site, and their mean over centres.

At the development site each centre is evaluated by a linear probe that saw none of its patients (internal-external
validation), and compared with the linear probe out of fold, which saw others of the same centre. At other sites nothing
was trained, and the study's predictions are evaluated at each centre as they are. Scales: the log-odds of the AUC, and
intercept and slope as they are (Snell et al., Stat Methods Med Res 27:3505-3522, 2018).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.findings import Findings, difference_rows, findings_by_vessel
from ecg_ccta.statistics.clustered_auc import compare_paired
from ecg_ccta.statistics.clustered_groups import Value, calibration_values
from ecg_ccta.statistics.cross_validated_auc import variance_factor
from ecg_ccta.statistics.estimates import CROSS_VALIDATED, ESTIMATE_COLUMNS, estimate_table
from ecg_ccta.statistics.random_effects import LEAST_CENTRES, RANDOM_EFFECTS, random_effects
from ecg_ccta.tables import ENSEMBLE

CENTRES = "mean over centres"
WITHOUT_CENTRE = "ECGs without a centre"
PREDICTION = "prediction interval"
HETEROGENEITY = "I²"

CENTRE_MEASURES = ("AUC", "intercept", "slope")
DIFFERENCE = "AUC difference"
"""Of a probe that saw nobody of the centre minus that out of fold."""


def left_out_scored(scored: pd.DataFrame, left_out: pd.DataFrame) -> pd.DataFrame:
    """Give the ECGs of `left_out` its predictions, by models that did not see their centre.

    Parameters
    ----------
    scored : of `scored_ecgs`, the development site
    left_out : `tables.CENTRE_PREDICTIONS`

    Raises
    ------
    StudyError
        Where an ECG is not in `scored`, or not at that centre.
    """
    key = ["ecg_id", "patient_id", "vessel", "centre"]
    if left_out.empty:
        return scored[:0]
    bare = scored.drop(columns=["logit", "probability"])
    joined = bare.merge(left_out[[*key, "logit", "probability"]], on=key, validate="one_to_one")
    if len(joined) != len(left_out):
        raise StudyError(
            "predictions of left-out centres are of other ECGs or centres. Fix: run predict_left_out_centres again"
        )
    return joined.assign(fold=ENSEMBLE)


def centre_table(scored: pd.DataFrame, settings: Evaluation, left_out: pd.DataFrame | None = None) -> pd.DataFrame:
    """Evaluate each centre, and the mean over the centres with enough events.

    Parameters
    ----------
    scored : of `scored_ecgs`: at the development site the linear probe out of fold, elsewhere the study's predictions
    settings : level and minimum_events
    left_out : at the development site, `tables.CENTRE_PREDICTIONS`

    Returns
    -------
    Strata vessel and centre, in the form of `estimate_table`: CENTRE_MEASURES and, at the development site,
    DIFFERENCE. The centre CENTRES has the means over centres and, for each measure, rows "<measure>, prediction
    interval" (of another centre; the estimate is the mean) and "<measure>, I²", and it has the count of ECGs
    WITHOUT_CENTRE. Without two centres, rows with a note.
    """
    note = without_centres(scored)
    evaluated = scored if left_out is None else left_out_scored(scored, left_out)
    out_of_fold = findings_by_vessel(scored, settings, None)
    rows: list[dict[str, Any]] = []
    # The patients are coded as in the whole cohort, so that both models' contributions can be compared.
    codes = scored.drop_duplicates("patient_id")["patient_id"]
    for vessel, whole in out_of_fold.items():
        if note:
            rows += [{"vessel": vessel, "centre": CENTRES, "measure": name, "note": note} for name in CENTRE_MEASURES]
            continue
        of_vessel = evaluated[(evaluated["vessel"] == vessel) & evaluated["y_true"].notna()]
        coded = of_vessel.assign(code=pd.Index(codes).get_indexer(of_vessel["patient_id"]))
        found = Findings(vessel, coded, whole.bootstrap, whole.minimum_events)
        rows += [{"vessel": vessel} | row for row in _vessel_rows(found, whole, left_out is not None)]
    return estimate_table(rows, ["vessel", "centre"])


def without_centres(scored: pd.DataFrame) -> str:
    """Say why there are no centres to compare, or nothing."""
    if "centre" not in scored or scored["centre"].isna().all():
        return "no centre column"
    return "only one centre" if scored["centre"].nunique() < 2 else ""


def pooled_rows(centres: pd.DataFrame, vessel: str) -> list[dict[str, Any]]:
    """Give a vessel's means over centres as rows of estimates."""
    means = centres[(centres["vessel"] == vessel) & (centres["centre"] == CENTRES)]
    means = means[means["measure"].isin((*CENTRE_MEASURES, DIFFERENCE))]
    return means[["vessel", *ESTIMATE_COLUMNS]].to_dict("records")


def _vessel_rows(found: Findings, out_of_fold: Findings, is_left_out: bool) -> list[dict[str, Any]]:
    """Rows of a vessel: each centre's, largest first, and the means."""
    names = out_of_fold.rows["centre"].value_counts(sort=True).index
    measures = (*CENTRE_MEASURES, *((DIFFERENCE,) if is_left_out else ()))
    known: dict[str, list[tuple[float, float]]] = {name: [] for name in measures}
    rows: list[dict[str, Any]] = []
    members = np.zeros(len(found.rows), dtype=bool)
    for name in names:
        here = (found.rows["centre"] == name).fillna(False).to_numpy(dtype=bool)
        part = found.where(here)
        same = out_of_fold.where((out_of_fold.rows["centre"] == name).fillna(False).to_numpy(dtype=bool))
        lacks = "no model without it: too few patients or events elsewhere" if not here.any() else ""
        note = lacks or part.insufficient
        counts = {"centre": str(name)} | same.counts
        if note:
            rows += [counts | {"measure": measure, "note": note} for measure in measures]
            continue
        rows += [counts | row for row in part.auc_rows(part.method)]
        auc = part.expected
        if 0 < auc.estimate < 1 and auc.variance > 0:
            spread = auc.estimate * (1 - auc.estimate)
            known["AUC"].append((float(np.log(auc.estimate / (1 - auc.estimate))), auc.variance / spread**2))
            members |= here
        if is_left_out:
            # Out of fold the variance allows for the folds' common patients; without the centre none are shared.
            level = part.bootstrap.level
            other = same.expected
            rows.append(counts | difference_rows(compare_paired(auc, other, level), CROSS_VALIDATED, level)[0])
            joint = auc.influence - other.influence
            known[DIFFERENCE].append((auc.estimate - other.estimate, float(joint @ joint)))
        values = calibration_values(part.y, part.logit, part.codes, part.bootstrap.patients, part.bootstrap.level)
        for measure, value in values.items():
            rows.append(counts | _value_row(measure, value, part.bootstrap.level))
            if isinstance(value, Value):
                known[measure].append((value.estimate, float(value.influence @ value.influence)))
    counts = {"centre": CENTRES} | found.where(members).counts
    rows += [counts | row for row in _means(known, found.bootstrap.level, is_left_out)]
    without = out_of_fold.where(out_of_fold.rows["centre"].isna().to_numpy()).counts
    missing = {"measure": WITHOUT_CENTRE, "estimate": without["n"], "method": "count"}
    return [*rows, {"centre": CENTRES} | without | missing]


def _value_row(measure: str, value: Value | str, level: float) -> dict[str, Any]:
    if isinstance(value, str):
        return {"measure": measure, "note": value}
    row = {"measure": measure, "estimate": value.estimate, "lower": value.lower, "upper": value.upper}
    return row | {"level": level, "method": value.method}


def _means(known: dict[str, list[tuple[float, float]]], level: float, is_left_out: bool) -> list[dict[str, Any]]:
    """Rows of the random-effects summaries; the AUC's is made of log-odds and written as an AUC."""
    rows: list[dict[str, Any]] = []
    for measure, pairs in known.items():
        measures = (measure, f"{measure}, {PREDICTION}", f"{measure}, {HETEROGENEITY}")
        if len(pairs) < LEAST_CENTRES:
            note = f"fewer than {LEAST_CENTRES} centres with enough events ({len(pairs)})"
            rows += [{"measure": name, "method": RANDOM_EFFECTS, "note": note} for name in measures]
            continue
        estimates, variances = np.array(pairs).T
        # The variance of a difference to the probe out of fold allows for shared labels already.
        shared = variance_factor(len(pairs)) if is_left_out and measure != DIFFERENCE else 1.0
        found = random_effects(estimates, variances, level, shared)
        write: Callable[[float], float] = (lambda logit: float(expit(logit))) if measure == "AUC" else float
        note = f"{found.centres} centres; tau {found.heterogeneity:.3f}" + " on log-odds" * (measure == "AUC")
        row = {"level": level, "method": RANDOM_EFFECTS, "note": note}
        bounds = ((found.lower, found.upper), (found.prediction_lower, found.prediction_upper))
        for name, (lower, upper) in zip(measures, bounds, strict=False):
            interval = {"estimate": write(found.estimate), "lower": write(lower), "upper": write(upper)}
            rows.append(row | {"measure": name} | interval)
        rows.append({"measure": measures[2], "estimate": found.i_squared, "method": RANDOM_EFFECTS, "note": note})
    return rows
