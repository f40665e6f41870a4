"""How far predictions move when the model is developed again on other patients.

Source: Riley and Collins, Stability of clinical prediction models developed using statistical or machine learning
methods, Biometrical Journal 65:2200302, 2023.
"""

import numpy as np


def mean_absolute_prediction_error(original: np.ndarray, again: np.ndarray) -> np.ndarray:
    """Average over models, for each ECG (n,), how far their probabilities (models, n) lie from the original's (n,).

    Examples
    --------
    >>> mean_absolute_prediction_error(np.array([0.5]), np.array([[0.25], [0.75], [0.5], [1.0]]))
    array([0.25])
    """
    return np.abs(again - original).mean(axis=0)


def classification_instability(original: np.ndarray, again: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Give the proportion, for each ECG (n,), of the models (models, n) that put it on the threshold's other side.

    A probability at the threshold is above it. `threshold` is (n,).

    Examples
    --------
    >>> classification_instability(np.array([0.5]), np.array([[0.25], [0.75], [0.5], [1.0]]), np.array([0.5]))
    array([0.25])
    """
    return ((again >= threshold) != (original >= threshold)).mean(axis=0)


def prediction_intervals(again: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Give each ECG's percentiles (n,) over the models (models, n), as far apart as `level` says."""
    lower, upper = np.quantile(again, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper
