"""Measurements against the intervals that a simulated ECG was given, and against the headers of real recordings."""

import time
from dataclasses import replace

import neurokit2 as nk
import numpy as np
import pandas as pd
import pytest
import wfdb

from ecg_ccta import tables
from ecg_ccta.cohort.pseudonyms import pseudonyms, site_key
from ecg_ccta.config import Site
from ecg_ccta.signals.cleaning import clean
from ecg_ccta.signals.measuring import angle_between, measure, measure_shard, measurement_table
from ecg_ccta.signals.measuring import axis_of_leads as measured_axis
from ecg_ccta.signals.reading import read_recording
from ecg_ccta.sources.heart_beats import (
    DOWER,
    MEASURED_LEADS,
    P_DELAY,
    P_WIDTH,
    QRS_DURATION,
    SEGMENTS,
    simulate_hearts,
    tracings,
)
from ecg_ccta.sources.statements import frontal_axis
from ecg_ccta.vessels import LEADS

HEARTS = 60
RBBB, BRADYCARDIA, TACHYCARDIA, LONG_QT = "59118001", "426177001", "427084000", "111975006"
"""SNOMED CT: right bundle branch block, sinus bradycardia, sinus tachycardia, prolonged QT interval."""


def simulated(hearts, seed=1):
    unaltered = np.zeros((len(hearts.rate), len(MEASURED_LEADS), len(SEGMENTS)))
    return tracings(hearts, unaltered, np.random.default_rng(seed)).astype(float)


def some_hearts(n, seed=0):
    rng = np.random.default_rng(seed)
    return simulate_hearts(np.clip(rng.normal(60, 10, n), 30, 88), rng.random(n) < 0.5, rng)


@pytest.fixture(scope="module")
def hearts():
    return some_hearts(HEARTS)


@pytest.fixture(scope="module")
def measured(hearts) -> pd.DataFrame:
    return pd.DataFrame([measure(ecg) for ecg in simulated(hearts)])


def t_axis(hearts):
    """Frontal axis of the T dipole, which is what leads I and II alone see of it."""
    one, two = (hearts.t_dipole @ DOWER[MEASURED_LEADS.index(lead)] for lead in ("I", "II"))
    return np.degrees(np.arctan2((2 * two - one) / np.sqrt(3), one))


@pytest.mark.parametrize(
    ("column", "truth", "bias", "spread"),
    [
        ("heart_rate", lambda h: h.rate, 1, 2),
        # Two atrial waves, from 2.3 standard deviations before the first to as many after the second.
        ("p_ms", lambda h: 1000 * (2 * 2.3 * P_WIDTH + P_DELAY), 6, 8),
        ("pr_ms", lambda h: 1000 * h.pr, 5, 6),
        # The simulated duration ends 2.3 standard deviations into its outer waves; their tails are still QRS.
        ("qrs_ms", lambda h: 1000 * h.qrs * QRS_DURATION, 8, 4),
        ("qt_ms", lambda h: 1000 * h.qt, 8, 5),
        ("qtc_ms", lambda h: 1000 * h.qtc, 8, 6),
        ("axis_deg", frontal_axis, 3, 8),
        ("t_axis_deg", t_axis, 3, 8),
    ],
)
def test_simulated_ecgs_have_the_values_they_were_given(hearts, measured, column, truth, bias, spread):
    error = measured[column] - truth(hearts)
    assert error.notna().all()
    assert measured["p_wave"].all()
    assert (measured["rr_irregularity"] < 0.1).mean() > 0.95
    assert abs(error.median()) < bias
    assert error.std() < spread


def test_durations_follow_when_the_truth_grows():
    hearts = some_hearts(12, seed=5)
    for change, column, longer in (
        ({"pr": hearts.pr + 0.06}, "pr_ms", 60),
        ({"qtc": hearts.qtc + 0.04}, "qtc_ms", 40),
        ({"qrs": hearts.qrs * 1.3}, "qrs_ms", 1000 * 0.3 * hearts.qrs.mean() * QRS_DURATION),
    ):
        plain, changed = (
            pd.DataFrame([measure(ecg) for ecg in simulated(some)])[column]
            for some in (hearts, replace(hearts, **change))
        )
        assert (changed - plain).median() == pytest.approx(longer, abs=8)


def test_atrial_fibrillation_has_no_p_wave():
    hearts = some_hearts(20, seed=2)
    fibrillating = replace(hearts, fibrillating=np.ones(20, dtype=bool))
    table = measurement_table(
        [{"ecg_id": f"{i:020x}", **measure(ecg)} for i, ecg in enumerate(simulated(fibrillating))]
    )
    assert (~table["p_wave"]).mean() >= 0.6
    assert (~table["p_wave"] | (table["rr_irregularity"] > 0.1)).all()
    assert table.loc[~table["p_wave"], ["p_ms", "pr_ms", "p_mv_II"]].isna().all(axis=None)


