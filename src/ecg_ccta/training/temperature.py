"""Temperature calibration (Guo et al., ICML 2017), fitted on inner-validation patients only.

The temperature divides a logit's distance from the log-odds of its vessel's prevalence, not from zero. About zero, a
temperature above 1 raises the probability of every rare finding, so that the log loss settles between overconfidence
and a wrong mean, and corrects neither.
"""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_expit

SMALLEST, LARGEST = 0.1, 10.0


def prevalence_logit(labels: np.ndarray) -> np.ndarray:
    """Log-odds (vessels,) of each vessel's prevalence, with half an event and half a non-event more than counted.

    Parameters
    ----------
    labels : (ECGs, vessels) 0, 1 or NaN for missing
    """
    events = np.nansum(labels, axis=0)
    return np.log((events + 0.5) / ((~np.isnan(labels)).sum(axis=0) - events + 0.5))


def fit_temperature(logits: np.ndarray, labels: np.ndarray, centre: np.ndarray) -> float:
    """The one temperature that minimises the log loss of centre + (logits - centre) / temperature.

    Shared by the vessels, because a rare vessel's few inner-validation events cannot carry a temperature of their own.

    Parameters
    ----------
    logits, labels : (ECGs, vessels); labels 0, 1 or NaN for missing
    centre : (vessels,) of `prevalence_logit` of the training patients

    Raises
    ------
    ValueError
        Where no label is known.
    """
    known = ~np.isnan(labels)
    if not known.any():
        raise ValueError("temperature calibration needs at least one known label")
    middle = np.broadcast_to(centre, labels.shape)[known]
    distance, y = logits[known].astype(float) - middle, labels[known]

    def log_loss(log_temperature: float) -> float:
        scaled = middle + distance / np.exp(log_temperature)
        return -float(np.mean(y * log_expit(scaled) + (1 - y) * log_expit(-scaled)))

    found = minimize_scalar(log_loss, bounds=(np.log(SMALLEST), np.log(LARGEST)), method="bounded")
    return float(np.exp(found.x))
