"""Follow-up recovers the hazard ratios that were planted."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.statistics import logrank_test

from ecg_ccta.config import Simulation
from ecg_ccta.sources import event_model
from ecg_ccta.sources.follow_up import HAZARD_RATIOS, LAST_DAY, marginal_hazard_ratios, simulate_follow_up
from ecg_ccta.vessels import EVENT_GRADES, HIGH_RISK_THRESHOLDS, VESSELS


@pytest.fixture(scope="module")
def patients():
    rng = np.random.default_rng(0)
    n = 40_000
    events = rng.random((n, 4)) < (0.14, 0.05, 0.18, 0.12)
    performed = np.datetime64("2021-01-04") + rng.integers(0, 700, n)
    follow_up = simulate_follow_up(performed, rng.normal(60, 10, n), events, rng)
    return performed, events, follow_up


def test_cox_recovers_the_planted_hazard_ratios(patients):
    performed, events, follow_up = patients
    infarction = (follow_up["event"] == "myocardial infarction").to_numpy()
    end = follow_up["end_date"].to_numpy().astype("datetime64[D]")
    event_date = pd.to_datetime(follow_up["event_date"]).to_numpy().astype("datetime64[D]")
    days = np.where(infarction, event_date, end) - performed
    table = pd.DataFrame(events.astype(float), columns=list(VESSELS))
    table["any"] = events.any(axis=1).astype(float)
    table["days"], table["infarction"] = days.astype(int), infarction
    summary = CoxPHFitter().fit(table, "days", "infarction").summary
    for name, planted in HAZARD_RATIOS.items():
        low, high = summary.loc[name, ["coef lower 95%", "coef upper 95%"]]
        middle, half = (low + high) / 2, (high - low) / 2
        assert abs(np.log(planted) - middle) < 1.6 * half, name


def test_dates_are_in_order_and_missing_where_nothing_happened(patients):
    performed, _, follow_up = patients
    end = follow_up["end_date"].to_numpy().astype("datetime64[D]")
    assert (end > performed).all()
    assert (end <= LAST_DAY).all()
    event_date = pd.to_datetime(follow_up["event_date"])
    assert (event_date.isna() == follow_up["event"].isna()).all()
    known = event_date.notna().to_numpy()
    assert (event_date[known] <= pd.to_datetime(follow_up["end_date"])[known]).all()
    dead = (follow_up["event"] == "death").to_numpy()
    assert (event_date[dead] == pd.to_datetime(follow_up["end_date"])[dead]).all()


def test_enough_happens_for_curves(patients):
    share = patients[2]["event"].value_counts(normalize=True, dropna=False)
    assert 0.05 < share["myocardial infarction"] < 0.15
    assert 0.005 < share["death"] < 0.06


def test_marginal_hazard_ratio_of_a_lone_vessel():
    events = np.array([[1, 0, 0, 0], [0, 0, 0, 0]], dtype=bool)
    ratios = marginal_hazard_ratios(events)
    assert ratios["RCA"] == pytest.approx(3.0 * 2.0)
    assert ratios["any"] == pytest.approx(3.0 * 2.0)
    assert ratios["LAD"] is None


def test_the_oracles_risk_groups_separate_and_cox_holds_the_planted_ratio():
    """At the default study's size: 2,000 patients, from the landmark on day 28 to day 700."""
    model = event_model.solve(
        Simulation(
            patients=2000,
            ecgs=2400,
            prevalence={"RCA": 0.18, "LM": 0.02, "LAD": 0.25, "LCX": 0.17},
            oracle_auc={"RCA": 0.794, "LM": 0.818, "LAD": 0.744, "LCX": 0.755},
        )
    )
    thresholds = np.array([HIGH_RISK_THRESHOLDS[vessel] for vessel in VESSELS])
    separated, held = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        patients, expression = event_model.simulate_patients(2000, rng), event_model.simulate_expressions(2000, rng)
        age, male = patients["age"].to_numpy(), patients["male"].to_numpy()
        noise = rng.logistic(size=(2000, 4))
        liability = model.liability(expression, age, male, event_model.risk_matrix(patients), noise)
        events = np.isin(model.grades(liability), EVENT_GRADES)
        performed = np.datetime64("2021-01-04") + rng.integers(0, 700, 2000)
        follow_up = simulate_follow_up(performed, age, events, rng)
        infarction = (follow_up["event"] == "myocardial infarction").to_numpy()
        last = pd.to_datetime(follow_up["event_date"]).where(infarction, pd.to_datetime(follow_up["end_date"]))
        days = (last.to_numpy().astype("datetime64[D]") - performed).astype(int)
        table = pd.DataFrame({"days": days.clip(max=700), "infarction": infarction & (days <= 700)})
        table["disease"] = events.any(axis=1).astype(float)
        high = (model.oracle(expression, age, male) >= thresholds).any(axis=1)
        table, high = table[days > 28], high[days > 28]
        groups = table[high], table[~high]
        test = logrank_test(*(group["days"] for group in groups), *(group["infarction"] for group in groups))
        separated.append(test.p_value < 0.05)
        interval = CoxPHFitter().fit(table, "days", "infarction").confidence_intervals_.loc["disease"]
        held.append(interval.iloc[0] < np.log(marginal_hazard_ratios(events)["any"]) < interval.iloc[1])
    assert np.mean(separated) >= 0.7
    assert np.mean(held) >= 0.8
