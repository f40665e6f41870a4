"""Cumulative incidence against published estimates and R's survival 3.5-3, to 4 digits and more."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung, load_rossi
from scipy import stats

from ecg_ccta.statistics.incidence import aalen_johansen, kaplan_meier

DATA = Path(__file__).parent / "data"

# Freireich et al., Blood 21:699-716, 1963: weeks in remission under 6-mercaptopurine, negative where censored.
MERCAPTOPURINE = [6, 6, 6, -6, 7, -9, 10, -10, -11, 13, 16, -17, -19, -20, 22, 23, -25, -32, -32, -34, -35]

# First 60 patients of survival::mgus2 (Kyle et al., N Engl J Med 346:564, 2002): months to progression or death.
MONTHS = [
    30, 25, 46, 92, 8, 4, 151, 2, 57, 136, 2, 108, 10, 14, 18, 43, 34, 67, 16, 62, 129, 116, 25, 88, 115, 75, 55, 25,
    206, 7, 118, 2, 26, 164, 101, 27, 60, 2, 125, 18, 98, 98, 77, 37, 85, 136, 196, 3, 159, 158, 90, 139, 4, 5, 94, 29,
    84, 321, 147, 13,
]  # fmt: skip
CENSORED, PROGRESSION = (8, 21, 28, 34, 48, 49), 55


def read(curve: pd.DataFrame, times) -> pd.DataFrame:
    return pd.concat([curve[curve["day"] <= time].tail(1) for time in times])


def error_of(rows: pd.DataFrame) -> np.ndarray:
    """Standard error of a survival probability that its interval on the log(-log) scale rests on."""
    survival = 1 - rows["cumulative"].to_numpy()
    width = np.log(np.log(1 - rows["upper"]) / np.log(1 - rows["lower"])).to_numpy()
    return width / (2 * stats.norm.ppf(0.975)) * -survival * np.log(survival)


def test_kaplan_meier_of_freireichs_remissions_as_published() -> None:
    """Estimates of Kleinbaum and Klein, Survival Analysis, chapter 2; R's survfit on MASS::gehan prints the same, and
    these standard errors (Greenwood)."""
    weeks = np.array(MERCAPTOPURINE)
    rows = read(kaplan_meier(abs(weeks), weeks > 0), (6, 7, 10, 13, 16, 22, 23))
    survival = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    assert (1 - rows["cumulative"]).round(4).tolist() == survival
    assert error_of(rows).round(4).tolist() == [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]


@pytest.mark.parametrize(
    ("sex", "survival", "lower", "upper"),
    [
        (1, (0.84782609, 0.64446500, 0.33608783, 0.07812409), (0.77622728, 0.55841247, 0.25272914, 0.03520388),
         (0.89800382, 0.71801360, 0.42130217, 0.14338962)),
        (2, (0.93333333, 0.84240171, 0.52646303, 0.18723250), (0.85762000, 0.74838092, 0.40357982, 0.08465965),
         (0.96948443, 0.90350430, 0.63531623, 0.32083268)),
    ],
)  # fmt: skip
def test_kaplan_meier_in_lung_cancer(sex, survival, lower, upper) -> None:
    """summary(survfit(Surv(time, status) ~ sex, lung, conf.type = "log-log"), times = c(90, 180, 365, 730))"""
    lung = load_lung()
    lung = lung[lung["sex"] == sex]
    rows = read(kaplan_meier(lung["time"], lung["status"]), (90, 180, 365, 730))
    assert 1 - rows["cumulative"].to_numpy() == pytest.approx(survival, abs=5e-8)
    assert 1 - rows["upper"].to_numpy() == pytest.approx(lower, abs=5e-8)
    assert 1 - rows["lower"].to_numpy() == pytest.approx(upper, abs=5e-8)


def test_kaplan_meier_of_the_veterans() -> None:
    """summary(survfit(Surv(time, status) ~ trt, veteran), times = c(30, 100, 200)), the standard error too."""
    veterans = pd.read_csv(DATA / "veteran.csv")
    expected = {1: (0.72406934, 0.50198084, 0.19472456), 2: (0.67647059, 0.33264706, 0.21622059)}
    errors = {1: (0.05388524, 0.06063976, 0.05009194), 2: (0.05673184, 0.05775349, 0.05165195)}
    for treatment, group in veterans.groupby("trt"):
        rows = read(kaplan_meier(group["time"], group["status"]), (30, 100, 200))
        assert 1 - rows["cumulative"].to_numpy() == pytest.approx(expected[treatment], abs=5e-8)
        assert error_of(rows) == pytest.approx(errors[treatment], abs=5e-7)


def test_kaplan_meier_of_the_recidivists_is_that_of_r() -> None:
    """summary(survfit(Surv(week, arrest) ~ fin, conf.type = "log-log"), times = c(10, 20, 40)), R's survival 3.5-3."""
    rossi = load_rossi()
    expected = {
        0: [(0.9583, 0.9215, 0.9781), (0.9028, 0.8548, 0.9355), (0.7731, 0.7113, 0.8234)],
        1: [(0.9722, 0.9392, 0.9874), (0.9120, 0.8656, 0.9430), (0.8333, 0.7766, 0.8768)],
    }
    for aid, group in rossi.groupby("fin"):
        rows = read(kaplan_meier(group["week"].to_numpy(float), group["arrest"].to_numpy()), (10, 20, 40))
        found = 1 - rows[["cumulative", "upper", "lower"]].to_numpy()
        assert found == pytest.approx(np.array(expected[aid]), abs=5e-5)


