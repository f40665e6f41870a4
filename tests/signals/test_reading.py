import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecg_ccta.signals.reading import BadRecording, read_recording
from ecg_ccta.vessels import LEADS


def assert_bad(reason: str, *arguments, **options) -> None:
    with pytest.raises(BadRecording) as bad:
        read_recording(*arguments, **options)
    assert bad.value.reason == reason


def test_leads_come_in_standard_order_whatever_the_file_says(ecg, write_record):
    order = [9, 0, 5, 1, 11, 2, 3, 4, 6, 7, 8, 10]
    names = [LEADS[lead].upper().replace("V", "v ").replace("A", "a ") for lead in order] + ["vx"]
    path = write_record(np.vstack([ecg[order], ecg[:1]]), leads=names)
    read, rate = read_recording(path)
    assert rate == 500
    np.testing.assert_allclose(read, ecg, atol=0.0006)
    np.testing.assert_array_equal(read_recording(f"{path}.hea")[0], read)


@pytest.mark.parametrize(("unit", "scale"), [("mv", 1), ("uV", 1e-3)])
def test_units_become_millivolts(ecg, write_record, unit, scale):
    path = write_record(ecg, unit=unit)
    np.testing.assert_allclose(read_recording(path)[0], ecg * scale, atol=0.0006)


@pytest.mark.parametrize("unit", ["mmHg", "V", "µV"])
def test_unknown_unit_is_never_taken_for_millivolts(ecg, write_record, unit):
    assert_bad("unknown unit", write_record(ecg, unit=unit))


def test_missing_and_duplicate_lead(ecg, write_record):
    assert_bad("missing lead", write_record(ecg[:11], leads=LEADS[:11]))
    header = write_record(ecg, name="other").with_suffix(".hea")
    header.write_text(header.read_text().replace("V6", "v 5"))
    assert_bad("missing lead", header)
    header = write_record(np.vstack([ecg, ecg[:1]]), name="twice", leads=[*LEADS, "VX"]).with_suffix(".hea")
    header.write_text(header.read_text().replace("VX", "I"))
    assert_bad("duplicate lead", header)


def test_missing_files(ecg, write_record, tmp_path):
    assert_bad("missing file", tmp_path / "nothing")
    path = write_record(ecg)
    path.with_suffix(".dat").unlink()
    assert_bad("missing file", path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"record 12 500 5000\n",
        b"\xff\xfe\x00\x01",
        b"record/3 12 500 9\n",
        b"record 1 500 9\n\0 16\n",
    ],
)
def test_unreadable_header(ecg, write_record, content):
    path = write_record(ecg)
    path.with_suffix(".hea").write_bytes(content)
    assert_bad("unreadable file", path)


@pytest.mark.parametrize("kept", [0, 1, 60_000, 119_999])
def test_truncated_signal_file(ecg, write_record, kept):
    path = write_record(ecg)
    signal_file = path.with_suffix(".dat")
    signal_file.write_bytes(signal_file.read_bytes()[:kept])
    assert_bad("unreadable file", path)


def test_truncated_matlab_file(real_ecg, tmp_path):
    for suffix in (".hea", ".mat"):
        content = (real_ecg / f"cinc2021/E07500{suffix}").read_bytes()
        (tmp_path / f"E07500{suffix}").write_bytes(content if suffix == ".hea" else content[:-1000])
    assert_bad("unreadable file", tmp_path / "E07500")


def test_only_the_first_seconds_are_read(ecg, write_record):
    path = write_record(np.hstack([ecg] * 4))
    assert read_recording(path)[0].shape == (12, 20_000)
    assert read_recording(path, seconds=10)[0].shape == (12, 5000)
    short = write_record(ecg[:, :1500], name="short")
    assert read_recording(short, seconds=10)[0].shape == (12, 1500)


def test_no_file_outside_the_export(ecg, write_record, tmp_path):
    path = write_record(ecg)
    inside = tmp_path / "export"
    inside.mkdir()
    assert read_recording(path, folder=tmp_path)[1] == 500
    assert_bad("file outside the export", path, folder=inside)
    (inside / "record.hea").write_text(path.with_suffix(".hea").read_text())
    (inside / "record.dat").symlink_to(path.with_suffix(".dat"))
    assert_bad("file outside the export", inside / "record", folder=inside)
    header = inside / "record.hea"
    header.write_text(header.read_text().replace("record.dat", "../record.dat"))
    assert_bad("file outside the export", inside / "record", folder=inside)


def test_real_recordings_with_lower_case_leads_and_extra_channels(real_ecg):
    read, rate = read_recording(real_ecg / "ptbdb/patient001/s0010_re")
    assert (read.shape, rate) == ((12, 38400), 1000)
    assert np.isfinite(read).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 700), junk=st.binary(min_size=1, max_size=12))
def test_no_damage_to_a_header_raises_anything_else(small_record, position, junk):
    header = small_record.with_suffix(".hea")
    intact = header.read_bytes()
    header.write_bytes(intact[:position] + junk + intact[position + len(junk) :])
    try:
        read, rate = read_recording(small_record, seconds=10, folder=small_record.parent)
    except BadRecording:
        pass
    else:
        assert read.shape[0] == 12
        assert rate > 0
    finally:
        header.write_bytes(intact)


@pytest.fixture
def small_record(ecg, write_record):
    return write_record(ecg[:, :500], name="small")
