"""One recording twice is found whatever was done to it; two recordings are never taken for one."""

import numpy as np
import pytest
import wfdb
from scipy.signal import resample_poly

from ecg_ccta.audit.near_duplicates import (
    COMPARED_RATE,
    DUPLICATE_CORRELATION,
    INDEPENDENT,
    LONGEST_SHIFT,
    candidate_pairs,
    condensed,
    correlations,
    fingerprints,
    near_duplicates,
)
from ecg_ccta.signals.cleaning import clean_microvolts
from ecg_ccta.sources.heart_beats import SEGMENTS, simulate_hearts, tracings

ECGS = 40


class Signals:
    """A store of signals in memory."""

    def __init__(self, signals: np.ndarray):
        self.signals = signals

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self.signals[rows]


def waves_of(recordings: list[np.ndarray]) -> np.ndarray:
    """Raw recordings (12, 5000) in mV at 500 Hz as the search sees them."""
    return condensed(Signals(np.stack([clean_microvolts(ecg, 500) for ecg in recordings])), len(recordings))


@pytest.fixture(scope="module")
def long_recordings() -> np.ndarray:
    """Simulated recordings of 16 s, so that a part of 10 s may begin anywhere in the first 6 s."""
    rng = np.random.default_rng(5)
    hearts = simulate_hearts(rng.uniform(40, 80, ECGS), rng.random(ECGS) < 0.5, rng)
    return tracings(hearts, np.zeros((ECGS, 8, len(SEGMENTS))), rng, seconds=16)


@pytest.fixture(scope="module")
def originals(long_recordings) -> np.ndarray:
    return waves_of(list(long_recordings[:, :, :5000]))


def noise(millivolts: float) -> np.ndarray:
    return np.random.default_rng(6).normal(0, millivolts, (12, 5000))


