"""Areas under the ROC and the precision-recall curve: DeLong's variance and tests, the patient-clustered bootstrap.

Sources: DeLong, DeLong and Clarke-Pearson, Biometrics 44:837-845, 1988 (variance and paired test); Sun and Xu, IEEE
Signal Processing Letters 21:1389-1393, 2014 (computing it by ranks in O(n log n)); Robin et al., BMC Bioinformatics
12:77, 2011 (the conventions of R's pROC, which are followed here: plain normal interval, Welch degrees of freedom for
unpaired curves).
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes, percentile_interval

_DRAWS_AT_ONCE = 64
"""Draws summed together: a row of their weights is a few cache lines."""


class AucResult(NamedTuple):
    """An AUC with its DeLong variance and interval."""

    auc: float
    lower: float
    upper: float
    variance: float


class AucComparison(NamedTuple):
    """Two AUCs, their difference a - b with its interval, and the two-sided p value of no difference."""

    auc_a: float
    auc_b: float
    difference: float
    lower: float
    upper: float
    p_value: float


class BootstrapAuc(NamedTuple):
    """An AUC with its patient-clustered percentile interval and the number of replicates behind it."""

    auc: float
    lower: float
    upper: float
    replicates: int


def auc_delong(y_true: Any, y_score: Any, level: float = 0.95) -> AucResult:
    """AUC with DeLong's variance and a normal interval clipped to [0, 1].

    Treats the ECGs as independent; `auc_bootstrap` does not. Tied scores count one half. Where the scores separate
    the classes perfectly the variance is 0 and the interval has no width, as in pROC.

    Parameters
    ----------
    y_true : array-like of 0 and 1, (n,)
    y_score : array-like, (n,); higher means more likely an event
    level : level of the interval

    Raises
    ------
    ValueError
        Where y_true or y_score holds missing values, y_true holds anything but 0 and 1, the lengths differ, or there
        are fewer than two events or two non-events.

    Examples
    --------
    >>> result = auc_delong([0, 0, 0, 1, 1, 1], [0.1, 0.4, 0.35, 0.3, 0.8, 0.9])
    >>> round(result.auc, 4), round(result.variance, 4)
    (0.7778, 0.0617)
    """
    y, (score,) = checked_scores(y_true, y_score, least=2)
    events, others = placements(y, score)
    auc = float(events.mean())
    variance = float(events.var(ddof=1) / events.size + others.var(ddof=1) / others.size)
    half = stats.norm.ppf((1 + level) / 2) * variance**0.5
    return AucResult(auc, max(0.0, float(auc - half)), min(1.0, float(auc + half)), variance)


def compare_auc_delong(y_true: Any, score_a: Any, score_b: Any, level: float = 0.95) -> AucComparison:
    """DeLong's test of two scores of the same ECGs (paired).

    Parameters
    ----------
    y_true : array-like of 0 and 1, (n,)
    score_a, score_b : array-like, (n,); two scores of the same ECGs
    level : level of the difference's interval

    Raises
    ------
    ValueError
        As `auc_delong`.
    """
    y, (a, b) = checked_scores(y_true, score_a, score_b, least=2)
    events_a, others_a = placements(y, a)
    events_b, others_b = placements(y, b)
    variance = (events_a - events_b).var(ddof=1) / events_a.size + (others_a - others_b).var(ddof=1) / others_a.size
    return _comparison(float(events_a.mean()), float(events_b.mean()), float(variance), stats.norm(), level)


def compare_auc_delong_unpaired(
    y_true_a: Any, score_a: Any, y_true_b: Any, score_b: Any, level: float = 0.95
) -> AucComparison:
    """DeLong's test of one score in two separate sets of ECGs, with Welch's degrees of freedom as in pROC.

    Parameters
    ----------
    y_true_a, score_a : array-like, (n,)
    y_true_b, score_b : array-like, (m,)

    Raises
    ------
    ValueError
        As `auc_delong`, for either set.
    """
    a = auc_delong(y_true_a, score_a)
    b = auc_delong(y_true_b, score_b)
    variance = a.variance + b.variance
    spread = a.variance**2 / (len(y_true_a) - 1) + b.variance**2 / (len(y_true_b) - 1)
    distribution = stats.t(variance**2 / spread) if spread > 0 else stats.norm()
    return _comparison(a.auc, b.auc, variance, distribution, level)


def auc_bootstrap(
    y_true: Any, y_score: Any, groups: Any, replicates: int = 1000, level: float = 0.95, seed: int = 0
) -> BootstrapAuc:
    """AUC with a percentile interval over patients drawn with replacement.

    Parameters
    ----------
    y_true : array-like of 0 and 1, (n,)
    y_score : array-like, (n,)
    groups : array-like, (n,); the patient of every ECG
    replicates : draws of patients; draws without events or without non-events are left out and not counted
    seed : of the draws

    Raises
    ------
    ValueError
        As `auc_delong` but for one event and one non-event being enough, and where a patient is missing.
    """
    y, (score,) = checked_scores(y_true, y_score, least=1)
    codes, patients = patient_codes(groups)
    if len(codes) != len(y):
        raise ValueError(f"groups has {len(codes)} values, y_true has {len(y)}")
    drawn = auc_replicates(y, score, codes, Bootstrap(patients, replicates, level, seed))
    lower, upper, used = percentile_interval(drawn, level)
    return BootstrapAuc(float(placements(y, score)[0].mean()), lower, upper, used)


def auc_and_pr_auc(y_true: np.ndarray, y_score: np.ndarray) -> tuple[float, float]:
    """AUC and PR-AUC (as average precision) of scikit-learn; both classes must be present."""
    return float(roc_auc_score(y_true, y_score)), float(average_precision_score(y_true, y_score))


def auc_replicates(y_true: np.ndarray, y_score: np.ndarray, codes: np.ndarray, bootstrap: Bootstrap) -> np.ndarray:
    """Compute the AUC in every bootstrap draw of patients: the first of `auc_and_pr_auc_replicates`."""
    return auc_and_pr_auc_replicates(y_true, y_score, codes, bootstrap)[0]


def auc_and_pr_auc_replicates(
    y_true: np.ndarray, y_score: np.ndarray, codes: np.ndarray, bootstrap: Bootstrap
) -> tuple[np.ndarray, np.ndarray]:
    """Compute AUC and average precision in every bootstrap draw of patients.

    Scores are sorted once. In a draw an ECG weighs as often as its patient was drawn. The AUC is then the weighted
    proportion of event/non-event pairs in the right order: for each event the cumulative weight of the non-events below
    it, half of those that tie. Average precision is the weighted mean, over events, of the proportion of events among
    all ECGs that score as high or higher. Weights are counts, so both equal those of the physically repeated rows.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    y_score : (n,)
    codes : (n,) integers; the patient of every ECG, as the bootstrap numbers them. With the codes and the bootstrap of
        a whole cohort, subsets of it are drawn alike.

    Returns
    -------
    auc, pr_auc : (replicates,) each; NaN where a draw lacked events or non-events
    """
    y = np.asarray(y_true).astype(bool)
    ascending = np.argsort(y_score, kind="stable")
    other_scores, other_codes = y_score[ascending][~y[ascending]], codes[ascending][~y[ascending]]
    event_scores, event_codes = y_score[ascending][y[ascending]], codes[ascending][y[ascending]]
    # For every event: how many non-events score lower, how many at most as high, how many events score lower.
    lower = np.searchsorted(other_scores, event_scores, side="left")
    not_higher = np.searchsorted(other_scores, event_scores, side="right")
    lower_events = np.searchsorted(event_scores, event_scores, side="left")
    # Sums over a block's draws: one row more than there are ECGs, the first zero. Draws are columns, so that taking
    # an ECG's weights, adding them up and reading the sums all run along memory.
    aucs, pr_aucs = [], []
    for counts in bootstrap.draws():
        for part in np.array_split(counts, max(1, len(counts) // _DRAWS_AT_ONCE)):
            weights = np.ascontiguousarray(part.T)
            others = _running_sums(weights.take(other_codes, axis=0))
            event_weights = weights.take(event_codes, axis=0)
            events = _running_sums(event_weights)
            below = others.take(lower, axis=0)
            all_events, all_others = events[-1].astype(np.int64), others[-1].astype(np.int64)
            # Sums of products leave the range of 32 bits; float64 holds these integers exactly.
            twice_concordant = np.einsum(
                "ij,ij->j", event_weights, below + others.take(not_higher, axis=0), dtype=float
            )
            true_positives = events[-1] - events.take(lower_events, axis=0)
            positives = true_positives + (others[-1] - below)
            with np.errstate(invalid="ignore", divide="ignore"):
                aucs.append(twice_concordant / (2 * all_events * all_others))
                # An event that was not drawn may have nothing above it: 0/0, weight 0.
                precision = true_positives / np.maximum(positives, 1)
                pr_auc = np.einsum("ij,ij->j", event_weights, precision) / all_events
            pr_aucs.append(np.where(all_others > 0, pr_auc, np.nan))
    return np.concatenate(aucs), np.concatenate(pr_aucs)


def _running_sums(weights: np.ndarray) -> np.ndarray:
    """(n + 1, draws): sums of the first 0, 1, ..., n rows."""
    sums = np.zeros((len(weights) + 1, weights.shape[1]), dtype=np.int32)
    np.cumsum(weights, axis=0, out=sums[1:])
    return sums


def roc_curve(
    y_true: np.ndarray, y_score: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Corners of ROC curves, from (0, 0) to (1, 1): tied scores make one sloping step.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    y_score : (n,)
    weights : (curves, n) how often each ECG counts in each curve; default one curve that counts every ECG once

    Returns
    -------
    rate, sensitivity : (curves, corners) each; NaN where a curve has no non-events, or no events
    """
    weights = np.ones((1, y_score.size), dtype=np.int64) if weights is None else weights
    order = np.argsort(-y_score, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(y_score[order])), y_score.size - 1)
    sides = []
    for side in (y_true == 0, y_true == 1):
        cumulative = np.cumsum((weights * side).take(order, axis=1), axis=1).take(last_of_tie, axis=1)
        with np.errstate(invalid="ignore"):
            sides.append(np.pad(cumulative / cumulative[:, -1:], ((0, 0), (1, 0))))
    return sides[0], sides[1]


