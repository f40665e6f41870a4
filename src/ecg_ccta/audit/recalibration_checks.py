"""Was a patient evaluated with a recalibration that was fitted on this very patient?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit

from ecg_ccta.audit.checks import AuditedSite, Check
from ecg_ccta.evaluation.recalibrate import INTERCEPT, LOGISTIC
from ecg_ccta.evaluation.scored import scored_ecgs

TOLERANCE = 1e-5
"""Of a score equation per ECG: a fit that has converged leaves less, one patient more or less leaves far more."""


def recalibration_check(site: AuditedSite, assignment: pd.DataFrame, parameters: pd.DataFrame) -> Check:
    """Each fold's update solves its score equations on the other folds' patients, and no patient is in two folds.

    Parameters
    ----------
    assignment, parameters : of `recalibrate`
    """
    scored = scored_ecgs(site.cohort, site.predictions)
    placed = assignment[["ecg_id", "vessel", "fold"]].rename(columns={"fold": "update"})
    scored = scored.merge(placed, on=["ecg_id", "vessel"], validate="one_to_one")
    folds = assignment.groupby(["vessel", "patient_id"])["fold"].nunique()
    findings = [f"{patient} ({vessel}: {found} folds)" for (vessel, patient), found in folds[folds > 1].items()]
    for vessel, rows in scored.groupby("vessel", sort=False):
        for fold in sorted(rows["update"].unique()):
            kept = (parameters["vessel"] == vessel) & (parameters["fold"] == fold)
            if not _solves(rows[rows["update"] != fold], parameters[kept]):
                findings.append(f"{vessel}, fold {fold} (not what the other folds' patients give)")
    return Check(
        "recalibration fitted on evaluated patients",
        f"folds of patients at {site.name}",
        assignment["patient_id"].nunique(),
        "patients",
        findings,
        "score equations of each fold's update on the other folds' patients; folds of each pseudonym",
        "run recalibrate again",
    )


def _solves(others: pd.DataFrame, parameters: pd.DataFrame) -> bool:
    """Tell whether intercept, and intercept and slope, are maximum likelihood estimates of these patients."""
    y, logit = others["y_true"].to_numpy(dtype=float), others["logit"].to_numpy(dtype=float)
    value = parameters.set_index(["predictions", "measure"])["estimate"]
    shift = value.get((INTERCEPT, "intercept"), np.nan)
    intercept, slope = value.get((LOGISTIC, "intercept"), np.nan), value.get((LOGISTIC, "slope"), np.nan)
    line = y - expit(intercept + slope * logit)
    scores: Sequence[float] = [np.mean(y - expit(logit + shift)), np.mean(line), np.mean(line * logit)]
    return bool(np.all(np.abs(scores) < TOLERANCE))
