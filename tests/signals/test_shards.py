import hashlib

import numpy as np
import pandas as pd
import pytest

from ecg_ccta import tables
from ecg_ccta.cohort.pseudonyms import pseudonym
from ecg_ccta.config import Quality, Site
from ecg_ccta.errors import StudyError
from ecg_ccta.signals.cleaning import clean
from ecg_ccta.signals.reading import read_recording
from ecg_ccta.signals.shards import clean_shard, write_shard

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def site(tmp_path, ecg, write_record) -> Site:
    """Export of five ECGs; the second is flat, the fourth has no path."""
    (tmp_path / "key").write_text(KEY)
    lines = ["ecg_id,patient_id,path,recorded_at"]
    for number in range(5):
        signal = ecg * (1 + 0.1 * number)
        if number == 1:
            signal[3] = 0
        write_record(signal, name=f"r{number}")
        lines.append(f"E{number},P{number},{'' if number == 3 else f'r{number}'},2022-01-01")
    (tmp_path / "ecg_index.csv").write_text("\n".join(lines))
    return Site(role="external", export=tmp_path, pseudonym_key=tmp_path / "key")


@pytest.fixture
def eligible() -> pd.DataFrame:
    return pd.DataFrame({"ecg_id": [pseudonym(KEY.encode(), "ecg", f"E{number}") for number in range(5)]})


def shard_of(site, eligible, shard, shards, **options):
    return clean_shard(eligible, site.export, site, "hospital", 1, Quality(), shard, shards, **options)


def test_one_shard_holds_the_cleaned_signals_in_microvolts(site, eligible, tmp_path):
    seen = []
    signals, table = shard_of(site, eligible, 0, 1, progress=lambda done, total: seen.append((done, total)))
    assert (signals.dtype, signals.shape) == (np.int16, (3, 12, 5000))
    assert table["reason"].tolist() == [pd.NA, "flat lead", pd.NA, "missing file", pd.NA]
    assert table["row"].tolist() == [0, pd.NA, 1, pd.NA, 2]
    assert table["ecg_id"].tolist() == eligible["ecg_id"].tolist()
    assert seen == [(number, 5) for number in range(1, 6)]
    raw, rate = read_recording(tmp_path / "r2")
    np.testing.assert_allclose(signals[1], clean(raw, rate) * 1000, atol=0.5000001)
    expected = hashlib.sha256(np.rint(raw * 1000).astype("<i2").tobytes()).hexdigest()
    assert table["signal_sha256"].iloc[2] == expected


@pytest.mark.parametrize("shards", [1, 2, 3, 7])
def test_shards_together_are_the_whole(site, eligible, shards):
    parts = [shard_of(site, eligible, shard, shards) for shard in range(shards)]
    whole, whole_table = shard_of(site, eligible, 0, 1)
    joined = pd.concat([table for _, table in parts], ignore_index=True)
    assert joined["ecg_id"].tolist() == whole_table["ecg_id"].tolist()
    assert joined["signal_sha256"].equals(whole_table["signal_sha256"])
    np.testing.assert_array_equal(np.concatenate([signals for signals, _ in parts]), whole)


def test_files_are_written_and_read_again(site, eligible, tmp_path):
    signals, table = shard_of(site, eligible, 0, 1)
    write_shard(signals, table, tmp_path / "out/0.npy", tmp_path / "out/0.parquet")
    np.testing.assert_array_equal(np.load(tmp_path / "out/0.npy"), signals)
    pd.testing.assert_frame_equal(tables.read(tables.SHARD, tmp_path / "out/0.parquet"), table)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.npy", "0.parquet"]
    assert not any(identifier in table.to_csv() for identifier in ("E2", "P2", "r2,"))


def test_another_key_is_a_message(site, eligible, tmp_path):
    (tmp_path / "key").write_text("another key of sufficient length")
    with pytest.raises(StudyError, match="run build_cohort again"):
        shard_of(site, eligible, 0, 1)


@pytest.mark.parametrize("fs", [250, 1000])
def test_any_sampling_rate_ends_at_500_hz(site, eligible, ecg, write_record, fs):
    from ecg_ccta.signals.resampling import resample

    write_record(resample(np.hstack([ecg, ecg]), 500, fs), name="r0", fs=fs)
    signals, table = shard_of(site, eligible, 0, 1)
    assert table["source_rate"].iloc[0] == fs
    assert signals[0].shape == (12, 5000)


def test_low_rate_and_short_recordings_have_their_reasons(site, eligible, ecg, write_record):
    write_record(ecg[:, ::10], name="r0", fs=50)
    write_record(ecg[:, :4999], name="r2")
    _, table = shard_of(site, eligible, 0, 1)
    assert table["reason"].iloc[0] == "sampling rate under 100 Hz"
    assert table["reason"].iloc[2] == "too short"
