import numpy as np
import pytest

from ecg_ccta.config import Quality
from ecg_ccta.signals.quality import assess, flat, limb_lead_residual, noisy, saturated
from ecg_ccta.signals.reading import read_recording
from ecg_ccta.signals.resampling import resample

QUALITY = Quality()


def test_a_good_ecg_has_no_reason_and_no_noisy_lead(ecg):
    assert assess(ecg, QUALITY) == (None, "")


def test_flat_lead(ecg):
    ecg[7] = 0.3
    assert assess(ecg, QUALITY)[0] == "flat lead"
    np.testing.assert_array_equal(np.flatnonzero(flat(ecg, QUALITY)), [7])


def test_stretch_of_missing_samples(ecg):
    ecg[2, 1000:1400] = np.nan
    assert assess(ecg, QUALITY) == ("NaN samples", "")


def test_too_short_and_only_the_first_ten_seconds_count(ecg):
    assert assess(ecg[:, :4999], QUALITY) == ("too short", "")
    broken_later = np.hstack([ecg, np.full((12, 100), np.nan)])
    assert assess(broken_later, QUALITY)[0] is None


def test_amplitude(ecg):
    ecg[9, 2500] = -20.1
    assert assess(ecg, QUALITY)[0] == "amplitude out of range"
    ecg[9, 2500] = -19.9
    assert assess(ecg, QUALITY)[0] is None


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 6), (2, 5), (3, 4), (0, 3)])
def test_swapped_channels(ecg, first, second):
    ecg[[first, second]] = ecg[[second, first]]
    assert assess(ecg, QUALITY)[0] == "limb leads inconsistent"


def test_a_wrong_gain_of_one_limb_lead_is_seen_in_every_real_recording(real_ecg):
    intact = admitted = 0
    for path in sorted((real_ecg / "cinc2021").glob("*.hea")):
        ecg, rate = read_recording(path, seconds=10)
        ecg = resample(ecg, rate, 500)
        intact += limb_lead_residual(ecg) <= QUALITY.limb_lead_residual / 5
        for lead in range(6):
            altered = ecg.copy()
            altered[lead] *= 1.5
            admitted += limb_lead_residual(altered) <= QUALITY.limb_lead_residual
    # Intact recordings keep a fivefold distance from the limit.
    assert (intact, admitted) == (30, 0)


def test_offsets_are_no_inconsistency(ecg):
    offset = ecg + np.arange(12)[:, np.newaxis] * 0.4
    assert limb_lead_residual(offset) == pytest.approx(limb_lead_residual(ecg), rel=1e-6)


def test_noisy_and_saturated_leads_are_named_and_kept(ecg):
    rng = np.random.default_rng(0)
    ecg[8] += 0.2 * rng.standard_normal(5000)
    ecg[9] = np.clip(ecg[9], None, 0.2)
    np.testing.assert_array_equal(np.flatnonzero(noisy(ecg)), [8])
    np.testing.assert_array_equal(np.flatnonzero(saturated(ecg)), [9])
    assert assess(ecg, QUALITY) == (None, "V3 V4")


def test_saturation_starts_at_25_samples(ecg):
    for samples, expected in ((24, False), (25, True)):
        lead = ecg.copy()
        lead[6, 700 : 700 + samples] = 5.0
        assert saturated(lead)[6] == expected


def test_real_recordings_are_consistent_and_only_those_with_flat_leads_go(real_ecg):
    reasons = {}
    for path in [*sorted((real_ecg / "cinc2021").glob("*.hea")), real_ecg / "ptbdb/patient001/s0010_re"]:
        ecg, rate = read_recording(path, seconds=10)
        ecg = resample(ecg, rate, 500)
        assert limb_lead_residual(ecg) < 0.05, path.stem
        reasons[path.stem] = assess(ecg, QUALITY)[0]
    assert len(reasons) == 31
    # In these two, V2, V4 and V6 hold one value throughout.
    assert {stem: reason for stem, reason in reasons.items() if reason} == {
        "JS20004": "flat lead",
        "JS20008": "flat lead",
    }
