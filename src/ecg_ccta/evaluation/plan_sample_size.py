"""How wide the intervals of a validation are, and how many patients a wanted width needs.

Source: Riley et al., Stat Med 40:4230-4251, 2021: closed forms for the observed/expected ratio, the calibration slope
and the AUC. That of the AUC is Hanley and McNeil's variance (Radiology 143:29-36, 1982) as Newcombe symmetrises it
(Stat Med 25:559-573, 2006), which takes half the sample for either class's size in the pair terms.

All take patients with one ECG each and well calibrated predictions; several ECGs of a patient add less than as many
patients do, so patients are what is counted and what is planned.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.statistics.estimates import estimate_table

PLAN_COLUMNS = ("vessel", "width", "target_width", "patients_needed", "events_needed")

OBSERVED_EXPECTED_WIDTH = 0.2
"""Width of the interval of observed over expected events that is planned for (Riley et al.)."""


def auc_variance(auc: float, n: int, prevalence: float) -> float:
    """Variance of an AUC.

    Examples
    --------
    >>> round(auc_variance(0.8, 4252, 0.018) ** 0.5, 4)
    0.0255
    """
    pairs = n / 2 - 1
    spread = 1 + pairs * ((1 - auc) / (2 - auc) + auc / (1 + auc))
    return auc * (1 - auc) * spread / (n**2 * prevalence * (1 - prevalence))


def auc_patients(auc: float, prevalence: float, width: float, level: float = 0.95) -> int:
    """Least patients for an AUC's interval of at most this width; the variance is a quadratic in 1/n.

    Examples
    --------
    >>> auc_patients(0.8, 0.018, 0.1)
    4252
    """
    scale = (width / (2 * _z(level))) ** 2 * prevalence * (1 - prevalence) / (auc * (1 - auc))
    slope = (1 - auc) / (2 - auc) + auc / (1 + auc)
    return math.ceil((slope / 2 + math.sqrt(slope**2 / 4 + 4 * scale * (1 - slope))) / (2 * scale))


def observed_expected_error(n: int, prevalence: float) -> float:
    """Standard error of the logarithm of observed over expected events, where the ratio is 1."""
    return math.sqrt((1 - prevalence) / (n * prevalence))


def observed_expected_patients(prevalence: float, width: float, level: float = 0.95) -> int:
    """Least patients for an interval of observed over expected, around 1, of at most this width.

    Examples
    --------
    >>> observed_expected_patients(0.018, 1.0)
    906
    """
    # exp(z se) - exp(-z se) = 2 sinh(z se) is the width around 1.
    error = math.asinh(width / 2) / _z(level)
    return math.ceil((1 - prevalence) / (prevalence * error**2))


def slope_information(logit: np.ndarray, weights: np.ndarray | None = None) -> float:
    """What one patient adds to the precision of the calibration slope: n times this is 1/variance.

    From Fisher's information of a logistic regression on the predicted logit whose intercept is 0 and slope 1.

    Parameters
    ----------
    logit : (n,) predicted log-odds, in the distribution that is expected
    weights : (n,) what each counts; default all alike
    """
    logit = np.asarray(logit, dtype=float)
    probability = 1 / (1 + np.exp(-logit))
    variance = probability * (1 - probability)
    of_intercept, both, of_slope = (float(np.average(variance * logit**power, weights=weights)) for power in (0, 1, 2))
    return of_slope - both**2 / of_intercept


def slope_patients(information: float, width: float, level: float = 0.95) -> int:
    """Least patients for a calibration slope's interval of at most this width; `slope_information`."""
    return math.ceil((2 * _z(level) / width) ** 2 / information)


def plan_sample_size(scored: pd.DataFrame, settings: Evaluation) -> pd.DataFrame:
    """The interval widths that this many patients give, and the patients that the target widths need.

    What is expected is what the development site showed: the AUC, the proportion of patients with an event, and the
    distribution of predicted logits, each patient counting once however many ECGs there are.

    Parameters
    ----------
    scored : from `scored_ecgs`, of the development site
    settings : level, target widths, least events

    Returns
    -------
    vessel, width (of the interval at this many patients), target_width, patients_needed, events_needed (patients with
    an event among them), then `estimates.ESTIMATE_COLUMNS`: estimate is the value expected, lower and upper its
    interval at this many patients. A vessel with too few events has no numbers and a note.
    """
    targets = {
        "AUC": settings.target_width.auc,
        "observed/expected": OBSERVED_EXPECTED_WIDTH,
        "calibration slope": settings.target_width.slope,
    }
    rows = []
    for vessel, findings in findings_by_vessel(scored, settings, None).items():
        for measure, target in targets.items():
            lacking = {"note": findings.insufficient} if findings.insufficient else None
            row = {"vessel": vessel, "level": settings.level, **findings.counts, "measure": measure}
            rows.append(row | {"target_width": target} | (lacking or _plan(findings, measure, target)))
    table = estimate_table(rows, PLAN_COLUMNS)
    for column in ("patients_needed", "events_needed"):
        table[column] = table[column].astype("Int64")
    return table.astype({"width": float})


def _plan(findings: Findings, measure: str, width: float) -> dict[str, Any]:
    rows, patients, level = findings.rows, findings.counts["patients"], findings.bootstrap.level
    # A patient whose ECGs belong to different CCTAs may have both findings; one event makes an event patient.
    prevalence = float(rows.groupby("patient_id")["y_true"].max().mean())
    z = _z(level)
    if measure == "AUC":
        auc = findings.delong.auc
        if auc in (0, 1):
            return {"estimate": auc, "method": _METHODS[measure], "note": "perfect separation: nothing to plan with"}
        half = z * auc_variance(auc, patients, prevalence) ** 0.5
        needed = auc_patients(auc, prevalence, width, level)
        expected, lower, upper = auc, max(0.0, auc - half), min(1.0, auc + half)
    elif measure == "observed/expected":
        half = z * observed_expected_error(patients, prevalence)
        needed = observed_expected_patients(prevalence, width, level)
        expected, lower, upper = 1.0, math.exp(-half), math.exp(half)
    else:
        once = 1 / rows.groupby("patient_id")["patient_id"].transform("size").to_numpy(dtype=float)
        information = slope_information(findings.logit, once)
        if information <= 0:
            return {"method": _METHODS[measure], "note": "no slope: all predictions are equal"}
        half = z / math.sqrt(patients * information)
        needed = slope_patients(information, width, level)
        expected, lower, upper = 1.0, 1 - half, 1 + half
    return {
        "estimate": expected,
        "lower": lower,
        "upper": upper,
        "width": upper - lower,
        "patients_needed": needed,
        "events_needed": math.ceil(needed * prevalence),
        "method": _METHODS[measure],
    }


_METHODS = {
    "AUC": "Newcombe's variance at the AUC found",
    "observed/expected": "binomial variance, ratio 1",
    "calibration slope": "Fisher information at slope 1",
}


def _z(level: float) -> float:
    return float(stats.norm.ppf((1 + level) / 2))
