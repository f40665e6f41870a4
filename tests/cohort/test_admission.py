"""From an export with broken recordings to a cohort whose numbers add up."""

import numpy as np
import pytest

from ecg_ccta.cohort.admission import admit
from ecg_ccta.config import Quality
from ecg_ccta.errors import StudyError
from ecg_ccta.signals.shards import clean_shard
from ecg_ccta.vessels import LEADS


def break_recordings(export, ecg_of) -> None:
    """One recording of each broken kind, as patients 10 and up, beside the six good ones."""
    for number in range(10, 17):
        export.add(number)
    export.record(10, ".hea").write_text("garbage")
    export.write_record("ECG-77011", ecg_of(11)[:11], LEADS[:11])
    flat = ecg_of(12)
    flat[5] = 0.1
    export.write_record("ECG-77012", flat)
    gap = ecg_of(13)
    gap[:, 2000:2300] = np.nan
    export.write_record("ECG-77013", gap)
    export.write_record("ECG-77014", ecg_of(14)[:, :1500])
    export.record(15).write_bytes(export.record(15).read_bytes()[:50_000])
    export.record(16).unlink()


def test_bad_recordings_are_excluded_with_a_reason_and_the_run_goes_on(recorded_export, ecg_of, reasons):
    break_recordings(recorded_export, ecg_of)
    recorded_export.write()
    cohort, flow, signals = recorded_export.admit(shards=3)
    assert reasons(flow) == {
        "unreadable file": 2,
        "missing lead": 1,
        "flat lead": 1,
        "NaN samples": 1,
        "too short": 1,
        "missing file": 1,
    }
    assert flow["steps"][0]["ecgs"] == 13
    assert flow["steps"][-1] == {"label": "ECGs included", "ecgs": 6, "patients": 6}
    assert len(cohort) == 6
    for ecg in cohort.itertuples():
        signal = signals[ecg.shard][ecg.row]
        assert signal.shape == (12, 5000)
        assert np.ptp(signal, axis=1).min() > 100
    text = cohort.to_csv() + repr(flow)
    for secret in ("ECG-77", "PAT-88", "records/"):
        assert secret not in text


def test_missing_findings_stay_missing(recorded_export):
    recorded_export.write()
    cohort, _, _ = recorded_export.admit()
    assert cohort["target_LM"].isna().all()
    assert cohort["target_RCA"].tolist() == [1] * 6


def test_one_recording_exported_twice_counts_once(recorded_export, ecg_of, reasons):
    recorded_export.add_ecg("ECG-77900", "PAT-88002", ecg_of(2), "2022-04-01T10:00:00")
    recorded_export.write()
    cohort, flow, _ = recorded_export.admit()
    assert reasons(flow) == {"duplicate recording": 1}
    assert len(cohort) == 6
    assert cohort["recorded_at"].min().isoformat() == "2022-04-01T10:00:00"


def test_one_recording_under_two_patients_belongs_to_nobody(recorded_export, ecg_of, reasons):
    recorded_export.add(20, ecg=ecg_of(2))
    recorded_export.write()
    cohort, flow, _ = recorded_export.admit()
    assert reasons(flow) == {"same recording under two patients": 2}
    assert flow["steps"][-1] == {"label": "ECGs included", "ecgs": 5, "patients": 5}
    assert len(cohort) == 5


def test_shards_of_another_run_are_refused(recorded_export):
    recorded_export.write()
    eligible, _, flow = recorded_export.build()
    _, table = clean_shard(eligible, recorded_export.folder, recorded_export.site, "hospital", 1, Quality(), 0, 2)
    with pytest.raises(StudyError, match="hold 3 ECGs, not the 6 eligible"):
        admit(eligible, [table], flow)


def test_no_usable_recording_says_why(recorded_export):
    recorded_export.write()
    for file in (recorded_export.folder / "records").glob("*.dat"):
        file.unlink()
    with pytest.raises(StudyError, match="missing file: 6"):
        recorded_export.admit()
