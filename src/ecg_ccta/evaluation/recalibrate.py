"""Recalibration at another hospital, and what it would change; never fitted on a patient that it then evaluates.

Sources: Steyerberg et al., Stat Med 23:2567-2586, 2004, and Janssen et al., J Clin Epidemiol 61:76-86, 2008 (updating
the intercept only; logistic recalibration of intercept and slope).
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.model_selection import StratifiedGroupKFold

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.statistics.calibration import CALIBRATION_MEASURES, calibration_summary, without_slope
from ecg_ccta.statistics.estimates import CLUSTERED, estimate_table

UPDATE_FOLDS = 5
"""Folds of patients: each is recalibrated by what the others show."""

AS_PREDICTED = "as predicted"
INTERCEPT = "recalibrated in the large, cross-fitted"
LOGISTIC = "logistic recalibration, cross-fitted"
UPDATES = (AS_PREDICTED, INTERCEPT, LOGISTIC)


def recalibrate(scored: pd.DataFrame, settings: Evaluation, seed: int) -> dict[str, pd.DataFrame]:
    """Calibration of one site as predicted and after either recalibration, cross-fitted over folds of its patients.

    Parameters
    ----------
    scored : from `scored_ecgs`
    settings : level, replicates and minimum number of events, which every fold's training patients must reach
    seed : of the folds and of the bootstrap

    Returns
    -------
    parameters : intercept and slope that each fold's patients were evaluated with; n, events and patients are those of
        its training patients, all outside the fold
    assignment : ecg_id, patient_id, vessel and fold of every ECG that was recalibrated
    summary : the measures of `calibration.CALIBRATION_MEASURES`, strata vessel and predictions (`UPDATES`)
    curve : the smoothed curves, with the same strata
    """
    parameters: list[dict[str, Any]] = []
    summary: list[dict[str, Any]] = []
    curves, assigned = [], []
    for vessel, findings in findings_by_vessel(scored, settings, seed).items():
        logit = findings.logit
        fitted = [] if findings.insufficient else _cross_fit(findings, seed)
        note = findings.insufficient or next((row["note"] for row in fitted if row["note"]), "")
        parameters += [{"vessel": vessel} | row for row in _parameter_rows(fitted)]
        logits = {AS_PREDICTED: logit}
        if fitted and not note:
            fold = np.empty(len(logit), dtype=np.int64)
            logits |= {INTERCEPT: np.empty_like(logit), LOGISTIC: np.empty_like(logit)}
            for row in fitted:
                held_out = row["held_out"]
                fold[held_out] = row["fold"]
                logits[INTERCEPT][held_out] = logit[held_out] + row["shift"]
                logits[LOGISTIC][held_out] = row["intercept"] + row["slope"] * logit[held_out]
            assigned.append(findings.rows[["ecg_id", "patient_id", "vessel"]].assign(fold=fold))
        for kind in UPDATES:
            strata = {"vessel": vessel, **findings.counts, "predictions": kind}
            if kind not in logits or findings.insufficient:
                summary += [strata | {"measure": measure, "note": note} for measure in CALIBRATION_MEASURES]
                continue
            probability = findings.probability if kind == AS_PREDICTED else expit(logits[kind])
            rows, curve = calibration_summary(findings.y, probability, logits[kind], findings.codes, findings.bootstrap)
            summary += [strata | row for row in rows]
            curve = curve.assign(measure="observed proportion, smoothed", method=CLUSTERED, **strata)
            curves += curve.to_dict("records")
    columns = ["ecg_id", "patient_id", "vessel", "fold"]
    return {
        "parameters": estimate_table(parameters, ["vessel", "predictions", "fold"]),
        "assignment": pd.concat(assigned, ignore_index=True) if assigned else pd.DataFrame(columns=columns),
        "summary": estimate_table(summary, ["vessel", "predictions"]),
        "curve": estimate_table(curves, ["vessel", "predictions", "predicted"]),
    }


def _cross_fit(findings: Findings, seed: int) -> list[dict[str, Any]]:
    """Fit per fold: whom it evaluates (positions), what was fitted on all others, or a note why nothing was."""
    import statsmodels.api as sm

    folds = StratifiedGroupKFold(UPDATE_FOLDS, shuffle=True, random_state=seed)
    y, logit, fitted = findings.y, findings.logit, []
    for fold, (others, held_out) in enumerate(folds.split(logit, y, findings.rows["patient_id"].to_numpy())):
        training = findings.where(np.isin(np.arange(len(y)), others))
        row: dict[str, Any] = {
            "fold": fold,
            "held_out": held_out,
            **training.counts,
            "note": training.insufficient or without_slope(training.y, training.logit),
        }
        if not row["note"]:
            ones = np.ones((len(others), 1))
            binomial = sm.families.Binomial()
            row["shift"] = sm.GLM(y[others], ones, family=binomial, offset=logit[others]).fit().params[0]
            line = sm.GLM(y[others], np.column_stack([ones, logit[others]]), family=binomial).fit()
            row["intercept"], row["slope"] = line.params
            row["note"] = "" if line.converged else "the regression did not converge"
        fitted.append(row)
    return fitted


def _parameter_rows(fitted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for row in fitted:
        shared = {name: row[name] for name in ("fold", "n", "events", "patients", "note")}
        shared["method"] = "logistic regression on the other folds"
        for kind, measure, name in (
            (INTERCEPT, "intercept", "shift"), (LOGISTIC, "intercept", "intercept"), (LOGISTIC, "slope", "slope"),
        ):  # fmt: skip
            rows.append(shared | {"predictions": kind, "measure": measure, "estimate": row.get(name)})
    return rows
