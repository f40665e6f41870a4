"""Tests, hazard ratios, restricted means and concordance against published output and R's survival 3.5-3."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung, load_rossi
from lifelines.statistics import logrank_test
from lifelines.utils import concordance_index
from scipy import stats
from statsmodels.duration.hazard_regression import PHReg

from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.survival import concordance, hazard_ratio, restricted_mean, trend_test

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def rossi() -> pd.DataFrame:
    """Rossi, Berk and Lenihan's recidivists: 432 men, weeks to arrest, with or without financial aid."""
    return load_rossi()


@pytest.fixture(scope="module")
def lung() -> pd.DataFrame:
    """survival::lung (Loprinzi et al., J Clin Oncol 12:601, 1994), as lifelines ships it: status 1 is death."""
    return load_lung()


@pytest.fixture(scope="module")
def veterans() -> pd.DataFrame:
    """survival::veteran, the Veterans' Administration lung cancer trial (data/README.md)."""
    return pd.read_csv(DATA / "veteran.csv")


def coefficient(found: dict) -> tuple[float, float]:
    """Coefficient and standard error behind a hazard ratio and its Wald interval."""
    width = np.log(found["upper"] / found["lower"]) / (2 * stats.norm.ppf(0.975))
    return float(np.log(found["estimate"])), float(width)


def test_cox_of_the_recidivists_as_published(rossi) -> None:
    """Fox and Weisberg, Cox Proportional-Hazards Regression in R (appendix to An R Companion to Applied Regression),
    after Allison's example: all seven coefficients and standard errors, to five digits."""
    published = {
        "fin": (-0.37942, 0.19138), "age": (-0.05744, 0.02200), "race": (0.31390, 0.30799),
        "wexp": (-0.14980, 0.21222), "mar": (-0.43370, 0.38187), "paro": (-0.08487, 0.19576),
        "prio": (0.09150, 0.02865),
    }  # fmt: skip
    for name, expected in published.items():
        ordered = rossi[[name, *(other for other in published if other != name)]]
        found = hazard_ratio(rossi["week"], rossi["arrest"], ordered)
        assert coefficient(found) == pytest.approx(expected, abs=6e-6)


def test_cox_in_lung_cancer_as_in_rs_documentation(lung) -> None:
    """summary(coxph(Surv(time, status) ~ age + sex, lung)): age 0.017045 (0.009223), sex -0.513219 (0.167458); sex
    alone exp(coef) 0.5880 (0.4237 to 0.8160)."""
    found = hazard_ratio(lung["time"], lung["status"], lung[["age", "sex"]])
    assert coefficient(found) == pytest.approx((0.017045, 0.009223), abs=5e-7)
    found = hazard_ratio(lung["time"], lung["status"], lung[["sex", "age"]])
    assert coefficient(found) == pytest.approx((-0.513219, 0.167458), abs=5e-6)
    assert found["p"] == pytest.approx(0.00217845, rel=5e-5)
    found = hazard_ratio(lung["time"], lung["status"], lung[["sex"]])
    assert [found[name] for name in ("estimate", "lower", "upper")] == pytest.approx(
        [0.58800282, 0.42371783, 0.81598481], abs=5e-6
    )


def test_cox_of_the_veterans(veterans) -> None:
    """summary(coxph(Surv(time, status) ~ karno + trt, veteran)): exp(coef) 0.966616 (0.957033 to 0.976295)."""
    found = hazard_ratio(veterans["time"], veterans["status"], veterans[["karno", "trt"]])
    assert [found[name] for name in ("estimate", "lower", "upper")] == pytest.approx(
        [0.96661639, 0.95703325, 0.97629549], abs=5e-7
    )


def test_crude_hazard_ratio_and_its_interval(rossi) -> None:
    """coxph(Surv(week, arrest) ~ fin): 0.69138 (0.47668 to 1.0028), p 0.05174."""
    found = hazard_ratio(rossi["week"], rossi["arrest"], rossi[["fin"]])
    assert found["estimate"] == pytest.approx(0.69138, abs=5e-6)
    assert (found["lower"], found["upper"]) == pytest.approx((0.47668, 1.0028), abs=5e-5)
    assert found["p"] == pytest.approx(0.05174, abs=5e-6)


@pytest.mark.parametrize(
    ("data", "time", "event", "covariates", "p"),
    [
        ("rossi", "week", "arrest", ["age", "fin", "prio"], 0.0119016312),
        ("rossi", "week", "arrest", ["fin", "age", "prio"], 0.8005241215),
        ("rossi", "week", "arrest", ["prio", "fin", "age"], 0.4713922337),
        ("veterans", "time", "status", ["karno", "trt"], 0.0005439035),
        ("veterans", "time", "status", ["trt", "karno"], 0.5794204939),
        ("lung", "time", "status", ["age", "sex"], 0.6473929390),
        ("lung", "time", "status", ["sex", "age"], 0.1063477980),
    ],
)
def test_proportional_hazards_is_that_of_cox_zph(data, time, event, covariates, p, request) -> None:
    """p of cox.zph(coxph(Surv(time, event) ~ covariates)), its default transform "km", of each data set."""
    table = request.getfixturevalue(data)
    found = hazard_ratio(table[time], table[event], table[covariates])
    assert found["proportional_p"] == pytest.approx(p, rel=5e-5)


