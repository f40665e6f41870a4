"""Generated ECGs with the times of their beats, to which disease can be added."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing
from ecg_ccta.sources.heart_beats import DERIVE, segment_shapes, time_from_peaks
from ecg_ccta.vessels import SAMPLING_RATE

NO_BEAT_S = 1000.0
"""Seconds that stand for no further R peak in a row of `peaks`: far behind the end of any recording."""


@dataclass(frozen=True)
class GeneratedECGs:
    """n ECGs of healthy hearts; every field has n rows, and what could not be measured is NaN."""

    microvolts: np.ndarray  # (n, 8, samples) int16: I, II, V1-V6
    peaks: np.ndarray  # (n, k) seconds of every R peak, from one before the recording to one after it, then NO_BEAT_S
    t_peak: np.ndarray  # seconds from R
    heart_rate: np.ndarray  # beats per minute
    rr_irregularity: np.ndarray  # root mean square of successive differences of RR over the mean RR
    pr_ms: np.ndarray
    qrs_ms: np.ndarray
    qtc_ms: np.ndarray  # Fridericia
    axis_deg: np.ndarray  # frontal, of the QRS complex

    def __len__(self) -> int:
        return len(self.microvolts)

    def take(self, rows: np.ndarray) -> GeneratedECGs:
        """The ECGs of these rows."""
        return GeneratedECGs(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def tracings(self, alterations: np.ndarray) -> np.ndarray:
        """ECGs in mV, float32 (n, 12, samples), standard leads, with `alterations` (n, 8, segments) mV in every beat.

        Time, shape and size of an alteration are those of `heart_beats.tracings`; the T peak is the ECG's own.
        """
        since, until = time_from_peaks(self.peaks, self.microvolts.shape[2], SAMPLING_RATE)
        near = np.where(since < -until, since, until)
        measured = self.microvolts.astype(np.float32) / 1000
        measured += np.matmul(alterations.astype(np.float32), segment_shapes(self.t_peak, since, near))
        return np.matmul(DERIVE, measured)


def write_generated(ecgs: GeneratedECGs, path: Path) -> None:
    """Write ECGs as an .npz file, atomically."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, **{field.name: getattr(ecgs, field.name) for field in fields(ecgs)})


def read_generated(path: Path) -> GeneratedECGs:
    """Read what `write_generated` wrote.

    Raises
    ------
    StudyError
        Where the file is not one of these.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return GeneratedECGs(**{field.name: stored[field.name] for field in fields(GeneratedECGs)})
    except (OSError, ValueError, KeyError) as error:
        raise StudyError(f"{path}: holds no generated ECGs ({error}). Fix: delete it and run again") from None
