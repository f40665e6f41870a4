"""The AUC of out-of-fold scores: its factor against fold means drawn directly, its level by simulation."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ecg_ccta.statistics.auc import auc_delong
from ecg_ccta.statistics.clustered_auc import auc_interval, compare_paired, stratified_auc
from ecg_ccta.statistics.cross_validated_auc import SHARED_LABELS, cross_validated_auc, variance_factor

REPETITIONS = 300
ERROR = (0.05 * 0.95 / REPETITIONS) ** 0.5


@pytest.fixture(scope="module")
def simulated(load_script):
    return load_script("benchmarks/out_of_fold.py")


@pytest.mark.parametrize(("folds", "cosine"), [(2, 0.0), (5, 0.0), (2, 0.3), (5, 0.16)])
def test_the_factor_is_that_of_fold_means_drawn_directly(folds, cosine):
    """Mean differences of 1,000 features per fold, Gaussian: variance of the fold mean of w·m/|w| times patients."""
    rng = np.random.default_rng(0)
    features, repetitions = 1_000, 4_000
    # The variance of a fold's mean is 1; that of the others' mean 1/(folds - 1).
    length = (features / (folds - 1) * cosine / (1 - cosine)) ** 0.5
    found = np.empty(repetitions)
    for number in range(repetitions):
        mean = rng.normal(size=(folds, features))
        mean[:, 0] += length
        others = (mean.sum(axis=0) - mean) / (folds - 1)
        found[number] = np.mean((mean * others).sum(axis=1) / np.linalg.norm(others, axis=1))
    # With fixed weights the variance is 1/folds; the relative error of a simulated variance is sqrt(2/4000).
    ratio = found.var() * folds
    expected = SHARED_LABELS if cosine == 0 else variance_factor(folds)
    assert ratio == pytest.approx(expected, rel=4 * (2 / repetitions) ** 0.5)


def test_the_factor_falls_to_that_of_nothing_to_learn():
    factors = [variance_factor(folds) for folds in (2, 3, 5, 10, 1_000)]
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] == pytest.approx(SHARED_LABELS, abs=1e-4)
    with pytest.raises(ValueError, match="two folds"):
        variance_factor(1)


def test_the_estimate_and_variance_are_the_folds():
    """Folds of equal counts, one ECG per patient: mean of scikit-learn's AUCs, DeLong's variances."""
    rng = np.random.default_rng(1)
    y, fold = np.tile([0, 0, 0, 1], 60), np.repeat(np.arange(4), 60)
    score = rng.normal(size=240) + y + 10 * fold
    found = cross_validated_auc(y, score, fold, np.arange(240), 240)
    parts = [(y[fold == k], score[fold == k]) for k in range(4)]
    assert found.estimate == pytest.approx(np.mean([roc_auc_score(*part) for part in parts]))
    variance = np.mean([auc_delong(*part).variance for part in parts]) / 4
    assert found.variance == pytest.approx(variance_factor(4) * variance)


def test_a_patient_is_in_one_fold():
    y, score = np.tile([0, 1], 20), np.arange(40.0)
    with pytest.raises(ValueError, match=r"1 patient\(s\) are in two folds"):
        cross_validated_auc(y, score, np.repeat([0, 1], 20), np.append(np.arange(39), 0), 39)
    with pytest.raises(ValueError, match="two folds or more"):
        cross_validated_auc(y, score, np.zeros(40, dtype=int), np.arange(40), 40)


@pytest.mark.parametrize(("folds", "shift"), [(5, 0.0), (2, 0.0), (5, 0.8)])
def test_the_interval_holds_its_level_where_fixed_scores_do_not(simulated, folds, shift):
    rng = np.random.default_rng(2)
    hospital = simulated.Hospital(20, shift)
    intervals, fixed, truths = [], [], []
    for _ in range(REPETITIONS):
        x, y, codes = hospital.draw(200, 0.3, rng)
        fold = simulated.folds_of(y, codes, folds, rng)
        score, weights = simulated.fold_scores(x, y, fold, 30.0)
        truths.append(np.mean([hospital.true_auc(weight) for weight in weights]))
        intervals.append(auc_interval(cross_validated_auc(y, score, fold, codes, 200)))
        fixed.append(auc_interval(stratified_auc(y, score, fold, codes, 200)))
    missed, missed_fixed = (
        np.mean([not lower <= np.mean(truths) <= upper for lower, upper in of]) for of in (intervals, fixed)
    )
    assert 0.05 - 4 * ERROR < missed < 0.05 + 3 * ERROR
    assert missed_fixed > 0.05 + 3 * ERROR


def test_two_scores_of_equal_worth_differ_in_one_of_twenty_studies(simulated):
    rng = np.random.default_rng(3)
    hospital = simulated.Hospital(20, 0.5)
    rejected = []
    for _ in range(REPETITIONS):
        x, y, codes = hospital.draw(200, 0.3, rng)
        fold = simulated.folds_of(y, codes, 5, rng)
        scores = [simulated.fold_scores(of, y, fold, 30.0)[0] for of in (x, hospital.features(y, codes, rng))]
        rejected.append(compare_paired(*(cross_validated_auc(y, of, fold, codes, 200) for of in scores)).p_value < 0.05)
    assert 0.05 - 4 * ERROR < np.mean(rejected) < 0.05 + 3 * ERROR


def test_the_simulated_probe_is_scikit_learns(simulated):
    rng = np.random.default_rng(4)
    x, y, _ = simulated.Hospital(10, 1.0).draw(300, 0.3, rng)
    theirs = LogisticRegression(C=1 / 30.0, tol=1e-8, max_iter=1_000).fit(x, y)
    ours = simulated.ridge_logistic(x, y, 30.0)
    np.testing.assert_allclose(ours, np.append(theirs.coef_[0], theirs.intercept_), atol=1e-4)
