"""Temperature calibration (Guo et al., ICML 2017), fitted on inner-validation patients only."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_expit

SMALLEST, LARGEST = 0.1, 10.0


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The one temperature, shared by the vessels, that minimises the log loss of logits / temperature.

    Shared, because a rare vessel's few inner-validation events cannot carry a temperature of their own.

    Parameters
    ----------
    logits, labels : (ECGs, vessels); labels 0, 1 or NaN for missing

    Raises
    ------
    ValueError
        Where no label is known.
    """
    known = ~np.isnan(labels)
    if not known.any():
        raise ValueError("temperature calibration needs at least one known label")
    z, y = logits[known].astype(float), labels[known]

    def log_loss(log_temperature: float) -> float:
        scaled = z / np.exp(log_temperature)
        return -float(np.mean(y * log_expit(scaled) + (1 - y) * log_expit(-scaled)))

    found = minimize_scalar(log_loss, bounds=(np.log(SMALLEST), np.log(LARGEST)), method="bounded")
    return float(np.exp(found.x))
