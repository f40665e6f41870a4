"""The area under the ROC curve where patients have several ECGs: its variance from what each patient contributes.

Every patient's contribution to the AUC (its influence) is the sum of the placements of the patient's ECGs, less their
mean. Patients are independent of each other, so the variance of the AUC is the sum of the squared contributions, and
the covariance of two AUCs with common patients is the sum of their products: means, differences and tests of several
AUCs follow without resampling. Source: Obuchowski, Biometrics 53:567-578, 1997. With one ECG per patient the variance
is that of DeLong, DeLong and Clarke-Pearson, Biometrics 44:837-845, 1988.

Intervals are those of log(AUC / (1 - AUC)), which with few events is nearer to normal than the AUC (Pepe, The
Statistical Evaluation of Medical Tests for Classification and Prediction, Oxford 2003), with Student's t of as many
degrees of freedom as Satterthwaite's approximation gives the variance (Biometrics Bulletin 2:110-114, 1946).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from ecg_ccta.statistics.auc import checked_scores, placements


class TooFewPatients(ValueError):
    """Either class has too few patients for a variance."""


class AucInfluence(NamedTuple):
    """An AUC, or a mean or difference of AUCs, with what each patient contributes to it.

    estimate : the AUC
    influence : (patients,) whose squares sum to the variance; 0 for patients without an ECG in it
    degrees : of freedom of the variance
    """

    estimate: float
    influence: np.ndarray
    degrees: float

    @property
    def variance(self) -> float:
        """Sum the squares of the contributions."""
        return float(self.influence @ self.influence)


class AucDifference(NamedTuple):
    """Two AUCs' difference with its interval, and the two-sided p value of no difference."""

    difference: float
    lower: float
    upper: float
    p_value: float


def clustered_auc(y_true: np.ndarray, y_score: np.ndarray, codes: np.ndarray, patients: int) -> AucInfluence:
    """Compute the AUC of a fixed score, and what each patient contributes to it.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    y_score : (n,); ties count one half
    codes : (n,) integers in 0 .. patients - 1, the patient of every ECG
    patients : how many the whole cohort has, so that the contributions to two AUCs can be added

    Raises
    ------
    TooFewPatients
        Where fewer than two patients have an event or fewer than two none.
    ValueError
        Where y_true or y_score holds missing values, y_true holds anything but 0 and 1, or the lengths differ.

    Examples
    --------
    >>> found = clustered_auc([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.35, 0.3, 0.8, 0.9], np.arange(6), 6)
    >>> round(found.estimate, 4), round(found.variance, 4)
    (0.7778, 0.0617)
    """
    return stratified_auc(y_true, y_score, np.zeros(len(y_true), dtype=int), codes, patients)


def stratified_auc(
    y_true: np.ndarray, y_score: np.ndarray, stratum: np.ndarray, codes: np.ndarray, patients: int
) -> AucInfluence:
    """Compute an AUC that compares events only with non-events of the same stratum.

    The estimate is the proportion of all such pairs in the right order: the mean of the strata's AUCs, weighted by
    their pairs. A stratum without events, or without non-events, has none and no part. Contributions are about the
    mean of the own stratum; for the degrees of freedom that this takes they are enlarged by sqrt(c / (c - strata)),
    with c patients with events, or without, and as many strata.

    Parameters
    ----------
    stratum : (n,) integers

    Raises
    ------
    TooFewPatients, ValueError
        As `clustered_auc`, with as many patients of either class as strata in place of one.
    """
    truth, (score,) = checked_scores(y_true, y_score, least=1)
    stratum, codes = np.asarray(stratum), np.asarray(codes)
    if not stratum.shape == codes.shape == truth.shape:
        raise ValueError(f"y_true has shape {truth.shape}, stratum {stratum.shape}, codes {codes.shape}")
    parts = np.zeros((2, patients))
    counts, strata, pairs, right = np.zeros(2, dtype=int), 0, 0, 0.0
    for name in np.unique(stratum):
        here = stratum == name
        y, owner = truth[here], codes[here]
        if y.all() or not y.any():
            continue
        events, others = placements(y, score[here])
        auc = events.mean()
        strata, pairs, right = strata + 1, pairs + events.size * others.size, right + auc * events.size * others.size
        for side, values, of in ((0, events, owner[y]), (1, others, owner[~y])):
            weight = others.size if side == 0 else events.size
            parts[side] += weight * np.bincount(of, values - auc, minlength=patients)
            counts[side] += np.unique(of).size
    if pairs == 0 or counts.min() <= strata:
        raise TooFewPatients(f"{counts[0]} patients with and {counts[1]} without an event are too few for a variance")
    parts *= np.sqrt(counts / (counts - strata))[:, None] / pairs
    spread = (parts**2).sum(axis=1)
    degrees = spread.sum() ** 2 / (spread**2 / (counts - strata)).sum() if spread.any() else float(counts.min())
    return AucInfluence(float(right / pairs), parts.sum(axis=0), float(degrees))


def mean_auc(found: Sequence[AucInfluence]) -> AucInfluence:
    """Average several AUCs of one cohort, as of its vessels; degrees of freedom are the fewest of them."""
    return AucInfluence(
        float(np.mean([one.estimate for one in found])),
        np.mean([one.influence for one in found], axis=0),
        min(one.degrees for one in found),
    )


def auc_interval(found: AucInfluence, level: float = 0.95) -> tuple[float, float]:
    """Give the interval of an AUC or a mean of AUCs, on the scale of its log-odds.

    Without a variance (classes perfectly separated) the interval has no width.
    """
    auc = found.estimate
    if found.variance == 0 or auc in (0.0, 1.0):
        return auc, auc
    half = stats.t.ppf((1 + level) / 2, found.degrees) * found.variance**0.5 / (auc * (1 - auc))
    centre = np.log(auc / (1 - auc))
    lower, upper = 1 / (1 + np.exp(-(centre + np.array([-half, half]))))
    return float(lower), float(upper)


def compare_paired(a: AucInfluence, b: AucInfluence, level: float = 0.95) -> AucDifference:
    """Test the difference a - b of two AUCs of one cohort; patients in both make them covary."""
    return _tested(a.estimate - b.estimate, a.influence - b.influence, min(a.degrees, b.degrees), level)


def compare_independent(a: AucInfluence, b: AucInfluence, level: float = 0.95) -> AucDifference:
    """Test the difference a - b of two AUCs of separate patients, with Welch's degrees of freedom.

    Source: Welch, Biometrika 34:28-35, 1947.
    """
    spread = a.variance**2 / a.degrees + b.variance**2 / b.degrees
    degrees = (a.variance + b.variance) ** 2 / spread if spread > 0 else np.inf
    return _tested(a.estimate - b.estimate, np.append(a.influence, b.influence), degrees, level)


def _tested(difference: float, influence: np.ndarray, degrees: float, level: float) -> AucDifference:
    error = float(influence @ influence) ** 0.5
    if error == 0:
        return AucDifference(difference, difference, difference, 1.0 if difference == 0 else 0.0)
    half = float(stats.t.ppf((1 + level) / 2, degrees)) * error
    p_value = float(2 * stats.t.sf(abs(difference) / error, degrees))
    return AucDifference(difference, max(-1.0, difference - half), min(1.0, difference + half), p_value)
