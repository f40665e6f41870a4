"""AUC over time against published output of R packages, a slow reference written out here, and its limits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.datasets import load_lung
from sklearn.metrics import roc_auc_score

from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.incidence import CENSORED, DEATH, EVENT
from ecg_ccta.statistics.time_dependent_auc import time_dependent_auc

DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="module")
def pbc() -> pd.DataFrame:
    """The 312 randomised patients of survival::pbc (data/README.md): days, status (1 transplant, 2 dead), bilirubin."""
    return pd.read_csv(DATA / "pbc.csv")


def auc(time, outcome, score, days, replicates=2, **others):
    bootstrap = Bootstrap(len(time), replicates, **({"level": 0.95, "seed": 0} | others))
    found = time_dependent_auc(time, outcome, np.asarray(score, float)[:, None], days, bootstrap)
    return [table[0] for table in found]


def test_bilirubin_in_biliary_cirrhosis_is_that_of_time_roc(pbc) -> None:
    """The example of timeROC's manual (Blanche et al. 2013), printed as AUC (%) 83.96, 85.66, 88.03, 83.41, 80.79.

    The further digits are R's, as of `test_death_from_cirrhosis_with_transplant_competing`, without competing."""
    days = [999.2, 1307.4, 1839.5, 2555.7, 3039.0]
    estimate, lower, upper = auc(pbc["time"], pbc["status"] == 2, pbc["bili"], days, replicates=400)
    assert (100 * estimate).round(2).tolist() == [83.96, 85.66, 88.03, 83.41, 80.79]
    assert estimate == pytest.approx([0.8396437935, 0.8565909034, 0.8802501023, 0.8340980067, 0.8079404581], abs=5e-9)
    # timeROC's standard errors, from the estimator's influence function.
    assert (upper - lower) / (2 * 1.96) == pytest.approx([0.0291, 0.0256, 0.0225, 0.0317, 0.0348], rel=0.15)


def test_age_in_lung_cancer_is_that_of_risk_regression() -> None:
    """Age in the last 114 patients of survival::lung at days of death, ties with censoring among them.

    riskRegression::Score and, between such days, timeROC; both as torchsurv's tests hold them
    (github.com/Novartis/torchsurv, tests/benchmark_data/benchmark_auc.json, MIT licence)."""
    lung = load_lung().tail(114)
    days = [13, 31, 92, 110, 116, 131, 180, 201, 202, 207, 270, 348, 457, 161.6, 255.8, 335.4]
    published = [
        0.7969, 0.8694, 0.6485, 0.6382, 0.6681, 0.6250, 0.5259, 0.5159, 0.4927, 0.5059, 0.5478, 0.4762, 0.4532,
        0.5615, 0.5228, 0.5045,
    ]  # fmt: skip
    estimate, *_ = auc(lung["time"], lung["status"], lung["age"], days)
    assert estimate == pytest.approx(published, abs=5.1e-5)


def test_death_from_cirrhosis_with_transplant_competing(pbc) -> None:
    """R's survival 3.5-3: G <- survfit(Surv(time + 0.5 * (status == 0), status == 0) ~ 1, pbc), so that events come
    before censorings of the same day; case <- (time <= t & status == 2) / G(time-), control <- (time <= t &
    status == 1) / G(time-) + (time > t) / G(t), and then
    sum(outer(case, control) * (outer(bili, bili, ">") + outer(bili, bili, "==") / 2)) / sum(case) / sum(control)."""
    outcome = pbc["status"].map({0: CENSORED, 1: DEATH, 2: EVENT})
    estimate, *_ = auc(pbc["time"], outcome, pbc["bili"], [1000, 2000, 3000])
    assert estimate == pytest.approx([0.8347406307, 0.8628822397, 0.7816374935], abs=5e-9)


def slow(time, outcome, score, day):
    """Pair by pair, with lifelines' Kaplan-Meier estimate of the time to censoring."""
    # lifelines, too, has to be told that of equal times events come first.
    shifted = np.where(outcome == CENSORED, time + 0.25, time)
    fitter = KaplanMeierFitter().fit(shifted, outcome == CENSORED)
    free = fitter.survival_function_.iloc[:, 0]
    won = pairs = 0.0
    for i in range(len(time)):
        if not (time[i] <= day and outcome[i] == EVENT):
            continue
        for j in range(len(time)):
            if time[j] > day:
                weight = 1 / free[free.index <= day + 0.25].iloc[-1]
            elif outcome[j] == DEATH:
                weight = 1 / free[free.index < time[j]].iloc[-1]
            else:
                continue
            weight /= free[free.index < time[i]].iloc[-1]
            pairs += weight
            won += weight * (1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0)
    return won / pairs


