"""The clustered AUC against DeLong's and Obuchowski's formulas and the jackknife; its tests' size in simulation."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from ecg_ccta.statistics.auc import auc_delong, compare_auc_delong, compare_auc_delong_unpaired
from ecg_ccta.statistics.clustered_auc import (
    AucInfluence,
    auc_interval,
    clustered_auc,
    compare_independent,
    compare_paired,
    mean_auc,
    stratified_auc,
)


def ecgs(rng: np.random.Generator, patients: int, share: float, shift: float = 1.0) -> tuple[np.ndarray, ...]:
    """Outcome, score and patient; a third of the patients have three ECGs, which share nine tenths of the score."""
    codes = np.repeat(np.arange(patients), np.where(rng.random(patients) < 1 / 3, 3, 1))
    outcome = rng.permutation(np.arange(patients) < round(share * patients)).astype(int)
    state = 0.9**0.5 * rng.normal(size=patients) + shift * outcome
    return outcome[codes], state[codes] + 0.1**0.5 * rng.normal(size=codes.size), codes


def obuchowski(y: np.ndarray, score: np.ndarray, codes: np.ndarray) -> float:
    """Variance of the clustered AUC by the formulas of Obuchowski 1997, pair by pair."""
    events, others = score[y == 1], score[y == 0]
    above = (events[:, None] > others) + 0.5 * (events[:, None] == others)
    m, n = above.shape
    auc = above.mean()
    people = np.unique(codes)
    of_events = np.array([(above[codes[y == 1] == one].mean(axis=1) - auc).sum() for one in people])
    of_others = np.array([(above[:, codes[y == 0] == one].mean(axis=0) - auc).sum() for one in people])
    with_event, without = (np.unique(codes[y == value]).size for value in (1, 0))
    s10 = with_event / ((with_event - 1) * m) * (of_events**2).sum()
    s01 = without / ((without - 1) * n) * (of_others**2).sum()
    s11 = people.size / (people.size - 1) * (of_events * of_others).sum()
    return s10 / m + s01 / n + 2 * s11 / (m * n)


def test_one_ecg_per_patient_is_delong():
    rng = np.random.default_rng(0)
    y = np.arange(90) < 25
    score = np.round(rng.normal(size=90) + y, 1)  # with ties
    found, delong = clustered_auc(y, score, rng.permutation(90), 90), auc_delong(y, score)
    assert found.estimate == pytest.approx(delong.auc)
    assert found.variance == pytest.approx(delong.variance)


def test_several_ecgs_are_obuchowskis_variance():
    rng = np.random.default_rng(1)
    y, score, codes = ecgs(rng, 120, 0.3)
    assert clustered_auc(y, score, codes, 120).variance == pytest.approx(obuchowski(y, score, codes))
    # Where a patient has ECGs of both outcomes the covariance has another factor, close to 1.
    y = rng.integers(0, 2, y.size)
    assert clustered_auc(y, score, codes, 120).variance == pytest.approx(obuchowski(y, score, codes), rel=0.01)


def test_the_variance_is_that_of_leaving_patients_out():
    y, score, codes = ecgs(np.random.default_rng(2), 200, 0.3)
    without = [roc_auc_score(y[codes != one], score[codes != one]) for one in range(200)]
    jackknife = 199 / 200 * ((np.array(without) - np.mean(without)) ** 2).sum()
    assert clustered_auc(y, score, codes, 200).variance == pytest.approx(jackknife, rel=0.05)


def test_the_interval_is_that_of_the_log_odds():
    found = AucInfluence(0.8, np.array([0.03, 0.04]), 12.0)
    lower, upper = auc_interval(found)
    half = stats.t.ppf(0.975, 12) * 0.05 / 0.16
    assert np.log(np.array([lower, upper]) / (1 - np.array([lower, upper]))) == pytest.approx(
        [np.log(4) - half, np.log(4) + half]
    )
    assert auc_interval(found._replace(influence=np.zeros(2), estimate=1.0)) == (1.0, 1.0)


def test_strata_are_compared_within():
    """Scores of two strata on different scales: the AUC is the mean of theirs, weighted by pairs."""
    rng = np.random.default_rng(3)
    y, score, codes = ecgs(rng, 150, 0.3)
    stratum = codes % 2
    aucs = [roc_auc_score(y[stratum == k], score[stratum == k]) for k in (0, 1)]
    pairs = [y[stratum == k].sum() * (1 - y[stratum == k]).sum() for k in (0, 1)]
    found = stratified_auc(y, score + 100 * stratum, stratum, codes, 150)
    assert found.estimate == pytest.approx(np.average(aucs, weights=pairs))
    # A stratum without events has no part.
    more = stratified_auc(np.append(y, 0), np.append(score, 9.0), np.append(stratum, 2), np.append(codes, 150), 151)
    assert more.estimate == pytest.approx(found.estimate)
    assert more.variance == pytest.approx(found.variance)


def test_paired_difference_is_delongs_where_patients_do_not_repeat():
    rng = np.random.default_rng(4)
    y = np.arange(300) < 90
    a, b = rng.normal(size=300) + y, rng.normal(size=300) + 0.7 * y
    found = compare_paired(*(clustered_auc(y, score, np.arange(300), 300) for score in (a, b)))
    delong = compare_auc_delong(y, a, b)
    assert found.difference == pytest.approx(delong.difference)
    z = stats.norm.isf(delong.p_value / 2)
    degrees = min(clustered_auc(y, score, np.arange(300), 300).degrees for score in (a, b))
    assert found.p_value == pytest.approx(2 * stats.t.sf(z, degrees))
    assert found.upper - found.lower == pytest.approx(2 * stats.t.ppf(0.975, degrees) * delong.difference / z, rel=1e-6)


def test_independent_difference_is_delongs_where_patients_do_not_repeat():
    rng = np.random.default_rng(5)
    (y, a), (x, b) = ((of := np.arange(n) < n // 4, rng.normal(size=n) + of) for n in (200, 320))
    found = compare_independent(clustered_auc(y, a, np.arange(200), 200), clustered_auc(x, b, np.arange(320), 320))
    delong = compare_auc_delong_unpaired(y, a, x, b)
    assert found.difference == pytest.approx(delong.difference)
    assert found.p_value == pytest.approx(delong.p_value, abs=0.003)


def test_a_mean_of_equal_aucs_is_each_of_them():
    one = clustered_auc(*ecgs(np.random.default_rng(6), 80, 0.4), 80)
    mean = mean_auc([one, one])
    assert (mean.estimate, mean.degrees) == (one.estimate, one.degrees)
    assert mean.variance == pytest.approx(one.variance)


def test_two_sites_differ_in_one_of_twenty_comparisons_although_patients_repeat():
    rng = np.random.default_rng(7)
    clustered, delong = [], []
    for _ in range(600):
        here, there = ecgs(rng, 150, 0.2), ecgs(rng, 100, 0.3)
        found = compare_independent(clustered_auc(*there, 100), clustered_auc(*here, 150))
        clustered.append(found.p_value < 0.05)
        delong.append(compare_auc_delong_unpaired(*there[:2], *here[:2]).p_value < 0.05)
    error = (0.05 * 0.95 / 600) ** 0.5
    assert abs(np.mean(clustered) - 0.05) < 3 * error
    assert np.mean(delong) > 0.05 + 3 * error


def test_few_events_are_covered():
    """Twelve patients with an event, AUC 0.76."""
    rng = np.random.default_rng(8)
    truth = stats.norm.cdf(1 / 2**0.5)
    missed = []
    for _ in range(600):
        lower, upper = auc_interval(clustered_auc(*ecgs(rng, 100, 0.12), 100))
        missed.append(not lower <= truth <= upper)
    assert abs(np.mean(missed) - 0.05) < 3 * (0.05 * 0.95 / 600) ** 0.5


def test_too_few_patients_have_no_variance():
    with pytest.raises(ValueError, match="1 patients with and 3 without"):
        clustered_auc(np.array([1, 1, 0, 0, 0]), np.arange(5.0), np.array([0, 0, 1, 2, 3]), 4)
    with pytest.raises(ValueError, match=r"codes \(3,\)"):
        clustered_auc(np.array([1, 1, 0, 0]), np.arange(4.0), np.arange(3), 4)
    with pytest.raises(ValueError, match="only 0 and 1"):
        clustered_auc(np.array([2, 0]), np.arange(2.0), np.arange(2), 2)
