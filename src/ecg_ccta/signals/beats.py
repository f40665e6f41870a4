"""One median beat per ECG, aligned to the R peaks.

R peaks are NeuroKit2's gradient method (Makowski et al., Behav Res Methods 2021) on lead II, as in arXiv 2512.05136;
where lead II does not show enough similar beats, the steepest other lead that does takes its place.
"""

import neurokit2 as nk
import numpy as np

from ecg_ccta.vessels import LEADS, SAMPLING_RATE

MINIMUM_BEATS = 3
"""An ECG with fewer usable beats has no median beat."""

SIMILARITY = 0.8
"""Pearson correlation with the ECG's median beat that a beat needs; ectopic and disturbed beats fall below."""

SIZE_RANGE = (0.5, 2.0)
"""Size of a beat relative to the median beat (its regression coefficient on it): a P wave that was taken for a QRS
complex resembles one in shape, not in size."""

SIMILARITY_WINDOW_S = (0.10, 0.25)
"""Seconds before and after R where beats are compared: QRS and ST, free of the neighbouring beats' P waves and QRS,
whose distance varies with the rate and in atrial fibrillation from beat to beat."""

_SHORTEST_RR_S = 0.3
_FIRST_LEAD = LEADS.index("II")


def median_beats(
    signals: np.ndarray, before_s: float = 0.25, after_s: float = 0.65
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median beat of every ECG.

    Parameters
    ----------
    signals : (n, 12, samples) int16 microvolts at 500 Hz; read one ECG at a time, so it may be memory-mapped.
    before_s, after_s : the beat window around the R peak, seconds.

    Returns
    -------
    beats : (n, 12, L) float32 millivolts; NaN where `ok` is False.
    r_count : (n,) int, usable beats of each ECG.
    ok : (n,) bool, whether the ECG has at least MINIMUM_BEATS usable beats.
    """
    before, after = round(before_s * SAMPLING_RATE), round(after_s * SAMPLING_RATE)
    beats = np.full((len(signals), len(LEADS), before + after), np.nan, dtype=np.float32)
    r_count = np.zeros(len(signals), dtype=int)
    for index in range(len(signals)):
        ecg = np.asarray(signals[index], dtype=np.float32) / 1000
        peaks = usable_peaks(ecg, before, after)
        r_count[index] = len(peaks)
        if len(peaks) >= MINIMUM_BEATS:
            beats[index] = np.median(windows(ecg, peaks, before, after), axis=0)
    return beats, r_count, r_count >= MINIMUM_BEATS


def usable_peaks(ecg: np.ndarray, before: int, after: int) -> np.ndarray:
    """R peaks whose whole window lies in the recording and resembles the ECG's median beat.

    Parameters
    ----------
    ecg : (12, samples) millivolts at 500 Hz.
    before, after : samples of the window around the peak.

    Returns
    -------
    (k,) int, samples in rising order; from lead II, or from the steepest lead with enough similar beats, or empty.
    """
    steepness = np.quantile(np.abs(np.diff(ecg, axis=1)), 0.99, axis=1)
    others = [lead for lead in np.argsort(-steepness) if lead != _FIRST_LEAD]
    for lead in [_FIRST_LEAD, *others]:
        found = r_peaks(ecg[lead])
        inside = found[(found >= before) & (found + after <= ecg.shape[1])]
        if len(inside) < MINIMUM_BEATS:
            continue
        similar = inside[_resemble_median(windows(ecg, inside, *_compared_samples(before, after)))]
        # A lead whose beats mostly differ from one another has been read wrongly; another lead may be clearer.
        if len(similar) >= max(MINIMUM_BEATS, len(inside) / 2):
            return similar
    return np.empty(0, dtype=int)


def r_peaks(lead: np.ndarray) -> np.ndarray:
    """R peaks of one lead at 500 Hz, samples in rising order; empty where none is found."""
    if np.ptp(lead) == 0:
        return np.empty(0, dtype=int)
    # The signal is already filtered. The detector averages the widths of the QRS complexes it finds; where it finds
    # none, that mean is of nothing and numpy warns.
    with np.errstate(invalid="ignore", divide="ignore"):
        peaks = nk.ecg_findpeaks(lead, sampling_rate=SAMPLING_RATE, method="neurokit")["ECG_R_Peaks"]
    peaks = np.asarray(peaks, dtype=int)
    return peaks[np.diff(peaks, prepend=-SAMPLING_RATE) >= _SHORTEST_RR_S * SAMPLING_RATE]


def windows(signal: np.ndarray, peaks: np.ndarray, before: int, after: int) -> np.ndarray:
    """Windows around peaks: (leads, samples) and (k,) give (k, leads, before + after)."""
    samples = peaks[:, None] + np.arange(-before, after)[None, :]
    return np.moveaxis(signal[:, samples], 1, 0)


def _compared_samples(before: int, after: int) -> tuple[int, int]:
    wanted = (round(seconds * SAMPLING_RATE) for seconds in SIMILARITY_WINDOW_S)
    return tuple(min(pair) for pair in zip(wanted, (before, after), strict=True))


def _resemble_median(cut: np.ndarray) -> np.ndarray:
    """(k, leads, L) beats -> (k,) bool: shape and size, over all leads at once, are those of their median."""
    flat = cut - cut.mean(axis=2, keepdims=True)
    flat = flat.reshape(len(cut), -1)
    median = np.median(flat, axis=0)
    product, size = flat @ median, float(median @ median)
    if size == 0:
        return np.zeros(len(cut), dtype=bool)
    shape = product >= SIMILARITY * np.linalg.norm(flat, axis=1) * np.sqrt(size)
    return shape & (product >= SIZE_RANGE[0] * size) & (product <= SIZE_RANGE[1] * size)
