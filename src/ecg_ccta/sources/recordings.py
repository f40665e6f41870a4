"""Recordings as a hospital exports them (WFDB format 16), and the ways in which they arrive broken."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecg_ccta.vessels import LEADS

GAIN = 1000
"""ADC units per mV: 1 uV resolution."""
MISSING = -32768
"""WFDB's digital value of a missing sample in format 16."""

BROKEN_SIGNALS = (
    "flat lead",
    "missing lead",
    "swapped leads",
    "truncated file",
    "missing samples",
    "unreadable file",
    "short recording",
)
"""Ways in which `write_broken` breaks a recording."""


def write_recording(
    folder: Path, name: str, ecg: np.ndarray, sampling_rate: int, leads: tuple[str, ...] = LEADS
) -> None:
    """Write `ecg` (leads, samples) in mV as `name`.hea and `name`.dat; NaN becomes a missing sample.

    The same bytes as wfdb.wrsamp, whose checks take 50 ms per recording: longer than simulating it
    (format: WFDB header(5) and signal(5)).
    """
    digital = np.where(np.isnan(ecg), MISSING, np.clip(np.rint(np.nan_to_num(ecg) * GAIN), -32767, 32767))
    digital = digital.astype("<i2")
    lines = [f"{name} {len(leads)} {sampling_rate} {ecg.shape[1]}"]
    for lead, signal in zip(leads, digital, strict=True):
        checksum = int(signal.sum(dtype=np.int64)) % 65536
        lines.append(f"{name}.dat 16 {GAIN}(0)/mV 16 0 {signal[0]} {checksum} 0 {lead}")
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n", encoding="ascii")
    (folder / f"{name}.dat").write_bytes(np.ascontiguousarray(digital.T).tobytes())


def write_broken(
    folder: Path, name: str, ecg: np.ndarray, sampling_rate: int, kind: str, rng: np.random.Generator
) -> None:
    """Write `ecg` broken in the way `kind`, one of `BROKEN_SIGNALS`.

    Swapped leads: the channels named II and aVR change places, which breaks Einthoven's law whatever the axis
    (I + III - II becomes 0.5 I + 1.5 II).
    """
    ecg = ecg.copy()
    leads: tuple[str, ...] = LEADS
    if kind == "flat lead":
        ecg[rng.integers(len(LEADS))] = 0
    elif kind == "missing lead":
        lost = int(rng.integers(len(LEADS)))
        ecg, leads = np.delete(ecg, lost, axis=0), LEADS[:lost] + LEADS[lost + 1 :]
    elif kind == "swapped leads":
        pair = [LEADS.index("II"), LEADS.index("aVR")]
        ecg[pair] = ecg[pair[::-1]]
    elif kind == "missing samples":
        start = int(rng.integers(ecg.shape[1] // 2))
        ecg[:, start : start + ecg.shape[1] // 4] = np.nan
    elif kind == "short recording":
        ecg = ecg[:, : 3 * sampling_rate]
    write_recording(folder, name, ecg, sampling_rate, leads)
    if kind == "truncated file":
        data = folder / f"{name}.dat"
        data.write_bytes(data.read_bytes()[: data.stat().st_size // 3])
    elif kind == "unreadable file":
        if rng.random() < 0.5:
            (folder / f"{name}.dat").unlink()
        else:
            (folder / f"{name}.hea").write_bytes(rng.bytes(200))
