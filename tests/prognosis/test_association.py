"""Tests, hazard ratios, restricted means and concordance against R's survival 3.5-3 and published output."""

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung, load_rossi
from lifelines.statistics import logrank_test
from lifelines.utils import concordance_index
from scipy import stats

from ecg_ccta.prognosis.association import concordance, hazard_ratio, restricted_mean, trend_test


@pytest.fixture(scope="module")
def rossi() -> pd.DataFrame:
    """Rossi, Berk and Lenihan's recidivists: 432 men, weeks to arrest, with or without financial aid."""
    return load_rossi()


def test_cox_of_the_recidivists_as_published(rossi) -> None:
    """Fox and Weisberg, Cox Proportional-Hazards Regression in R (appendix to An R Companion to Applied Regression):
    coefficients of fin, age and prio with all seven covariates; R's survival 3.5-3 prints the same."""
    covariates = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
    published = {"fin": (-0.37942, 0.19138), "age": (-0.05744, 0.02200), "prio": (0.09150, 0.02865)}
    for name, (coefficient, error) in published.items():
        ordered = rossi[[name, *(other for other in covariates if other != name)]]
        found = hazard_ratio(rossi["week"], rossi["arrest"], ordered)
        assert np.log(found["estimate"]) == pytest.approx(coefficient, abs=5e-5)
        width = np.log(found["upper"] / found["lower"]) / (2 * stats.norm.ppf(0.975))
        assert width == pytest.approx(error, abs=5e-5)


def test_crude_hazard_ratio_and_its_interval(rossi) -> None:
    """coxph(Surv(week, arrest) ~ fin): 0.69138 (0.47668 to 1.0028), p 0.05174."""
    found = hazard_ratio(rossi["week"], rossi["arrest"], rossi[["fin"]])
    assert found["estimate"] == pytest.approx(0.69138, abs=5e-6)
    assert (found["lower"], found["upper"]) == pytest.approx((0.47668, 1.0028), abs=5e-5)
    assert found["p"] == pytest.approx(0.05174, abs=5e-6)


def test_the_check_of_proportional_hazards_agrees_with_r(rossi) -> None:
    """cox.zph(coxph(Surv(week, arrest) ~ age + fin + prio), transform = "km") of survival 3.5-3: age 6.325, p 0.0119.

    R makes a score test, lifelines Grambsch and Therneau's approximation, so that they agree roughly."""
    found = hazard_ratio(rossi["week"], rossi["arrest"], rossi[["age", "fin", "prio"]])
    assert found["proportional_p"] == pytest.approx(0.0119, abs=0.003)


def test_trend(rossi) -> None:
    """s'(O - E) squared over s'Vs of survdiff(Surv(time, status) ~ ph.ecog) in survival::lung, ph.ecog < 3: 16.446543.
    With two groups survdiff's 3.838 of the recidivists."""
    lung = load_lung()
    lung = lung[lung["ph.ecog"] < 3]
    statistic, p = trend_test(lung["time"], lung["status"], lung["ph.ecog"])
    assert statistic == pytest.approx(16.446543, abs=1e-5)
    assert p == pytest.approx(stats.chi2.sf(16.446543, 1))
    statistic, _ = trend_test(rossi["week"], rossi["arrest"], rossi["fin"])
    assert statistic == pytest.approx(3.838, abs=5e-4)
    arms = [rossi[rossi["fin"] == aid] for aid in (0, 1)]
    same = logrank_test(*(arm["week"] for arm in arms), *(arm["arrest"] for arm in arms))
    assert statistic == pytest.approx(same.test_statistic)


def test_restricted_mean(rossi) -> None:
    """print(survfit(Surv(week, arrest) ~ fin), rmean = 52): 44.83 (se 0.9177) and 46.87 (se 0.7933)."""
    found = [restricted_mean(arm["week"], arm["arrest"], 52) for _, arm in rossi.groupby("fin")]
    assert [mean for mean, _ in found] == pytest.approx([44.83, 46.87], abs=0.005)
    assert [error for _, error in found] == pytest.approx([0.9177, 0.7933], abs=5e-5)
    assert np.isnan(restricted_mean(rossi["week"], rossi["arrest"], 60)).all()


def test_concordance(rossi) -> None:
    """concordance(coxph(Surv(week, arrest) ~ fin)) of survival 3.5-3: 0.54574; lung and age, reversed: 0.44976."""
    score = -rossi["fin"]
    estimate, lower, upper = concordance(rossi["week"], rossi["arrest"], score, 0.95, 500, 0)
    assert estimate == pytest.approx(0.54574, abs=5e-6)
    # R's standard error is 0.023377.
    assert upper - lower == pytest.approx(2 * 1.96 * 0.023377, rel=0.1)
    lung = load_lung()
    estimate, *_ = concordance(lung["time"], lung["status"], lung["age"], 0.95, 10, 0)
    assert estimate == pytest.approx(1 - 0.44976, abs=5e-6)
    assert estimate == pytest.approx(concordance_index(lung["time"], -lung["age"], lung["status"]))
