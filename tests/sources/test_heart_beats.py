"""The tracing itself: leads, intervals, and what an alteration changes."""

from dataclasses import replace

import neurokit2 as nk
import numpy as np
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict

from ecg_ccta.sources.alterations import PATTERNS, altered_by, in_twelve_leads, planted_truth
from ecg_ccta.sources.heart_beats import MEASURED_LEADS, SEGMENTS, another_day, simulate_hearts, tracings
from ecg_ccta.vessels import LEADS, VESSELS


def some_hearts(n, seed=0):
    rng = np.random.default_rng(seed)
    return simulate_hearts(np.clip(rng.normal(60, 10, n), 30, 88), rng.random(n) < 0.5, rng)


def unaltered(n):
    return np.zeros((n, len(MEASURED_LEADS), len(SEGMENTS)))


def test_limb_leads_obey_einthoven_and_goldberger():
    ecg = dict(
        zip(LEADS, np.moveaxis(tracings(some_hearts(8), unaltered(8), np.random.default_rng(1)), 1, 0), strict=True)
    )
    one, two = ecg["I"], ecg["II"]
    for lead, expected in {
        "III": two - one,
        "aVR": -(one + two) / 2,
        "aVL": one - two / 2,
        "aVF": two - one / 2,
    }.items():
        np.testing.assert_allclose(ecg[lead], expected, atol=1e-6)


def test_rate_is_the_one_asked_for():
    hearts = replace(some_hearts(12), rate=np.linspace(45, 125, 12))
    ecgs = tracings(hearts, unaltered(12), np.random.default_rng(2))
    for ecg, rate in zip(ecgs, hearts.rate, strict=True):
        peaks = nk.ecg_peaks(nk.ecg_clean(ecg[1], sampling_rate=500), sampling_rate=500)[1]["ECG_R_Peaks"]
        assert 60 * 500 / np.diff(peaks).mean() == pytest.approx(rate, rel=0.05)


def test_qt_follows_fridericia():
    hearts = replace(some_hearts(3), rate=np.array([60.0, 60.0, 120.0]), qtc=np.array([0.40, 0.44, 0.40]))
    assert hearts.qt == pytest.approx([0.40, 0.44, 0.40 * 0.5 ** (1 / 3)])
    assert (np.diff(hearts.t_peak)[:1] > 0).all()


@pytest.mark.parametrize("vessel", VESSELS)
def test_each_vessel_alters_its_leads_at_its_time_only(vessel):
    n = 4
    hearts = some_hearts(n)
    expression = np.zeros((n, 4))
    expression[:, VESSELS.index(vessel)] = 2
    plain = tracings(hearts, unaltered(n), np.random.default_rng(3))
    altered = tracings(hearts, altered_by(expression), np.random.default_rng(3))
    change = np.abs(altered - plain).max(axis=(0, 2))
    mask = np.array(planted_truth(1.0)["mask"][vessel])
    planted = [lead in planted_truth(1.0)["millivolts_per_unit"][vessel] for lead in LEADS]
    assert (change[~np.array(planted)] < 1e-4).all()
    assert change[mask.any(axis=1)].min() > 0.045 > change[~mask.any(axis=1)].max()
    # Narrow enough to survive the subtraction of a 0.4 s running median: a small proportion of the tracing is touched.
    touched = (np.abs(altered - plain) > 0.02).any(axis=1).mean()
    assert touched < 0.30


def test_no_effect_plants_nothing():
    truth = planted_truth(0.0)
    assert not np.any([truth["mask"][vessel] for vessel in VESSELS])
    assert all(truth["millivolts_per_unit"][vessel] == {} for vessel in VESSELS)


def test_patterns_follow_anatomy():
    pattern = dict(zip(VESSELS, in_twelve_leads(PATTERNS), strict=True))
    size = {vessel: dict(zip(LEADS, np.abs(pattern[vessel]).max(axis=1), strict=True)) for vessel in VESSELS}
    assert min(size["RCA"][lead] for lead in ("II", "III", "aVF")) > max(size["RCA"][lead] for lead in ("I", "V2"))
    assert min(size["LAD"][lead] for lead in ("V2", "V3", "V4")) > size["LAD"]["II"]
    assert min(size["LCX"][lead] for lead in ("I", "aVL", "V5", "V6")) > size["LCX"]["V2"]
    early = pattern["LM"][:, SEGMENTS.index("early ST")]
    assert early[LEADS.index("aVR")] > 0.05 > 0 > early[LEADS.index("II")]


def test_age_lowers_t_and_men_have_larger_voltages():
    n = 4000
    rng = np.random.default_rng(4)
    young, old = (simulate_hearts(np.full(n, age), np.ones(n, bool), rng) for age in (40.0, 80.0))
    women = simulate_hearts(np.full(n, 40.0), np.zeros(n, bool), rng)
    assert np.linalg.norm(old.t_dipole, axis=1).mean() < 0.85 * np.linalg.norm(young.t_dipole, axis=1).mean()
    assert old.pr.mean() > young.pr.mean()
    assert np.abs(women.qrs_dipoles[:, 1]).mean() < np.abs(young.qrs_dipoles[:, 1]).mean()
    assert women.qtc.mean() > young.qtc.mean()


def test_expression_can_be_read_from_the_mean_beat():
    """A linear reading of R-aligned beats recovers every vessel's expression in unseen patients."""
    n = 320
    rng = np.random.default_rng(5)
    expression = rng.standard_normal((n, 4))
    ecgs = tracings(another_day(some_hearts(n, 5), rng), altered_by(expression), rng)
    beats = []
    for ecg in ecgs[:, [LEADS.index(lead) for lead in MEASURED_LEADS]]:
        peaks = nk.ecg_peaks(nk.ecg_clean(ecg[1], sampling_rate=500), sampling_rate=500)[1]["ECG_R_Peaks"]
        peaks = peaks[(peaks > 60) & (peaks < ecg.shape[1] - 200)]
        beat = np.median([ecg[:, peak - 50 : peak + 190 : 3] for peak in peaks], axis=0)
        beats.append((beat - np.median(beat, axis=1, keepdims=True)).ravel())
    read = cross_val_predict(RidgeCV(np.logspace(-3, 1, 5)), np.array(beats), expression, cv=5)
    explained = r2_score(expression, read, multioutput="raw_values")
    assert (explained > (0.75, 0.9, 0.9, 0.9)).all(), dict(zip(VESSELS, explained.round(3), strict=True))
