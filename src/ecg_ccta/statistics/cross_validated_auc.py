"""The AUC of out-of-fold scores, with a variance that knows that the folds share labels.

Out of fold, the label of patient i trains the model that predicts j, and the label of j the model that predicts i.
Every pair of patients is therefore used twice, and the usual variance, which holds the scores fixed, is too small
(Bengio and Grandvalet, J Mach Learn Res 5:1089-1105, 2004; Bates, Hastie and Tibshirani, J Am Stat Assoc 119:1434-1445,
2024). `variance_factor` says by how much at most. With it the intervals hold the AUC to be expected of a model trained
on as many patients (the mean over training sets), and no model is retrained; `benchmarks/type_one_error.py` prints how
often they do. For the K models at hand, a narrower question, the same interval is wider than need be. That the factor
holds for a network whose every layer was trained is argued, not shown: it was derived and simulated for linear scores.

Differences between groups of the same out-of-fold scores, as between subgroups, need no factor: the pairs across two
groups count with both signs and cancel what the pairs within them count twice. For these use `clustered_auc`.
"""

import numpy as np

from ecg_ccta.statistics.clustered_auc import AucInfluence, stratified_auc

SHARED_LABELS = 2.0
"""Variance of an out-of-fold statistic over that with the scores held fixed, where there is nothing to learn."""


def variance_factor(folds: int) -> float:
    """Give the greatest ratio of the variance of an out-of-fold AUC to its variance with the scores held fixed.

    The score is the difference of the two outcomes' mean features, which are independent, many and of equal variance;
    the ratio, by the delta method, depends on s, the squared cosine between the direction learnt and the right one. It
    is SHARED_LABELS at s = 0, where there is nothing to learn, and 1 at s = 1. For five folds and more the greatest
    ratio is 2.0, for two folds 2.3 (s = 0.3).

    Raises
    ------
    ValueError
        Where there are fewer than two folds.

    Examples
    --------
    >>> [round(variance_factor(folds), 2) for folds in (2, 5, 10)]
    [2.3, 2.03, 2.01]
    """
    if folds < 2:
        raise ValueError("cross-validation has two folds or more")
    s = np.linspace(0, 1, 1001)
    # What is linear in the folds' mean features, the products of two folds, and the length of one fold's.
    linear = s * (2 - s) ** 2
    products = 2 * (1 - s * (folds - 2) / (2 * (folds - 1))) ** 2
    lengths = s**2 / (2 * (folds - 1))
    return float((linear + (1 - s) * (products + lengths)).max())


def cross_validated_auc(
    y_true: np.ndarray, y_score: np.ndarray, fold: np.ndarray, codes: np.ndarray, patients: int
) -> AucInfluence:
    """Compute the AUC of out-of-fold scores, and what each patient contributes to it.

    Only ECGs of the same fold, which one model scored, are compared: the mean of the folds' AUCs, weighted by their
    pairs. Pooling scores of several models would add a bias, against which Parker et al. (BMC Bioinformatics 8:326,
    2007) advise to average. Give the result to `clustered_auc.auc_interval`, `mean_auc`, or `compare_paired` with
    another score in the same folds.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    y_score : (n,) by the model that did not see the ECG's patient
    fold : (n,) integers; a patient's ECGs are of one fold
    codes : (n,) integers in 0 .. patients - 1, the patient of every ECG
    patients : how many the whole cohort has

    Returns
    -------
    The AUC, with contributions enlarged by the root of `variance_factor`.

    Raises
    ------
    TooFewPatients, ValueError
        As `clustered_auc.stratified_auc`; ValueError also where a patient is in two folds or there is only one fold.
    """
    fold, codes = np.asarray(fold), np.asarray(codes)
    factor = variance_factor(np.unique(fold).size)
    spread = np.unique(np.column_stack([codes, fold]), axis=0)[:, 0]
    if np.unique(spread).size < spread.size:
        raise ValueError(f"{spread.size - np.unique(spread).size} patient(s) are in two folds")
    found = stratified_auc(y_true, y_score, fold, codes, patients)
    return found._replace(influence=found.influence * factor**0.5)
