"""What every analysis starts from: each ECG's prediction beside what CCTA found and who the patient was."""

import pandas as pd

from ecg_ccta.errors import StudyError
from ecg_ccta.tables import PLACES, RISK_FACTORS
from ecg_ccta.vessels import VESSELS

COVARIATES = ("age", "sex", "days_to_ccta", "ccta_date", "recorded_at", *RISK_FACTORS, "chest_pain", "statement")


def scored_ecgs(cohort: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """One row per ECG and vessel: truth, prediction and covariates.

    Parameters
    ----------
    cohort : `tables.COHORT`
    predictions : `tables.PREDICTIONS`; every ECG of the cohort with all four vessels, each once

    Returns
    -------
    ecg_id, patient_id, vessel, fold, y_true (Int8; missing where the vessel has no finding), grade, probability,
    logit, and the covariates; vessels in the project's order, ECGs in the cohort's

    Raises
    ------
    StudyError
        Where an ECG is predicted twice, is not in the cohort, lacks a prediction, or belongs to another patient.
    """
    again = predictions.duplicated(["ecg_id", "vessel"])
    if again.any():
        raise StudyError(f"predictions: row {_first(again)} repeats an ECG and vessel; run predict again")
    unknown = ~predictions["ecg_id"].isin(cohort["ecg_id"])
    if unknown.any():
        raise StudyError(
            f"predictions: column ecg_id, row {_first(unknown)} is not in the cohort ({int(unknown.sum())} such rows); "
            "they are of another run: run predict again"
        )
    covariates = [*COVARIATES, *(name for name in PLACES if name in cohort)]
    truth = pd.concat(
        [
            cohort[["ecg_id", "patient_id", *covariates]].assign(
                vessel=vessel,
                y_true=cohort[f"target_{vessel}"].astype("Int8"),
                grade=cohort[f"grade_{vessel}"].astype("string"),
            )
            for vessel in VESSELS
        ],
        ignore_index=True,
    )
    truth["vessel"] = truth["vessel"].astype("string")
    joined = truth.merge(
        predictions.rename(columns={"patient_id": "predicted_patient"}),
        on=["ecg_id", "vessel"],
        how="left",
        validate="one_to_one",
    )
    lacking = joined["probability"].isna()
    if lacking.any():
        raise StudyError(
            f"predictions: {int(lacking.sum())} ECG-vessel pairs of the cohort have no prediction, the first for "
            f"{joined.loc[lacking, 'vessel'].iloc[0]}; run predict again"
        )
    other = joined["patient_id"] != joined["predicted_patient"]
    if other.any():
        raise StudyError(
            f"predictions: column patient_id differs from the cohort's for {int(other.sum())} rows; the two tables "
            "are of different runs: run predict again"
        )
    return joined[["ecg_id", "patient_id", "vessel", "fold", "y_true", "grade", "probability", "logit", *covariates]]


def is_out_of_fold(scored: pd.DataFrame) -> bool:
    """Whether each ECG was predicted by the one fold that did not see its patient."""
    return bool((scored["fold"] >= 0).all())


def with_finding(scored: pd.DataFrame, vessel: str) -> pd.DataFrame:
    """The rows of a vessel that CCTA judged: a missing finding is no negative and takes no part."""
    return scored[(scored["vessel"] == vessel) & scored["y_true"].notna()]


def with_other_logit(scored: pd.DataFrame, other: pd.DataFrame, name: str) -> pd.DataFrame:
    """Lay another model's logits beside those of `scored`; both are of `scored_ecgs`.

    Returns
    -------
    `scored` with the column `name`.

    Raises
    ------
    StudyError
        Where the two are not of the same ECGs in the same folds.
    """
    key = ["ecg_id", "vessel", "fold"]
    both = scored.merge(other[[*key, "logit"]].rename(columns={"logit": name}), on=key, validate="one_to_one")
    if not len(both) == len(scored) == len(other):
        raise StudyError("two models were not evaluated on the same ECGs in the same folds. Fix: run predict again")
    return both


def insufficient_events(findings: pd.DataFrame, minimum_events: int) -> str:
    """Why rows with findings are too few for an estimate, or an empty string.

    Counted are patients, because several ECGs of one patient carry little more than one.
    """
    if findings.empty:
        return "no findings"
    for word, outcome in (("events", 1), ("non-events", 0)):
        found = findings.loc[findings["y_true"] == outcome, "patient_id"].nunique()
        if found < minimum_events:
            return f"too few {word} ({found})"
    return ""


def _first(mask: pd.Series) -> int:
    """Position of the first True."""
    return int(mask.to_numpy().argmax())
