import time

import numpy as np
import pytest
import wfdb

from ecg_ccta.signals.beats import median_beats, r_peaks, usable_peaks
from ecg_ccta.signals.segments import SEGMENTS, beat_times, segment_mask
from ecg_ccta.vessels import LEADS, SAMPLES


def test_the_median_beat_is_the_planted_beat(make_ecg):
    beats, r_count, ok = median_beats(make_ecg(rr=0.8, first=0.5)[None])
    times = beat_times(0.25, 0.65)
    assert beats.shape == (1, 12, 450)
    assert beats.dtype == np.float32
    assert ok.tolist() == [True]
    assert r_count.tolist() == [12]  # R at 0.5, 1.3 ... 9.3 s
    gain = np.linspace(0.6, 1.4, 12)
    expected = gain[:, None] * np.exp(-((times - 0.28) ** 2) / (2 * 0.04**2)) * 0.25
    in_t = segment_mask("T", times)
    assert np.abs(beats[0][:, in_t] - expected[:, in_t]).max() < 0.015
    assert times[beats[0, LEADS.index("II")].argmax()] == pytest.approx(0, abs=0.002)


def test_an_ectopic_beat_does_not_enter_the_median(make_ecg):
    plain, disturbed = make_ecg(), make_ecg()
    at = slice(2450, 2700)  # around the R peak at 4.5 + 0.8 s
    disturbed[:, at] = -3 * disturbed[:, at]
    (clean, _, _), (beats, r_count, _) = median_beats(plain[None]), median_beats(disturbed[None])
    assert r_count[0] <= 11
    assert np.abs(beats - clean).max() < 0.02


@pytest.mark.parametrize("kind", ["flat", "noise", "two beats"])
def test_an_ecg_without_three_beats_is_flagged_and_holds_no_numbers(kind, make_ecg):
    ecg = np.zeros((12, SAMPLES), dtype=np.int16)
    if kind == "noise":
        ecg = np.random.default_rng(0).normal(0, 100, ecg.shape).astype(np.int16)
    if kind == "two beats":
        ecg[:, :1000] = make_ecg()[:, :1000]
    beats, r_count, ok = median_beats(np.stack([ecg, make_ecg()]))
    assert ok.tolist() == [False, True]
    assert r_count[0] < 3
    assert np.isnan(beats[0]).all()
    assert np.isfinite(beats[1]).all()


def test_another_lead_stands_in_for_a_lost_lead_ii(make_ecg):
    ecg = make_ecg()
    ecg[LEADS.index("II")] = 0
    _, r_count, ok = median_beats(ecg[None])
    assert ok[0]
    assert r_count[0] == 12


def test_real_recordings_with_atrial_fibrillation_have_beats(real_ecg):
    signals = []
    for header in sorted((real_ecg / "cinc2021").glob("*.hea")):
        recording = wfdb.rdrecord(str(header.with_suffix(""))).p_signal.T
        signals.append(np.clip(np.nan_to_num(recording) * 1000, -32000, 32000).astype(np.int16))
    started = time.perf_counter()
    _, r_count, ok = median_beats(np.stack(signals))
    speed = len(signals) / (time.perf_counter() - started)
    assert ok.mean() >= 0.9
    assert np.median(r_count) >= 8
    assert speed > 10


def test_r_peaks_follow_the_rate(make_ecg):
    for rr in (0.4, 0.8, 1.5):
        found = r_peaks(make_ecg(rr=rr)[1] / 1000)
        assert np.diff(found).mean() / 500 == pytest.approx(rr, abs=0.01)


def test_windows_stay_inside_the_recording(make_ecg):
    peaks = usable_peaks(make_ecg(first=0.1) / 1000.0, 125, 325)
    assert peaks.min() >= 125
    assert peaks.max() + 325 <= SAMPLES


def test_segments_are_disjoint_and_have_their_length():
    times = beat_times(0.25, 0.65)
    masks = {segment: segment_mask(segment, times) for segment in SEGMENTS}
    assert sum(mask.astype(int) for mask in masks.values()).max() == 1
    assert {segment: int(mask.sum()) for segment, mask in masks.items()} == {
        "P": 70, "PQ": 15, "QRS": 55, "ST": 50, "T": 145,
    }  # fmt: skip
