"""Standardised differences."""

import pandas as pd
import pytest

from ecg_ccta.statistics.matching import standardised_difference


def test_standardised_difference_is_austins():
    """Stat Med 28:3083, 2009: over the root of the mean variance; 0.6 against 0.4 is 0.2 / sqrt(0.24)."""
    group = pd.Series(["high"] * 5 + ["low"] * 5)
    assert standardised_difference(pd.Series([1.0, 1, 1, 0, 0, 1, 1, 0, 0, 0]), group) == pytest.approx(0.2 / 0.24**0.5)
    ages = pd.Series([60.0, 62, 64, 66, 68, 55, 60, 65, 70, 75])
    assert standardised_difference(ages, group) == pytest.approx((64 - 65) / ((10 + 62.5) / 2) ** 0.5)
