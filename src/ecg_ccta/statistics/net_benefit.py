"""Net benefit of sending to a test whoever reaches a threshold probability.

Source: Vickers and Elkin, Med Decis Making 26:565-574, 2006. Point estimates equal those of the dcurves package; the
vectorised form is here because a bootstrap needs them thousands of times.
"""

import numpy as np


def net_benefit(
    y_true: np.ndarray, probability: np.ndarray, thresholds: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the net benefit of the model and of treating all; that of treating none is 0.

    The proportion of true positives less that of false positives, the latter weighed by the odds of the threshold.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    probability : (n,); at or above a threshold means treat
    thresholds : (t,) each in (0, 1)
    weights : (draws, n) how often each ECG counts; default one draw that counts every ECG once

    Returns
    -------
    model, treat_all : (draws, t); NaN for an empty draw

    Examples
    --------
    >>> model, treat_all = net_benefit(np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.4, 0.9]), np.array([0.2, 0.5]))
    >>> model.round(4).tolist(), treat_all.round(4).tolist()
    ([[0.4375, 0.0]], [[0.375, 0.0]])
    """
    positive = probability[:, None] >= thresholds
    event = (y_true == 1)[:, None]
    odds = thresholds / (1 - thresholds)
    benefit = (positive & event) - (positive & ~event) * odds
    for_all = event - ~event * odds
    weights = np.ones((1, y_true.size)) if weights is None else weights
    size = weights.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return (weights @ benefit) / size, (weights @ for_all) / size
