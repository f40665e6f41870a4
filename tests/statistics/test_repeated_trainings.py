"""Averages over trainings: their variance against simulation, and patients needed against a curve known by formula."""

import numpy as np
import pytest

from ecg_ccta.statistics.clustered_auc import AucInfluence, clustered_auc
from ecg_ccta.statistics.repeated_trainings import (
    average_trainings,
    difference_of,
    patients_needed,
    proportion_of,
    symmetric_interval,
)


def influences(*estimates, patients=50, scale=0.01):
    rng = np.random.default_rng(0)
    return [AucInfluence(value, rng.normal(0, scale / patients**0.5, patients), 40.0) for value in estimates]


def test_the_variance_is_that_of_the_evaluated_patients_and_of_the_trainings():
    found = influences(0.70, 0.74, 0.78)
    mean = average_trainings(found)
    patients = np.mean([one.influence for one in found], axis=0)
    assert mean.estimate == pytest.approx(0.74)
    assert mean.variance == pytest.approx(patients @ patients + np.var([0.70, 0.74, 0.78], ddof=1) / 3)
    # Trainings lie far apart: their two degrees of freedom decide.
    assert 2 < mean.degrees < 3


def test_one_training_is_conditional_on_itself():
    (one,) = influences(0.7)
    mean = average_trainings([one])
    assert mean.variance == pytest.approx(one.variance)
    assert mean.degrees == one.degrees


def test_differences_and_proportions_are_of_the_same_patients():
    a, b = influences(0.75, 0.70)
    assert difference_of(a, b).variance == pytest.approx(np.sum((a.influence - b.influence) ** 2))
    assert proportion_of(a, a).estimate == 1
    assert proportion_of(a, a).variance == pytest.approx(0, abs=1e-20)
    assert proportion_of(b, a).estimate == pytest.approx(0.8)
    with pytest.raises(ValueError, match="does not exceed"):
        proportion_of(a, a._replace(estimate=0.5))


def test_the_delta_method_agrees_with_patients_drawn_again():
    rng = np.random.default_rng(3)
    y = (rng.random(600) < 0.3).astype(int)
    truth = y + rng.normal(0, 1.2, 600)
    score = truth + rng.normal(0, 0.8, 600)
    codes = np.arange(600)
    found = proportion_of(clustered_auc(y, score, codes, 600), clustered_auc(y, truth, codes, 600))

    def again():
        rows = rng.integers(0, 600, 600)
        model, ceiling = (clustered_auc(y[rows], of[rows], np.arange(600), 600).estimate for of in (score, truth))
        return (model - 0.5) / (ceiling - 0.5)

    assert found.variance**0.5 == pytest.approx(np.std([again() for _ in range(400)]), rel=0.12)


def test_patients_needed_lie_on_the_line_between_two_numbers():
    found = [average_trainings([one]) for one in influences(0.80, 0.90, 0.96, scale=0.002)]
    needed = patients_needed([100, 1000, 10000], found, 0.93, 0.95, 1)
    assert needed.patients == pytest.approx(10**3.5)
    assert 1000 < needed.lower < needed.patients < needed.upper < 10000
    assert patients_needed([100, 1000, 10000], found, 0.99, 0.95, 1).patients == np.inf
    assert patients_needed([100, 1000, 10000], found, 0.7, 0.95, 1) == (0, 0, 0)


def test_the_interval_is_symmetric_and_by_students_t():
    (one,) = influences(0.7)
    lower, upper = symmetric_interval(one, 0.95)
    assert (lower + upper) / 2 == pytest.approx(0.7)
    assert upper - 0.7 == pytest.approx(2.0211 * one.variance**0.5, rel=1e-4)
