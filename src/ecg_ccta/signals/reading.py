"""Reading a recording of the 12 standard leads from WFDB files (PhysioNet's format: .hea beside .dat or .mat)."""

import math
import re
from pathlib import Path

import numpy as np
import wfdb

from ecg_ccta.vessels import LEADS

MILLIVOLTS_PER_UNIT = {"mv": 1.0, "uv": 1e-3}
"""Units of a WFDB header, lower case, in mV. Not "V": headers are ASCII, and wfdb reads a stray "µV" as "V"."""


class BadRecording(Exception):
    """A recording that cannot be used; the message is a short fixed reason and never holds a path."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_recording(
    path: str | Path, seconds: float | None = None, folder: str | Path | None = None
) -> tuple[np.ndarray, float]:
    """The 12 leads in standard order, float64 (12, samples) in mV, and the sampling rate in Hz.

    `path` names the record, with or without .hea. `seconds` reads no more than that from the start, so that a
    day-long recording costs no more memory than a short one. `folder` refuses a record whose files, links followed,
    lie outside it. Lead names may be in any case and hold spaces; other channels are left out.

    Raises BadRecording with one of: "missing file", "unreadable file", "file outside the export", "missing lead",
    "duplicate lead", "unknown unit".
    """
    try:
        return _read(Path(path), seconds, folder)
    except BadRecording:
        raise
    except Exception:
        # Parsers of damaged files raise whatever they meet (KeyError, struct.error, MemoryError, a zero byte in a file
        # name, ...): for one damaged file among many, every one of them is the same finding.
        raise BadRecording("unreadable file") from None


def _read(path: Path, seconds: float | None, folder: str | Path | None) -> tuple[np.ndarray, float]:
    record = path.with_suffix("") if path.suffix == ".hea" else path
    header_file = record.with_name(record.name + ".hea")
    _inside(header_file, folder)
    if not header_file.is_file():
        raise BadRecording("missing file")
    files, last = _outline(header_file.read_text(encoding="ascii", errors="ignore"), seconds)
    for name in files:
        if not name.isprintable():
            raise BadRecording("unreadable file")
        if Path(name).name != name:
            raise BadRecording("file outside the export")
        _inside(record.with_name(name), folder)
        if not record.with_name(name).is_file():
            raise BadRecording("missing file")
    read = wfdb.rdrecord(str(record), sampto=last)
    rate = float(read.fs)
    signal = np.asarray(read.p_signal, dtype=np.float64).T
    units = np.array([unit.strip().lower() for unit in read.units])
    if signal.shape[1] == 0 or not 0 < rate < math.inf:
        raise BadRecording("unreadable file")
    channels = _channels(read.sig_name)
    if not set(units[channels]) <= set(MILLIVOLTS_PER_UNIT):
        raise BadRecording("unknown unit")
    return signal[channels] * np.array([[MILLIVOLTS_PER_UNIT[unit]] for unit in units[channels]]), rate


def _outline(header: str, seconds: float | None) -> tuple[set[str], int | None]:
    """Of a header: the names of its signal files, and the sample to stop at (None: read all).

    wfdb takes 10 ms for a header and reads it again with the signals, so the little that must be known before is
    taken from the text here. A record of several segments (a "/" in its name) is a ValueError: its parts may differ
    in leads and gain, and no resting ECG is stored so.
    """
    lines = [line.split() for line in header.splitlines() if line.strip() and not line.startswith("#")]
    record_line, signal_lines = lines[0], lines[1:]
    if "/" in record_line[0]:
        raise ValueError("several segments")
    if int(record_line[1]) != len(signal_lines):
        raise ValueError("another number of signals than the header says")
    last = None
    if seconds is not None and len(record_line) > 3:
        rate = float(re.split("[/(]", record_line[2])[0])
        last = min(int(record_line[3]), math.ceil(seconds * rate))
    return {line[0] for line in signal_lines}, last


def _inside(file: Path, folder: str | Path | None) -> None:
    if folder is not None and not file.resolve().is_relative_to(Path(folder).resolve()):
        raise BadRecording("file outside the export")


def _channels(names: list[str]) -> list[int]:
    """Positions of the standard leads among a record's signal names."""
    tidy = ["".join(name.split()).lower() for name in names]
    wanted = [lead.lower() for lead in LEADS]
    if any(lead not in tidy for lead in wanted):
        raise BadRecording("missing lead")
    if any(tidy.count(lead) > 1 for lead in wanted):
        raise BadRecording("duplicate lead")
    return [tidy.index(lead) for lead in wanted]