def test_log_rank(rossi, lung, veterans) -> None:
    """survdiff's chi-squared: the trend of two groups is the log-rank test. Freireich's is in `test_events`."""
    for table, time, event, group, expected in (
        (lung, "time", "status", "sex", 10.326742),
        (veterans, "time", "status", "trt", 0.0082273432),
        (rossi, "week", "arrest", "fin", 3.8376),
    ):
        statistic, p = trend_test(table[time], table[event], table[group])
        assert statistic == pytest.approx(expected, rel=5e-5)
        assert p == pytest.approx(stats.chi2.sf(statistic, 1))
    arms = [rossi[rossi["fin"] == aid] for aid in (0, 1)]
    same = logrank_test(*(arm["week"] for arm in arms), *(arm["arrest"] for arm in arms))
    assert statistic == pytest.approx(same.test_statistic)


def test_trend(lung, veterans) -> None:
    """Score test of coxph(..., ties = "exact"), whose information at 0 is the hypergeometric variance: lung, ph.ecog
    below 3, 16.4465432; veteran, karno cut at 40 and 60, 39.7358215. s'(O - E) squared over s'Vs of survdiff is the
    same."""
    lung = lung[lung["ph.ecog"] < 3]
    statistic, p = trend_test(lung["time"], lung["status"], lung["ph.ecog"])
    assert statistic == pytest.approx(16.4465432, abs=5e-7)
    assert p == pytest.approx(stats.chi2.sf(16.4465432, 1))
    groups = np.digitize(veterans["karno"], [40, 60], right=True)
    statistic, _ = trend_test(veterans["time"], veterans["status"], groups)
    assert statistic == pytest.approx(39.7358215, abs=5e-7)


def test_restricted_mean(rossi, lung, veterans) -> None:
    """summary(survfit(...), rmean = 52, 500 and 300)$table: rmean and se(rmean) of each group."""
    for table, time, event, group, until, expected in (
        (rossi, "week", "arrest", "fin", 52, [(44.8333333, 0.91767154), (46.8750000, 0.79332490)]),
        (lung, "time", "status", "sex", 500, [(278.763232, 14.3545586), (360.910954, 16.8010182)]),
        (veterans, "time", "status", "trt", 300, [(114.121130, 11.6734248), (103.494182, 12.6024033)]),
    ):
        found = [restricted_mean(arm[time], arm[event], until) for _, arm in table.groupby(group)]
        assert np.array(found) == pytest.approx(np.array(expected), rel=5e-7)
    assert np.isnan(restricted_mean(rossi["week"], rossi["arrest"], 60)).all()


def test_concordance(rossi, lung, veterans) -> None:
    """concordance(Surv(time, status) ~ score): fin 0.45426471, age 0.55023983, karno 0.70927987 (se 0.02255872); the
    first two with reverse = TRUE."""
    for table, time, event, score, expected in (
        (rossi, "week", "arrest", rossi["fin"], 0.454264713),
        (lung, "time", "status", lung["age"], 0.550239832),
        (veterans, "time", "status", -veterans["karno"], 0.7092798728),
    ):
        estimate, lower, upper = concordance(table[time], table[event], score, Bootstrap(len(table), 500, 0.95, 0))
        assert estimate == pytest.approx(expected, abs=5e-9)
        assert estimate == pytest.approx(concordance_index(table[time], -score, table[event]))
    assert upper - lower == pytest.approx(2 * 1.96 * 0.02255872, rel=0.1)


def test_the_hazard_ratio_is_where_the_score_is_zero() -> None:
    """Score and information of statsmodels' PHReg: a Newton step from the estimate would not move its seventh digit."""
    rng = np.random.default_rng(0)
    high = rng.random(400) < 0.2
    onset, end = np.ceil(rng.exponential(np.where(high, 800, 2400))), np.ceil(rng.uniform(28, 700, 400))
    time, is_event = np.minimum(onset, end), onset <= end
    found = hazard_ratio(time, is_event, pd.DataFrame({"high": high.astype(float)}))
    model = PHReg(time, high[:, None].astype(float), status=is_event.astype(int), ties="efron")
    at = np.array([np.log(found["estimate"])])
    assert abs(model.score(at) / model.hessian(at)[0])[0] < 1e-7
