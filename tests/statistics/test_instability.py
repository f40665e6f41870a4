"""Instability of predictions, by hand."""

import numpy as np

from ecg_ccta.statistics.instability import (
    classification_instability,
    mean_absolute_prediction_error,
    prediction_intervals,
)

ORIGINAL = np.array([0.2, 0.6])
AGAIN = np.array([[0.1, 0.6], [0.4, 0.4], [0.2, 0.9], [0.3, 0.5]])


def test_mean_absolute_prediction_error_of_each_ecg():
    np.testing.assert_allclose(mean_absolute_prediction_error(ORIGINAL, AGAIN), [(0.1 + 0.2 + 0 + 0.1) / 4, 0.6 / 4])


def test_classifications_that_change_at_a_threshold_of_each_ecg():
    np.testing.assert_allclose(classification_instability(ORIGINAL, AGAIN, np.array([0.3, 0.5])), [0.5, 0.25])
    assert not classification_instability(ORIGINAL, AGAIN, np.array([0.0, 1.0])).any()


def test_percentiles_over_models():
    again = np.random.default_rng(0).permuted(np.linspace(0, 1, 201))[:, None] * [1, 0.5]
    lower, upper = prediction_intervals(again, 0.95)
    np.testing.assert_allclose(lower, [0.025, 0.0125])
    np.testing.assert_allclose(upper, [0.975, 0.4875])
