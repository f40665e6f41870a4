"""Each ECG's risk group by the guideline's threshold, and its stratum by the thresholds chosen at development."""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import PerVessel
from ecg_ccta.evaluation.choose_thresholds import strata_of
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


def risk_group_of(rows: pd.DataFrame, thresholds: PerVessel) -> np.ndarray:
    """Risk group of rows with vessel and probability: high where this reaches the vessel's threshold, else low."""
    threshold = rows["vessel"].map({vessel: getattr(thresholds, vessel) for vessel in VESSELS}).to_numpy(dtype=float)
    return np.where(rows["probability"].to_numpy(dtype=float) >= threshold, "high", "low")
