"""Do estimates in several groups differ? The Wald test of their equality, and the correction for many such tests.

Sources: Wald, Trans Am Math Soc 54:426-482, 1943; with a covariance from the bootstrap, Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, chapter 12 (the normal interval it is the test of). For two groups it is the z test
of their difference; for independent groups it is Cochran's Q (Biometrics 10:101-129, 1954). Benjamini and Hochberg, J R
Stat Soc B 57:289-300, 1995.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

WALD = "Wald test, patient-clustered bootstrap"
BENJAMINI_HOCHBERG = "Benjamini-Hochberg"


class Equality(NamedTuple):
    """A test that all groups share one value."""

    statistic: float
    degrees: int
    p_value: float


def equality(estimates: np.ndarray, covariance: np.ndarray) -> Equality:
    """Wald test that k estimates are of one value.

    Parameters
    ----------
    estimates : (k,), k at least 2
    covariance : (k, k) of the estimates

    Returns
    -------
    chi-squared statistic, k - 1 degrees of freedom, p value

    Raises
    ------
    ValueError
        Where there are fewer than two estimates or the differences have no variance.

    Examples
    --------
    >>> found = equality(np.array([0.8, 0.7]), np.diag([0.03**2, 0.04**2]))
    >>> round(found.statistic, 6), found.degrees, round(found.p_value, 6)
    (4.0, 1, 0.0455)
    """
    if len(estimates) < 2:
        raise ValueError("a comparison needs two or more estimates")
    contrasts = np.column_stack([-np.ones(len(estimates) - 1), np.eye(len(estimates) - 1)])
    differences, spread = contrasts @ estimates, contrasts @ covariance @ contrasts.T
    if np.linalg.matrix_rank(spread) < len(spread):
        raise ValueError("the differences have no variance")
    statistic = float(differences @ np.linalg.solve(spread, differences))
    return Equality(statistic, len(spread), float(stats.chi2.sf(statistic, len(spread))))


def equality_of_replicates(estimates: np.ndarray, replicates: np.ndarray) -> Equality:
    """As `equality` with the covariance of bootstrap replicates.

    Parameters
    ----------
    estimates : (k,)
    replicates : (draws, k); all groups from the same draws of patients, so that patients with ECGs in several groups
        make the groups covary. Draws in which a group has no value (NaN) are left out.

    Raises
    ------
    ValueError
        As `equality`, and where fewer than 50 draws are left.
    """
    usable = replicates[np.isfinite(replicates).all(axis=1)]
    if len(usable) < 50:
        raise ValueError(f"only {len(usable)} bootstrap draws hold a value of every group")
    return equality(estimates, np.cov(usable, rowvar=False))


def adjusted(p_values: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg adjusted p values of those that exist; NaN stays NaN and does not count as a test."""
    p_values = np.asarray(p_values, dtype=float)
    q_values = np.full(len(p_values), np.nan)
    known = np.isfinite(p_values)
    if known.any():
        q_values[known] = stats.false_discovery_control(p_values[known])
    return q_values
