"""The beats of an ECG, and one median beat per ECG.

R peaks are NeuroKit2's gradient method (Makowski et al., Behav Res Methods 53:1689, 2021) on the lead that tells them
best: the one whose beats the other leads agree on most (after the iSQI of Li et al., Physiol Meas 29:15, 2008, with a
closer tolerance). Beats are aligned by correlation with their median over all leads (Woody, Med Biol Eng 5:539, 1967),
and time zero is the peak of R in the leads that look at the left ventricle, so that it does not depend on the lead of
the detection. Left out are ectopic beats, which come at another interval or have another shape, and noisy ones.
"""

from itertools import combinations
from typing import NamedTuple

import neurokit2 as nk
import numpy as np
from joblib import Parallel, delayed

from ecg_ccta.signals.store import SignalStore
from ecg_ccta.vessels import LEADS, SAMPLING_RATE

MINIMUM_BEATS = 3
"""An ECG with fewer usable beats has no median beat."""

SAME_BEAT_S = 0.15
"""Two leads mean the same beat by peaks that are no further apart (ANSI/AAMI EC57)."""

AGREEMENT_S = 0.010
"""And agree on it where these are no further apart than the leads' usual distance by more than this: every lead has its
R a little earlier or later, a clear one always by as much."""

SIMILARITY = 0.8
"""Pearson correlation with the ECG's median beat that a beat needs; ectopic and disturbed beats fall below."""

SIZE_RANGE = (0.5, 2.0)
"""Size of a beat relative to the median beat (its regression coefficient on it): a P wave that was taken for a QRS
complex resembles one in shape, not in size."""

RR_TOLERANCE = 0.2
"""A beat whose RR interval differs by more of the median is premature, or follows a pause (Malik et al., Eur Heart J
10:1060, 1989)."""

REGULAR_SHARE = 2 / 3
"""Proportion of the intervals that must be usual for the others to mean anything."""

NOISE_RATIO = 3.0
"""A beat is noisy where it differs from the median beat by more than this many times as much as its fellows do (root
mean square; the median over beats)."""

SIMILARITY_WINDOW_S = (0.10, 0.25)
"""Seconds before and after R where beats are compared: QRS and ST, free of the neighbouring beats' P waves and QRS,
whose distance varies with the rate and in atrial fibrillation from beat to beat."""

ALIGNMENT_S = 0.020
"""A beat moves by at most this to match the median beat."""

R_WITHIN_S = 0.06
"""The peak of R lies within this of the detected one."""

_SHORTEST_RR_S = 0.3
_INDEPENDENT = [LEADS.index(lead) for lead in ("II", "I", "V1", "V2", "V3", "V4", "V5", "V6")]
"""In order of preference where they are equally good."""
_LEFT = [LEADS.index(lead) for lead in ("I", "II", "V4", "V5", "V6")]
"""Leads in which the bulk of the left ventricle makes R."""


class Beats(NamedTuple):
    """The beats of an ECG, as samples of their R peaks in rising order."""

    usable: np.ndarray
    """(k,) int, those whose whole window may enter the median beat."""
    rhythm: np.ndarray
    """(m,) int, all that have the shape of the median beat: what the heart rate is taken from."""
    detected: np.ndarray
    """(d,) int, all that were detected in `lead`, ectopic and false ones too, as they were detected."""
    lead: str
    """The lead of the detection; empty where none shows beats."""


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
        peaks = find_beats(ecg, before, after).usable
        r_count[index] = len(peaks)
        if len(peaks) >= MINIMUM_BEATS:
            beats[index] = np.median(windows(ecg, peaks, before, after), axis=0)
    return beats, r_count, r_count >= MINIMUM_BEATS


