"""ECGFounder's preprocessing against reference vectors of an independent implementation."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from ecg_ccta.signals.cleaning import (
    _BAND,
    _BAND_STATE,
    _NOTCH,
    _NOTCH_STATE,
    BAND_HZ,
    BAND_ORDER,
    clean,
    stages,
    zscore_global,
    zscore_per_lead,
)
from ecg_ccta.signals.reading import read_recording


def formula() -> np.ndarray:
    t = np.arange(5000) / 500
    return np.array(
        [
            0.8 * np.sin(2 * np.pi * (1.2 + 0.05 * lead) * t + 0.3 * lead)
            + 0.3 * np.sin(2 * np.pi * 50 * t)
            + 0.5 * np.sin(2 * np.pi * 0.15 * t)
            + 0.2 * np.sign(np.sin(2 * np.pi * (1.7 + 0.1 * lead) * t))
            for lead in range(12)
        ]
    )


def assert_agrees(ecg: np.ndarray, vectors: dict) -> None:
    computed = stages(ecg, vectors["fs"])
    computed["zscore_global"] = zscore_global(computed["clean"])
    computed["zscore_per_lead"] = zscore_per_lead(computed["clean"])
    assert set(vectors["values"]) == set(computed)
    for stage, values in vectors["values"].items():
        assert computed[stage].shape == tuple(vectors["shape"])
        rms = np.array(values.pop("rms_per_lead"))
        np.testing.assert_allclose(np.sqrt((computed[stage] ** 2).mean(axis=1)), rms, rtol=1e-6, err_msg=stage)
        for position, expected in values.items():
            deviation = np.abs(computed[stage][:, int(position)] - expected) / rms
            assert deviation.max() < 1e-6, (stage, position)


def test_band_pass_is_scipys_butterworth():
    for written, computed in zip(_BAND, signal.butter(BAND_ORDER, BAND_HZ, "bandpass", fs=500), strict=True):
        np.testing.assert_allclose(written, computed, rtol=1e-12, atol=1e-18)


def test_the_filters_start_in_scipys_state_and_run_forward_and_backward():
    # Exact in rational arithmetic; scipy's solution is as good as double precision allows.
    for (b, a), state, tolerance in ((_NOTCH, _NOTCH_STATE, 1e-13), (_BAND, _BAND_STATE, 3e-4)):
        b, a = (list(map(Fraction, map(float, part))) for part in (b, a))
        gain = sum(b) / sum(a)
        exact = [float(sum(b[j] - a[j] * gain for j in range(i + 1, len(a)))) for i in range(len(a) - 1)]
        np.testing.assert_allclose(state, exact, rtol=tolerance)
    found = stages(formula(), 500)
    np.testing.assert_allclose(found["notch"], signal.filtfilt(*_NOTCH, formula(), axis=-1), rtol=0, atol=1e-12)
    expected = signal.filtfilt(*_BAND, found["notch"], axis=-1)
    assert np.abs(found["bandpass"] - expected).max() < 3e-5 * expected.std()


def test_formula_signal():
    vectors = json.loads((Path(__file__).parent / "preprocess_formula.json").read_text())
    assert_agrees(formula(), vectors)


def test_all_reference_vectors(reference_vectors, real_ecg):
    cases = json.loads((reference_vectors / "preprocess_vectors.json").read_text())
    assert len(cases) == 3
    for name, vectors in cases.items():
        recorded = formula() if name == "formula" else read_recording(real_ecg.parent / name)[0]
        assert_agrees(recorded, vectors)


def test_clean_is_the_stage_and_the_median_is_exact():
    computed = stages(formula(), 500)
    np.testing.assert_array_equal(clean(formula(), 500), computed["clean"])
    np.testing.assert_array_equal(computed["baseline"], signal.medfilt(computed["bandpass"], (1, 201)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_samples_that_are_not_finite(bad):
    ecg = formula()
    ecg[3, 100] = bad
    with pytest.raises(ValueError, match="not finite"):
        clean(ecg, 500)


def test_every_real_recording_has_a_plausible_heart_rate(real_ecg):
    import neurokit2

    recordings = sorted((real_ecg / "cinc2021").glob("*.hea"))
    assert len(recordings) == 30
    for path in recordings:
        ecg, rate = read_recording(path)
        assert (ecg.shape, rate) == ((12, 5000), 500)
        cleaned = clean(ecg, rate)
        assert np.isfinite(cleaned).all()
        _, peaks = neurokit2.ecg_peaks(cleaned[1], sampling_rate=500)
        beats = peaks["ECG_R_Peaks"]
        per_minute = 60 * 500 * (len(beats) - 1) / (beats[-1] - beats[0])
        assert 30 <= per_minute <= 200, path.name


def test_a_1000_hz_recording_cleans_to_the_same_beats(real_ecg):
    ecg, rate = read_recording(real_ecg / "ptbdb/patient001/s0010_re", seconds=10)
    assert (ecg.shape, rate) == ((12, 10000), 1000)
    cleaned = clean(ecg, rate)
    assert cleaned.shape == (12, 5000)
    # Every second sample of a signal without content above 250 Hz is the same signal at 500 Hz.
    np.testing.assert_allclose(cleaned[:, 250:-250], clean(ecg[:, ::2], 500)[:, 250:-250], atol=0.02)
