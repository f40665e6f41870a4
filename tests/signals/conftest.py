"""A synthetic 12-lead ECG and its WFDB file, for tests without real recordings."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecg_ccta.vessels import LEADS


@pytest.fixture
def ecg() -> np.ndarray:
    """(12, 5000) in mV at 500 Hz: 75 beats per minute, limb leads consistent."""
    rng = np.random.default_rng(4)
    t = np.arange(5000) / 500
    phase = (t * 1.25) % 1 - 0.5
    beat = np.exp(-((phase / 0.02) ** 2)) + 0.25 * np.exp(-(((phase - 0.25) / 0.06) ** 2))
    slow = 0.05 * np.sin(2 * np.pi * 0.3 * t)
    one, two = 0.7 * beat + slow, 1.1 * beat - slow
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    chest = [gain * beat for gain in (-0.6, 0.4, 0.9, 1.4, 1.2, 0.8)]
    return np.array(limb + chest) + 0.002 * rng.standard_normal((12, 5000))


@pytest.fixture
def write_record(tmp_path: Path) -> Callable[..., Path]:
    """Write (leads, samples) in mV as a WFDB record below tmp_path; returns its path without suffix."""

    def write(
        signal: np.ndarray,
        name: str = "record",
        fs: float = 500,
        leads: tuple[str, ...] | list[str] = LEADS,
        unit: str = "mV",
    ) -> Path:
        wfdb.wrsamp(
            name,
            fs=fs,
            units=[unit] * len(leads),
            sig_name=list(leads),
            p_signal=signal.T,
            fmt=["16"] * len(leads),
            adc_gain=[1000.0] * len(leads),
            baseline=[0] * len(leads),
            write_dir=str(tmp_path),
        )
        return tmp_path / name

    return write
