"""The same recording twice although its bytes differ: exported again with another gain, start, rate or some noise.

Two steps. Each ECG's fingerprint, the covariance of its leads, changes neither with gain nor with where the recording
starts, so that a copy is among the nearest ECGs in 36 numbers; only those are compared sample by sample, by the
largest normalised cross-correlation over all shifts (Lewis, Fast template matching, Vision Interface 1995, 120-123).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import fft
from sklearn.neighbors import NearestNeighbors

from ecg_ccta.signals.store import Store
from ecg_ccta.vessels import LEADS, SAMPLES, SAMPLING_RATE

COMPARED_RATE = 100
"""Samples per second that are compared: cleaned ECGs hold nothing above 40 Hz."""
INDEPENDENT = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
"""The other four limb leads follow from I and II."""
DUPLICATE_CORRELATION = 0.98
"""From here on two recordings are one: noise of a fifth of the signal's RMS takes a copy just here."""
EDGE = 0.5
"""Seconds left out at both ends, where cleaning saw half of the surroundings and even a copy comes out otherwise."""
LONGEST_SHIFT = 4
"""Seconds; so 5 s of the 9 s overlap at least. Fewer hold too few beats to tell one regular rhythm from another."""
NEIGHBOURS = 5
"""Nearest fingerprints of each ECG that are compared sample by sample."""

_STEP = SAMPLING_RATE // COMPARED_RATE
_EDGE = round(EDGE * SAMPLING_RATE)
_LENGTH = (SAMPLES - 2 * _EDGE) // _STEP
_PADDED = fft.next_fast_len(_LENGTH + LONGEST_SHIFT * COMPARED_RATE, real=True)
_SHIFTS = np.arange(-LONGEST_SHIFT * COMPARED_RATE, LONGEST_SHIFT * COMPARED_RATE + 1)
_WINDOW = _LENGTH - LONGEST_SHIFT * COMPARED_RATE
_FINER = 8
_WORTH_REFINING = 0.8
"""Half a sample of 10 ms beside the true shift costs a narrow QRS complex up to a tenth of its correlation."""
_READ_AT_ONCE, _COMPARED_AT_ONCE = 128, 256


def condensed(store: Store, ecgs: int) -> np.ndarray:
    """All ECGs of a store as the search sees them: int16 microvolts (ECGs, 8, 900) at 100 Hz, 14 kB per ECG."""
    found = np.empty((ecgs, len(INDEPENDENT), _LENGTH), dtype=np.int16)
    for start in range(0, ecgs, _READ_AT_ONCE):
        rows = np.arange(start, min(start + _READ_AT_ONCE, ecgs))
        inner = store.batch(rows)[:, INDEPENDENT, _EDGE : SAMPLES - _EDGE]
        blocks = inner.reshape(len(rows), len(INDEPENDENT), _LENGTH, _STEP)
        found[rows] = np.rint(blocks.mean(axis=-1, dtype=np.float32))
    return found


def fingerprints(waves: np.ndarray) -> np.ndarray:
    """Covariance of the eight leads over time, relative to their mean square: (ECGs, 36) float32.

    `waves` is what `condensed` gives. Gain cancels; a shift changes only what enters and leaves at the ends.
    """
    upper = np.triu_indices(waves.shape[1])
    found = np.empty((len(waves), len(upper[0])), dtype=np.float32)
    for start in range(0, len(waves), _READ_AT_ONCE):
        part = waves[start : start + _READ_AT_ONCE].astype(np.float32)
        covariance = part @ part.transpose(0, 2, 1)
        power = np.trace(covariance, axis1=1, axis2=2)[:, None, None] / waves.shape[1]
        found[start : start + len(part)] = (covariance / np.maximum(power, 1e-6))[:, upper[0], upper[1]]
    return found