def simulated(n: int, seed: int, censoring: float = 300.0):
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n).round(1)
    times = np.ceil([
        rng.exponential(400 * np.exp(-score)), rng.exponential(900, n), rng.uniform(0, censoring, n),
    ])  # fmt: skip
    return times.min(axis=0), np.array([EVENT, DEATH, CENSORED])[times.argmin(axis=0)], score


def test_pair_by_pair_with_ties_and_deaths() -> None:
    time, outcome, score = simulated(150, 0, 60.0)
    estimate, *_ = auc(time, outcome, score, [10, 25, 40])
    assert estimate == pytest.approx([slow(time, outcome, score, day) for day in (10, 25, 40)], abs=1e-12)


def test_a_draw_of_the_bootstrap_is_the_auc_of_the_patients_drawn(monkeypatch) -> None:
    """Weights of 0, 1, 2 ... give what copies of the patients give, the censoring weights estimated among them."""
    time, outcome, score = simulated(120, 1)
    drawn = np.random.default_rng(5).integers(120, size=120)
    block = np.bincount(drawn, minlength=120)[None]
    monkeypatch.setattr(Bootstrap, "draws", lambda _: [block])
    _, lower, upper = auc(time, outcome, score, [50, 150])
    estimate, *_ = auc(time[drawn], outcome[drawn], score[drawn], [50, 150])
    assert lower == pytest.approx(estimate, abs=1e-12)
    assert upper == pytest.approx(estimate, abs=1e-12)


def test_without_censoring_it_is_the_ordinary_auc() -> None:
    rng = np.random.default_rng(2)
    score = rng.normal(size=500).round(2)
    time = np.ceil(rng.exponential(300 * np.exp(-score)))
    estimate, *_ = auc(time, np.full(500, EVENT), score, [100, 300])
    assert estimate == pytest.approx([roc_auc_score(time <= day, score) for day in (100, 300)], abs=1e-12)
    # Deaths are controls, so the ordinary AUC is that of having had the event.
    outcome = np.where(rng.random(500) < 0.3, DEATH, EVENT)
    estimate, *_ = auc(time, outcome, score, [300])
    assert estimate[0] == pytest.approx(roc_auc_score((time <= 300) & (outcome == EVENT), score), abs=1e-12)


def test_censoring_does_not_bias_it() -> None:
    """Half are censored by day 300; the weighted AUC is near that of the same patients uncensored."""
    rng = np.random.default_rng(3)
    n = 20_000
    score = rng.normal(size=n)
    time = np.ceil(rng.exponential(600 * np.exp(-score)))
    end = np.ceil(rng.uniform(0, 600, n))
    estimate, *_ = auc(np.minimum(time, end), np.where(time <= end, EVENT, CENSORED), score, [300], replicates=2)
    assert estimate[0] == pytest.approx(roc_auc_score(time <= 300, score), abs=0.01)


def test_no_cases_or_nobody_later_is_no_number() -> None:
    time, outcome, score = np.array([10.0, 20, 30, 40]), np.array([EVENT, CENSORED, EVENT, CENSORED]), np.arange(4)
    estimate, lower, upper = auc(time, outcome, score, [5, 15, 40], replicates=20)
    assert np.isnan(estimate).tolist() == np.isnan(lower).tolist() == np.isnan(upper).tolist() == [True, False, True]
    # A death is a control, but does not stand for the patients who were lost.
    estimate, *_ = auc(time, np.array([EVENT, DEATH, EVENT, CENSORED]), score, [40], replicates=20)
    assert np.isnan(estimate[0])


def test_intervals_cover() -> None:
    """Of 60 samples of 300, about 95 % of the intervals hold the AUC of the population."""
    truth = []
    for seed in range(100, 103):
        rng = np.random.default_rng(seed)
        score = rng.normal(size=200_000)
        truth.append(roc_auc_score(rng.exponential(400 * np.exp(-score)) <= 100, score))
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        score = rng.normal(size=300)
        time, end = rng.exponential(400 * np.exp(-score)), rng.uniform(0, 300, 300)
        outcome = np.where(time <= end, EVENT, CENSORED)
        _, lower, upper = auc(np.minimum(time, end), outcome, score, [100], replicates=200, seed=seed)
        inside += lower[0] <= np.mean(truth) <= upper[0]
    assert 52 <= inside <= 60
