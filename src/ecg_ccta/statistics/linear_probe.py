"""A linear probe: can a two-class label be told from features, for patients of whom the probe has seen nothing?"""

from collections.abc import Sequence

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def patient_folds(label: np.ndarray, codes: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold (n,) of each ECG, a patient's ECGs in one, the labels spread evenly over the folds.

    Raises
    ------
    ValueError
        Where there are fewer patients than folds.
    """
    fold = np.empty(len(label), dtype=int)
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for number, (_, rows) in enumerate(splitter.split(codes, label, codes)):
        fold[rows] = number
    return fold


def cross_fitted_probe(features: Sequence[np.ndarray], label: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Score each ECG by a probe that was fitted on the patients of the other folds, averaged over networks.

    Parameters
    ----------
    features : (n, d) of each network that has seen none of these patients
    label : (n,) bool
    fold : (n,) integers; a patient's ECGs are of one fold

    Returns
    -------
    (n,) log-odds of the label; comparable within a fold.

    Raises
    ------
    ValueError
        Where the other folds' patients are of one class.
    """
    scores = np.zeros(len(label))
    for number in np.unique(fold):
        test = fold == number
        scores[test] = np.mean([_fitted_outside(test, values, label) for values in features], axis=0)
    return scores


def probe_of_fold_networks(features: Sequence[np.ndarray], label: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Score each ECG by a probe of the one network that has not seen its patient.

    Fold k's probe reads the k-th of `features` and is fitted on the patients of the other folds. On their findings the
    network was trained, so that its features of their ECGs are not quite as those of new patients: the probe may be
    weaker for it, but is evaluated on patients whom neither it nor the network has seen.

    Parameters
    ----------
    features : (n, d) of each fold's network, in the order of the folds
    label, fold, returns, raises : as `cross_fitted_probe`
    """
    numbers = np.unique(fold)
    if len(features) != len(numbers):
        raise ValueError(f"{len(features)} networks for {len(numbers)} folds")
    scores = np.zeros(len(label))
    for number, values in zip(numbers, features, strict=True):
        scores[fold == number] = _fitted_outside(fold == number, values, label)
    return scores


def _fitted_outside(test: np.ndarray, values: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Fisher's linear discriminant of standardised features, fitted on all but `test`; its scores of `test`.

    The covariance is shrunken by Ledoit and Wolf's formula (J Multivar Anal 88:365, 2004): nothing is chosen, and more
    features than patients do no harm. A missing feature is the fitting patients' median, with a flag.
    """
    label = np.asarray(label, dtype=bool)
    if label[~test].all() or not label[~test].any():
        raise ValueError("the patients to fit a probe on are of one class")
    probe = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    )
    return probe.fit(values[~test], label[~test]).decision_function(values[test])
