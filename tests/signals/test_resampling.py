import numpy as np
import pytest

from ecg_ccta.signals.resampling import resample


def tone(hertz: float, fs: float, seconds: float = 10) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * fs)) / fs)[np.newaxis]


@pytest.mark.parametrize("fs", [100, 128, 240, 257, 360, 400, 1000, 2000])
def test_a_slow_tone_survives_any_rate(fs):
    resampled = resample(tone(5, fs), fs, 500)
    assert resampled.shape == (1, 5000)
    np.testing.assert_allclose(resampled[:, 500:-500], tone(5, 500)[:, 500:-500], atol=0.01)


def test_tones_above_nyquist_are_suppressed_instead_of_folded():
    # 430 Hz at 1000 Hz would fold to 70 Hz at 500 Hz, as it does when every second sample is taken.
    folded = tone(430, 1000)[:, ::2]
    resampled = resample(tone(430, 1000), 1000, 500)
    assert folded.std() > 0.7
    assert resampled[:, 50:-50].std() < 0.0005


def test_an_offset_does_not_ring_at_the_ends():
    resampled = resample(np.full((1, 10000), 7.0), 1000, 500)
    np.testing.assert_allclose(resampled, 7.0, atol=1e-9)


def test_same_rate_is_the_same_signal():
    np.testing.assert_array_equal(resample(tone(5, 500), 500.0, 500), tone(5, 500))


def test_refuses_a_rate_under_100_hz():
    with pytest.raises(ValueError, match="under 100 Hz"):
        resample(tone(5, 90), 90, 500)
