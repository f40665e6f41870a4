import numpy as np
import pandas as pd
import pytest

from ecg_ccta.signals.beats import median_beats
from ecg_ccta.signals.cleaning import clean
from ecg_ccta.signals.segments import beat_times, segment_mask
from ecg_ccta.sources.heart_beats import MEASURED_LEADS, SEGMENTS, simulate_hearts, tracings
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms.compare_waveforms import (
    ALL,
    MATCHED,
    NORMALISED,
    all_curves,
    at_half_the_rate,
    cluster_table,
    compare_all_waveforms,
    comparison_rows,
    normalised,
)

TIMES = beat_times(0.25, 0.65)
PATIENTS, REPETITIONS, PERMUTATIONS = 120, 100, 159


@pytest.fixture(scope="module")
def beats() -> np.ndarray:
    """Median beats of simulated hearts in which nothing is planted."""
    rng = np.random.default_rng(8)
    hearts = simulate_hearts(rng.normal(60, 10, PATIENTS), rng.random(PATIENTS) < 0.5, rng)
    ecgs = tracings(hearts, np.zeros((PATIENTS, len(MEASURED_LEADS), len(SEGMENTS))), rng)
    cleaned = np.stack([clean(ecg.astype(float), 500) for ecg in ecgs])
    return median_beats(np.round(1000 * cleaned).astype(np.int16))[0]


def risk_groups(high: dict[str, np.ndarray], n: int = PATIENTS) -> pd.DataFrame:
    ids = {"ecg_id": [f"e{i}" for i in range(n)], "patient_id": [f"p{i}" for i in range(n)]}
    parts = [pd.DataFrame(ids | {"vessel": v, "group": np.where(high[v], "high", "low")}) for v in VESSELS]
    return pd.concat(parts, ignore_index=True)


def test_normalised_beats_have_a_qrs_complex_of_size_one_and_keep_their_shape(beats):
    found = normalised(beats, TIMES)
    of_qrs = np.sqrt((found[:, :, segment_mask("QRS", TIMES)] ** 2).mean(axis=1)).max(axis=1)
    assert of_qrs == pytest.approx(1, rel=1e-5)
    assert normalised(3 * beats, TIMES) == pytest.approx(found, rel=1e-4, abs=1e-6)
    pq = np.median(beats[:, :, segment_mask("PQ", TIMES)], axis=2)
    ratio = (beats[0, :, 200] - pq[0]) / found[0, :, 200]
    assert ratio == pytest.approx(ratio[0], rel=1e-3)


def test_a_difference_of_size_alone_goes_when_normalised(beats):
    high = {vessel: np.arange(PATIENTS) < 50 for vessel in VESSELS}
    larger = beats.copy()
    larger[:50] *= 1.5
    ids = pd.Series([f"e{i}" for i in range(PATIENTS)])
    compared = compare_all_waveforms(larger, TIMES, ids, {ALL: risk_groups(high)}, permutations=PERMUTATIONS)
    clusters = cluster_table(compared)
    clear = clusters[clusters["p_corrected"] <= 0.05]
    assert len(comparison_rows(clear, ALL)) > 10
    assert len(comparison_rows(clear, ALL, NORMALISED)) == 0


def test_half_the_samples_keep_the_r_peak(beats):
    thin, times = at_half_the_rate(beats, TIMES)
    assert thin.shape == (PATIENTS, 12, len(TIMES) // 2)
    assert 0 in times
    assert np.array_equal(thin[:, :, times == 0], beats[:, :, TIMES == 0])


def test_tables_tell_comparison_and_scale_and_p_is_corrected_for_the_tests_made(beats):
    rng = np.random.default_rng(3)
    high = {vessel: rng.random(PATIENTS) < 0.4 for vessel in VESSELS}
    few = high | {"LM": np.arange(PATIENTS) < 5}
    ids = pd.Series([f"e{i}" for i in range(PATIENTS)])
    risk = {ALL: risk_groups(high), MATCHED: risk_groups(few)}
    clusters = cluster_table(compared := compare_all_waveforms(beats, TIMES, ids, risk, permutations=19))
    known = clusters.dropna(subset=["p_value"])
    tests = known["comparison"].map({ALL: 8, MATCHED: 6})
    assert known["p_corrected"].to_numpy() == pytest.approx(np.minimum(1, known["p_value"] * tests))
    curves = all_curves(compared)
    assert curves.groupby(["comparison", "scale"]).size().tolist() == [4 * 12 * len(TIMES)] * 4
    lm = comparison_rows(curves, MATCHED, NORMALISED).query("vessel == 'LM'")
    assert set(lm["note"]) == {"too few patients (5 high-risk)"}


def test_without_a_difference_no_cluster_survives_in_95_of_100_studies(beats):
    """A study: four vessels whose groups go together, both scales, on every tenth sample of real-shaped beats.

    Of 100 studies whose chance of a false cluster is 5 %, more than 11 have one once in 250 (binomial); Bonferroni
    over dependent tests stays below. Without it, 8 tests would let clusters survive in far more than 11.
    """
    rng = np.random.default_rng(11)
    thin, times = beats[:, :, ::10], TIMES[::10]
    ids = pd.Series([f"e{i}" for i in range(PATIENTS)])
    corrected, uncorrected = 0, 0
    for repetition in range(REPETITIONS):
        common = rng.normal(size=PATIENTS)
        high = {vessel: common + rng.normal(size=PATIENTS) > 0.5 for vessel in VESSELS}
        compared = compare_all_waveforms(
            thin, times, ids, {ALL: risk_groups(high)}, seed=repetition, permutations=PERMUTATIONS
        )
        clusters = cluster_table(compared)
        corrected += bool((clusters["p_corrected"] <= 0.05).any())
        uncorrected += bool((clusters["p_value"] <= 0.05).any())
    print(f"{corrected} of {REPETITIONS} studies with a surviving cluster, {uncorrected} without the correction")
    assert corrected <= 11
    assert uncorrected > corrected
