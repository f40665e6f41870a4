"""Wilson's interval against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from ecg_ccta.statistics.proportions import wilson


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_equals_statsmodels(level: float) -> None:
    count, n = np.array([0, 1, 8, 50, 100, 3]), np.array([10, 10, 10, 100, 100, 4000])
    expected = proportion_confint(count, n, alpha=1 - level, method="wilson")
    assert np.allclose(wilson(count, n, level), expected, atol=1e-14)


def test_interval_holds_the_proportion_itself() -> None:
    n = np.arange(1, 3000)
    for count in (np.zeros_like(n), n // 3, n):
        lower, upper = wilson(count, n)
        assert (lower <= count / n).all()
        assert (count / n <= upper).all()


def test_nothing_observed_has_no_interval() -> None:
    lower, upper = wilson([0, 0], [0, 5])
    assert np.isnan(lower[0])
    assert np.isnan(upper[0])
    assert lower[1] == 0