def test_st_and_t_are_those_planted_and_the_cleaned_signal_would_lose_them(make_ecg):
    shift = 0.2
    # A shift of ST and T that lasts 0.30 s from the J point, as in injury; the beat ends before.
    time_s = np.arange(5000) / 500
    ecg = make_ecg() / 1000.0
    lasting = np.zeros(5000)
    for peak in np.arange(0.5, 10, 0.8):
        since = time_s - peak
        lasting += shift * ((since >= 0.036) & (since < 0.336))
    ecg[LEADS.index("V2")] += lasting
    found = measure(ecg)
    assert found["st_mv_V2"] - found["st_mv_V1"] == pytest.approx(shift, abs=0.03)
    assert found["t_mv_V5"] == pytest.approx(0.25 * np.linspace(0.6, 1.4, 12)[LEADS.index("V5")], abs=0.02)
    of_cleaned = measure(clean(ecg, 500))
    assert of_cleaned["st_mv_V2"] - of_cleaned["st_mv_V1"] < 0.75 * shift


def test_baseline_wander_moves_neither_st_nor_intervals(make_ecg):
    ecg = make_ecg() / 1000.0
    wander = 0.3 * np.sin(2 * np.pi * 0.2 * np.arange(5000) / 500 + np.arange(12)[:, None])
    still, moved = measure(ecg), measure(ecg + wander)
    for lead in LEADS:
        assert moved[f"st_mv_{lead}"] == pytest.approx(still[f"st_mv_{lead}"], abs=0.02)
    assert moved["qrs_ms"] == pytest.approx(still["qrs_ms"], abs=6)
    assert moved["qt_ms"] == pytest.approx(still["qt_ms"], abs=12)


@pytest.mark.parametrize(("one", "avf", "axis"), [(1, 0, 0), (0, 1, 90), (1, 1, 49.1), (1, -1, -49.1), (-1, 1, 130.9)])
def test_axis_of_net_deflections(one, avf, axis):
    """Lead I is the x axis; aVF is augmented, so that the foot-ward component is 2/sqrt(3) of it (Einthoven)."""
    net = np.zeros(12)
    two = avf + one / 2
    net[:6] = one, two, two - one, -(one + two) / 2, one - two / 2, avf
    assert measured_axis(net) == pytest.approx(axis, abs=0.1)


def test_angles_between_axes_take_the_shorter_way():
    assert [angle_between(*pair) for pair in ((30, -20), (170, -170), (-90, 90))] == [50, 20, 180]


def test_r_waves_have_the_height_that_the_chest_leads_were_given(ecg):
    """V1 is a QS complex: its R is 0 mV, and R overtakes S between V1 (-0.6) and V2 (0.4)."""
    found = measure(ecg)
    heights = [found[f"r_mv_V{place}"] for place in range(1, 7)]
    assert heights == pytest.approx([0, 0.4, 0.9, 1.4, 1.2, 0.8], abs=0.02)
    assert found["r_transition"] == pytest.approx(1.6, abs=0.03)


def test_a_low_t_wave_has_no_axis(ecg):
    flat = ecg.copy()
    for beat in range(12):
        since = np.arange(5000) / 500 - 0.4 - 0.8 * beat
        flat[:, (since > 0.08) & (since < 0.5)] = 0
    found = measurement_table([{"ecg_id": "0" * 20, **measure(flat)}])
    assert found["qrs_ms"].notna().all()
    assert found[["t_axis_deg", "qrs_t_angle_deg", "qt_ms"]].isna().all(axis=None)


@pytest.mark.parametrize("kind", ["flat", "noise"])
def test_an_ecg_without_beats_has_missing_values(kind):
    ecg = np.zeros((12, 5000)) if kind == "flat" else np.random.default_rng(0).normal(0, 0.1, (12, 5000))
    table = measurement_table([{"ecg_id": "0" * 20, **measure(ecg)}])
    assert table["beats"].iloc[0] < 3
    assert table.drop(columns=["ecg_id", "beats"]).isna().all(axis=None)


