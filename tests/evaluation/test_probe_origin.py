import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.probe_origin import ALL_PAIRS, DEMOGRAPHY, FEATURES, SAME_FINDINGS, probe_origin
from ecg_ccta.result_tables import write_csv
from ecg_ccta.statistics.linear_probe import probe_of_fold_networks
from ecg_ccta.tables import ENSEMBLE

SETTINGS = Evaluation()


@pytest.fixture(scope="module")
def site(load_script):
    """Patients of the benchmark: device B is chosen by stenosis and leaves a signature."""
    simulated = load_script("benchmarks/origin_probe.py").simulated
    return simulated(500, 20, 3.0, 1.5, np.random.default_rng(0))


def found_row(table, predictor, pairs):
    rows = table[(table["predictor"] == predictor) & (table["pairs"] == pairs)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_auc_is_over_pairs_of_a_fold_and_of_the_same_findings(site):
    cohort, fold, features = site
    table = probe_origin(cohort, fold, features, "device", SETTINGS, 1)
    label = (cohort["device"] == table["origin"].iloc[0]).to_numpy()
    score = probe_of_fold_networks(features, label, fold)
    stenosis = cohort["target_RCA"].to_numpy()
    for pairs, strata in ((ALL_PAIRS, fold), (SAME_FINDINGS, 2 * fold + stenosis)):
        right = weights = 0.0
        for stratum in np.unique(strata):
            here = strata == stratum
            weight = label[here].sum() * (~label[here]).sum()
            right, weights = right + weight * roc_auc_score(label[here], score[here]), weights + weight
        row = found_row(table, FEATURES, pairs)
        assert row["estimate"] == pytest.approx(right / weights)
        assert row["lower"] > 0.6
        assert (row["n"], row["events"]) == (len(cohort), label.sum())
    assert found_row(table, DEMOGRAPHY, ALL_PAIRS)["lower"] < 0.5 < found_row(table, DEMOGRAPHY, ALL_PAIRS)["upper"]


def test_what_follows_from_stenosis_alone_vanishes_among_the_same_findings(load_script):
    simulated = load_script("benchmarks/origin_probe.py").simulated
    cohort, fold, features = simulated(2500, 4, 30.0, 0.0, np.random.default_rng(5))
    table = probe_origin(cohort, fold, features, "device", SETTINGS, 1)
    assert found_row(table, FEATURES, ALL_PAIRS)["lower"] > 0.52
    same = found_row(table, FEATURES, SAME_FINDINGS)
    assert same["lower"] < 0.5 < same["upper"]


def test_another_hospitals_patients_are_cross_fitted(site):
    cohort, fold, features = site
    new = np.full_like(fold, ENSEMBLE)
    row = found_row(probe_origin(cohort, new, features, "device", SETTINGS, 1), FEATURES, ALL_PAIRS)
    assert row["lower"] > 0.6


def test_several_origins_are_each_told_from_the_others(site, tmp_path):
    cohort, fold, features = site
    device = cohort["device"].where(np.arange(len(cohort)) > 20)
    device[cohort["patient_id"].astype(int) % 3 == 0] = "C"
    device.iloc[-1] = "rare"
    table = probe_origin(cohort.assign(device=device), fold, features, "device", SETTINGS, 1)
    assert set(table["origin"]) == {"A", "B", "C"}
    assert (table["n"] == device.notna().sum()).all()
    write_csv(table, tmp_path / "origin_probe.csv")


@pytest.mark.parametrize(
    ("device", "note"), [(None, "no device in the export"), ("A", "only one device"), ("few", "too few patients")]
)
def test_nothing_to_tell(site, tmp_path, device, note):
    cohort, fold, features = site
    values = pd.Series([device] * len(cohort), index=cohort.index)
    if device == "few":
        cohort, fold, features = cohort[:12], fold[:12], [values[:12] for values in features]
        values = pd.Series(["A", "B"] * 6, index=cohort.index)
    table = probe_origin(cohort.assign(device=values), fold, features, "device", SETTINGS, 1)
    assert len(table) == 1
    assert table["note"].iloc[0].startswith(note)
    write_csv(table, tmp_path / "origin_probe.csv")
    if device is None:
        pd.testing.assert_frame_equal(
            probe_origin(cohort.drop(columns="device"), fold, features, "device", SETTINGS, 1), table
        )
