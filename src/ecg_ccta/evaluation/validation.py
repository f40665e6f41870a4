"""Discrimination and calibration of each vessel, with patients as the unit of resampling."""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.discrimination import auc_delong, auc_replicates, roc_curve
from ecg_ccta.evaluation.proportions import wilson
from ecg_ccta.evaluation.resampling import draw_patients, patient_codes, percentile_interval
from ecg_ccta.evaluation.scored import shortage, with_finding
from ecg_ccta.vessels import VESSELS

ROC_GRID = np.linspace(0, 1, 201)
"""False positive rates at which the ROC curve and its band are tabled."""

EVENTS_PER_GROUP = 5
"""Events that a calibration group should hold on average; fewer events make fewer groups."""

_DISCRIMINATION = [
    "vessel", "n", "events", "patients", "event_patients", "auc", "delong_lower", "delong_upper",
    "bootstrap_lower", "bootstrap_upper", "replicates", "note",
]  # fmt: skip
_ROC = ["vessel", "false_positive_rate", "sensitivity", "lower", "upper"]
_CALIBRATION = ["vessel", "group", "n", "events", "predicted", "observed", "lower", "upper"]
_SUMMARY = [
    "vessel", "n", "events", "mean_predicted", "observed", "intercept", "intercept_lower", "intercept_upper",
    "slope", "slope_lower", "slope_upper", "brier", "brier_lower", "brier_upper", "note",
]  # fmt: skip


def validate(scored: pd.DataFrame, settings: Evaluation, seed: int) -> dict[str, pd.DataFrame]:
    """The validation panel of one site.

    Parameters
    ----------
    scored : from `scored_ecgs`; may lack findings altogether
    settings : level, replicates, minimum number of events and of calibration groups
    seed : of the bootstrap; all vessels share the draws of patients

    Returns
    -------
    discrimination : a row per vessel and one for "macro", the mean over the vessels with enough events
    roc : sensitivity with its band at `ROC_GRID`, per vessel with enough events
    calibration : groups of equal size by predicted probability with Wilson intervals
    calibration_summary : calibration-in-the-large, slope (Wald intervals with patient-clustered variance) and Brier
        score (clustered bootstrap)

    A vessel with fewer than `minimum_events` patients with, or without, an event has empty numbers and a note.
    """
    codes, patients = patient_codes(scored["patient_id"])
    scored = scored.assign(_code=codes)
    discrimination, roc, calibration, summary = [], [], [], []
    replicates = {}
    for vessel in VESSELS:
        findings = with_finding(scored, vessel)
        y = findings["y_true"].to_numpy(dtype=np.int64)
        counts = {"vessel": vessel, "n": len(y), "events": int(y.sum())}
        people = {
            "patients": findings["patient_id"].nunique(),
            "event_patients": findings.loc[y == 1, "patient_id"].nunique(),
        }
        note = shortage(findings, settings.minimum_events)
        if note:
            discrimination.append(counts | people | {"note": note})
            summary.append(counts | {"note": note})
            continue
        row, replicates[vessel] = _discriminate(findings, y, patients, settings, seed)
        discrimination.append(counts | people | row)
        roc.append(_roc(findings, y, patients, settings, seed).assign(vessel=vessel))
        calibration.append(_calibration(findings, y, settings).assign(vessel=vessel))
        summary.append(counts | _summary(findings, y, patients, settings, seed))
    discrimination.append(_macro(scored, discrimination, replicates, settings))
    return {
        "discrimination": _table(discrimination, _DISCRIMINATION),
        "roc": _joined(roc, _ROC),
        "calibration": _joined(calibration, _CALIBRATION),
        "calibration_summary": _table(summary, _SUMMARY),
    }


def _discriminate(
    findings: pd.DataFrame, y: np.ndarray, patients: int, settings: Evaluation, seed: int
) -> tuple[dict[str, Any], np.ndarray]:
    score = findings["logit"].to_numpy(dtype=float)
    delong = auc_delong(y, score, settings.level)
    drawn = auc_replicates(y, score, findings["_code"].to_numpy(), patients, settings.bootstrap_replicates, seed)
    lower, upper, used = percentile_interval(drawn, settings.level)
    row = {
        "auc": delong.auc,
        "delong_lower": delong.lower,
        "delong_upper": delong.upper,
        "bootstrap_lower": lower,
        "bootstrap_upper": upper,
        "replicates": used,
        "note": "" if delong.variance > 0 else "perfect separation: the intervals have no width",
    }
    return row, drawn


def _macro(
    scored: pd.DataFrame, rows: list[dict[str, Any]], replicates: dict[str, np.ndarray], settings: Evaluation
) -> dict[str, Any]:
    """Mean AUC of the vessels with enough events; its interval from the vessels' shared draws of patients."""
    used = scored[scored["vessel"].isin(list(replicates)) & scored["y_true"].notna()]
    row: dict[str, Any] = {"vessel": "macro", "n": used["ecg_id"].nunique(), "patients": used["patient_id"].nunique()}
    if not replicates:
        return row | {"note": "no vessel with enough events"}
    lower, upper, drawn = percentile_interval(np.mean(list(replicates.values()), axis=0), settings.level)
    return row | {
        "auc": float(np.mean([row["auc"] for row in rows if row["vessel"] in replicates])),
        "bootstrap_lower": lower,
        "bootstrap_upper": upper,
        "replicates": drawn,
        "note": f"mean of {', '.join(replicates)}",
    }


