"""Low and high risk by a fixed threshold per vessel, and what the groups are worth."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.config import PerVessel
from ecg_ccta.evaluation.proportions import wilson
from ecg_ccta.evaluation.scored import with_finding
from ecg_ccta.evaluation.thresholds import strata_of
from ecg_ccta.vessels import GRADES, VESSELS


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
    groups["group"] = pd.Series(_group(predictions, thresholds), index=groups.index, dtype="string")
    groups["stratum"] = strata_of(predictions, chosen)
    return groups


def group_table(scored: pd.DataFrame, thresholds: PerVessel, level: float = 0.95) -> pd.DataFrame:
    """Accuracy of the groups and event rate in each, with Wilson intervals over ECGs with a finding.

    Parameters
    ----------
    scored : from `scored_ecgs`
    thresholds : probability per vessel
    level : level of the intervals

    Returns
    -------
    A row per vessel and measure: vessel, n, events, threshold, measure (sensitivity, specificity, PPV, NPV, event
    rate low, event rate high, share high), count, of (numerator and denominator), estimate, lower, upper, note
    """
    rows: list[dict[str, Any]] = []
    for vessel in VESSELS:
        findings = with_finding(scored, vessel)
        event = findings["y_true"].to_numpy(dtype=np.int64) == 1
        high = _group(findings, thresholds) == "high"
        counts = {
            "sensitivity": (high & event, event),
            "specificity": (~high & ~event, ~event),
            "PPV": (high & event, high),
            "NPV": (~high & ~event, ~high),
            "event rate low": (~high & event, ~high),
            "event rate high": (high & event, high),
            "share high": (high, np.ones_like(high)),
        }
        for measure, (count, of) in counts.items():
            rows.append(
                {
                    "vessel": vessel,
                    "n": len(findings),
                    "events": int(event.sum()),
                    "threshold": getattr(thresholds, vessel),
                    "measure": measure,
                    "count": int(count.sum()),
                    "of": int(of.sum()),
                    "note": "" if of.any() else ("no findings" if findings.empty else _NOBODY[measure]),
                }
            )
    table = pd.DataFrame(rows)
    table["estimate"] = table["count"] / table["of"].where(table["of"] > 0)
    table["lower"], table["upper"] = wilson(table["count"], table["of"], level)
    order = ["vessel", "n", "events", "threshold", "measure", "count", "of", "estimate", "lower", "upper", "note"]
    return table[order]


_NOBODY = {
    "sensitivity": "no events",
    "specificity": "no non-events",
    "PPV": "no ECG in the high group",
    "NPV": "no ECG in the low group",
    "event rate low": "no ECG in the low group",
    "event rate high": "no ECG in the high group",
}


def grade_table(scored: pd.DataFrame) -> pd.DataFrame:
    """Predicted probability by CCTA grade.

    Parameters
    ----------
    scored : from `scored_ecgs`

    Returns
    -------
    A row per vessel and grade: n, median, quartiles; and per vessel Spearman's rank correlation of grade and
    probability with its two-sided p value (ECGs taken as independent), empty where fewer than two grades occur
    """
    rows = []
    for vessel in VESSELS:
        findings = scored[(scored["vessel"] == vessel) & scored["grade"].notna()]
        rank = findings["grade"].map({grade: number for number, grade in enumerate(GRADES)}).to_numpy(dtype=float)
        probability = findings["probability"].to_numpy(dtype=float)
        trend, p_value = np.nan, np.nan
        if len(rank) > 2 and np.ptp(rank) > 0 and np.ptp(probability) > 0:
            trend, p_value = stats.spearmanr(rank, probability)
        for number, grade in enumerate(GRADES):
            members = probability[rank == number]
            quartiles = np.quantile(members, [0.25, 0.5, 0.75]) if members.size else [np.nan] * 3
            rows.append(
                {
                    "vessel": vessel,
                    "grade": grade,
                    "n": members.size,
                    "lower_quartile": quartiles[0],
                    "median": quartiles[1],
                    "upper_quartile": quartiles[2],
                    "spearman": trend,
                    "spearman_p": p_value,
                }
            )
    return pd.DataFrame(rows)


def _group(rows: pd.DataFrame, thresholds: PerVessel) -> np.ndarray:
    threshold = rows["vessel"].map({vessel: getattr(thresholds, vessel) for vessel in VESSELS}).to_numpy(dtype=float)
    return np.where(rows["probability"].to_numpy(dtype=float) >= threshold, "high", "low")
