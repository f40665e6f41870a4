import numpy as np
import pytest
from scipy import signal

from ecg_ccta.config import Quality
from ecg_ccta.signals import perturbations
from ecg_ccta.signals.perturbations import PERTURBATIONS, WITHOUT, electrodes_swapped, perturbed
from ecg_ccta.signals.quality import assess, limb_lead_residual
from ecg_ccta.signals.reading import read_recording
from ecg_ccta.signals.recording import clean_or_refuse, clean_regardless
from ecg_ccta.vessels import LEADS

BY_NAME = {perturbation.name: perturbation for perturbation in PERTURBATIONS}
ECG_ID = "0123456789abcdef0123"


@pytest.fixture(scope="module")
def real(real_ecg):
    """A real recording, 500 Hz, whose limb leads are consistent."""
    ecg, rate = read_recording(real_ecg / "cinc2021/HR06000", seconds=10)
    assert rate == 500
    return ecg


def altered(ecg, name):
    return perturbed(ecg, BY_NAME[name], 3, ECG_ID)


def test_names_are_unlike_and_the_first_changes_nothing(real):
    assert len(BY_NAME) == len(PERTURBATIONS) > 60
    assert PERTURBATIONS[0].name == WITHOUT
    np.testing.assert_array_equal(altered(real, WITHOUT), real)


def test_every_perturbation_but_one_changes_the_ecg_and_none_the_array_given(real):
    before = real.copy()
    unchanged = []
    for name in BY_NAME:
        found = altered(real, name)
        assert found.shape == real.shape
        assert np.isfinite(found).all()
        # Rounding of the limb leads is no change.
        if np.abs(found - real).max() < 0.02:
            unchanged.append(name)
    np.testing.assert_array_equal(real, before)
    assert unchanged == [WITHOUT, "LL and RL", "limb leads recomputed from I and II"]


def test_arm_electrodes_exchanged_by_the_textbook(real):
    # Surawicz and Knilans: I inverted, II and III exchanged, aVR and aVL exchanged, aVF and V1-V6 as before.
    found = dict(zip(LEADS, altered(real, "RA and LA"), strict=True))
    was = dict(zip(LEADS, real, strict=True))
    expected = {"I": -was["I"], "II": was["III"], "III": was["II"], "aVR": was["aVL"], "aVL": was["aVR"]}
    for lead in LEADS:
        np.testing.assert_allclose(found[lead], expected.get(lead, was[lead]), atol=0.02, err_msg=lead)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Lead of the exchanged cables -> (sign, lead that it shows).
        ("RA and LL", {"I": (-1, "III"), "II": (-1, "II"), "III": (-1, "I"), "aVR": (1, "aVF"), "aVL": (1, "aVL")}),
        ("LA and LL", {"I": (1, "II"), "II": (1, "I"), "III": (-1, "III"), "aVL": (1, "aVF"), "aVR": (1, "aVR")}),
        ("RA and RL", {"I": (-1, "III"), "II": (0, "II"), "III": (1, "III")}),
        ("LA and RL", {"I": (1, "II"), "II": (1, "II"), "III": (0, "III")}),
        ("both arms with both legs", {"I": (0, "I"), "II": (-1, "III"), "III": (-1, "III")}),
    ],
)
def test_limb_electrodes_exchanged(real, name, expected):
    found = altered(real, name)
    for lead, (sign, shown) in expected.items():
        np.testing.assert_allclose(found[LEADS.index(lead)], sign * real[LEADS.index(shown)], atol=0.02, err_msg=lead)
    assert limb_lead_residual(found) < 0.001


def test_a_leg_cable_on_an_arm_moves_wilsons_terminal(real):
    found = electrodes_swapped(real, {"RA": "RL", "RL": "RA"})
    # The terminal was (RA + LA + LL) / 3 and is (LL + LA + LL) / 3: it rises by (LL - RA) / 3 = II / 3.
    np.testing.assert_allclose(found[6:], real[6:] - real[1] / 3, atol=1e-9)


