"""One row per patient: the ECG nearest to the first CCTA, whether any vessel is severely narrowed, and who it is."""

import numpy as np
import pandas as pd

from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.tables import RISK_FACTORS
from ecg_ccta.vessels import VESSELS

CLINICAL_COVARIATES = ("age", "sex", "chest_pain", *RISK_FACTORS)


def any_vessel(targets: pd.DataFrame) -> pd.Series:
    """Whether any vessel is an event, of patients whose vessels were all judged.

    Missing where a vessel was not judged, also where another one is an event: a patient without an event among the
    judged vessels cannot be told from one with an event in the other, so keeping the known events alone would raise the
    proportion of events. Where it depends on chance which vessels are judged, what is left is as all are.

    Parameters
    ----------
    targets : (n, vessels) 0, 1 or missing

    Returns
    -------
    (n,) Int8

    Examples
    --------
    >>> targets = pd.DataFrame([[0, 0], [0, 1], [0, None], [1, None]], dtype="Int8")
    >>> any_vessel(targets).tolist()
    [0, 1, <NA>, <NA>]
    """
    events = targets.eq(1).fillna(False).any(axis=1).astype("Int8")
    return events.where(targets.notna().all(axis=1))


def any_vessel_logit(logits: np.ndarray) -> np.ndarray:
    """Log-odds of 1 - prod(1 - p), the probability that some vessel is an event were the vessels independent.

    They need not be, so this is a score, not a calibrated probability: models that use it have a coefficient for it,
    and `any_vessel.recalibrated` makes a probability of it.

    Parameters
    ----------
    logits : (n, vessels)

    Examples
    --------
    >>> any_vessel_logit(np.array([[0.0, 0.0]])).round(6).tolist(), round(float(np.log(0.75 / 0.25)), 6)
    ([1.098612], 1.098612)
    """
    total = np.logaddexp(0, logits).sum(axis=1)  # minus the log probability that no vessel is an event
    return total + np.log(-np.expm1(-total))


def nearest_to_ccta(ecgs: pd.DataFrame) -> pd.DataFrame:
    """The row of each patient's ECG nearest to the index CCTA, the first that has one of these ECGs; by patient.

    ECGs of later CCTAs do not count: they are recorded after follow-up began, and who has one lived until then without
    an event. Of ECGs equally near the earlier one counts; an ECG of unknown distance counts only where there is no
    other.

    Parameters
    ----------
    ecgs : rows of ECGs with patient_id, ecg_id, recorded_at, days_to_ccta and ccta_date
    """
    return (
        ecgs.assign(_distance=ecgs["days_to_ccta"].abs())
        .sort_values(
            ["patient_id", "ccta_date", "_distance", "recorded_at", "ecg_id"], na_position="last", kind="stable"
        )
        .drop_duplicates("patient_id")
        .drop(columns="_distance")
    )


def patient_level(
    cohort: pd.DataFrame, predictions: pd.DataFrame, patient_risk: pd.DataFrame, splits: pd.DataFrame | None = None
) -> pd.DataFrame:
    """The patients of a site, each by the ECG nearest to the index CCTA (`nearest_to_ccta`).

    Parameters
    ----------
    cohort, predictions : `tables.COHORT` and `tables.PREDICTIONS` of the same ECGs
    patient_risk : `tables.PATIENT_RISK` of their patients
    splits : `tables.SPLITS`, at the development site

    Returns
    -------
    patient_id, ecg_id, fold (-1 without splits), y_true (any vessel, Int8), ecg_logit (`any_vessel_logit`),
    `CLINICAL_COVARIATES`, and of any vessel probability, risk group and stratum as in `patient_risk`.

    Raises
    ------
    StudyError
        Where a patient lacks a risk group, or was not predicted in the fold of the splits.
    """
    scored = scored_ecgs(cohort, predictions)
    nearest = nearest_to_ccta(cohort).set_index("ecg_id")
    risk = patient_risk.set_index("ecg_id").reindex(nearest.index)
    if (risk["patient_id"] != nearest["patient_id"]).any():
        raise StudyError("risk of the patients: some of the cohort have none; run stratify_risk again")
    logits = scored.pivot_table(index="ecg_id", columns="vessel", values="logit").loc[nearest.index, list(VESSELS)]
    fold = scored.drop_duplicates("ecg_id").set_index("ecg_id")["fold"].loc[nearest.index]
    if splits is not None:
        expected = nearest["patient_id"].map(splits.set_index("patient_id")["fold"])
        wrong = (expected.isna() | (expected != fold)).to_numpy(dtype=bool)
        if wrong.any():
            raise StudyError(
                f"predictions: {int(wrong.sum())} patients were not predicted in the fold that the splits give them; "
                "the two tables are of different runs: run predict again"
            )
    patients = nearest.reset_index()[["patient_id", "ecg_id", *CLINICAL_COVARIATES]]
    return patients.assign(
        fold=fold.to_numpy() if splits is not None else -1,
        y_true=any_vessel(nearest[[f"target_{vessel}" for vessel in VESSELS]]).to_numpy(),
        ecg_logit=any_vessel_logit(logits.to_numpy(dtype=float)),
        **{name: risk[name].to_numpy() for name in ("probability", "group", "stratum")},
    )
