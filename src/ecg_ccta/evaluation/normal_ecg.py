"""Does the model see what the reader does not: validation in ECGs that were read as normal."""

import re
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.discrimination import auc_replicates, compare_auc_delong_unpaired
from ecg_ccta.evaluation.resampling import patient_codes, percentile_interval
from ecg_ccta.evaluation.scored import shortage, with_finding
from ecg_ccta.evaluation.validation import validate
from ecg_ccta.vessels import VESSELS

NORMAL_CODES = frozenset({"426783006"})
"""SNOMED CT: sinus rhythm. A statement of codes is normal when it holds no other code."""

_NORMAL = re.compile(r"\bnormal\s+(?:ecg|ekg|electrocardiogram)\b")
_NOT_NORMAL = re.compile(r"abnormal|otherwise\s+normal|borderline|\bnot\s+(?:an?\s+)?normal|\bno\s+normal")
_CODES = re.compile(r"[\d\s,;|]+")


def is_clinically_normal(statement: pd.Series) -> pd.Series:
    """Whether the reader called the ECG normal.

    A statement of words is normal when it says "normal ECG" (or EKG, electrocardiogram; any case) and nowhere
    "abnormal", "otherwise normal", "borderline", "not normal" or "no normal". A statement of SNOMED CT codes only is
    normal when `NORMAL_CODES` are its only codes: bradycardia, for one, makes it not normal.

    Parameters
    ----------
    statement : strings, (n,)

    Returns
    -------
    (n,) boolean of the same index; missing where there is no statement or an empty one
    """
    return statement.map(_normal, na_action="ignore").astype("boolean")


def _normal(statement: str) -> bool | None:
    text = statement.strip().lower()
    if not text:
        return None
    if _CODES.fullmatch(text):
        return set(re.findall(r"\d+", text)) <= NORMAL_CODES
    return bool(_NORMAL.search(text)) and not _NOT_NORMAL.search(text)


def validate_normal(scored: pd.DataFrame, settings: Evaluation, seed: int) -> dict[str, pd.DataFrame]:
    """The validation panel in clinically normal ECGs, and their AUC against that of all other ECGs.

    Parameters
    ----------
    scored, settings, seed : as `validate`

    Returns
    -------
    The tables of `validate` for the normal ECGs, and

    ecgs : how many ECGs were read as normal, as not normal, or have no statement
    comparison : per vessel both AUCs and their difference, with the interval and p value of the unpaired DeLong test
        and with the clustered bootstrap interval (a patient may have ECGs of both kinds, which DeLong's test takes
        for independent). ECGs without a statement are on neither side.
    """
    normal = is_clinically_normal(scored["statement"])
    codes, patients = patient_codes(scored["patient_id"])
    sides = {
        "normal": scored.assign(_code=codes)[normal.fillna(False)],
        "other": scored.assign(_code=codes)[(~normal).fillna(False)],
    }
    ecgs = pd.DataFrame(
        [
            {"statement": "normal", "ecgs": sides["normal"]["ecg_id"].nunique()},
            {"statement": "not normal", "ecgs": sides["other"]["ecg_id"].nunique()},
            {"statement": "none", "ecgs": scored.loc[normal.isna(), "ecg_id"].nunique()},
        ]
    )
    rows = [_compared(vessel, sides, patients, settings, seed) for vessel in VESSELS]
    return {
        **validate(sides["normal"].drop(columns="_code"), settings, seed),
        "ecgs": ecgs,
        "comparison": pd.DataFrame(rows),
    }


def _compared(
    vessel: str, sides: dict[str, pd.DataFrame], patients: int, settings: Evaluation, seed: int
) -> dict[str, Any]:
    findings = {side: with_finding(rows, vessel) for side, rows in sides.items()}
    y = {side: rows["y_true"].to_numpy(dtype=np.int64) for side, rows in findings.items()}
    row: dict[str, Any] = {"vessel": vessel}
    for side in sides:
        row |= {f"n_{side}": len(y[side]), f"events_{side}": int(y[side].sum())}
    numbers = ("auc_normal", "auc_other", "difference", "delong_lower", "delong_upper", "p_value")
    row |= dict.fromkeys((*numbers, "bootstrap_lower", "bootstrap_upper"), np.nan)
    notes = {side: shortage(rows, settings.minimum_events) for side, rows in findings.items()}
    if any(notes.values()):
        return row | {"note": "; ".join(f"{side} ECGs: {note}" for side, note in notes.items() if note)}
    score = {side: rows["logit"].to_numpy(dtype=float) for side, rows in findings.items()}
    compared = compare_auc_delong_unpaired(y["normal"], score["normal"], y["other"], score["other"], settings.level)
    drawn = {
        side: auc_replicates(
            y[side], score[side], rows["_code"].to_numpy(), patients, settings.bootstrap_replicates, seed
        )
        for side, rows in findings.items()
    }
    lower, upper, _ = percentile_interval(drawn["normal"] - drawn["other"], settings.level)
    return (
        row
        | dict(zip(numbers, compared, strict=True))
        | {
            "bootstrap_lower": lower,
            "bootstrap_upper": upper,
            "note": "",
        }
    )