@pytest.fixture(scope="module")
def real(real_ecg) -> pd.DataFrame:
    rows = []
    for header in sorted((real_ecg / "cinc2021").glob("*.hea")):
        ecg, rate = read_recording(header, seconds=10)
        comments = dict(
            text.split(": ", 1) for text in wfdb.rdheader(str(header.with_suffix(""))).comments if ": " in text
        )
        two = nk.ecg_clean(ecg[1], sampling_rate=500)
        peaks = nk.ecg_peaks(two, sampling_rate=500)[1]["ECG_R_Peaks"]
        waves = nk.ecg_delineate(two, peaks, sampling_rate=500, method="dwt")[1]
        of_p = np.subtract(waves["ECG_P_Offsets"], waves["ECG_P_Onsets"], dtype=float)
        five = ecg[LEADS.index("V5")]
        of_v5 = nk.ecg_peaks(nk.ecg_clean(five, sampling_rate=500), sampling_rate=500)[1]["ECG_R_Peaks"]
        rows.append(
            {
                "neurokit_p_ms": 2 * np.nanmedian(of_p),
                # Its cleaned signal is smoothed, which lowers and shifts R: the recording's own within 20 ms of there,
                # against the level 60 to 40 ms before.
                "neurokit_r_v5": np.median(
                    [five[r - 10 : r + 11].max() - np.median(five[r - 30 : r - 20]) for r in of_v5 if r >= 30]
                ),
                "codes": set(comments["Dx"].split(",")),
                "neurokit_rate": 60 * 500 / np.median(np.diff(peaks)) if len(peaks) > 2 else np.nan,
                **measure(ecg[:, : round(10 * rate)]),
            }
        )
    return pd.DataFrame(rows)


def having(real: pd.DataFrame, code: str) -> pd.Series:
    return real["codes"].map(lambda codes: code in codes)


def test_real_rates_agree_with_neurokit_and_with_the_readers(real):
    assert len(real) == 30
    difference = (real["heart_rate"] / real["neurokit_rate"] - 1).abs()
    assert (difference < 0.03).mean() >= 0.85
    assert (real.loc[having(real, BRADYCARDIA), "heart_rate"] < 60).all()
    assert (real.loc[having(real, TACHYCARDIA), "heart_rate"] > 90).all()


def test_real_durations_agree_with_the_readers(real):
    block = having(real, RBBB)
    assert (real.loc[block, "qrs_ms"] >= 120).all()
    assert (real.loc[~block, "qrs_ms"] < 120).all()
    long = having(real, LONG_QT)
    assert real.loc[long, "qtc_ms"].median() > real.loc[~long, "qtc_ms"].quantile(0.75)
    assert real["pr_ms"].dropna().between(90, 330).all()
    assert real["qrs_ms"].between(55, 160).all()


def test_real_p_waves_and_r_waves_agree_with_neurokit(real):
    """P duration within 30 ms in nine of ten recordings with a P wave, R in V5 within 0.1 mV in nine of ten."""
    with_p = real[real["p_wave"] & real["p_ms"].notna()]
    assert len(with_p) >= 18
    assert ((with_p["p_ms"] - with_p["neurokit_p_ms"]).abs() <= 30).mean() >= 0.9
    assert abs((with_p["p_ms"] - with_p["neurokit_p_ms"]).median()) <= 10
    assert ((real["r_mv_V5"] - real["neurokit_r_v5"]).abs() <= 0.1).mean() >= 0.9
    assert with_p["p_ms"].between(60, 160).all()
    assert real["r_transition"].between(0.5, 6.5).all()


def test_real_recordings_of_a_shard_are_measured_from_the_export(real_ecg, tmp_path):
    names = ["E07500", "HR06000"]
    index = pd.DataFrame({"ecg_id": names, "patient_id": names, "path": names})
    site = Site(
        role="external",
        export=tmp_path,
        tables={"ccta": None, "patients": None, "follow_up": None},
        pseudonym_key=tmp_path / "key",
    )
    (tmp_path / "key").write_text("a key for this test alone\n")
    copy = tmp_path / "export"
    copy.mkdir()
    for name in names:
        for suffix in (".hea", ".mat"):
            (copy / f"{name}{suffix}").write_bytes((real_ecg / "cinc2021" / f"{name}{suffix}").read_bytes())
    index.to_csv(copy / "ecg_index.csv", index=False)
    ids = pseudonyms(site_key("real", site, 1), "ecg", index["ecg_id"])
    cohort = pd.DataFrame({"ecg_id": ids, "shard": [1, 0]})
    table = measure_shard(cohort, copy, site, "real", 1, shard=1)
    assert list(table["ecg_id"]) == [cohort["ecg_id"].iloc[0]]
    assert table["heart_rate"].iloc[0] == pytest.approx(57.1, abs=0.5)
    tables.write(table, tables.MEASUREMENTS, tmp_path / "1.parquet")
    assert tables.read(tables.MEASUREMENTS, tmp_path / "1.parquet").equals(table)


def test_at_least_fifteen_ecgs_a_second():
    ecgs = simulated(some_hearts(20, seed=9))
    measure(ecgs[0])
    started = time.process_time()
    for ecg in ecgs:
        measure(ecg)
    assert len(ecgs) / (time.process_time() - started) > 15
