"""AUC of a way of training, from several trainings on patients of their own, evaluated on the same other patients.

Two chances move such a mean: which patients evaluate it, which all its AUCs have in common, and which patients each
training learnt from. The variance of the mean is the sum of two parts: that of the first is known from the patients'
contributions to the mean AUC (`clustered_auc`), that of the second is how far the AUCs lie apart, over the number of
trainings. Degrees of freedom are Satterthwaite's (Biometrics Bulletin 2:110-114, 1946). With one training the second
chance cannot be seen, and the interval is conditional on it.

Means over vessels, differences and proportions are taken of each training, and averaged over trainings last.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from ecg_ccta.statistics.clustered_auc import AucInfluence

DRAWS = 2000
"""Curves that are drawn for the interval of the patients needed."""


def average_trainings(found: Sequence[AucInfluence]) -> AucInfluence:
    """Average the AUCs, differences or proportions of several trainings on the same evaluated patients.

    Returns
    -------
    The mean; its contributions are those of the patients, and one more, of the trainings: (patients + 1,).
    """
    values = np.array([one.estimate for one in found])
    influence = np.mean([one.influence for one in found], axis=0)
    evaluated = float(influence @ influence)
    degrees = min(one.degrees for one in found)
    trained = float(values.var(ddof=1) / len(values)) if len(values) > 1 else 0.0
    if trained > 0:
        spread = evaluated**2 / degrees + trained**2 / (len(values) - 1)
        degrees = (evaluated + trained) ** 2 / spread
    return AucInfluence(float(values.mean()), np.append(influence, trained**0.5), float(degrees))


def difference_of(a: AucInfluence, b: AucInfluence) -> AucInfluence:
    """Subtract b from a, two AUCs of the same evaluated patients."""
    return AucInfluence(a.estimate - b.estimate, a.influence - b.influence, min(a.degrees, b.degrees))


def proportion_of(auc: AucInfluence, ceiling: AucInfluence) -> AucInfluence:
    """Divide what an AUC exceeds 0.5 by as much as the ceiling's does, by the delta method.

    Parameters
    ----------
    auc, ceiling : of the same evaluated patients

    Raises
    ------
    ValueError
        Where the ceiling's AUC does not exceed 0.5.
    """
    above = ceiling.estimate - 0.5
    if above <= 0:
        raise ValueError(f"the ceiling's AUC is {ceiling.estimate:.3f}, which does not exceed 0.5")
    proportion = (auc.estimate - 0.5) / above
    influence = (auc.influence - proportion * ceiling.influence) / above
    return AucInfluence(float(proportion), influence, min(auc.degrees, ceiling.degrees))


def symmetric_interval(found: AucInfluence, level: float) -> tuple[float, float]:
    """Give the interval of a mean difference or proportion by Student's t."""
    half = float(stats.t.ppf((1 + level) / 2, found.degrees)) * found.variance**0.5
    return found.estimate - half, found.estimate + half


class Needed(NamedTuple):
    """Patients to train on for a target: infinite where the most do not reach it, 0 where the fewest do."""

    patients: float
    lower: float
    upper: float


def patients_needed(
    sizes: Sequence[int], found: Sequence[AucInfluence], target: float, level: float, seed: int
) -> Needed:
    """Read off a learning curve how many patients reach a target.

    The curve is linear between its points over the logarithm of the patients, and is not continued beyond them. Its
    interval is that of curves drawn from the points' joint normal distribution, in which the evaluated patients are
    common to all points and trainings to none.

    Parameters
    ----------
    sizes : patients trained on, ascending
    found : of each size, from `average_trainings`
    """
    estimates = np.array([one.estimate for one in found])
    influence = np.array([one.influence for one in found])
    rng = np.random.default_rng([seed, 0x1EA21])
    evaluated = influence[:, :-1] @ influence[:, :-1].T
    covariance = evaluated + np.diag(influence[:, -1] ** 2)
    curves = rng.multivariate_normal(estimates, covariance, DRAWS, check_valid="ignore")
    reached = np.array([_first_at(sizes, curve, target) for curve in curves])
    tail = (1 - level) / 2
    lower, upper = np.quantile(reached, [tail, 1 - tail], method="inverted_cdf")
    return Needed(_first_at(sizes, estimates, target), float(lower), float(upper))


def _first_at(sizes: Sequence[int], curve: np.ndarray, target: float) -> float:
    """Smallest number of patients at which the curve is at the target."""
    above = np.flatnonzero(curve >= target)
    if not above.size:
        return np.inf
    first = int(above[0])
    if first == 0:
        return 0.0
    part = (target - curve[first - 1]) / (curve[first] - curve[first - 1])
    low, high = np.log(sizes[first - 1]), np.log(sizes[first])
    return float(np.exp(low + part * (high - low)))
