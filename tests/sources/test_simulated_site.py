"""A small simulated hospital, read back the way a hospital's export is read."""

import numpy as np
import pandas as pd
import pytest
import wfdb

from ecg_ccta.config import Simulation
from ecg_ccta.files import read_json, sha256
from ecg_ccta.sources.alterations import altered_by
from ecg_ccta.sources.heart_beats import simulate_hearts, tracings
from ecg_ccta.sources.recordings import write_recording
from ecg_ccta.sources.simulated_site import BROKEN_KINDS, simulate_site
from ecg_ccta.vessels import LEADS, VESSELS

SIMULATION = Simulation(
    patients=250,
    ecgs=300,
    broken_fraction=0.12,
    oracle_auc={"RCA": 0.794, "LM": 0.818, "LAD": 0.744, "LCX": 0.755},
    prevalence={"RCA": 0.12, "LM": 0.05, "LAD": 0.16, "LCX": 0.11},
)


def make(folder, simulation=SIMULATION, seed=3):
    metrics = simulate_site(folder / "export", folder / "truth.parquet", folder / "truth.json", simulation, seed)
    return folder, metrics


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return make(tmp_path_factory.mktemp("site"))


def table(site, name):
    return pd.read_csv(site[0] / "export" / name, dtype=str, keep_default_na=False)


def test_counts(site):
    folder, metrics = site
    assert metrics["patients"] == len(table(site, "patients.csv")) == 250
    assert metrics["ecgs"] == len(table(site, "ecg_index.csv")) == len(pd.read_parquet(folder / "truth.parquet")) == 300
    assert metrics["broken"] == 36
    assert metrics["ecgs_per_second"] > 0


def test_tables_fit_together(site):
    index, patients = table(site, "ecg_index.csv"), table(site, "patients.csv")
    assert index["ecg_id"].is_unique
    assert patients["patient_id"].is_unique
    known = set(patients["patient_id"])
    assert set(index["patient_id"]) == set(table(site, "ccta.csv")["patient_id"]) == known
    assert set(table(site, "follow_up.csv")["patient_id"]) == known
    words = set(table(site, "ccta.csv")[list(VESSELS)].to_numpy().ravel())
    assert words <= {"none", "mild", "moderate", "severe", "complete", "not assessable"}
    assert "not assessable" in words
    assert set(patients["sex"]) == {"female", "male"}
    assert set(patients["hypertension"]) == {"yes", "no", ""}


def test_every_kind_of_broken_record_is_there_and_the_others_are_whole(site):
    folder, _ = site
    truth = pd.read_parquet(folder / "truth.parquet").set_index("ecg_id")
    assert set(truth["broken"].dropna()) == set(BROKEN_KINDS)
    index = table(site, "ecg_index.csv").set_index("ecg_id")
    for ecg_id in truth.index[truth["broken"].isna()][:40]:
        record = wfdb.rdrecord(str(folder / "export" / index.loc[ecg_id, "path"]).removesuffix(".hea"))
        assert record.sig_name == list(LEADS)
        assert record.p_signal.shape == (5000, 12)
        assert np.isfinite(record.p_signal).all()


def test_a_duplicate_repeats_another_recording_of_the_same_patient(site):
    folder, _ = site
    index = table(site, "ecg_index.csv").set_index("ecg_id")
    truth = pd.read_parquet(folder / "truth.parquet").set_index("ecg_id")
    data = {
        ecg_id: path.read_bytes()
        for ecg_id in index.index
        if (path := (folder / "export" / index.loc[ecg_id, "path"]).with_suffix(".dat")).is_file()
    }
    duplicates = truth.index[truth["broken"] == "duplicate"]
    assert len(duplicates) == 4
    for ecg_id in duplicates:
        twins = [other for other in data if other != ecg_id and data[other] == data[ecg_id]]
        assert len(twins) == 1
        assert index.loc[twins[0], "patient_id"] == index.loc[ecg_id, "patient_id"]
        assert wfdb.rdheader(str(folder / "export" / index.loc[ecg_id, "path"]).removesuffix(".hea")).n_sig == 12