COPIES = {
    "as it is": (lambda ecg: ecg[:, :5000], 0),
    "gain 1.1, 0.4 s later, 20 uV of noise": (lambda ecg: 1.1 * ecg[:, 200:5200] + noise(0.02), 0.4),
    "half the gain, 3.003 s later": (lambda ecg: 0.5 * ecg[:, 1502:6502], 3.003),
    "3.9 s later": (lambda ecg: ecg[:, 1950:6950], 3.9),
    "through 250 Hz": (lambda ecg: resample_poly(resample_poly(ecg[:, :5000], 1, 2, axis=1), 2, 1, axis=1), 0),
    "in steps of 10 uV": (lambda ecg: np.round(ecg[:, :5000], 2), 0),
    "baseline wander of 0.3 mV": (
        lambda ecg: ecg[:, :5000] + 0.3 * np.sin(2 * np.pi * 0.3 * np.arange(5000) / 500), 0
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_is_found_whatever_was_done_to_it(long_recordings, originals, kind):
    change, shift = COPIES[kind]
    waves = np.concatenate([originals, waves_of([change(ecg) for ecg in long_recordings])])
    found = near_duplicates(waves, [(np.arange(ECGS, 2 * ECGS), np.arange(ECGS))])
    copies = found[found["correlation"] >= DUPLICATE_CORRELATION]
    assert sorted(zip(copies["first"], copies["second"], strict=True)) == [(i, ECGS + i) for i in range(ECGS)]
    np.testing.assert_allclose(copies["shift"], shift, atol=0.003)
    assert found["correlation"][found["correlation"] < DUPLICATE_CORRELATION].max() < 0.95


def test_a_copy_that_overlaps_less_than_five_seconds_is_beyond_the_search(long_recordings, originals):
    waves = np.concatenate([originals, waves_of([ecg[:, 2700:7700] for ecg in long_recordings])])
    found = near_duplicates(waves, [(np.arange(ECGS, 2 * ECGS), np.arange(ECGS))])
    assert (found["correlation"] < DUPLICATE_CORRELATION).all()


def test_the_correlation_is_that_of_every_shift_written_out(originals):
    first, second = np.array([0, 3, 5]), np.array([1, 4, 20])
    found, shift = correlations(originals, first, second)
    for pair, (i, j) in enumerate(zip(first, second, strict=True)):
        a, b = originals[i].astype(float), originals[j].astype(float)
        best, at = -1.0, 0
        for lag in range(-LONGEST_SHIFT * COMPARED_RATE, LONGEST_SHIFT * COMPARED_RATE + 1):
            x, y = (a[:, lag:], b[:, : 900 - lag]) if lag >= 0 else (a[:, :lag], b[:, -lag:])
            value = (x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum())
            best, at = max((best, at), (value, lag))
        assert best < 0.8
        assert found[pair] == pytest.approx(best, abs=1e-4)
        assert shift[pair] == pytest.approx(at / COMPARED_RATE)


def test_a_fingerprint_is_the_covariance_of_the_leads(originals):
    prints = fingerprints(originals)
    wave = originals[7].astype(float)
    second_moments = wave @ wave.T
    expected = second_moments / (np.trace(second_moments) / 8)
    np.testing.assert_allclose(prints[7], expected[np.triu_indices(8)], rtol=1e-4, atol=1e-6)
    assert prints.shape == (ECGS, 36)


def test_a_flat_recording_is_like_no_other(originals):
    waves = np.concatenate([originals, np.zeros((2, 8, 900), dtype=np.int16)])
    found = near_duplicates(waves, [(np.arange(ECGS, ECGS + 2), np.arange(ECGS + 2))])
    assert np.isfinite(found["correlation"]).all()
    assert (found["correlation"] < 0.1).all()


def test_only_what_is_to_be_compared_is_compared(originals):
    prints = fingerprints(np.concatenate([originals, originals]))
    folds = np.arange(2 * ECGS) % ECGS % 4
    pairs = candidate_pairs(prints, [(np.flatnonzero(folds == k), np.flatnonzero(folds != k)) for k in range(4)])
    assert (folds[pairs[:, 0]] != folds[pairs[:, 1]]).all()
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert len(np.unique(pairs, axis=0)) == len(pairs)
    nothing = np.array([], dtype=int)
    assert len(candidate_pairs(prints, [(nothing, np.arange(4)), (np.arange(4), nothing)])) == 0
    assert len(near_duplicates(originals, [])) == 0


def test_condensing_averages_over_ten_milliseconds():
    signals = np.zeros((300, 12, 5000), dtype=np.int16)
    signals[:, :, ::5] = 50 * np.arange(12)[:, None]
    signals[299, :, :] = 7
    found = condensed(Signals(signals), 300)
    assert found.shape == (300, 8, 900)
    np.testing.assert_array_equal(found[0], np.repeat(10 * np.array(INDEPENDENT)[:, None], 900, axis=1))
    assert (found[299] == 7).all()


def test_thirty_real_patients_are_thirty_and_their_copies_are_found(real_ecg):
    files = sorted((real_ecg / "cinc2021").glob("*.hea"))
    records = [wfdb.rdrecord(str(file.with_suffix(""))) for file in files]
    ecgs = [record.p_signal.T[:, :5000] for record in records]
    count = len(ecgs)
    assert count == 30
    real = waves_of(ecgs)
    found = near_duplicates(real, [(np.array([i]), np.delete(np.arange(count), i)) for i in range(count)])
    assert found["correlation"].max() < 0.8
    # The copy lacks the first 1.2 s, is a tenth larger and has noise; what follows the end is somebody else's.
    copies = [
        1.1 * np.concatenate([ecg[:, 600:], ecgs[(i + 1) % count][:, :600]], axis=1) + noise(0.01)
        for i, ecg in enumerate(ecgs)
    ]
    waves = np.concatenate([real, waves_of(copies)])
    found = near_duplicates(waves, [(np.arange(count, 2 * count), np.arange(count))])
    copies = found[found["correlation"] >= DUPLICATE_CORRELATION]
    assert sorted(zip(copies["first"], copies["second"], strict=True)) == [(i, count + i) for i in range(count)]