def stored_median_beats(
    store: SignalStore, before_s: float, after_s: float, jobs: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`median_beats` of all ECGs of a store, in its order; `jobs` : processes."""
    chunks = np.array_split(np.arange(len(store)), max(1, len(store) // 200))
    found = Parallel(n_jobs=jobs)(delayed(_batch_beats)(store, rows, before_s, after_s) for rows in chunks)
    beats, r_count, ok = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return beats, r_count, ok


def _batch_beats(store: SignalStore, rows: np.ndarray, before_s: float, after_s: float):
    return median_beats(store.batch(rows), before_s, after_s)


def find_beats(ecg: np.ndarray, before: int, after: int) -> Beats:
    """The beats of one ECG.

    Parameters
    ----------
    ecg : (12, samples) millivolts at 500 Hz.
    before, after : samples of the window around R that a usable beat has within the recording.

    Returns
    -------
    Beats, from the best lead, or where its beats do not resemble one another the next; empty where no lead's do.
    """
    for lead, detected in _by_agreement(ecg):
        beats = _judged(ecg, detected, before, after)
        if beats is not None:
            return Beats(*beats, detected, LEADS[lead])
    nothing = np.empty(0, dtype=int)
    return Beats(nothing, nothing, nothing, "")


def usable_peaks(ecg: np.ndarray, before: int, after: int) -> np.ndarray:
    """`usable` of `find_beats`."""
    return find_beats(ecg, before, after).usable


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


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Proportion of two leads' beats that both have at their usual distance, of all beats of either, 0 to 1."""
    if not len(one) or not len(other):
        return 0.0
    distance = other[None, :] - one[:, None]
    distance = distance[np.arange(len(one)), np.abs(distance).argmin(axis=1)]
    matched = distance[np.abs(distance) <= SAME_BEAT_S * SAMPLING_RATE]
    if not matched.size:
        return 0.0
    agreed = np.sum(np.abs(matched - np.median(matched)) <= AGREEMENT_S * SAMPLING_RATE)
    return float(agreed / (len(one) + len(other) - len(matched)))


def _by_agreement(ecg: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """The independent leads and their R peaks, best first."""
    found = {lead: r_peaks(ecg[lead]) for lead in _INDEPENDENT}
    agreed = dict.fromkeys(found, 0.0)
    for one, other in combinations(found, 2):
        both = agreement(found[one], found[other])
        agreed[one] += both
        agreed[other] += both
    return sorted(found.items(), key=lambda item: -agreed[item[0]])


def _judged(ecg: np.ndarray, detected: np.ndarray, before: int, after: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Usable beats and those of the rhythm; None where the detected ones are no beats of one kind."""
    start, stop = (round(seconds * SAMPLING_RATE) for seconds in SIMILARITY_WINDOW_S)
    margin = round((ALIGNMENT_S + R_WITHIN_S) * SAMPLING_RATE)
    judged = (detected >= start + margin) & (detected + stop + margin <= ecg.shape[1])
    if judged.sum() < MINIMUM_BEATS:
        return None
    peaks = _aligned(ecg, detected[judged], start, stop)
    similar, noise = _compared(windows(ecg, peaks, start, stop))
    # A lead whose beats mostly differ from one another has been read wrongly; another lead may be clearer.
    if similar.sum() < max(MINIMUM_BEATS, len(peaks) / 2):
        return None
    peaks = peaks + _to_r(np.median(windows(ecg, peaks[similar], start, stop), axis=0)[_LEFT], start)
    quiet = noise <= NOISE_RATIO * np.median(noise[similar])
    whole = (peaks >= before) & (peaks + after <= ecg.shape[1])
    timely = _timely(detected)[judged]
    usable = similar & quiet & whole
    if (usable & timely).sum() >= MINIMUM_BEATS:
        usable &= timely
    return peaks[usable], peaks[similar]


def _timely(detected: np.ndarray) -> np.ndarray:
    """(k,) bool: not premature and not after a pause, where the rhythm is regular enough to tell.

    In atrial fibrillation and bigeminy most intervals are far from the median; there the shape alone decides.
    """
    intervals = np.diff(detected)
    usual = np.abs(intervals - np.median(intervals)) <= RR_TOLERANCE * np.median(intervals)
    if usual.mean() < REGULAR_SHARE:
        return np.ones(len(detected), dtype=bool)
    # The first beat has no interval before it.
    return np.concatenate([[True], usual])


def _aligned(ecg: np.ndarray, peaks: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Peaks moved to where their windows correlate best with the median window."""
    reach = round(ALIGNMENT_S * SAMPLING_RATE)
    median = _centred(np.median(windows(ecg, peaks, start, stop), axis=0)[None])[0]
    wide = windows(ecg, peaks, start + reach, stop + reach)
    shifts = np.arange(2 * reach + 1)
    likeness = np.empty((len(shifts), len(peaks)))
    for shift in shifts:
        moved = _centred(wide[:, :, shift : shift + start + stop])
        likeness[shift] = moved @ median / np.maximum(np.linalg.norm(moved, axis=1), np.finfo(np.float32).tiny)
    return peaks + likeness.argmax(axis=0) - reach


def _compared(cut: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k, leads, L) beats -> whether shape and size, over all leads at once, are those of their median; their noise."""
    flat = _centred(cut)
    median = np.median(flat, axis=0)
    noise = np.sqrt(np.mean((flat - median) ** 2, axis=1))
    product, size = flat @ median, float(median @ median)
    if size == 0:
        return np.zeros(len(cut), dtype=bool), noise
    shape = product >= SIMILARITY * np.linalg.norm(flat, axis=1) * np.sqrt(size)
    return shape & (product >= SIZE_RANGE[0] * size) & (product <= SIZE_RANGE[1] * size), noise


def _centred(cut: np.ndarray) -> np.ndarray:
    """(k, leads, L) -> (k, leads * L), each lead around its mean."""
    return (cut - cut.mean(axis=2, keepdims=True)).reshape(len(cut), -1)


def _to_r(left: np.ndarray, centre: int) -> int:
    """Samples from `centre` to the peak of R in the median beat: where the left leads are largest together."""
    reach = round(R_WITHIN_S * SAMPLING_RATE)
    level = np.median(left, axis=1, keepdims=True)
    size = np.linalg.norm((left - level)[:, centre - reach : centre + reach + 1], axis=0)
    return int(size.argmax()) - reach
