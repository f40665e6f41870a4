import numpy as np
import pytest
from scipy import stats

from ecg_ccta.statistics.cluster_permutation import clusters_of, permuted_clusters


def noise(patients: int, seed: int, leads: int = 12, samples: int = 90) -> np.ndarray:
    """Beats (patients, leads, samples) mV that vary smoothly in time and alike in all leads, as ECGs do."""
    rng = np.random.default_rng(seed)
    white = rng.normal(0, 0.1, (patients, leads, samples + 9)) + rng.normal(0, 0.1, (patients, 1, samples + 9))
    return np.lib.stride_tricks.sliding_window_view(white, 10, axis=2).mean(axis=3)


def groups(beats: np.ndarray, n_high: int) -> tuple:
    patients = np.array([f"p{i:03d}" for i in range(len(beats))])
    return (beats[n_high:], patients[n_high:]), (beats[:n_high], patients[:n_high])


def test_clusters_are_runs_of_one_sign_beyond_the_threshold():
    """Written out by hand; mne.stats.permutation_cluster_test sums |t| over such runs and tests each sign by itself."""
    t = np.array([2.5, 3.0, 1.9, -2.1, -4.0, 2.2, 0.0, 2.1])
    found = list(clusters_of(t, 2.0))
    assert [(start, stop) for start, stop, _ in found] == [(0, 2), (3, 5), (5, 6), (7, 8)]
    assert [mass for *_, mass in found] == pytest.approx([5.5, -6.1, 2.2, 2.1])


def test_the_mass_is_of_welchs_t():
    beats = noise(40, 1)
    beats[:14, 3, 20:50] += 0.15
    low, high = groups(beats, 14)
    t = stats.ttest_ind(high[0], low[0], equal_var=False).statistic
    for cluster in permuted_clusters(low, high, seed=1, permutations=10):
        assert cluster.mass == pytest.approx(t[cluster.lead, cluster.start : cluster.stop].sum())


def test_clusters_are_those_of_mne():
    """mne 1.13.2 on these beats: mne.stats.permutation_cluster_test([high, low], threshold=t, tail=1,

    n_permutations=4000, seed=1, stat_fun=absolute Welch t), t the 97.5 % quantile of Student's t with 38 degrees of
    freedom. With tail=0 it would compare each cluster with the clusters of one sign alone.
    """
    expected = [(5, 6, 2.197339539565278, 0.7125), (16, 17, 2.4378688201798835, 0.64075),
                (19, 20, 2.3709356390470075, 0.65525), (26, 31, 12.794864398940947, 0.20475),
                (32, 51, 68.8366788430254, 0.0005)]  # fmt: skip
    white = np.random.default_rng(11).normal(0, 0.1, (40, 1, 99))
    beats = np.lib.stride_tricks.sliding_window_view(white, 10, axis=2).mean(axis=3)
    beats[:14, 0, 20:50] += 0.04
    found = permuted_clusters(*groups(beats, 14), seed=1, permutations=4000)
    assert [(cluster.start, cluster.stop) for cluster in found] == [row[:2] for row in expected]
    assert [abs(cluster.mass) for cluster in found] == pytest.approx([row[2] for row in expected], rel=1e-12)
    # Both p-values are of 4000 random relabellings: standard error of their difference at most 0.011.
    assert [cluster.p_value for cluster in found] == pytest.approx([row[3] for row in expected], abs=0.03)


def test_with_one_sample_it_is_scipys_permutation_test():
    """The largest cluster mass is |t|, its p-value that of the exact two-sided permutation test."""
    beats = np.random.default_rng(3).normal(0, 0.1, (14, 1, 1))
    beats[:5] += 0.15
    low, high = groups(beats, 5)
    found = permuted_clusters(low, high, seed=5, permutations=20_000, cluster_level=0.5)

    def absolute_t(x, y, axis):
        return np.abs(stats.ttest_ind(x, y, axis=axis, equal_var=False).statistic)

    expected = stats.permutation_test(
        (high[0].ravel(), low[0].ravel()), absolute_t, vectorized=True, n_resamples=np.inf, alternative="greater",
    )  # fmt: skip
    assert found[0].mass == pytest.approx(expected.statistic)
    assert found[0].p_value == pytest.approx(expected.pvalue, abs=0.006)


def test_patients_in_both_groups_exchange_their_averages():
    """All patients in both groups: scipy's paired permutation test."""
    rng = np.random.default_rng(4)
    patients = np.array([f"p{i:02d}" for i in range(12)])
    own = rng.normal(0, 0.3, (12, 1, 1))
    low, high = own + rng.normal(0, 0.1, (12, 1, 1)), own + rng.normal(0.09, 0.1, (12, 1, 1))
    order = rng.permutation(12)
    found = permuted_clusters(
        (low, patients), (high[order], patients[order]), seed=5, permutations=20_000, cluster_level=0.5
    )

    def absolute_t(x, y, axis):
        return np.abs(stats.ttest_rel(x, y, axis=axis).statistic)

    expected = stats.permutation_test(
        (high.ravel(), low.ravel()), absolute_t, permutation_type="samples", vectorized=True, n_resamples=np.inf,
        alternative="greater",
    )  # fmt: skip
    assert found[0].mass == pytest.approx(stats.ttest_rel(high.ravel(), low.ravel()).statistic)
    assert found[0].p_value == pytest.approx(expected.pvalue, abs=0.006)


def test_among_exchangeable_groups_a_cluster_survives_once_in_twenty():
    """Binomial with 5 %: more than 11 of 100 would come by chance once in 250."""
    survived = 0
    for repetition in range(100):
        low, high = groups(noise(40, 1000 + repetition, leads=4), 12)
        found = permuted_clusters(low, high, seed=repetition, permutations=100)
        survived += any(cluster.p_value <= 0.05 for cluster in found)
    assert survived <= 11


def test_a_planted_bump_is_found_where_it_is():
    beats = noise(60, 7)
    beats[:20, 8, 30:60] -= 0.12
    low, high = groups(beats, 20)
    clear = [cluster for cluster in permuted_clusters(low, high, seed=1) if cluster.p_value < 0.05]
    assert [(cluster.lead, cluster.mass < 0) for cluster in clear] == [(8, True)]
    assert clear[0].start == pytest.approx(30, abs=8)
    assert clear[0].stop == pytest.approx(60, abs=8)
    assert clear[0].p_value == 1 / 1001


def test_values_that_do_not_vary_form_no_cluster():
    beats = noise(30, 2)
    beats[:, 5] = 0.3
    assert all(cluster.lead != 5 for cluster in permuted_clusters(*groups(beats, 10), seed=1, permutations=20))
