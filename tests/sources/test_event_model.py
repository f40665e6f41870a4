"""The oracle is what it is said to be."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Simulation
from ecg_ccta.errors import StudyError
from ecg_ccta.sources import event_model
from ecg_ccta.vessels import EVENT_GRADES, GRADES, VESSELS

TARGET = {"RCA": 0.749, "LM": 0.971, "LAD": 0.667, "LCX": 0.727}
PREVALENCE = {"RCA": 0.14, "LM": 0.015, "LAD": 0.18, "LCX": 0.12}


def simulation(**changes):
    return Simulation(**{"patients": 10, "ecgs": 10, "oracle_auc": TARGET, "prevalence": PREVALENCE} | changes)


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(1)
    patients = event_model.simulate_patients(150_000, rng)
    expression = event_model.simulate_expressions(len(patients), rng)
    return patients, expression, rng.logistic(size=expression.shape)


@pytest.fixture(scope="module")
def model():
    return event_model.solve(simulation())


def drawn(model, sample):
    patients, expression, noise = sample
    age, male = patients["age"].to_numpy(), patients["male"].to_numpy()
    liability = model.liability(expression, age, male, event_model.risk_matrix(patients), noise)
    return model.oracle(expression, age, male), model.grades(liability)


def test_oracle_reaches_its_auc_and_prevalence_in_a_large_sample(model, sample):
    oracle, grades = drawn(model, sample)
    for column, vessel in enumerate(VESSELS):
        event = np.isin(grades[:, column], EVENT_GRADES)
        assert event_model.expected_auc(oracle[:, column]) == pytest.approx(TARGET[vessel], abs=0.003)
        assert roc_auc_score(event, oracle[:, column]) == pytest.approx(TARGET[vessel], abs=0.01)
        assert event.mean() == pytest.approx(PREVALENCE[vessel], rel=0.04)


def test_oracle_is_the_event_frequency_although_it_does_not_know_the_risk_factors(model, sample):
    oracle, grades = drawn(model, sample)
    for column in (0, 2, 3):
        event = np.isin(grades[:, column], EVENT_GRADES)
        groups = np.digitize(oracle[:, column], np.quantile(oracle[:, column], np.linspace(0.1, 0.9, 9)))
        for group in range(10):
            chosen = groups == group
            error = np.sqrt(oracle[chosen, column].mean() / chosen.sum())
            assert event[chosen].mean() == pytest.approx(oracle[chosen, column].mean(), abs=4 * error)


@pytest.mark.parametrize("grade", ["moderate", "complete"])
def test_oracle_of_another_grade_is_the_frequency_of_that_grade_or_more(model, sample, grade):
    patients, expression, _ = sample
    _, grades = drawn(model, sample)
    oracle = model.oracle(expression, patients["age"].to_numpy(), patients["male"].to_numpy(), grade)
    reached = np.isin(grades, GRADES[GRADES.index(grade) :])
    for column in range(len(VESSELS)):
        probability = oracle[:, column]
        for chosen in (slice(None), probability >= np.quantile(probability, 0.9)):
            expected, found = probability[chosen].mean(), reached[chosen, column]
            # The cut was set in a population of 4,096, whose quantile has an error of its own.
            error = np.sqrt(expected / found.size + expected / 4096)
            assert found.mean() == pytest.approx(expected, abs=4 * error)


def test_oracle_rises_with_every_grade(model, sample):
    oracle, grades = drawn(model, sample)
    for column in range(len(VESSELS)):
        means = [oracle[grades[:, column] == grade, column].mean() for grade in GRADES]
        assert (np.diff(means) > 0).all()


def test_risk_factors_add_to_what_the_ecg_shows(model, sample):
    patients, *_ = sample
    oracle, grades = drawn(model, sample)
    event = np.isin(grades[:, 2], EVENT_GRADES)
    typical = (patients["chest_pain"] == "typical").to_numpy()
    assert event[typical].mean() / oracle[typical, 2].mean() > 1.15
    assert event[~typical].mean() / oracle[~typical, 2].mean() < 1


def test_without_effect_nothing_can_be_found(sample):
    model = event_model.solve(simulation(effect=0))
    oracle, grades = drawn(model, sample)
    assert (np.ptp(oracle, axis=0) == 0).all()
    assert oracle[0] == pytest.approx(list(PREVALENCE.values()), rel=0.01)
    assert model.expected_auc == pytest.approx([0.5] * 4, abs=1e-12)
    patients, expression, _ = sample
    event = np.isin(grades[:, 2], EVENT_GRADES)
    for score in (patients["age"], expression[:, 2], patients["hypertension"], patients["chest_pain"] == "typical"):
        assert roc_auc_score(event, score) == pytest.approx(0.5, abs=0.01)


def test_half_the_effect_gives_half_the_auc_above_chance():
    model = event_model.solve(simulation(effect=0.5))
    expected = [0.5 + 0.5 * (auc - 0.5) for auc in TARGET.values()]
    assert model.expected_auc == pytest.approx(expected, abs=0.002)


def test_an_auc_below_that_of_age_and_sex_is_refused():
    with pytest.raises(StudyError, match=r"oracle_auc\.LAD cannot be reached.*between 0\.\d+ \(age and sex alone\)"):
        event_model.solve(simulation(oracle_auc=TARGET | {"LAD": 0.52}))


def test_expected_auc_agrees_with_the_mean_of_realised_ones():
    rng = np.random.default_rng(2)
    probability = rng.choice([0.05, 0.1, 0.3, 0.6], 3000)
    realised = [roc_auc_score(rng.random(3000) < probability, probability) for _ in range(200)]
    assert event_model.expected_auc(probability) == pytest.approx(np.mean(realised), abs=0.003)
