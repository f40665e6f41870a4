"""Temperature against scikit-learn's logistic regression without intercept, of which it is a special case."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from ecg_ccta.training.temperature import fit_temperature


def test_equals_a_logistic_slope():
    rng = np.random.default_rng(0)
    true = rng.normal(0, 1.5, (500, 4))
    labels = (rng.random(true.shape) < 1 / (1 + np.exp(-true))).astype(float)
    labels[rng.random(labels.shape) < 0.2] = np.nan
    logits = 2.5 * true
    known = ~np.isnan(labels)
    slope = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8).fit(logits[known][:, None], labels[known])
    assert fit_temperature(logits, labels) == pytest.approx(1 / slope.coef_[0, 0], rel=1e-3)
    assert fit_temperature(logits, labels) == pytest.approx(2.5, rel=0.1)


def test_needs_a_known_label():
    with pytest.raises(ValueError, match="known label"):
        fit_temperature(np.zeros((3, 4)), np.full((3, 4), np.nan))
