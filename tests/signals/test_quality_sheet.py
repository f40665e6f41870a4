"""Beats of real recordings: plausible, agreed on by another detector, and drawn on one sheet."""

import neurokit2 as nk
import numpy as np
import pytest

from ecg_ccta.signals.beats import MINIMUM_BEATS, agreement, find_beats, r_peaks
from ecg_ccta.signals.cleaning import clean
from ecg_ccta.signals.quality_sheet import beat_table, draw_quality_sheet
from ecg_ccta.signals.reading import read_recording


@pytest.fixture(scope="module")
def recordings(real_ecg) -> np.ndarray:
    headers = sorted((real_ecg / "cinc2021").glob("*.hea"))
    return np.stack([clean(read_recording(header, seconds=10)[0][:, :5000], 500) for header in headers])


def test_all_real_recordings_have_plausible_beats(recordings):
    table = beat_table(recordings)
    assert len(table) == 30
    assert table["median_beat"].all()
    assert table["heart_rate"].between(35, 160).all()
    assert (table["usable"] >= 6).all()
    # Ten seconds hold as many beats as the rate says, but for ectopic ones.
    assert (table["beats"] / (table["heart_rate"] / 6)).between(0.65, 1.15).all()


def test_another_detector_finds_the_same_beats(recordings):
    """Pan and Tompkins' (IEEE Trans Biomed Eng 32:230, 1985) in the same lead, matched within 150 ms."""
    missed, total = 0, 0
    for ecg in recordings:
        beats = find_beats(ecg, 125, 325)
        lead = ecg[["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"].index(beats.lead)]
        cleaned = nk.ecg_clean(lead, sampling_rate=500, method="pantompkins1985")
        other = nk.ecg_findpeaks(cleaned, sampling_rate=500, method="pantompkins1985")["ECG_R_Peaks"]
        apart = np.abs(beats.usable[:, None] - np.asarray(other)[None]).min(axis=1)
        missed += int((apart > 75).sum())
        total += len(beats.usable)
    assert total > 330
    assert missed / total <= 0.03


def test_the_sheet_shows_every_ecg_and_the_beats_left_out(recordings):
    figure = draw_quality_sheet(recordings[:4], ["a", "b", "c", "d"])
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.get_title(loc="left")]
    assert [title.split()[0] for title in titles] == ["a", "b", "c", "d"]
    marks = next(line for line in figure.axes[0].lines if line.get_label() == "usable beat")
    assert len(marks.get_xdata()) == len(find_beats(recordings[0], 125, 325).usable)


def test_an_ecg_without_beats_is_on_the_sheet_too():
    ecgs = np.zeros((2, 12, 5000))
    table = beat_table(ecgs)
    assert table["usable"].tolist() == [0, 0]
    assert table["heart_rate"].isna().all()
    assert table["usable"].max() < MINIMUM_BEATS
    assert "no beats" in draw_quality_sheet(ecgs).axes[0].get_title(loc="left")


def test_leads_agree_on_beats_at_their_usual_distance():
    peaks = np.arange(200, 4800, 400)
    assert agreement(peaks, peaks + 12) == 1
    scattered = peaks + np.where(np.arange(len(peaks)) % 3 == 0, 20, 0)
    assert agreement(peaks, scattered) == pytest.approx(2 / 3)
    assert agreement(peaks, peaks[:6]) == 0.5
    assert agreement(peaks, peaks[:0]) == 0


def test_the_clearest_lead_is_taken_not_always_lead_ii(make_ecg):
    ecg = make_ecg() / 1000.0
    ecg[1] = np.random.default_rng(1).normal(0, 0.4, 5000)
    assert find_beats(ecg, 125, 325).lead not in ("II", "")
    assert len(r_peaks(ecg[1])) != len(find_beats(ecg, 125, 325).detected)


def test_a_premature_beat_of_the_same_shape_and_the_one_after_it_are_left_out(make_ecg):
    """A supraventricular extrasystole: shape alone would keep it."""
    ecg = make_ecg(rr=0.8, first=0.5) / 1000.0
    early = ecg.copy()
    early[:, 2350:2700] = ecg[:, 2500:2850]  # the beat at 5.3 s (2650) comes at 5.0 s (2500) ...
    early[:, 2700:2850] = ecg[:, 2700:2701]  # ... and a pause follows it
    plain, found = find_beats(ecg, 125, 325), find_beats(early, 125, 325)
    assert np.abs(found.rhythm - 2500).min() < 10
    assert np.abs(found.usable - 2500).min() > 100
    assert np.abs(found.usable - 3050).min() > 100
    # The beat before, whose T wave it falls upon, may be left out as disturbed.
    assert len(plain.usable) - len(found.usable) in (2, 3)


def test_a_noisy_beat_is_left_out(make_ecg):
    ecg = make_ecg(rr=0.8, first=0.5) / 1000.0
    noisy = ecg.copy()
    noisy[:, 2600:2780] += np.random.default_rng(2).normal(0, 0.12, (12, 180))  # around R at 5.3 s
    assert len(find_beats(noisy, 125, 325).usable) == len(find_beats(ecg, 125, 325).usable) - 1
    assert np.abs(find_beats(noisy, 125, 325).usable - 2650).min() > 100
