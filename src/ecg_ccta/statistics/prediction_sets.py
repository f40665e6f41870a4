"""Conformal prediction sets of a yes-or-no outcome: none, one or both of the two answers, with a promised coverage.

An answer stays in the set where it conforms at least as well as the least conforming of the calibrating patients, but
for a few: the proportion 1 - level, counted so that one more patient is allowed for (Vovk, Gammerman and Shafer,
Algorithmic Learning in a Random World, 2005). The score is 1 minus the answer's probability. An answer is calibrated on
all patients, or on those of that answer alone ("Mondrian", class-conditional), which holds the level for either answer,
however rare it is.

ECGs of a patient are not exchangeable with those of others, patients are. Every patient therefore counts once, the
patient's k ECGs 1/k each, which holds the level for any one ECG of a new patient (Lee, Barber and Willett, Hierarchical
conformal prediction, arXiv 2306.06342, 2023; Dunn, Wasserman and Ramdas, J Am Stat Assoc 118:2491, 2023).
"""

from typing import NamedTuple

import numpy as np

_ROUNDING = 1e-9
"""A sum of weights that misses the level by less has reached it."""


class Cutoffs(NamedTuple):
    """Where the two answers stay in a set: "no" up to the probability `no_to`, "yes" from `yes_from` on.

    Between `yes_from` and `no_to` both are in it; where `yes_from` is the higher one, neither is between them.
    """

    no_to: float
    yes_from: float

    def holds_no(self, probability: np.ndarray) -> np.ndarray:
        """Tell of each probability (n,) whether the set holds the answer "no"."""
        return probability <= self.no_to

    def holds_yes(self, probability: np.ndarray) -> np.ndarray:
        """Tell of each probability (n,) whether the set holds the answer "yes"."""
        return probability >= self.yes_from


def conformal_cutoffs(
    y_true: np.ndarray, probability: np.ndarray, codes: np.ndarray, level: float, by_outcome: bool
) -> Cutoffs:
    """Calibrate the sets on patients who had no part in the probabilities that are to be judged.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    probability : (n,) of "yes"
    codes : (n,) the patient of every ECG
    level : proportion of new patients' ECGs whose set is to hold the true answer
    by_outcome : each answer by the patients who have it, instead of by all

    Examples
    --------
    >>> y, p = np.array([0] * 9 + [1] * 9), np.r_[np.arange(1, 10), np.arange(11, 20)] / 20
    >>> conformal_cutoffs(y, p, np.arange(18), 0.8, by_outcome=True)
    Cutoffs(no_to=0.4, yes_from=0.6)
    """
    yes = y_true == 1
    if by_outcome:
        return Cutoffs(
            conformal_quantile(probability[~yes], codes[~yes], level),
            -conformal_quantile(-probability[yes], codes[yes], level),
        )
    largest = conformal_quantile(np.where(yes, 1 - probability, probability), codes, level)
    return Cutoffs(largest, 1 - largest)


def conformal_quantile(scores: np.ndarray, codes: np.ndarray, level: float) -> float:
    """Find the score that a proportion `level` of patients, one unknown patient included, does not exceed.

    Each patient weighs the same, whatever the number of ECGs. With one ECG per patient this is the
    ceil((patients + 1) level)-th smallest score.

    Parameters
    ----------
    scores : (n,) the higher, the less an answer conforms
    codes : (n,) the patient of every ECG

    Returns
    -------
    Infinity where there are too few patients for the level.

    Examples
    --------
    >>> conformal_quantile(np.array([0.1, 0.2, 0.3, 0.4]), np.arange(4), 0.6)
    0.3
    >>> conformal_quantile(np.array([0.1, 0.2, 0.3, 0.4]), np.arange(4), 0.9)
    inf
    """
    _, patient, ecgs = np.unique(codes, return_inverse=True, return_counts=True)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(1 / ecgs[patient[order]]) / (ecgs.size + 1) >= level - _ROUNDING
    return float(scores[order][reached.argmax()]) if reached.any() else float("inf")