def correlations(waves: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest normalised cross-correlation of pairs of ECGs over all leads together, and the shift where it lies.

    Parameters
    ----------
    waves : int16 (ECGs, 8, 900), from `condensed`
    first, second : (pairs,) rows of `waves`

    Returns
    -------
    correlation : (pairs,), from -1 to 1: of what overlaps, one common shift and one common gain for all leads
    shift : (pairs,) seconds by which the content of `second` comes earlier than in `first`, -4 to 4
    """
    correlation, shift = np.zeros(len(first), dtype=np.float32), np.zeros(len(first), dtype=np.float32)
    for start in range(0, len(first), _COMPARED_AT_ONCE):
        part = slice(start, start + _COMPARED_AT_ONCE)
        # One ECG stands in several pairs of a block, so each is transformed once.
        rows, place = np.unique(np.concatenate([first[part], second[part]]), return_inverse=True)
        wave = waves[rows].astype(np.float32)
        spectrum = fft.rfft(wave, _PADDED, axis=-1)
        energy = np.pad(np.cumsum((wave.astype(np.float64) ** 2).sum(axis=1), axis=-1), ((0, 0), (1, 0)))
        a, b = np.split(place, 2)
        cross = (spectrum[a] * spectrum[b].conj()).sum(axis=1)
        scale = _overlap_scale(energy[a], energy[b])
        values = fft.irfft(cross, _PADDED, axis=-1)[:, _SHIFTS] / scale
        best = values.argmax(axis=1)
        found, at = values[np.arange(len(a)), best], _SHIFTS[best] / COMPARED_RATE
        close = np.flatnonzero(found >= _WORTH_REFINING)
        if len(close):
            found[close], at[close] = _refined(spectrum[a[close]], spectrum[b[close]], cross[close], best[close])
        correlation[part], shift[part] = found, at
    return correlation, shift


def _overlap_scale(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Root of the product of both ECGs' energies where they overlap, (pairs, shifts); inputs are running sums."""
    later, earlier = np.maximum(_SHIFTS, 0), np.maximum(-_SHIFTS, 0)
    one = first[:, _LENGTH - earlier] - first[:, later]
    other = second[:, _LENGTH - later] - second[:, earlier]
    return np.sqrt(np.maximum(one * other, 1e-6))


def _refined(
    first: np.ndarray, second: np.ndarray, cross: np.ndarray, best: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correlation in the best 5 s, and shift (seconds) on a grid of 1.25 ms, of pairs whose best sample is known.

    `first` and `second` are spectra (pairs, 8, frequencies), `cross` their product. The best 5 s, because a copy that
    was cut and put together has a step, and cleaning spreads it.
    """
    # A spectrum padded with zeros interpolates the samples between the samples.
    fine = fft.irfft(cross, _PADDED * _FINER, axis=-1)
    around = _SHIFTS[best][:, None] * _FINER + np.arange(-_FINER, _FINER + 1)
    top = np.take_along_axis(fine, around % fine.shape[1], axis=1).argmax(axis=1)
    shift = np.take_along_axis(around, top[:, None], axis=1)[:, 0] / _FINER
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(_PADDED) * shift[:, None]).astype(np.complex64)
    one = fft.irfft(first, _PADDED, axis=-1)[..., :_LENGTH]
    other = fft.irfft(second * turn[:, None], _PADDED, axis=-1)[..., :_LENGTH]
    product, energy, other_energy = (
        _window_sums((left * right).sum(axis=1)) for left, right in ((one, other), (one, one), (other, other))
    )
    values = product / np.sqrt(np.maximum(energy * other_energy, 1e-6))
    # Windows that reach beyond the overlap compare with nothing.
    start = np.arange(values.shape[1])
    inside = (start >= shift[:, None]) & (start + _WINDOW <= _LENGTH + np.minimum(shift, 0)[:, None])
    return np.where(inside, values, -1).max(axis=1), shift / COMPARED_RATE


def _window_sums(values: np.ndarray) -> np.ndarray:
    """Sums over each 5 s, (pairs, starts)."""
    sums = np.pad(np.cumsum(values, axis=-1, dtype=np.float64), ((0, 0), (1, 0)))
    return sums[:, _WINDOW:] - sums[:, :-_WINDOW]


def candidate_pairs(prints: np.ndarray, comparisons: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Pairs (n, 2) of rows, each once: every row's nearest fingerprints among those it is compared with.

    `comparisons` are (rows, rows they are compared with); the search is exact, and its cost is their product.
    """
    return np.unique(np.concatenate([np.empty((0, 2), dtype=int), *_nearest(prints, comparisons)]), axis=0)


def _nearest(prints: np.ndarray, comparisons: Sequence[tuple[np.ndarray, np.ndarray]]) -> Iterator[np.ndarray]:
    for rows, others in comparisons:
        if not len(rows) or not len(others):
            continue
        count = min(NEIGHBOURS, len(others))
        search = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(prints[others])
        near = others[search.kneighbors(prints[rows], return_distance=False)]
        yield np.sort(np.column_stack([np.repeat(rows, count), near.ravel()]), axis=1)


def near_duplicates(waves: np.ndarray, comparisons: Sequence[tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    """The compared pairs of ECGs, the most alike first; those from `DUPLICATE_CORRELATION` on are one recording.

    Parameters
    ----------
    waves : int16 (ECGs, 8, 900), from `condensed`
    comparisons : (rows, rows they are compared with), such as one fold and all other folds

    Returns
    -------
    One row per candidate pair: first, second (rows of `waves`), correlation, shift (seconds)
    """
    pairs = candidate_pairs(fingerprints(waves), comparisons)
    correlation, shift = correlations(waves, pairs[:, 0], pairs[:, 1])
    found = pd.DataFrame({"first": pairs[:, 0], "second": pairs[:, 1], "correlation": correlation, "shift": shift})
    return found.sort_values("correlation", ascending=False, ignore_index=True)