def _roc(findings: pd.DataFrame, y: np.ndarray, patients: int, settings: Evaluation, seed: int) -> pd.DataFrame:
    """Sensitivity at each false positive rate of the grid, with the pointwise band of the clustered bootstrap."""
    score, codes = findings["logit"].to_numpy(dtype=float), findings["_code"].to_numpy()
    drawn = [
        _sensitivity(rate, sensitivity)
        for counts in draw_patients(patients, settings.bootstrap_replicates, seed)
        for rate, sensitivity in zip(*roc_curve(y, score, counts.take(codes, axis=1)), strict=True)
        if rate[-1] == 1 and sensitivity[-1] == 1
    ]
    lower, upper = np.quantile(drawn, [(1 - settings.level) / 2, (1 + settings.level) / 2], axis=0)
    ((rate,), (sensitivity,)) = roc_curve(y, score)
    return pd.DataFrame(
        {
            "false_positive_rate": ROC_GRID,
            "sensitivity": _sensitivity(rate, sensitivity),
            "lower": lower,
            "upper": upper,
        }
    )


def _sensitivity(rate: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    """Sensitivity at `ROC_GRID`; on a vertical step the upper end."""
    end_of_step = np.append(np.diff(rate) > 0, True)
    return np.interp(ROC_GRID, rate[end_of_step], sensitivity[end_of_step])


def _calibration(findings: pd.DataFrame, y: np.ndarray, settings: Evaluation) -> pd.DataFrame:
    """Observed against mean predicted share of events in groups of equal size by predicted probability."""
    groups = int(np.clip(y.sum() // EVENTS_PER_GROUP, 2, settings.calibration_groups))
    probability = findings["probability"].to_numpy(dtype=float)
    rows = [
        {
            "group": number + 1,
            "n": members.size,
            "events": int(y[members].sum()),
            "predicted": float(probability[members].mean()),
            "observed": float(y[members].mean()),
        }
        for number, members in enumerate(np.array_split(np.argsort(probability, kind="stable"), groups))
    ]
    table = pd.DataFrame(rows)
    table["lower"], table["upper"] = wilson(table["events"], table["n"], settings.level)
    return table


def _summary(findings: pd.DataFrame, y: np.ndarray, patients: int, settings: Evaluation, seed: int) -> dict[str, Any]:
    probability = findings["probability"].to_numpy(dtype=float)
    codes = findings["_code"].to_numpy()
    errors = (probability - y) ** 2
    errors_of, ecgs_of = np.bincount(codes, errors, patients), np.bincount(codes, minlength=patients)
    drawn = np.concatenate(
        [
            (counts @ errors_of) / np.maximum(counts @ ecgs_of, 1)
            for counts in draw_patients(patients, settings.bootstrap_replicates, seed)
        ]
    )
    lower, upper, _ = percentile_interval(drawn, settings.level)
    return {
        "mean_predicted": float(probability.mean()),
        "observed": float(y.mean()),
        "brier": float(errors.mean()),
        "brier_lower": lower,
        "brier_upper": upper,
        **calibration_line(y, findings["logit"].to_numpy(dtype=float), codes, settings.level),
    }


def calibration_line(y_true: np.ndarray, logit: np.ndarray, groups: np.ndarray, level: float = 0.95) -> dict[str, Any]:
    """Calibration-in-the-large and calibration slope (Cox, Biometrika 45:562-565, 1958).

    The intercept is that of a logistic regression with the predicted logit as an offset (0 is right, positive means
    predictions are too low); the slope that of a logistic regression on the predicted logit (1 is right, below 1
    means predictions are too extreme). Wald intervals, variance clustered by patient.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    logit : (n,) predicted log-odds
    groups : (n,) the patient of every ECG

    Returns
    -------
    intercept, intercept_lower, intercept_upper, slope, slope_lower, slope_upper, note; without the slope and with a
    note where the predictions do not vary or separate the classes perfectly
    """
    import statsmodels.api as sm

    ones = np.ones((len(y_true), 1))
    clustered = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    large = sm.GLM(y_true, ones, family=sm.families.Binomial(), offset=logit).fit(**clustered)
    bounds = large.conf_int(1 - level)[0]
    line = {"intercept": large.params[0], "intercept_lower": bounds[0], "intercept_upper": bounds[1], "note": ""}
    events, others = logit[y_true == 1], logit[y_true == 0]
    if np.ptp(logit) == 0:
        return line | {"note": "no slope: all predictions are equal"}
    if events.min() >= others.max() or events.max() <= others.min():
        return line | {"note": "no slope: the predictions separate the classes perfectly"}
    slope = sm.GLM(y_true, np.column_stack([ones, logit]), family=sm.families.Binomial()).fit(**clustered)
    if not slope.converged:
        return line | {"note": "no slope: the regression did not converge"}
    bounds = slope.conf_int(1 - level)[1]
    return line | {"slope": slope.params[1], "slope_lower": bounds[0], "slope_upper": bounds[1]}


def _table(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """Rows as a table with every column, counts as integers that may be missing, numbers as floats."""
    table = pd.DataFrame(rows, columns=columns)
    for column in columns:
        if column in ("n", "events", "patients", "event_patients", "replicates"):
            table[column] = table[column].astype("Int64")
        elif column not in ("vessel", "note"):
            table[column] = table[column].astype(float)
    return table


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
