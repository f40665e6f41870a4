"""Cumulative incidence against R's survival 3.5-3."""

import numpy as np
import pytest
from lifelines.datasets import load_rossi

from ecg_ccta.prognosis.incidence import aalen_johansen, kaplan_meier

# First 60 patients of survival::mgus2 (Kyle et al., N Engl J Med 346:564, 2002): months to progression or death.
MONTHS = [
    30, 25, 46, 92, 8, 4, 151, 2, 57, 136, 2, 108, 10, 14, 18, 43, 34, 67, 16, 62, 129, 116, 25, 88, 115, 75, 55, 25,
    206, 7, 118, 2, 26, 164, 101, 27, 60, 2, 125, 18, 98, 98, 77, 37, 85, 136, 196, 3, 159, 158, 90, 139, 4, 5, 94, 29,
    84, 321, 147, 13,
]  # fmt: skip
CENSORED, PROGRESSION = (8, 21, 28, 34, 48, 49), 55


def test_aalen_johansen_with_ties_is_that_of_r() -> None:
    """survfit(Surv(etime, event) ~ 1), state 2 (death) with progression competing, at 24, 60 and 120 months."""
    outcome = np.ones(60, dtype=int)
    outcome[list(CENSORED)], outcome[PROGRESSION] = 0, 2
    curve = aalen_johansen(np.array(MONTHS, float), outcome)
    read = [curve[curve["day"] <= month].iloc[-1] for month in (24, 60, 120)]
    assert [row["cumulative"] for row in read] == pytest.approx([0.26666667, 0.46720430, 0.72960604], abs=1e-7)
    factor = [np.log(np.log(row["upper"]) / np.log(row["lower"])) / (2 * 1.959964) for row in read]
    errors = [abs(f) * abs(row["cumulative"] * np.log(row["cumulative"])) for f, row in zip(factor, read, strict=True)]
    assert errors == pytest.approx([0.05709, 0.06448, 0.05856], rel=0.03)


def test_without_deaths_both_are_one_minus_kaplan_meier() -> None:
    rossi = load_rossi()
    outcome = rossi["arrest"].to_numpy()
    one, other = (estimate(rossi["week"].to_numpy(float), outcome) for estimate in (kaplan_meier, aalen_johansen))
    assert one["day"].tolist() == other["day"].tolist()
    np.testing.assert_allclose(one["cumulative"], other["cumulative"], atol=1e-12)


def test_kaplan_meier_of_the_recidivists_is_that_of_r() -> None:
    """summary(survfit(Surv(week, arrest) ~ fin, conf.type = "log-log"), times = c(10, 20, 40)), R's survival 3.5-3."""
    rossi = load_rossi()
    expected = {
        0: [(0.9583, 0.9215, 0.9781), (0.9028, 0.8548, 0.9355), (0.7731, 0.7113, 0.8234)],
        1: [(0.9722, 0.9392, 0.9874), (0.9120, 0.8656, 0.9430), (0.8333, 0.7766, 0.8768)],
    }
    for aid, group in rossi.groupby("fin"):
        curve = kaplan_meier(group["week"].to_numpy(float), group["arrest"].to_numpy())
        for week, (survival, lower, upper) in zip((10, 20, 40), expected[aid], strict=True):
            row = curve[curve["day"] <= week].iloc[-1]
            found = (1 - row["cumulative"], 1 - row["upper"], 1 - row["lower"])
            assert found == pytest.approx((survival, lower, upper), abs=5e-5)
