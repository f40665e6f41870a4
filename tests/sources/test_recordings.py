"""Recordings are what wfdb would write, and broken ones are broken as said."""

import numpy as np
import pytest
import wfdb

from ecg_ccta.sources.recordings import BROKEN_SIGNALS, MISSING, write_broken, write_recording
from ecg_ccta.vessels import LEADS


@pytest.fixture
def ecg():
    one, two, *chest = np.random.default_rng(0).normal(0, 0.4, (8, 5000))
    return np.array([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *chest])


def test_bytes_are_those_of_wfdb(tmp_path, ecg):
    ecg[3, 100:200] = np.nan
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.mkdir()
    theirs.mkdir()
    write_recording(ours, "e1", ecg, 500)
    digital = np.where(np.isnan(ecg), MISSING, np.rint(np.nan_to_num(ecg) * 1000)).astype(np.int16)
    wfdb.wrsamp(
        "e1",
        fs=500,
        units=["mV"] * 12,
        sig_name=list(LEADS),
        d_signal=np.ascontiguousarray(digital.T),
        fmt=["16"] * 12,
        adc_gain=[1000] * 12,
        baseline=[0] * 12,
        write_dir=str(theirs),
    )
    for name in ("e1.hea", "e1.dat"):
        assert (ours / name).read_bytes() == (theirs / name).read_bytes()


def test_reads_back_to_the_microvolt(tmp_path, ecg):
    write_recording(tmp_path, "e1", ecg, 500)
    record = wfdb.rdrecord(str(tmp_path / "e1"))
    assert record.sig_name == list(LEADS)
    assert record.fs == 500
    np.testing.assert_allclose(record.p_signal.T, ecg, atol=0.00051)


@pytest.mark.parametrize("kind", BROKEN_SIGNALS)
def test_broken_as_said(tmp_path, ecg, kind):
    for seed in range(4):
        name = f"e{seed}"
        write_broken(tmp_path, name, ecg, 500, kind, np.random.default_rng(seed))
        path = str(tmp_path / name)
        if kind in ("truncated file", "unreadable file"):
            with pytest.raises(Exception):  # noqa: B017, PT011 - whatever wfdb makes of a damaged file
                wfdb.rdrecord(path)
            continue
        record = wfdb.rdrecord(path)
        signal = dict(zip(record.sig_name, record.p_signal.T, strict=True))
        if kind == "flat lead":
            assert sum(np.ptp(values) == 0 for values in signal.values()) == 1
        elif kind == "missing lead":
            assert len(set(LEADS) - set(signal)) == 1
        elif kind == "swapped leads":
            residual = signal["I"] + signal["III"] - signal["II"]
            assert np.sqrt((residual**2).mean()) > 0.5 * np.sqrt(np.mean([signal[lead] ** 2 for lead in LEADS[:6]]))
        elif kind == "missing samples":
            assert 0.2 < np.isnan(record.p_signal).mean() < 0.3
        else:
            assert record.sig_len == 3 * 500
    assert ecg.shape == (12, 5000)
