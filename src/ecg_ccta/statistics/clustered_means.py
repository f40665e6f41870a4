"""Patients of two risk groups compared; a patient with ECGs in both, or a matched pair of patients, is one cluster.

A patient with several ECGs of the same risk group counts once in it, with their average. A patient may have ECGs in
both groups; the variance of the difference is therefore that of the patients' influence on it, which equals Welch's
where the groups share no patient (Liang and Zeger, Biometrika 1986). Patients who were matched resemble each other in
what they were matched by and in what depends on it: their pair is the cluster, and the test the paired one (Austin,
Stat Med 30:1292, 2011).
"""

import numpy as np
import pandas as pd

from ecg_ccta.errors import StudyError

MINIMUM_PATIENTS = 10
"""A comparison with fewer patients in either group says so and gives no number."""


def with_rows(risk: pd.DataFrame, ecg_ids: np.ndarray, table: str) -> pd.DataFrame:
    """`risk` with the column `row`: where each of its ECGs stands in `ecg_ids`.

    Raises
    ------
    StudyError
        Where an ECG is not there; `table` is what the message calls the place.
    """
    row = pd.Series(np.arange(len(ecg_ids)), index=pd.Index(ecg_ids)).reindex(risk["ecg_id"])
    if row.isna().any():
        raise StudyError(f"{table}: {int(row.isna().sum())} ECG(s) of the risk groups are missing there")
    return risk.assign(row=row.to_numpy(dtype=int))


def with_clusters(ecgs: pd.DataFrame) -> pd.DataFrame:
    """`ecgs` with the column `cluster`: the patient or, where there is a column `pair`, the pair of matched patients.

    ECGs whose pair has none of the other group (column `group`) are left out: the partner is missing.
    """
    if "pair" not in ecgs:
        return ecgs.assign(cluster=ecgs["patient_id"])
    whole = ecgs.groupby("pair")["group"].transform("nunique") == 2
    return ecgs[whole].assign(cluster=ecgs["pair"])


def patient_averages(values: np.ndarray, ecgs: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Average per patient of (n, ...) values, as (patients, ...), and the patients' clusters.

    `ecgs`, of one risk group, says with `row` and `cluster` (`with_clusters`) which rows count and whose they are.
    """
    codes, patients = pd.factorize(ecgs["cluster"], sort=True)
    order = np.argsort(codes, kind="stable")
    first = np.flatnonzero(np.diff(codes[order], prepend=-1))
    if not len(patients):
        return np.empty((0, *values.shape[1:])), np.asarray(patients)
    sums = np.add.reduceat(values[ecgs["row"].to_numpy()[order]], first, axis=0, dtype=float)
    return sums / np.bincount(codes).reshape(-1, *np.ones(values.ndim - 1, dtype=int)), np.asarray(patients)


def too_few_patients(patients: dict[str, int], minimum: int) -> str:
    """Note where a group, low or high, has fewer patients than the minimum; empty where both have enough."""
    short = [f"{count} {group}-risk" for group, count in patients.items() if count < minimum]
    return f"too few patients ({', '.join(short)})" if short else ""


def difference(
    low: tuple[np.ndarray, np.ndarray], high: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Difference of means high minus low, its clustered standard error, Welch-Satterthwaite freedom.

    Each group is ((patients, ...) values, clusters); the three results have the shape of one patient's values. Where
    all clusters are in both groups, the t is that of the paired test, with as many degrees of freedom as pairs less 1.
    """
    (values_low, patients_low), (values_high, patients_high) = low, high
    n_low, n_high = len(patients_low), len(patients_high)
    influence_low = (values_low - values_low.mean(axis=0)) / np.sqrt(n_low * (n_low - 1))
    influence_high = (values_high - values_high.mean(axis=0)) / np.sqrt(n_high * (n_high - 1))
    variance_low, variance_high = (influence_low**2).sum(axis=0), (influence_high**2).sum(axis=0)
    _, at_low, at_high = np.intersect1d(patients_low, patients_high, return_indices=True)
    shared = (influence_low[at_low] * influence_high[at_high]).sum(axis=0)
    independent = variance_low + variance_high
    freedom = np.divide(
        independent**2,
        variance_low**2 / (n_low - 1) + variance_high**2 / (n_high - 1),
        out=np.full_like(independent, n_low + n_high - 2.0),
        where=independent > 0,
    )
    if all_paired(patients_low, patients_high):
        freedom = np.full_like(independent, n_low - 1.0)
    # The sum of squared influences, (h - l)^2 for a patient in both groups, is never negative.
    error = np.sqrt(np.maximum(independent - 2 * shared, 0))
    return values_high.mean(axis=0) - values_low.mean(axis=0), error, freedom


def all_paired(low: np.ndarray, high: np.ndarray) -> bool:
    """Whether two groups have the same clusters, each once."""
    return len(low) == len(high) == len(np.intersect1d(low, high))


def pooled_deviation(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Pooled standard deviation between patients of (patients, ...) values, the shape of one patient's."""
    squares = (len(low) - 1) * low.var(axis=0, ddof=1) + (len(high) - 1) * high.var(axis=0, ddof=1)
    return np.sqrt(squares / (len(low) + len(high) - 2))
