"""Where in the beat two groups of patients differ: permutation test over leads and time, corrected by clusters.

Neighbouring samples beyond a threshold, of the same sign and in the same lead, form a cluster; its mass is the sum of
their absolute t. A cluster's p-value is the proportion of relabelled data sets whose largest cluster mass in any lead
is at least as large, so that the chance of any false cluster in a vessel is held at the level (Maris and Oostenveld,
J Neurosci Methods 164:177, 2007). The p-value is the cluster's: its borders have none.

Relabelled are patients: those with ECGs in one group only exchange their labels among each other, those with ECGs in
both exchange their two averages, and so do the two patients of a matched pair, who are alike in what they were matched
by. The statistic is the clustered t of `clustered_means`, which with groups of unequal size and variance is the safer
one to permute (Janssen, Stat Probab Lett 36:9, 1997); in small groups of unequal variance the test is approximate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats

from ecg_ccta.statistics.clustered_means import all_paired

PERMUTATIONS = 1000
CLUSTER_LEVEL = 0.05
"""Two-sided level of the t quantile beyond which a sample belongs to a cluster. It sets what kind of difference is
found, broad and weak or short and strong; the correction holds for any."""

_LEAST_ERROR = 1e-6
"""Millivolts; a mean whose standard error is lower is of values that do not vary, and rounding is all that is left."""

_PRECISION = 1e-4
"""Relabellings that give the observed groups again count as heavy as these, in single precision too."""


@dataclass(frozen=True)
class Cluster:
    lead: int
    """Row of the beats."""
    start: int
    stop: int
    """Samples of the beats, the second the first one after the cluster."""
    mass: float
    """Sum of t, negative where high risk is lower."""
    p_value: float


def permuted_clusters(
    low: tuple[np.ndarray, np.ndarray],
    high: tuple[np.ndarray, np.ndarray],
    seed: int,
    permutations: int = PERMUTATIONS,
    cluster_level: float = CLUSTER_LEVEL,
) -> list[Cluster]:
    """Clusters in which the groups' means differ.

    Parameters
    ----------
    low, high : ((patients, leads, L) one average beat per patient, (patients,) the patients' clusters, each once); at
        least two patients each. A cluster, a patient or a matched pair, may be in both.
    seed : of the permutations.

    Returns
    -------
    All clusters, by lead and time; p-values as (1 + larger ones) / (1 + permutations).
    """
    (beats_low, patients_low), (beats_high, patients_high) = low, high
    _, at_low, at_high = np.intersect1d(patients_low, patients_high, return_indices=True)
    labels = _labels(len(patients_low), len(patients_high), at_low, at_high, permutations, seed)
    both = len(patients_low) + len(patients_high)
    freedom = both // 2 - 1 if all_paired(patients_low, patients_high) else both - 2
    threshold = float(stats.t.ppf(1 - cluster_level / 2, freedom))
    single = labels[1:].astype(np.float32)
    found, largest = [], np.zeros(permutations, dtype=np.float32)
    for lead in range(beats_low.shape[1]):
        # A lead at a time: its squares are what takes memory.
        values = np.concatenate([beats_low[:, lead], beats_high[:, lead]]).astype(float)
        observed = _t_statistics(labels[:1], values, at_low, at_high + len(patients_low))[0]
        found += [(lead, *cluster) for cluster in clusters_of(observed, threshold)]
        # Relabellings are ranked, not shown: single precision, at half the time, will do.
        t = _t_statistics(single, values.astype(np.float32), at_low, at_high + len(patients_low))
        for sign in (1, -1):
            np.maximum(largest, _largest_mass(sign * t, threshold), out=largest)
    return [
        Cluster(
            lead, start, stop, mass, float((1 + np.sum(largest >= abs(mass) * (1 - _PRECISION))) / (1 + permutations))
        )
        for lead, start, stop, mass in found
    ]


def clusters_of(t: np.ndarray, threshold: float) -> Iterator[tuple[int, int, float]]:
    """(start, stop, mass) of the runs of one sign beyond the threshold in t (L,)."""
    beyond = np.where(np.abs(t) > threshold, np.sign(t), 0)
    borders = [0, *(np.flatnonzero(np.diff(beyond)) + 1), len(t)]
    for start, stop in pairwise(borders):
        if beyond[start]:
            yield int(start), int(stop), float(t[start:stop].sum())


def _labels(
    n_low: int, n_high: int, at_low: np.ndarray, at_high: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """(1 + permutations, n_low + n_high) float, 1 for high; the first row is the observed one."""
    generator = np.random.default_rng(seed)
    observed = np.repeat([0.0, 1.0], [n_low, n_high])
    labels = np.tile(observed, (1 + permutations, 1))
    one_group = np.setdiff1d(np.arange(n_low + n_high), np.concatenate([at_low, at_high + n_low]))
    labels[1:, one_group] = generator.permuted(labels[1:, one_group], axis=1)
    exchanged = generator.integers(2, size=(permutations, len(at_low)))
    labels[1:, at_low], labels[1:, at_high + n_low] = exchanged, 1 - exchanged
    return labels


def _t_statistics(labels: np.ndarray, values: np.ndarray, at_low: np.ndarray, at_high: np.ndarray) -> np.ndarray:
    """(rows of `labels`, L) t of high minus low; `values` (n, L), whose rows `at_low` and `at_high` share patients.

    Sums over a group are products with the labels, of the values and of their squares; the sum of products of the
    two averages of a patient does not change when these are exchanged.
    """
    values = values - values.mean(axis=0)
    squares = values**2
    n_high = labels[0].sum()
    n_low = len(values) - n_high
    sum_high, squares_high = labels @ values, labels @ squares
    mean_high = sum_high / n_high
    mean_low = (values.sum(axis=0) - sum_high) / n_low
    around_high = squares_high - n_high * mean_high**2
    around_low = squares.sum(axis=0) - squares_high - n_low * mean_low**2
    variance = around_high / (n_high * (n_high - 1)) + around_low / (n_low * (n_low - 1))
    if len(at_low):
        both_high = labels[:, at_low] @ values[at_low] + labels[:, at_high] @ values[at_high]
        both_low = (values[at_low] + values[at_high]).sum(axis=0) - both_high
        products = (values[at_low] * values[at_high]).sum(axis=0)
        shared = products - mean_high * both_low - mean_low * both_high + len(at_low) * mean_high * mean_low
        variance -= 2 * shared / np.sqrt(n_high * (n_high - 1) * n_low * (n_low - 1))
    error = np.sqrt(np.maximum(variance, 0))
    return np.divide(mean_high - mean_low, error, out=np.zeros_like(error), where=error > _LEAST_ERROR)


def _largest_mass(t: np.ndarray, threshold: float) -> np.ndarray:
    """(rows,) largest mass of a cluster of positive t in each row of t (rows, L)."""
    beyond = np.where(t > threshold, t, 0).T.copy()
    run, largest = np.zeros(t.shape[0], t.dtype), np.zeros(t.shape[0], t.dtype)
    for sample in beyond:
        run = np.where(sample > 0, run + sample, 0)
        np.maximum(largest, run, out=largest)
    return largest
