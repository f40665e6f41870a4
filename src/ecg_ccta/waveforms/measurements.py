"""Rate, P, intervals, axes, R, ST and T of high-risk against low-risk ECGs.

Patients count as `clustered_means` says.

Axes are angles. A group's axis is its circular mean, the direction of the patients' mean unit vector; a patient's
influence on it is sin(own axis - mean) / resultant length, whose variance is the circular standard error's (Fisher,
Statistical Analysis of Circular Data, 1993, section 4.4.4). With that, axes are compared as everything else is.
"""

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.signals.progression import CHEST
from ecg_ccta.statistics.clustered_means import (
    MINIMUM_PATIENTS,
    difference,
    patient_averages,
    pooled_deviation,
    too_few_patients,
    with_clusters,
    with_rows,
)
from ecg_ccta.statistics.heterogeneity import adjusted
from ecg_ccta.vessels import LEADS, VESSELS

GLOBAL = {
    "heart_rate": ("heart rate", "per minute"),
    "p_ms": ("P duration", "ms"),
    "pr_ms": ("PR", "ms"),
    "qrs_ms": ("QRS duration", "ms"),
    "qtc_ms": ("QTc (Fridericia)", "ms"),
    "axis_deg": ("QRS axis", "degrees"),
    "t_axis_deg": ("T axis", "degrees"),
    "qrs_t_angle_deg": ("QRS-T angle", "degrees"),
    "r_transition": ("R transition", "chest lead"),
}
"""Columns of `tables.MEASUREMENTS` that an ECG has one of: (name, unit)."""

CIRCULAR = ("axis_deg", "t_axis_deg")
"""Angles that go round; that between QRS and T does not, it is a size from 0 to 180."""

BY_LEAD = {
    "p_mv": ("P amplitude", ("I", "II")),
    "r_mv": ("R amplitude", CHEST),
    "st60_mv": ("ST at J+60 ms", LEADS),
    "st80_mv": ("ST at J+80 ms", LEADS),
    "t_mv": ("T amplitude", LEADS),
}
"""Columns that it has one of per lead, mV: (name, leads)."""

COMPARISON_COLUMNS = [
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
    risk : `tables.RISK_GROUPS`; with the column pair of matched patients, as `match_risk_groups` gives it, the tests
        are paired, of the pairs of whom both have the measurement.
    level : of the interval of the difference.
    minimum_patients : patients that each group needs.

    Returns
    -------
    DataFrame with COMPARISON_COLUMNS, a row per vessel, measurement and lead (empty for what an ECG has one of): means
    of low and high risk over patients; difference high minus low with interval, over the pooled standard deviation
    between patients (standardised_difference), and p_value of its t (Welch-Satterthwaite degrees of freedom); q_value:
    Benjamini-Hochberg over the rows of the vessel. Axes: circular means, from -180 to below 180, and the shorter way
    from the one to the other.

    Raises
    ------
    StudyError
        Where `risk` names an ECG that is not in `measurements`.
    """
    named = [(column, *names, "") for column, names in GLOBAL.items()]
    named += [(f"{column}_{lead}", name, "mV", lead) for column, (name, leads) in BY_LEAD.items() for lead in leads]
    rows = []
    for vessel in VESSELS:
        ecgs = with_rows(risk[risk["vessel"] == vessel], measurements["ecg_id"].to_numpy(), "measurements")
        for column, name, unit, lead in named:
            values = measurements[column].to_numpy(dtype=float)
            found = _compared(values, ecgs, column in CIRCULAR, level, minimum_patients)
            rows.append({"vessel": vessel, "measurement": name, "lead": lead, "unit": unit} | found)
    table = pd.DataFrame(rows, columns=COMPARISON_COLUMNS)
    table["q_value"] = table.groupby("vessel", sort=False)["p_value"].transform(adjusted)
    return table


def _compared(values: np.ndarray, ecgs: pd.DataFrame, circular: bool, level: float, minimum: int) -> dict:
    known = with_clusters(ecgs[np.isfinite(values[ecgs["row"]])])
    average = patient_directions if circular else patient_averages
    low, high = (average(values, known[known["group"] == group]) for group in ("low", "high"))
    patients = {"low": len(low[1]), "high": len(high[1])}
    row: dict = {f"patients_{group}": count for group, count in patients.items()}
    row |= {f"ecgs_{group}": int((known["group"] == group).sum()) for group in patients}
    row |= {"note": too_few_patients(patients, minimum)}
    if row["note"]:
        return row
    if circular:
        low = around_mean_direction(low[0]), low[1]
        high = around_mean_direction(high[0]), high[1]
    (estimate, error, freedom), pooled = difference(low, high), pooled_deviation(low[0], high[0])
    means = {"low": low[0].mean(), "high": high[0].mean()}
    if circular:
        estimate = _half_turn(estimate)
        means = {group: _half_turn(mean) for group, mean in means.items()}
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    t = estimate / error if error > 0 else 0.0
    return row | means | {
        "difference": estimate,
        "lower": estimate - half,
        "upper": estimate + half,
        "standardised_difference": estimate / pooled if pooled > 0 else 0.0,
        "t": t,
        "p_value": 2 * stats.t.sf(abs(t), freedom),
    }  # fmt: skip


def patient_directions(degrees: np.ndarray, ecgs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Circular mean per patient, degrees (patients,), and the patients; arguments as in `patient_averages`."""
    radians = np.radians(degrees)
    vectors, patients = patient_averages(np.column_stack([np.cos(radians), np.sin(radians)]), ecgs)
    return np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])), patients


def around_mean_direction(degrees: np.ndarray) -> np.ndarray:
    """Values whose mean is the circular mean of angles (n,), and whose spread is their influence on it, degrees."""
    vectors = np.exp(1j * np.radians(degrees))
    mean = vectors.mean()
    influence = np.sin(np.angle(vectors / mean)) / np.abs(mean)
    # The influences of a mean direction add up to nothing, but for rounding.
    return np.degrees(np.angle(mean) + influence)


def _half_turn(degrees):
    """Degrees from -180 to below 180."""
    return (degrees + 180) % 360 - 180