def test_noise_has_its_size_keeps_the_identities_and_its_course(real):
    few, many = altered(real, "muscle noise 0.02 mV") - real, altered(real, "muscle noise 0.2 mV") - real
    np.testing.assert_allclose(many, 10 * few, atol=1e-9)
    assert np.sqrt(np.mean(many**2)) == pytest.approx(0.2, rel=0.15)
    assert limb_lead_residual(many) < 1e-9
    assert np.abs(np.corrcoef(many[6:])[np.triu_indices(6, 1)]).max() < 0.6
    other = perturbed(real, BY_NAME["muscle noise 0.2 mV"], 3, "f" * 20) - real
    assert abs(np.corrcoef(many[6], other[6])[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("50 Hz mains 0.2 mV", 49, 51), ("60 Hz mains 0.2 mV", 59, 61), ("baseline wander 0.2 mV", 0, 0.6),
     ("muscle noise 0.2 mV", 15, 160)],
)  # fmt: skip
def test_noise_has_its_band(real, name, low, high):
    frequency, power = signal.welch(altered(real, name) - real, 500, nperseg=5000)
    inside = (frequency >= low) & (frequency <= high)
    assert power[:, inside].sum() > 0.9 * power.sum()


def test_rates_and_shifts(real):
    time = np.arange(5000) / 500
    ecg = np.tile(np.sin(2 * np.pi * 5 * time), (12, 1))
    np.testing.assert_allclose(altered(ecg, "125 Hz")[:, 500:-500], ecg[:, 500:-500], atol=0.01)
    slow = np.sin(2 * np.pi * 2.5 * time)
    np.testing.assert_allclose(altered(ecg, "500 Hz labelled 250 Hz")[0, 100:-100], slow[100:-100], atol=0.01)
    np.testing.assert_allclose(
        altered(real, "begins 2.5 s later")[:, 0] - altered(real, "begins 2.5 s later")[:, 1],
        real[:, 1250] - real[:, 1251],
        atol=0.001,
    )


def test_recorders_filters_settle_on_an_offset_and_damp_what_they_should():
    time = np.arange(5000) / 500
    offset = np.full((12, 5000), 0.7)
    np.testing.assert_allclose(perturbations.filtered(offset, None, 40.0), offset, atol=1e-9)
    np.testing.assert_allclose(perturbations.filtered(offset, 0.5, None), 0, atol=1e-9)
    fast = np.tile(np.sin(2 * np.pi * 40 * time), (12, 1))
    assert perturbations.filtered(fast, None, 40.0)[0, 500:].std() == pytest.approx(fast.std() / 2**0.5, rel=0.01)
    mains = np.tile(np.sin(2 * np.pi * 50 * time), (12, 1))
    assert perturbations.notched(mains, 50.0)[0, 1000:].std() < 0.01


def test_quality_rules_see_some_and_not_others(real):
    reasons = {name: assess(altered(real, name), Quality())[0] for name in BY_NAME}
    assert {reasons[f"{lead} lost"] for lead in LEADS} == {"flat lead"}
    assert {reasons[f"{lead} × 1.5"] for lead in LEADS[:6]} == {"limb leads inconsistent"}
    assert {reasons[f"{lead} × 1.5"] for lead in LEADS[6:]} == {None}
    assert reasons["RA and RL"] == "flat lead"
    assert {reasons[name] for name in ("RA and LA", "V1 and V2", WITHOUT, "all leads × 2")} == {None}


def test_what_is_refused_is_cleaned_regardless(real):
    lost = altered(real, "V2 lost")
    assert clean_or_refuse(lost, Quality())[:2] == ("flat lead", None)
    reason, microvolts, doubtful = clean_regardless(lost, Quality())
    assert (reason, doubtful, microvolts[7].any()) == ("flat lead", "V2", False)
    kept = clean_or_refuse(real, Quality())
    np.testing.assert_array_equal(clean_regardless(real, Quality())[1], kept[1])