def _comparison(auc_a: float, auc_b: float, variance: float, distribution: Any, level: float) -> AucComparison:
    difference = auc_a - auc_b
    half = float(distribution.ppf((1 + level) / 2)) * variance**0.5
    if variance > 0:
        p_value = float(2 * distribution.sf(abs(difference) / variance**0.5))
    else:
        p_value = 1.0 if difference == 0 else 0.0
    return AucComparison(auc_a, auc_b, difference, max(-1.0, difference - half), min(1.0, difference + half), p_value)


def placements(y: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Proportion of non-events below each event, and of events above each non-event; ties one half."""
    events, others = score[y], score[~y]
    sorted_events, sorted_others = np.sort(events), np.sort(others)
    below = np.searchsorted(sorted_others, events, "left") + np.searchsorted(sorted_others, events, "right")
    not_above = np.searchsorted(sorted_events, others, "left") + np.searchsorted(sorted_events, others, "right")
    return below / (2 * others.size), 1 - not_above / (2 * events.size)


def checked_scores(y_true: Any, *scores: Any, least: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Boolean truth and float scores, or a ValueError that names the argument at fault."""
    missing = np.asarray(pd.isna(y_true))
    if missing.any():
        raise ValueError(f"y_true holds {int(missing.sum())} missing value(s): leave those ECGs out, they are no class")
    truth = np.asarray(y_true, dtype=float)
    if truth.ndim != 1 or not np.isin(truth, (0, 1)).all():
        raise ValueError("y_true must be one-dimensional and hold only 0 and 1")
    checked = []
    for score in scores:
        if np.asarray(pd.isna(score)).any():
            raise ValueError("y_score holds missing values")
        values = np.asarray(score, dtype=float)
        if values.shape != truth.shape:
            raise ValueError(f"y_score has shape {values.shape}, y_true has {truth.shape}")
        checked.append(values)
    events = int(truth.sum())
    if min(events, truth.size - events) < least:
        raise ValueError(f"an AUC needs {least} or more of each class; found {events} events in {truth.size} ECGs")
    return truth.astype(bool), checked