def test_aalen_johansen_of_progression_where_death_competes() -> None:
    """Data and call of the vignette on competing risks of R's survival: mgus2, survfit(Surv(etime, event) ~ sex); its
    summary at 60, 120 and 240 months gives state pcm and state (death), and its print, rmean = 240, scale = 12, the
    years spent in each (women 1.32328356 and 8.82310847, men 1.06469350 and 10.26029414)."""
    patients = pd.read_csv(DATA / "mgus2.csv")
    progression = {"F": (0.03978962, 0.07388566, 0.10494067), "M": (0.02934628, 0.05531024, 0.09565075)}
    death = {"F": (0.26396515, 0.48049005, 0.69530780), "M": (0.36762699, 0.57517849, 0.74812789)}
    errors = {"F": (0.00779833, 0.01076980, 0.01426296), "M": (0.00616458, 0.00864432, 0.01352583)}
    years = {"F": (1.32328356, 8.82310847), "M": (1.06469350, 10.26029414)}
    for sex, group in patients.groupby("sex"):
        months = group["months"].to_numpy(float)
        curves = [
            aalen_johansen(months, group["event"].to_numpy()),
            aalen_johansen(months, group["event"].map({0: 0, 1: 2, 2: 1}).to_numpy()),
        ]
        for curve, expected in zip(curves, (progression[sex], death[sex]), strict=True):
            assert read(curve, (60, 120, 240))["cumulative"].to_numpy() == pytest.approx(expected, abs=5e-8)
        rows = read(curves[0], (60, 120, 240))
        cumulative = rows["cumulative"].to_numpy()
        width = np.log(np.log(rows["upper"]) / np.log(rows["lower"])).to_numpy()
        # R's error is the infinitesimal jackknife's, lifelines' Aalen's estimate.
        assert np.abs(width / (2 * 1.959964) * cumulative * np.log(cumulative)) == pytest.approx(errors[sex], rel=0.03)
        spent = []
        for curve in curves:
            until = curve[curve["day"] < 240]
            spent.append((until["cumulative"] * np.diff(np.append(until["day"], 240))).sum() / 12)
        assert spent == pytest.approx(years[sex], abs=5e-8)


def test_aalen_johansen_with_ties_is_that_of_r() -> None:
    """survfit(Surv(etime, event) ~ 1), state 2 (death) with progression competing, at 24, 60 and 120 months."""
    outcome = np.ones(60, dtype=int)
    outcome[list(CENSORED)], outcome[PROGRESSION] = 0, 2
    rows = read(aalen_johansen(np.array(MONTHS, float), outcome), (24, 60, 120))
    cumulative = rows["cumulative"].to_numpy()
    assert cumulative == pytest.approx([0.26666667, 0.46720430, 0.72960604], abs=1e-7)
    width = np.log(np.log(rows["upper"]) / np.log(rows["lower"])).to_numpy()
    errors = np.abs(width / (2 * 1.959964) * cumulative * np.log(cumulative))
    assert errors == pytest.approx([0.05709, 0.06448, 0.05856], rel=0.03)


def test_without_deaths_both_are_one_minus_kaplan_meier() -> None:
    rossi = load_rossi()
    outcome = rossi["arrest"].to_numpy()
    one, other = (estimate(rossi["week"].to_numpy(float), outcome) for estimate in (kaplan_meier, aalen_johansen))
    assert one["day"].tolist() == other["day"].tolist()
    np.testing.assert_allclose(one["cumulative"], other["cumulative"], atol=1e-12)


def test_aalen_johansen_without_an_event_and_with_nobody_left() -> None:
    never = aalen_johansen(np.array([3.0, 5.0, 5.0]), np.array([0, 2, 0]))
    assert never["day"].tolist() == [0, 3, 5]
    assert never["cumulative"].tolist() == [0, 0, 0]
    assert never[["lower", "upper"]].isna().sum().tolist() == [2, 2]
    all_of_them = aalen_johansen(np.array([3.0, 5.0]), np.array([1, 1]))
    assert all_of_them["cumulative"].tolist() == [0, 0.5, 1]
    assert all_of_them[["lower", "upper"]].iloc[-1].isna().all()


@pytest.mark.parametrize("seed", range(20))
def test_aalen_johansen_at_distinct_times_is_that_of_lifelines(seed: int) -> None:
    from lifelines import AalenJohansenFitter

    rng = np.random.default_rng(seed)
    time, outcome = rng.permutation(np.arange(1.0, 61)), rng.choice(3, 60, p=[0.5, 0.3, 0.2])
    curve = aalen_johansen(time, outcome, level=0.9)
    expected = AalenJohansenFitter(alpha=0.1).fit(time, outcome, event_of_interest=1)
    np.testing.assert_allclose(curve["cumulative"], expected.cumulative_density_.iloc[:, 0], atol=1e-13)
    known = curve["cumulative"] > 0
    bounds = expected.confidence_interval_.to_numpy()[known]
    np.testing.assert_allclose(curve.loc[known, ["lower", "upper"]], bounds, atol=1e-12)
