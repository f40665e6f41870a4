"""Do estimates in several groups differ? Tests of their equality, and the correction for many such tests.

Sources: Wald, Trans Am Math Soc 54:426-482, 1943; with a covariance from the bootstrap, Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, chapter 12 (the normal interval it is the test of). For two groups it is the z test
of their difference; for independent groups it is Cochran's Q (Biometrics 10:101-129, 1954). With few events the
variances are uncertain and a chi-squared test rejects too often: `equality_of_aucs` allows for that as Welch does,
Biometrika 38:330-336, 1951. Benjamini and Hochberg, J R Stat Soc B 57:289-300, 1995.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from ecg_ccta.statistics.clustered_auc import AucInfluence

WELCH = "Welch test of log-odds, patient-clustered"
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


class WelchEquality(NamedTuple):
    """Welch's test that all groups share one value: F, its degrees of freedom, and the p value."""

    statistic: float
    degrees: int
    denominator: float
    p_value: float


def welch_equality(estimates: np.ndarray, covariance: np.ndarray, degrees: np.ndarray) -> WelchEquality:
    """Test, as `equality`, that k estimates are of one value, their variances being uncertain.

    The Wald statistic is divided, and its F distribution given a denominator, as Welch does for means. For two groups
    it is the t test with Welch's degrees of freedom.

    Parameters
    ----------
    estimates : (k,), k at least 2
    covariance : (k, k) of the estimates
    degrees : (k,) of freedom of their variances

    Raises
    ------
    ValueError
        As `equality`.
    """
    wald = equality(estimates, covariance)
    weight = 1 / np.diag(covariance)
    spread = float(((1 - weight / weight.sum()) ** 2 / degrees).sum())
    k = len(estimates)
    statistic = wald.statistic / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * spread)
    denominator = (k**2 - 1) / (3 * spread)
    return WelchEquality(statistic, k - 1, denominator, float(stats.f.sf(statistic, k - 1, denominator)))


def equality_of_aucs(found: Sequence[AucInfluence]) -> WelchEquality:
    """Test that k AUCs of one cohort are equal: `welch_equality` of log(AUC / (1 - AUC)).

    The covariance is that of the patients' contributions, so that patients with ECGs in several groups count.
    Out-of-fold scores need no correction for their folds here (`cross_validated_auc`).

    Parameters
    ----------
    found : k AUCs, at least two, of `clustered_auc`, whose contributions are of the same patients

    Raises
    ------
    ValueError
        As `equality`, and where a group's classes are perfectly separated.
    """
    if not all(0 < one.estimate < 1 and one.variance > 0 for one in found):
        raise ValueError("events and non-events are perfectly separated in a group")
    aucs = np.array([one.estimate for one in found])
    influence = np.array([one.influence for one in found]) / (aucs * (1 - aucs))[:, None]
    degrees = np.array([one.degrees for one in found])
    return welch_equality(np.log(aucs / (1 - aucs)), influence @ influence.T, degrees)


def adjusted(p_values: np.ndarray) -> np.ndarray:
    """Benjamini-Hochberg adjusted p values of those that exist; NaN stays NaN and does not count as a test."""
    p_values = np.asarray(p_values, dtype=float)
    q_values = np.full(len(p_values), np.nan)
    known = np.isfinite(p_values)
    if known.any():
        q_values[known] = stats.false_discovery_control(p_values[known])
    return q_values
