"""One recording read, judged and cleaned: what the study does to each, whatever it comes from."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ecg_ccta.config import Quality
from ecg_ccta.signals.cleaning import clean
from ecg_ccta.signals.quality import assess
from ecg_ccta.signals.reading import BadRecording, read_recording
from ecg_ccta.signals.resampling import LOWEST_RATE, resample
from ecg_ccta.vessels import SAMPLES, SAMPLING_RATE

SECONDS = SAMPLES / SAMPLING_RATE
LARGEST_MICROVOLTS = np.iinfo(np.int16).max


class CleanRecording(NamedTuple):
    """The first 10 s at 500 Hz, or why they cannot be used."""

    reason: str | None
    """None where the recording is usable."""
    raw_mv: np.ndarray | None = None
    """(12, 5000) mV as recorded; None where it is not usable."""
    microvolts: np.ndarray | None = None
    """(12, 5000) int16, cleaned; None where it is not usable."""
    noisy_leads: str = ""
    source_rate: float | None = None


def clean_recording(path: Path | None, quality: Quality, folder: str | Path | None = None) -> CleanRecording:
    """Read a WFDB record and clean it as every ECG of a study is cleaned.

    Never raises for a bad recording: `reason` is one of those of `read_recording` and `assess`, "missing file" where
    there is no path, or "sampling rate under ... Hz". `folder` refuses files outside it.
    """
    if path is None:
        return CleanRecording("missing file")
    try:
        ecg, rate = read_recording(path, seconds=SECONDS, folder=folder)
    except BadRecording as bad:
        return CleanRecording(bad.reason)
    if rate < LOWEST_RATE:
        return CleanRecording(f"sampling rate under {LOWEST_RATE} Hz", source_rate=rate)
    if ecg.shape[1] < round(SECONDS * rate):
        return CleanRecording("too short", source_rate=rate)
    raw = resample(ecg, rate, SAMPLING_RATE)[:, :SAMPLES]
    reason, microvolts, noisy_leads = clean_or_refuse(raw, quality)
    return CleanRecording(reason, None if microvolts is None else raw, microvolts, noisy_leads, rate)


def clean_or_refuse(raw: np.ndarray, quality: Quality) -> tuple[str | None, np.ndarray | None, str]:
    """What becomes of a raw ECG (12, 5000) in mV at 500 Hz: the reason to exclude it, or int16 microvolts (12, 5000).

    The third is the leads that are noisy, saturated or flat, as `quality.assess` names them.
    """
    reason, noisy_leads = assess(raw, quality)
    if reason is not None:
        return reason, None, noisy_leads
    microvolts = np.rint(clean(raw, SAMPLING_RATE) * 1000)
    if np.abs(microvolts).max() > LARGEST_MICROVOLTS:
        return "amplitude out of range", None, noisy_leads
    return None, microvolts.astype(np.int16), noisy_leads


def clean_regardless(raw: np.ndarray, quality: Quality) -> tuple[str | None, np.ndarray, str]:
    """As `clean_or_refuse`, with the cleaned ECG also of one that a study would exclude; cut off at int16's limits."""
    reason, noisy_leads = assess(raw, quality)
    microvolts = np.rint(clean(raw, SAMPLING_RATE) * 1000)
    if reason is None and np.abs(microvolts).max() > LARGEST_MICROVOLTS:
        reason = "amplitude out of range"
    return reason, np.clip(microvolts, -LARGEST_MICROVOLTS, LARGEST_MICROVOLTS).astype(np.int16), noisy_leads
