"""One number per patient: the probability that any vessel has the outcome, from the four vessels' predictions.

The four predictions are combined to the log-odds of 1 - prod(1 - p), which would be right if the vessels were
independent given the ECG. They need not be: atherosclerosis is a disease of the whole tree, and where findings come
together for reasons that the ECG does not show, this overstates. A logistic recalibration with one predictor, that
score, corrects intercept and slope; it is fitted to the patients of the development site whose vessels were all judged,
by the ECG nearest to the CCTA, and is frozen or cross-fitted as the thresholds are. The order of patients of one fold
stays that of the score. Source: Steyerberg et al., Stat Med 23:2567, 2004.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.patients import any_vessel, any_vessel_logit, nearest_to_ccta
from ecg_ccta.evaluation.scored import insufficient_events
from ecg_ccta.statistics.logistic import fit_logistic
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import VESSELS

ANY = "any"
"""Name of the outcome "any vessel" where otherwise that of a vessel stands."""

DECIMALS = 6
"""Digits of the recalibration that are kept: thresholds then are the same whatever the machine sums first."""


def any_vessel_scores(scored: pd.DataFrame) -> pd.DataFrame:
    """Take the ECG nearest to the CCTA of each patient, with the outcome and the score of any vessel.

    Parameters
    ----------
    scored : from `scored_ecgs`

    Returns
    -------
    A row per patient: ecg_id, patient_id, vessel (`ANY`), fold, y_true (`any_vessel`), score (log-odds,
    `any_vessel_logit`); ordered by patient.
    """
    nearest = nearest_to_ccta(scored.drop_duplicates("ecg_id"))[["ecg_id", "patient_id", "fold"]]
    own = scored[scored["ecg_id"].isin(nearest["ecg_id"])]
    wide = {
        name: pd.DataFrame(
            {vessel: own.loc[own["vessel"] == vessel].set_index("ecg_id")[name] for vessel in VESSELS}
        ).loc[nearest["ecg_id"]]
        for name in ("y_true", "logit")
    }
    return nearest.assign(
        vessel=pd.array([ANY] * len(nearest), dtype="string"),
        y_true=any_vessel(wide["y_true"]).to_numpy(),
        score=any_vessel_logit(wide["logit"].to_numpy(dtype=float)),
    ).reset_index(drop=True)


def fit_recalibration(patients: pd.DataFrame, minimum_events: int) -> dict[str, Any]:
    """Fit intercept and slope that turn the score into log-odds of the outcome.

    Parameters
    ----------
    patients : with y_true (may be missing), score and patient_id
    minimum_events : patients with and without the outcome below which nothing is fitted

    Returns
    -------
    intercept, slope (0 and 1 where nothing could be fitted) and note, which says why.
    """
    known = patients[patients["y_true"].notna()]
    note = insufficient_events(known, minimum_events)
    if not note:
        try:
            fit = fit_logistic(known[["score"]].to_numpy(dtype=float), known["y_true"].to_numpy(dtype=np.int64))
            intercept, slope = (round(float(value), DECIMALS) for value in fit.params)
            return {"intercept": intercept, "slope": slope, "note": ""}
        except ValueError as error:
            note = str(error)
    return {"intercept": 0.0, "slope": 1.0, "note": note}


def recalibrated(score: np.ndarray, recalibration: Mapping[str, Any]) -> np.ndarray:
    """Give the probability of any vessel.

    Parameters
    ----------
    score : (n,) log-odds, `any_vessel_logit`
    recalibration : from `fit_recalibration`

    Examples
    --------
    >>> recalibrated(np.array([0.0, 2.0]), {"intercept": 1.0, "slope": -0.5}).round(3).tolist()
    [0.731, 0.5]
    """
    return expit(recalibration["intercept"] + recalibration["slope"] * score)


def any_vessel_probability(rows: pd.DataFrame, chosen: Mapping[str, Any]) -> np.ndarray:
    """Give each patient the probability by the recalibration of the patient's fold, or by the frozen one.

    Parameters
    ----------
    rows : with fold and score
    chosen : from `choose_thresholds`

    Returns
    -------
    (n,) probability

    Raises
    ------
    StudyError
        Where a fold has no recalibration.
    """
    probability = np.full(len(rows), np.nan)
    fold = rows["fold"].to_numpy()
    for number in np.unique(fold):
        choices = chosen["frozen"] if number == ENSEMBLE else chosen["cross_fitted"].get(str(number))
        if not choices or ANY not in choices:
            raise StudyError(
                f"thresholds: none of any vessel for fold {number}; they are of another run: run choose_thresholds "
                "again"
            )
        members = fold == number
        probability[members] = recalibrated(rows["score"].to_numpy(dtype=float)[members], choices[ANY]["recalibration"])
    return probability


def lack_of_recalibration(rows: pd.DataFrame, chosen: Mapping[str, Any]) -> str:
    """Say why the probability of some of the rows is not recalibrated, or nothing."""
    for number in rows["fold"].unique():
        choices = chosen["frozen"] if number == ENSEMBLE else chosen["cross_fitted"][str(number)]
        note = choices[ANY]["recalibration"]["note"]
        if note:
            return f"not recalibrated: {note} at site {chosen['site']}"
    return ""
