"""Each ECG's risk group by the guideline's threshold, and its stratum by the thresholds chosen at development.

And of each patient the same of any vessel, by the ECG nearest to the CCTA.
"""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import PerVessel
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.any_vessel import any_vessel_probability, any_vessel_scores
from ecg_ccta.evaluation.choose_thresholds import strata_of
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.vessels import VESSELS


def stratify(predictions: pd.DataFrame, thresholds: PerVessel, chosen: dict[str, Any]) -> pd.DataFrame:
    """The risk group of every ECG and vessel: high where the probability reaches the vessel's threshold.

    Beside it stands the stratum: low, intermediate or high by the rule-out and rule-in thresholds.

    Parameters
    ----------
    predictions : `tables.PREDICTIONS`
    thresholds : probability per vessel, `config.Evaluation.high_risk_thresholds`
    chosen : from `choose_thresholds`

    Returns
    -------
    `tables.RISK_GROUPS`
    """
    groups = predictions[["ecg_id", "patient_id", "vessel", "probability"]].copy()
    groups["group"] = pd.Series(risk_group_of(predictions, thresholds), index=groups.index, dtype="string")
    groups["stratum"] = strata_of(predictions, chosen)
    return groups


def stratify_patients(
    cohort: pd.DataFrame, predictions: pd.DataFrame, risk_groups: pd.DataFrame, chosen: dict[str, Any]
) -> pd.DataFrame:
    """The probability, risk group and stratum of any vessel, of each patient by the ECG nearest to the CCTA.

    Parameters
    ----------
    cohort, predictions : `tables.COHORT` and `tables.PREDICTIONS` of the same ECGs
    risk_groups : from `stratify`; the group is high where that of one vessel is
    chosen : from `choose_thresholds`; the stratum is by the thresholds of any vessel, not by those of the vessels

    Returns
    -------
    `tables.PATIENT_RISK`

    Raises
    ------
    StudyError
        Where an ECG has not one risk group for each vessel.
    """
    if (risk_groups["ecg_id"].value_counts().reindex(cohort["ecg_id"]) != len(VESSELS)).any():
        raise StudyError("risk groups: an ECG of the cohort has none for some vessel; run stratify_risk again")
    patients = any_vessel_scores(scored_ecgs(cohort, predictions))
    patients = patients.assign(probability=any_vessel_probability(patients, chosen))
    high = set(risk_groups.loc[risk_groups["group"] == "high", "ecg_id"])
    group = np.where(patients["ecg_id"].isin(high), "high", "low")
    return patients.assign(
        group=pd.Series(group, index=patients.index, dtype="string"), stratum=strata_of(patients, chosen)
    ).drop(columns=["vessel", "y_true"])


def risk_group_of(rows: pd.DataFrame, thresholds: PerVessel) -> np.ndarray:
    """Risk group of rows with vessel and probability: high where this reaches the vessel's threshold, else low."""
    threshold = rows["vessel"].map({vessel: getattr(thresholds, vessel) for vessel in VESSELS}).to_numpy(dtype=float)
    return np.where(rows["probability"].to_numpy(dtype=float) >= threshold, "high", "low")
