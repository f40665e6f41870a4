"""Means over centres against R's metafor and statsmodels, and what makes them wider."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from ecg_ccta.statistics.random_effects import random_effects

BCG_LOG_RISK_RATIO = np.array([
    [-0.8893, 0.3256], [-1.5854, 0.1946], [-1.3481, 0.4154], [-1.4416, 0.0200], [-0.2175, 0.0512], [-0.7861, 0.0069],
    [-1.6209, 0.2230], [0.0120, 0.0040], [-0.4694, 0.0564], [-1.3713, 0.0730], [-0.3394, 0.0124], [0.4459, 0.5325],
    [-0.0173, 0.0714],
])  # fmt: skip
"""Thirteen trials of a vaccine (Colditz et al., JAMA 271:698, 1994), as metafor prints its dat.bcg."""


def test_four_studies_as_metafor():
    """rma.uni(yi, vi, method="PM", test="knha"); predict(): as published with a test of a forest plot program."""
    found = random_effects(np.array([0.40, -0.20, 0.55, 0.10]), np.array([0.05, 0.06, 0.04, 0.05]))
    assert found.estimate == pytest.approx(0.22957, abs=1e-5)
    assert found.heterogeneity**2 == pytest.approx(0.05930, abs=1e-5)
    assert found.prediction_lower == pytest.approx(-0.70650, abs=1e-5)
    assert found.prediction_upper == pytest.approx(1.16564, abs=1e-5)


def test_the_vaccine_trials():
    """Paule and Mandel's variance solves its equation; the interval is statsmodels' of Hartung and Knapp.

    The documentation of metafor has -0.7145 (0.3132) by REML, which is near. Cochran's Q is 152.23 there.
    """
    estimates, variances = BCG_LOG_RISK_RATIO.T
    found = random_effects(estimates, variances)
    between = found.heterogeneity**2
    weight = 1 / (variances + between)
    assert weight @ (estimates - found.estimate) ** 2 == pytest.approx(12, abs=1e-3)
    assert found.estimate == pytest.approx(-0.7145, abs=0.002)
    assert between == pytest.approx(0.3132, abs=0.01)
    low, high = combine_effects(estimates, variances, method_re="iterated", use_t=True).conf_int()[3]
    assert (found.lower, found.upper) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert found.i_squared == pytest.approx(1 - 12 / 152.23, abs=1e-3)


def test_equal_centres_are_never_narrower_than_without_a_spread():
    """Where no variance is found between centres, Hartung and Knapp's scale of less than 1 is not taken."""
    found = random_effects(np.array([0.50, 0.51, 0.49, 0.50]), np.full(4, 0.04))
    half = stats.t.ppf(0.975, 3) * (0.04 / 4) ** 0.5
    assert found.heterogeneity == 0
    assert found.upper - found.estimate == pytest.approx(half)
    assert (found.prediction_lower, found.prediction_upper) == (found.lower, found.upper)


def test_shared_labels_widen_the_mean_and_hide_no_heterogeneity():
    estimates, variances = np.array([0.2, 0.9, 1.4, 0.4]), np.array([0.02, 0.03, 0.02, 0.04])
    alone, shared = (random_effects(estimates, variances, shared_labels=factor) for factor in (1.0, 2.0))
    assert shared.heterogeneity == alone.heterogeneity > 0
    assert shared.estimate == alone.estimate
    assert shared.upper - shared.lower > alone.upper - alone.lower
    plain = random_effects(np.full(4, 0.5), variances, shared_labels=2.0)
    once = random_effects(np.full(4, 0.5), variances)
    assert (plain.upper - plain.lower) / (once.upper - once.lower) == pytest.approx(2**0.5)


def test_two_centres_and_no_variance_are_refused():
    with pytest.raises(ValueError, match="fewer than 3 centres"):
        random_effects(np.array([0.1, 0.2]), np.array([0.1, 0.1]))
    with pytest.raises(ValueError, match="no variance"):
        random_effects(np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.0, 0.1]))
