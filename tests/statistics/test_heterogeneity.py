"""Tests of equality against statsmodels and scipy, and their size in simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.oneway import anova_oneway

from ecg_ccta.statistics.auc import auc_replicates, compare_auc_delong_unpaired
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.clustered_auc import clustered_auc
from ecg_ccta.statistics.heterogeneity import (
    adjusted,
    equality,
    equality_of_aucs,
    equality_of_replicates,
    welch_equality,
)


def test_two_groups_are_the_z_test_of_their_difference():
    found = equality(np.array([0.81, 0.72]), np.array([[0.0009, 0.0002], [0.0002, 0.0016]]))
    z = 0.09 / np.sqrt(0.0009 + 0.0016 - 2 * 0.0002)
    assert found.statistic == pytest.approx(z**2)
    assert found.degrees == 1
    assert found.p_value == pytest.approx(2 * stats.norm.sf(z))


def test_independent_groups_are_cochrans_q():
    estimates, variances = np.array([0.81, 0.72, 0.69, 0.75]), np.array([0.0009, 0.0016, 0.0004, 0.0025])
    pooled = combine_effects(estimates, variances)
    found = equality(estimates, np.diag(variances))
    assert found.statistic == pytest.approx(pooled.q)
    assert found.p_value == pytest.approx(stats.chi2.sf(pooled.q, 3))


def test_the_order_of_the_groups_does_not_matter():
    rng = np.random.default_rng(0)
    square = rng.normal(size=(4, 4))
    covariance, estimates = square @ square.T / 1000, rng.normal(0.7, 0.05, 4)
    order = [2, 0, 3, 1]
    assert equality(estimates, covariance).statistic == pytest.approx(
        equality(estimates[order], covariance[np.ix_(order, order)]).statistic
    )


def test_without_variance_or_draws_there_is_no_test():
    with pytest.raises(ValueError, match="no variance"):
        equality(np.array([1.0, 0.8]), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="two or more"):
        equality(np.array([1.0]), np.ones((1, 1)))
    few = np.full((100, 2), np.nan)
    few[:49] = np.random.default_rng(0).normal(size=(49, 2))
    with pytest.raises(ValueError, match="only 49"):
        equality_of_replicates(np.array([0.7, 0.8]), few)


def test_one_ecg_per_patient_agrees_with_the_unpaired_delong_test():
    rng = np.random.default_rng(4)
    n = 1200
    y, group = rng.integers(0, 2, n), rng.integers(0, 2, n)
    score = rng.normal(size=n) + y * np.where(group == 1, 1.1, 0.7)
    bootstrap = Bootstrap(n, 1000, 0.95, 2)
    drawn = [auc_replicates(y[group == g], score[group == g], np.flatnonzero(group == g), bootstrap) for g in (0, 1)]
    delong = compare_auc_delong_unpaired(y[group == 0], score[group == 0], y[group == 1], score[group == 1])
    found = equality_of_replicates(np.array([delong.auc_a, delong.auc_b]), np.column_stack(drawn))
    z = stats.norm.isf(delong.p_value / 2)
    assert np.sqrt(found.statistic) == pytest.approx(z, rel=0.08)


def test_the_test_of_equal_groups_has_its_size_although_patients_repeat():
    """Three ECGs per patient, who are of both groups: about 5 % of the p values are under 0.05."""
    rng = np.random.default_rng(1)
    p_values = []
    for repeat in range(300):
        patients = 100
        codes = np.repeat(np.arange(patients), 3)
        event = np.repeat(rng.integers(0, 2, patients), 3)
        score = event + np.repeat(rng.normal(size=patients), 3) + 0.3 * rng.normal(size=event.size)
        group = np.tile([0, 0, 1], patients)
        aucs, drawn = [], []
        for g in (0, 1):
            mine = group == g
            ones, others = score[mine & (event == 1)], score[mine & (event == 0)]
            aucs.append(stats.mannwhitneyu(ones, others).statistic / (ones.size * others.size))
            drawn.append(auc_replicates(event[mine], score[mine], codes[mine], Bootstrap(patients, 200, 0.95, repeat)))
        p_values.append(equality_of_replicates(np.array(aucs), np.column_stack(drawn)).p_value)
    # 300 tests of size 0.05: 0.95 of such shares lie within 0.025 and 0.075.
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.085


def test_adjustment_is_that_of_statsmodels_and_leaves_missing_tests_out():
    p_values = np.array([0.01, np.nan, 0.04, 0.03, 0.2])
    found = adjusted(p_values)
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2, 3, 4]], multipletests([0.01, 0.04, 0.03, 0.2], method="fdr_bh")[1])
    # Written out: 0.01 x 4, then the running minimum of 0.04 x 4/3 and 0.03 x 4/2 from the largest down.
    np.testing.assert_allclose(found[[0, 2, 3, 4]], [0.04, 0.04 * 4 / 3, 0.04 * 4 / 3, 0.2])
    assert np.isnan(adjusted(np.full(3, np.nan))).all()


def test_benjamini_and_hochbergs_own_example():
    """Benjamini and Hochberg 1995, section 3.3: 15 comparisons, at 5 % the four smallest are rejected."""
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
                0.7590, 1.0]  # fmt: skip
    assert (adjusted(np.array(p_values)) <= 0.05).sum() == 4


def test_welch_is_statsmodels_on_means():
    rng = np.random.default_rng(2)
    groups = [rng.normal(0.1 * k, 1 + k, size=n) for k, n in enumerate((9, 14, 30, 11))]
    theirs = anova_oneway(groups, use_var="unequal")
    means, variances = (np.array([of(group) for group in groups]) for of in (np.mean, lambda g: g.var(ddof=1) / g.size))
    found = welch_equality(means, np.diag(variances), np.array([group.size - 1 for group in groups]))
    assert found.statistic == pytest.approx(theirs.statistic)
    assert (found.degrees, found.denominator) == pytest.approx((theirs.df_num, theirs.df_denom))
    assert found.p_value == pytest.approx(theirs.pvalue)


def test_welch_of_two_groups_is_the_t_test():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=8), rng.normal(1, 3, size=15)
    variances = np.diag([a.var(ddof=1) / 8, b.var(ddof=1) / 15])
    found = welch_equality(np.array([a.mean(), b.mean()]), variances, np.array([7, 14]))
    assert found.p_value == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue)


@pytest.mark.parametrize("groups", [2, 4, 6])
def test_the_test_of_equal_aucs_has_its_size_with_twelve_events_per_group(groups):
    """Patients with 1.3 ECGs, a tenth of which are in another group than the patient; the chi-squared test fails."""
    rng = np.random.default_rng(groups)
    repetitions, patients = 500, 80 * groups
    welch, wald = [], []
    for _ in range(repetitions):
        codes = np.repeat(np.arange(patients), np.where(rng.random(patients) < 0.15, 3, 1))
        outcome = np.arange(patients) < 12 * groups
        score = (rng.normal(size=patients) + outcome)[codes] + 0.3 * rng.normal(size=codes.size)
        group = np.where(rng.random(codes.size) < 0.1, rng.integers(groups, size=codes.size), codes % groups)
        found = [
            clustered_auc(outcome[codes][group == k], score[group == k], codes[group == k], patients)
            for k in range(groups)
        ]
        welch.append(equality_of_aucs(found).p_value < 0.05)
        influence = np.array([one.influence for one in found])
        wald.append(equality(np.array([one.estimate for one in found]), influence @ influence.T).p_value < 0.05)
    error = (0.05 * 0.95 / repetitions) ** 0.5
    assert abs(np.mean(welch) - 0.05) < 3 * error
    if groups > 2:
        assert np.mean(wald) > 0.05 + 3 * error


def test_perfect_separation_has_no_test():
    found = [
        clustered_auc(np.array([0, 0, 1, 1]), score, np.arange(4), 4)
        for score in (np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4]))
    ]
    with pytest.raises(ValueError, match="perfectly separated"):
        equality_of_aucs(found)
