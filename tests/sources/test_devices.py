import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy import signal

from ecg_ccta.config import Devices, Simulation
from ecg_ccta.files import read_json
from ecg_ccta.signals.quality import limb_lead_residual
from ecg_ccta.signals.reading import read_recording
from ecg_ccta.sources.devices import choose_devices, recorded_with
from ecg_ccta.sources.heart_beats import DERIVE
from ecg_ccta.sources.simulated_site import simulate_site
from ecg_ccta.vessels import VESSELS

ALIKE = {
    "patients": 60,
    "ecgs": 64,
    "oracle_auc": dict.fromkeys(VESSELS, 0.75),
    "prevalence": dict.fromkeys(VESSELS, 0.2),
}


@pytest.fixture(scope="module")
def ecgs():
    measured = np.random.default_rng(0).normal(0, 0.3, (3, 8, 5000)).cumsum(axis=2) / 10
    return np.matmul(DERIVE, measured).astype(np.float32)


def changed_by(ecgs, **settings):
    found = recorded_with(ecgs, Devices(**settings), np.random.default_rng(1))
    assert found.dtype == ecgs.dtype
    assert found.shape == ecgs.shape
    # The recorder computes the other limb leads from I and II.
    assert max(limb_lead_residual(ecg) for ecg in found) < 1e-4
    return found


def test_no_signature_changes_nothing(ecgs):
    np.testing.assert_array_equal(changed_by(ecgs), ecgs)


def test_a_low_pass_takes_what_is_fast(ecgs):
    frequency, before = signal.welch(ecgs, 500, nperseg=1000)
    after = signal.welch(changed_by(ecgs, signature="low-pass", size=25), 500, nperseg=1000)[1]
    ratio = (after / before).mean(axis=(0, 1))
    assert ratio[frequency == 25].item() == pytest.approx(0.5, abs=0.1)
    assert ratio[(frequency > 0) & (frequency < 8)].min() > 0.9
    assert ratio[(frequency > 60) & (frequency < 240)].max() < 0.1


def test_mains_has_its_size_and_quantisation_its_step(ecgs):
    added = changed_by(ecgs, signature="mains", size=0.05) - ecgs
    assert np.abs(added[:, 6:]).max() == pytest.approx(0.05, rel=0.01)
    coarse = changed_by(ecgs, signature="quantisation", size=0.02)
    np.testing.assert_allclose(coarse[:, 6:] / 0.02, np.rint(coarse[:, 6:] / 0.02), atol=1e-3)
    assert np.abs(coarse[:, 6:] - ecgs[:, 6:]).max() <= 0.0101


def test_the_device_goes_with_stenosis_by_the_odds_ratio():
    stenosis = np.random.default_rng(0).random(40_000) < 0.4
    with_b = (
        choose_devices(
            stenosis[:, None] & [True, False, False, False],
            Devices(proportion=0.3, odds_ratio=4),
            np.random.default_rng(1),
        )
        == "B"
    )
    odds = [with_b[group].mean() / (1 - with_b[group].mean()) for group in (stenosis, ~stenosis)]
    assert with_b[~stenosis].mean() == pytest.approx(0.3, abs=0.01)
    assert odds[0] / odds[1] == pytest.approx(4, rel=0.1)


def test_signature_and_size_go_together():
    for wrong in ({"signature": "mains"}, {"size": 2.0}):
        with pytest.raises(ValidationError, match="go together"):
            Devices(**wrong)


def test_only_what_device_b_writes_differs_from_a_site_with_one_device(tmp_path):
    devices = Devices(signature="low-pass", size=25, proportion=0.5, odds_ratio=3)
    for name, extra in (("one", {}), ("two", {"devices": devices})):
        folder = tmp_path / name
        folder.mkdir()
        simulate_site(folder / "export", folder / "t.parquet", folder / "t.json", Simulation(**ALIKE, **extra), 4)
    one, two = (pd.read_csv(tmp_path / name / "export/ecg_index.csv", dtype=str) for name in ("one", "two"))
    assert "device" not in one
    assert set(two["device"]) == {"A", "B"}
    assert two.groupby("patient_id")["device"].nunique().max() == 1
    pd.testing.assert_frame_equal(two.drop(columns="device"), one)
    for table in ("ccta", "patients", "follow_up"):
        paths = [tmp_path / name / f"export/{table}.csv" for name in ("one", "two")]
        assert paths[0].read_bytes() == paths[1].read_bytes()
    truth = pd.read_parquet(tmp_path / "two/t.parquet").set_index("ecg_id")["broken"].isna()
    same = {}
    for row in two[two["ecg_id"].map(truth)].itertuples():
        ecgs = [read_recording(tmp_path / name / "export" / row.path)[0] for name in ("one", "two")]
        same.setdefault(row.device, set()).add(np.array_equal(*ecgs))
    assert same == {"A": {True}, "B": {False}}
    assert "devices" not in read_json(tmp_path / "one/t.json")
    assert read_json(tmp_path / "two/t.json")["devices"]["odds_ratio"] == 3
