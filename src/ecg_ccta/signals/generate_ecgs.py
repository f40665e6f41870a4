"""Healthy ECGs of a generating network, measured and with the times of all their beats."""

import logging
from typing import Any

import numpy as np
from scipy import ndimage

from ecg_ccta.errors import StudyError
from ecg_ccta.signals.beats import SAME_BEAT_S, Beats, find_beats, windows
from ecg_ccta.signals.cleaning import stages
from ecg_ccta.signals.measuring import measure
from ecg_ccta.sources.ecg_generator import Generator, draw_noise
from ecg_ccta.sources.generated_ecgs import NO_BEAT_S, GeneratedECGs
from ecg_ccta.sources.heart_beats import DERIVE, MEASURED_LEADS
from ecg_ccta.vessels import LEADS, SAMPLING_RATE

BATCH = 16
"""ECGs generated together; a constant, so that nothing depends on how many are asked for."""

USABLE_BEATS = 5
"""Beats that an ECG needs for its T peak and its measurements."""

LONGEST_RR = 1.6
"""An RR interval above this many times the median means a beat that was not found."""

T_PEAK_S = (0.16, 0.45)
"""Seconds after R between which T is looked for, and at most until this proportion of the RR interval:"""
T_WITHIN_RR = 0.6

MOST_REJECTED = 0.5
"""A generator most of whose ECGs have no clear beats is no generator of ECGs."""

SMALLEST_R = 0.5
"""Size, relative to the other beats' R, from which a deflection at an edge of the recording is R."""

_MEASURED = ("pr_ms", "qrs_ms", "qtc_ms", "axis_deg")
_INDEPENDENT = [LEADS.index(lead) for lead in MEASURED_LEADS]
_LEFT = [LEADS.index(lead) for lead in ("I", "II", "V4", "V5", "V6")]
"""Leads in which the bulk of the left ventricle makes R, as in `beats`."""

log = logging.getLogger(__name__)


def generate_ecgs(ecgs: int, seed: int, generate: Generator) -> GeneratedECGs:
    """Generate this many ECGs in which every beat is found.

    Left out are ECGs with a beat that is unlike the others or missing, or without a T peak, because what is planted
    into an ECG must be in all its beats. Which are left out depends on the healthy ECG alone, so the rest know nothing
    of any disease.

    Parameters
    ----------
    ecgs : how many
    seed : of the noise
    generate : the network, of `ecg_generator.load_generator`

    Raises
    ------
    StudyError
        Where the network gives no ECGs of 10 s and 8 leads, or where more than half of them have no clear beats.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    rows: list[dict[str, Any]] = []
    generated = 0
    while len(rows) < ecgs:
        noise = draw_noise(BATCH, rng)
        batch = generate(noise)
        if batch.shape != noise.shape or not np.isfinite(batch).all():
            raise StudyError(f"the generating network gave {batch.shape} or no numbers; expected {noise.shape}")
        microvolts = np.clip(np.rint(batch), -32767, 32767).astype(np.int16)
        rows += [row for ecg in microvolts if (row := _described(ecg)) is not None]
        generated += BATCH
        if generated >= 4 * BATCH and len(rows) < (1 - MOST_REJECTED) * generated:
            raise StudyError(
                f"only {len(rows)} of {generated} generated ECGs have clear beats. Fix: install the pinned version of "
                "the package (envs/constraints.txt)"
            )
    log.info("%d of %d generated ECGs have clear beats; %d are kept", len(rows), generated, ecgs)
    rows = rows[:ecgs]
    beats = max(len(row["peaks"]) for row in rows) + 1
    peaks = np.full((ecgs, beats), NO_BEAT_S)
    for ecg, found in zip(peaks, rows, strict=True):
        ecg[: len(found["peaks"])] = found["peaks"]
    rest = {name: np.array([row[name] for row in rows]) for name in rows[0] if name != "peaks"}
    return GeneratedECGs(peaks=peaks, **rest)


def _described(microvolts: np.ndarray) -> dict[str, Any] | None:
    """The fields of `GeneratedECGs` for one ECG (8, samples); None where its beats are not clear."""
    ecg = np.matmul(DERIVE, microvolts.astype(np.float32) / 1000)
    clean = stages(ecg, SAMPLING_RATE)["clean"]
    before, after = round(0.25 * SAMPLING_RATE), round(T_PEAK_S[1] * SAMPLING_RATE)
    beats = find_beats(clean, before, after)
    if len(beats.usable) < USABLE_BEATS:
        return None
    peaks = all_peaks(beats, clean)
    t_peak = _t_peak(ecg, beats, before, after)
    if peaks is None or t_peak is None:
        return None
    intervals = np.diff(beats.rhythm)
    measured = measure(ecg)
    return {
        "microvolts": microvolts,
        "peaks": peaks / SAMPLING_RATE,
        "t_peak": t_peak,
        "heart_rate": 60 * SAMPLING_RATE / float(np.median(intervals)),
        "rr_irregularity": float(np.sqrt(np.mean(np.diff(intervals) ** 2)) / intervals.mean()),
        **{name: float(measured.get(name, np.nan)) for name in _MEASURED},
    }


def all_peaks(beats: Beats, clean: np.ndarray) -> np.ndarray | None:
    """R peaks of every beat, samples, from one before the recording to one after it.

    None where a detected beat has another shape than its neighbours on both sides or where one is missing. Beats at
    the edges, whose shape cannot be compared, are looked for one RR interval on, and stand there if none is seen.

    Parameters
    ----------
    beats : of `find_beats`
    clean : (12, samples) millivolts, in which they were found
    """
    rhythm = beats.rhythm
    usual = float(np.median(np.diff(rhythm)))
    if np.diff(rhythm).max() > LONGEST_RR * usual:
        return None
    between = beats.detected[(beats.detected > rhythm[0]) & (beats.detected < rhythm[-1])]
    reach = round(SAME_BEAT_S * SAMPLING_RATE)
    if np.abs(between[:, None] - rhythm[None, :]).min(axis=1).max(initial=0) > reach:
        return None
    size = np.linalg.norm(clean[_LEFT], axis=0)
    least = SMALLEST_R * np.median(size[rhythm])

    def seen(expected: float) -> float:
        first = max(0, round(expected) - reach)
        window = size[first : max(0, round(expected) + reach)]
        return float(first + window.argmax()) if window.max(initial=0) >= least else expected

    peaks = list(map(float, rhythm))
    while peaks[0] >= 0:
        peaks.insert(0, seen(peaks[0] - usual))
    while peaks[-1] < clean.shape[1]:
        peaks.append(seen(peaks[-1] + usual))
    return np.array(peaks)


def _t_peak(ecg: np.ndarray, beats: Beats, before: int, after: int) -> float | None:
    """Seconds from R to where T, over the independent leads of the median beat, is largest; None without a peak."""
    beat = np.median(windows(ecg, beats.usable, before, after), axis=0)[_INDEPENDENT]
    # Against the level just before QRS, as `measuring` has it.
    level = beat[:, before - round(0.072 * SAMPLING_RATE) : before - round(0.056 * SAMPLING_RATE)]
    beat = ndimage.gaussian_filter1d(beat - level.mean(axis=1, keepdims=True), 4, axis=1)
    start = before + round(T_PEAK_S[0] * SAMPLING_RATE)
    stop = before + min(after, round(T_WITHIN_RR * float(np.median(np.diff(beats.rhythm)))))
    size = np.linalg.norm(beat[:, start:stop], axis=0)
    peak = int(size.argmax())
    return (start + peak - before) / SAMPLING_RATE if 0 < peak < len(size) - 1 else None
