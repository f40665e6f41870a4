"""Rate, intervals, axis, ST and T of high-risk against low-risk ECGs; patients count as `groups` says."""

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.explanation.groups import (
    MINIMUM_PATIENTS,
    difference,
    patient_averages,
    pooled_deviation,
    shortage,
    with_rows,
)
from ecg_ccta.vessels import LEADS, VESSELS

GLOBAL = {
    "heart_rate": ("heart rate", "per minute"),
    "pr_ms": ("PR", "ms"),
    "qrs_ms": ("QRS duration", "ms"),
    "qtc_ms": ("QTc (Fridericia)", "ms"),
    "axis_deg": ("QRS axis", "degrees"),
}
"""Columns of `tables.MEASUREMENTS` that an ECG has one of: (name, unit)."""

BY_LEAD = {"st60_mv": "ST at J+60 ms", "st80_mv": "ST at J+80 ms", "t_mv": "T amplitude"}
"""Columns that it has one of per lead, mV."""

COLUMNS = [
    "vessel", "measurement", "lead", "unit", "low", "high", "difference", "lower", "upper", "standardised_difference",
    "t", "p_value", "q_value", "patients_low", "patients_high", "ecgs_low", "ecgs_high", "note",
]  # fmt: skip


def compare_measurements(
    measurements: pd.DataFrame, risk: pd.DataFrame, level: float = 0.95, minimum_patients: int = MINIMUM_PATIENTS
) -> pd.DataFrame:
    """Mean measurements of the risk groups, and their difference.

    Parameters
    ----------
    measurements : `tables.MEASUREMENTS` of the ECGs of `risk`; an ECG without a measurement is left out of its row.
    risk : `tables.RISK_GROUPS`.
    level : of the interval of the difference.
    minimum_patients : patients that each group needs.

    Returns
    -------
    DataFrame with COLUMNS, a row per vessel, measurement and lead (empty for what an ECG has one of): means of low
    and high risk over patients; difference high minus low with interval, over the pooled standard deviation between
    patients (standardised_difference), and p_value of its t (Welch-Satterthwaite degrees of freedom); q_value:
    Benjamini-Hochberg over the rows of the vessel. The axis is averaged around the circular mean of the vessel's ECGs.

    Raises
    ------
    StudyError
        Where `risk` names an ECG that is not in `measurements`.
    """
    named = [(column, *names, "") for column, names in GLOBAL.items()]
    named += [(f"{column}_{lead}", name, "mV", lead) for column, name in BY_LEAD.items() for lead in LEADS]
    rows = []
    for vessel in VESSELS:
        ecgs = with_rows(risk[risk["vessel"] == vessel], measurements["ecg_id"].to_numpy(), "measurements")
        of_vessel = []
        for column, name, unit, lead in named:
            values = measurements[column].to_numpy(dtype=float)
            found = _compared(values, ecgs, column == "axis_deg", level, minimum_patients)
            of_vessel.append({"vessel": vessel, "measurement": name, "lead": lead, "unit": unit} | found)
        rows += _with_q_values(of_vessel)
    return pd.DataFrame(rows, columns=COLUMNS)


def _compared(values: np.ndarray, ecgs: pd.DataFrame, circular: bool, level: float, minimum: int) -> dict:
    known = ecgs[np.isfinite(values[ecgs["row"]])]
    centre = 0.0
    if circular and len(known):
        centre = float(np.degrees(np.angle(np.exp(1j * np.radians(values[known["row"]])).mean())))
        values = _half_turn(values - centre)
    parts = {group: known[known["group"] == group] for group in ("low", "high")}
    low, high = (patient_averages(values, part) for part in parts.values())
    patients = {"low": len(low[1]), "high": len(high[1])}
    row = {f"patients_{group}": count for group, count in patients.items()}
    row |= {f"ecgs_{group}": len(part) for group, part in parts.items()}
    row |= {"note": shortage(patients, minimum)}
    if row["note"]:
        return row
    (estimate, error, freedom), pooled = difference(low, high), pooled_deviation(low[0], high[0])
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    t = estimate / error if error > 0 else 0.0
    means = {"low": low[0].mean() + centre, "high": high[0].mean() + centre}
    if circular:
        means = {group: _half_turn(mean) for group, mean in means.items()}
    return row | means | {
        "difference": estimate,
        "lower": estimate - half,
        "upper": estimate + half,
        "standardised_difference": estimate / pooled if pooled > 0 else 0.0,
        "t": t,
        "p_value": 2 * stats.t.sf(abs(t), freedom),
    }  # fmt: skip


def _half_turn(degrees):
    """Degrees from -180 to below 180."""
    return (degrees + 180) % 360 - 180


def _with_q_values(rows: list[dict]) -> list[dict]:
    known = [row for row in rows if "p_value" in row]
    q_values = stats.false_discovery_control([row["p_value"] for row in known]) if known else []
    for row, q_value in zip(known, q_values, strict=True):
        row["q_value"] = q_value
    return rows
