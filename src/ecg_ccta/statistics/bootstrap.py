"""Drawing patients with replacement: the bootstrap behind every clustered interval.

A patient may have several ECGs, which are not independent of each other. A replicate therefore draws patients, and
every ECG of a patient weighs as often as the patient was drawn (cluster bootstrap; Davison and Hinkley, Bootstrap
Methods and their Application, 1997, section 3.8).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.statistics.estimates import CLUSTERED

_DRAWS_AT_ONCE = 1_000_000
"""Patients drawn per block of replicates: bounds the working memory at some tens of megabytes."""


@dataclass(frozen=True)
class Bootstrap:
    """How the patients of a cohort are drawn, and the level of the intervals.

    Two statistics of one cohort with the same bootstrap are paired draw by draw.

    Parameters
    ----------
    patients : how many patients there are, coded 0 .. patients - 1
    replicates : draws
    level : confidence level of the intervals
    seed : of the draws
    """

    patients: int
    replicates: int
    level: float
    seed: int

    def draws(self) -> Iterator[np.ndarray]:
        """Draw the patients: blocks of replicates as `resample_patients` gives them."""
        return resample_patients(self.patients, self.replicates, self.seed)

    def estimate(self, measure: str, estimate: float, drawn: np.ndarray, note: str = "") -> dict[str, Any]:
        """Make the row of an estimate with the percentile interval of its replicates (NaN: could not be computed)."""
        lower, upper, _ = percentile_interval(drawn, self.level)
        row = {"measure": measure, "estimate": estimate, "lower": lower, "upper": upper, "level": self.level}
        return row | {"method": CLUSTERED, "note": note}


def patient_codes(groups: Any) -> tuple[np.ndarray, int]:
    """Patients as integers.

    Parameters
    ----------
    groups : array-like, (n,)
        The patient of every ECG; may not hold missing values.

    Returns
    -------
    codes : (n,) integers in 0 .. patients - 1, in order of first appearance
    patients : how many patients there are

    Raises
    ------
    ValueError
        Where a patient is missing.
    """
    codes, labels = pd.factorize(np.asarray(groups, dtype=object))
    if (codes < 0).any():
        raise ValueError(f"groups holds {int((codes < 0).sum())} missing value(s): every ECG needs a patient")
    return codes, len(labels)


def resample_patients(patients: int, replicates: int, seed: int) -> Iterator[np.ndarray]:
    """Blocks of bootstrap replicates: how often each patient was drawn.

    The same `patients`, `replicates` and `seed` give the same draws, so that two analyses of one cohort can be
    paired replicate by replicate.

    Yields
    ------
    (block, patients) int32; every row sums to `patients`, the blocks together have `replicates` rows
    """
    generator = np.random.default_rng(seed)
    block = max(1, min(replicates, _DRAWS_AT_ONCE // max(patients, 1)))
    for start in range(0, replicates, block):
        rows = min(block, replicates - start)
        drawn = generator.integers(patients, size=(rows, patients))
        drawn += np.arange(rows)[:, None] * patients
        yield np.bincount(drawn.ravel(), minlength=rows * patients).reshape(rows, patients).astype(np.int32)


def percentile_interval(replicates: np.ndarray, level: float) -> tuple[float, float, int]:
    """Percentile interval of the replicates that exist (NaN marks one that could not be computed).

    Returns
    -------
    lower, upper, used : the interval and the number of replicates behind it

    Raises
    ------
    ValueError
        Where no replicate could be computed.
    """
    usable = replicates[np.isfinite(replicates)]
    if usable.size == 0:
        raise ValueError("no bootstrap replicate could be computed: every draw lacked events or non-events")
    lower, upper = np.quantile(usable, [(1 - level) / 2, (1 + level) / 2])
    return float(lower), float(upper), int(usable.size)
