"""Beats of generated ECGs, and what is planted into them, against simulated ECGs whose beats are known."""

from dataclasses import replace

import numpy as np
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.signals.generate_ecgs import BATCH, generate_ecgs
from ecg_ccta.sources.alterations import altered_by
from ecg_ccta.sources.ecg_generator import load_generator
from ecg_ccta.sources.generated_ecgs import NO_BEAT_S, read_generated, write_generated
from ecg_ccta.sources.heart_beats import MEASURED_LEADS, simulate_hearts, tracings
from ecg_ccta.vessels import LEADS, VESSELS

MEASURED = [LEADS.index(lead) for lead in MEASURED_LEADS]
NOTHING = np.zeros((1, len(VESSELS)))


def simulated(noise, expression=NOTHING):
    """A stand-in network: an ECG of a simulated heart that the noise determines, in microvolts; and the hearts."""
    ecgs, hearts = [], []
    for one in noise:
        rng = np.random.default_rng(one[0, :8].view(np.uint32))
        heart = simulate_hearts(np.array([60.0]), np.array([True]), rng)
        heart = replace(heart, lead_gains=np.ones((1, 8)), sinus_arrhythmia=np.full(1, 0.02), wander=np.full(1, 0.01))
        ecgs.append(1000 * tracings(heart, altered_by(expression), rng)[0, MEASURED])
        hearts.append(heart)
    return np.array(ecgs), hearts


@pytest.fixture(scope="module")
def generated():
    noises = []

    def generate(noise):
        noises.append(noise)
        return simulated(noise)[0]

    ecgs = generate_ecgs(10, 4, generate)
    return ecgs, noises[0]


def noise_of(ecgs, noise):
    """The noise behind each kept ECG: some are left out."""
    all_ecgs = np.rint(simulated(noise)[0])
    return noise[[int(np.abs(all_ecgs - kept).max(axis=(1, 2)).argmin()) for kept in ecgs.microvolts]]


def test_rate_and_t_peak_are_those_of_the_hearts(generated):
    ecgs, noise = generated
    hearts = simulated(noise_of(ecgs, noise))[1]
    assert ecgs.heart_rate == pytest.approx([heart.rate[0] for heart in hearts], rel=0.05)
    assert np.abs(ecgs.t_peak - [heart.t_peak[0] for heart in hearts]).max() < 0.03


def test_peaks_reach_beyond_both_ends(generated):
    ecgs, _ = generated
    assert (ecgs.peaks[:, 0] < 0).all()
    assert (ecgs.peaks[:, -1] == NO_BEAT_S).all()
    assert all(10 <= row[row < NO_BEAT_S].max() < 12 for row in ecgs.peaks)


@pytest.mark.parametrize("vessel", VESSELS)
def test_what_is_planted_is_what_a_simulated_heart_would_show(generated, vessel):
    ecgs, noise = generated
    noise = noise_of(ecgs, noise)
    expression = 2.0 * (np.array(VESSELS) == vessel)[None]
    planted = ecgs.tracings(altered_by(np.repeat(expression, len(ecgs), axis=0))) - ecgs.tracings(
        altered_by(np.repeat(NOTHING, len(ecgs), axis=0))
    )
    expected = (simulated(noise, expression)[0] - simulated(noise)[0]) / 1000
    for one, other in zip(planted[:, MEASURED], expected, strict=True):
        # Of all beats, those at the edges included; R is found to a sample or two.
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.9
        assert np.abs(one).max() == pytest.approx(np.abs(other).max(), rel=0.1)


def test_the_first_ecgs_do_not_depend_on_how_many_follow(generated):
    ecgs, _ = generated
    more = generate_ecgs(len(ecgs) + 2, 4, lambda noise: simulated(noise)[0])
    np.testing.assert_array_equal(more.microvolts[: len(ecgs)], ecgs.microvolts)
    np.testing.assert_array_equal(more.t_peak[: len(ecgs)], ecgs.t_peak)


def test_ecgs_without_clear_beats_are_left_out_and_a_network_of_noise_is_refused():
    def sometimes(noise):
        ecgs = simulated(noise)[0]
        ecgs[::4] = 300 * noise[::4]
        return ecgs

    kept = generate_ecgs(BATCH - BATCH // 4, 4, sometimes)
    assert np.abs(np.diff(kept.microvolts.astype(float), axis=2)).mean(axis=(1, 2)).max() < 50
    with pytest.raises(StudyError, match="only 0 of 64 generated ECGs have clear beats"):
        generate_ecgs(1, 4, lambda noise: 300 * noise)
    with pytest.raises(StudyError, match="expected"):
        generate_ecgs(1, 4, lambda noise: noise[:, :7])


def test_the_file_gives_back_what_was_written(generated, tmp_path):
    ecgs, _ = generated
    write_generated(ecgs, tmp_path / "ecgs.npz")
    again = read_generated(tmp_path / "ecgs.npz")
    np.testing.assert_array_equal(again.microvolts, ecgs.microvolts)
    np.testing.assert_array_equal(again.peaks, ecgs.peaks)
    (tmp_path / "other.npz").write_bytes(b"something else")
    with pytest.raises(StudyError, match="holds no generated ECGs"):
        read_generated(tmp_path / "other.npz")


def test_the_real_network_makes_waves_of_real_size():
    """The package names no unit; only in microvolts are these the waves of an adult's normal ECG."""
    pytest.importorskip("deepfakeecg", reason="the optional package deepfake-ecg is not installed")
    ecgs = generate_ecgs(12, 1, load_generator())
    v5 = ecgs.microvolts[:, MEASURED_LEADS.index("V5")] / 1000
    assert 0.6 < np.median(v5.max(axis=1)) < 2.5
    assert 50 < np.median(ecgs.heart_rate) < 100
    assert 70 < np.median(ecgs.qrs_ms) < 110
    assert 340 < np.median(ecgs.qtc_ms) < 440
    assert 120 < np.nanmedian(ecgs.pr_ms) < 200
