"""Is a recording usable? Flags per lead, and the one reason that excludes it.

All functions take the raw (not cleaned) ECG at 500 Hz, (12, samples) in mV in standard lead order.
"""

import numpy as np
from scipy import signal

from ecg_ccta.config import Quality
from ecg_ccta.vessels import LEADS, SAMPLES, SAMPLING_RATE

NOISE_MILLIVOLTS = 0.05
"""A lead is noisy from this robust standard deviation above 40 Hz on; muscle noise of a resting ECG stays below."""
WANDER_MILLIVOLTS = 0.5
"""... or from this standard deviation below 0.67 Hz on: half the height of a usual QRS complex."""
SATURATED_SAMPLES = 25
"""A lead that rests this long (50 ms) on its largest or smallest value met the recorder's limit: no QRS peak does."""

_HIGH = signal.butter(4, 40.0, "highpass", fs=SAMPLING_RATE, output="sos")
_LOW = signal.butter(2, 0.67, "lowpass", fs=SAMPLING_RATE, output="sos")


def flat(ecg: np.ndarray, quality: Quality) -> np.ndarray:
    """Which leads (12,) have a 1-99 % range under `quality.flat_lead_millivolts`."""
    low, high = np.percentile(ecg, [1, 99], axis=-1)
    return high - low < quality.flat_lead_millivolts


def noisy(ecg: np.ndarray) -> np.ndarray:
    """Which leads (12,) carry muscle or mains noise or baseline wander beyond the limits above."""
    high = signal.sosfiltfilt(_HIGH, ecg, axis=-1)
    # The median deviation ignores QRS complexes, which fill less than half of the time.
    spread = 1.4826 * np.median(np.abs(high), axis=-1)
    wander = signal.sosfiltfilt(_LOW, ecg, axis=-1).std(axis=-1)
    return (spread >= NOISE_MILLIVOLTS) | (wander >= WANDER_MILLIVOLTS)


def saturated(ecg: np.ndarray) -> np.ndarray:
    """Which leads (12,) rest on their largest or smallest value for 50 ms or more."""
    found = np.zeros(len(ecg), dtype=bool)
    for extreme in (ecg.max(axis=-1, keepdims=True), ecg.min(axis=-1, keepdims=True)):
        at_extreme = np.cumsum(ecg == extreme, axis=-1)
        runs = at_extreme[:, SATURATED_SAMPLES - 1 :].copy()
        runs[:, 1:] -= at_extreme[:, :-SATURATED_SAMPLES]
        found |= (runs == SATURATED_SAMPLES).any(axis=-1)
    return found


def limb_lead_residual(ecg: np.ndarray) -> float:
    """Largest violation of the limb leads' identities: RMS of the residual over the RMS of the six limb leads.

    Einthoven: I + III = II. Goldberger: aVR = -(I + II) / 2, aVL = (I - III) / 2, aVF = (II + III) / 2. They hold by
    construction, so a large residual means swapped, mislabelled or damaged channels. (Reversed arm electrodes keep
    the identities and cannot be seen here.) Each lead's mean is taken off first, because recorders' offsets differ (the
    mean, not the median: the identities hold for means too).
    """
    limb = ecg[:6] - ecg[:6].mean(axis=-1, keepdims=True)
    one, two, three, avr, avl, avf = limb
    residuals = np.stack(
        [one + three - two, avr + (one + two) / 2, avl - (one - three) / 2, avf - (two + three) / 2],
    )
    scale = np.sqrt(np.mean(limb**2))
    return float(np.sqrt(np.mean(residuals**2, axis=-1)).max() / scale) if scale > 0 else 0.0


def assess(ecg: np.ndarray, quality: Quality) -> tuple[str | None, str]:
    """The reason to exclude the first 10 s of `ecg`, or None, and the noisy, saturated or flat leads, such as "V3 V4".

    Reasons, the first that holds: "too short" (under 10 s), "NaN samples", "flat lead", "amplitude out of range",
    "limb leads inconsistent". Noisy leads, and up to `flat_leads_allowed` flat ones, exclude nothing: they are named.
    """
    if ecg.shape[-1] < SAMPLES:
        return "too short", ""
    ecg = ecg[:, :SAMPLES]
    if not np.isfinite(ecg).all():
        return "NaN samples", ""
    without_signal = flat(ecg, quality)
    doubtful = noisy(ecg) | saturated(ecg) | without_signal
    names = " ".join(lead for lead, is_doubtful in zip(LEADS, doubtful, strict=True) if is_doubtful)
    if without_signal.sum() > quality.flat_leads_allowed:
        return "flat lead", names
    if np.abs(ecg).max() > quality.largest_millivolts:
        return "amplitude out of range", names
    if limb_lead_residual(ecg) > quality.limb_lead_residual:
        return "limb leads inconsistent", names
    return None, names