def test_only_the_broken_lie_outside_the_window(site):
    index = table(site, "ecg_index.csv").merge(table(site, "ccta.csv"), on="patient_id")
    recorded = pd.to_datetime(index["recorded_at"]).dt.normalize()
    days = (pd.to_datetime(index["performed_at"]) - recorded).dt.days
    outside = set(index.loc[(days > 90) | (days < -7), "ecg_id"])
    truth = pd.read_parquet(site[0] / "truth.parquet")
    assert outside == set(truth.loc[truth["broken"] == "no CCTA in the window", "ecg_id"])
    assert (days > 0).mean() > 0.7


def test_truth_is_one_state_per_patient(site):
    truth = pd.read_parquet(site[0] / "truth.parquet")
    states = truth.groupby("patient_id")[[f"expression_{vessel}" for vessel in VESSELS]].nunique()
    assert (states == 1).all(axis=None)
    oracle = truth[[f"oracle_{vessel}" for vessel in VESSELS]]
    assert ((oracle > 0) & (oracle < 1)).all(axis=None)
    told = read_json(site[0] / "truth.json")
    assert told["oracle_auc"]["achieved"] == pytest.approx(told["oracle_auc"]["target"], abs=0.002)
    assert np.array(told["planted"]["mask"]["LAD"]).shape == (12, 5)


def test_statements_call_many_ecgs_normal_and_never_speak_of_arteries(site):
    statements = table(site, "ecg_index.csv")["statement"]
    assert 0.3 < statements.str.contains("Normal ECG").mean() < 0.65
    assert not statements.str.contains("stenosis|coronary|RCA|LAD|LCX", case=False).any()
    assert (statements.str.len() > 0).all()


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path):
    small = SIMULATION.model_copy(update={"patients": 60, "ecgs": 70})
    hashes = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder, _ = make(tmp_path / name, small, seed)
        hashes.append([sha256(folder / part) for part in ("export", "truth.parquet", "truth.json")])
    assert hashes[0] == hashes[1]
    assert all(one != other for one, other in zip(hashes[0], hashes[2], strict=True))


def test_without_effect_the_tracing_knows_nothing_of_the_expression(tmp_path):
    small = SIMULATION.model_copy(update={"patients": 60, "ecgs": 60, "broken_fraction": 0.0})
    with_effect, _ = make(tmp_path / "with", small)
    without, _ = make(tmp_path / "without", small.model_copy(update={"effect": 0.0}))
    truth = pd.read_parquet(without / "truth.parquet")
    assert (np.ptp(truth[[f"oracle_{vessel}" for vessel in VESSELS]].to_numpy(), axis=0) == 0).all()
    # The same hearts and the same noise: the only difference between the two exports is the planted alteration.
    index = pd.read_csv(without / "export" / "ecg_index.csv", dtype=str)
    path = index["path"][0].removesuffix(".hea")
    one, other = (wfdb.rdrecord(str(folder / "export" / path)).p_signal for folder in (with_effect, without))
    expected = truth.set_index("ecg_id").loc[index["ecg_id"][0], "expression_LAD"]
    v3 = (one - other)[:, LEADS.index("V3")]
    largest = v3[np.argmax(np.abs(v3))]
    assert np.sign(largest) == -np.sign(expected)


def test_other_sampling_rates(tmp_path):
    rng = np.random.default_rng(1)
    hearts = simulate_hearts(np.array([60.0]), np.array([True]), rng)
    signal = tracings(hearts, altered_by(np.zeros((1, 4))), rng, sampling_rate=250)[0]
    write_recording(tmp_path, "ecg", signal, 250)
    record = wfdb.rdrecord(str(tmp_path / "ecg"))
    assert (record.fs, record.sig_len) == (250, 2500)
