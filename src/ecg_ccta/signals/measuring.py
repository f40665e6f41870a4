"""Rate, P, intervals, axes, R, ST and T of an ECG, from its median beat.

Measured is the recording itself, less mains: the cleaned signal will not do, because its 0.67 Hz high-pass and its
running median of 0.4 s take most of a lasting ST shift away. It only serves to find the beats. Wander leaves as the
line through the PR segments of successive beats, before the median over beats (Meyer and Keiser, Comput Biomed Res
10:459, 1977, with lines for their splines).

Intervals are global, from the earliest onset to the latest offset in any lead (Kligfield et al., Circulation 115:1306,
2007): QRS by the spatial velocity of the eight independent leads, P and T in the direction in which each is highest.
T ends where the tangent at its steepest fall meets the baseline (Lepeschkin and Surawicz, Circulation 6:378, 1952).
R peaks are NeuroKit2's; its delineation of single leads is not used, because QRS durations of simulated ECGs came out
with errors of 20 ms (standard deviation).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from ecg_ccta import tables
from ecg_ccta.config import Export
from ecg_ccta.signals.beats import MINIMUM_BEATS, usable_peaks, windows
from ecg_ccta.signals.cleaning import stages
from ecg_ccta.signals.progression import CHEST, r_and_s, transition
from ecg_ccta.signals.reading import read_recording
from ecg_ccta.signals.recording import SECONDS
from ecg_ccta.signals.resampling import resample
from ecg_ccta.signals.shards import recording_paths
from ecg_ccta.vessels import LEADS, SAMPLES, SAMPLING_RATE

BEFORE_S, AFTER_S = 0.36, 0.60
"""Seconds of the beat window around R: from the P wave at a PR interval of 300 ms to the end of T."""
PR_SEGMENT_S = (-0.072, -0.056)
"""Where the PR segment is looked for before the QRS onset is known, seconds from R."""
QUIET_S = 0.010
"""QRS begins and ends where the spatial velocity stays low this long."""
QRS_SHARE = 0.06
"""Proportion of the greatest spatial velocity that is high."""
SEARCH_QRS_S = 0.15
"""The QRS complex lies within this many seconds of the detected peak."""
P_MILLIVOLTS = 0.025
"""Least height of a P wave: root mean square over the leads at its peak."""
P_LIKENESS = 0.7
"""Correlation of single beats with the median beat around P that their median must reach for P to be there."""
P_ONSET_PROPORTION = 0.1
"""P begins where it last was below this proportion of its height over the lowest point before it, and ends likewise."""
P_RISE_S = 0.10
"""Seconds from the onset of P to its peak, and from there to its end, at most."""
LONGEST_P_ONSET_S = 0.34
"""Seconds before the QRS onset where the search for P begins."""
T_MILLIVOLTS = 0.05
"""A lower T wave (root mean square over the leads) has no measured end."""
AROUND_PEAK_S = 0.04
"""A lead's own P or T peak lies within this of the global one."""

_INDEPENDENT = [LEADS.index(lead) for lead in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
_ONE, _TWO = LEADS.index("I"), LEADS.index("II")


def measure(raw: np.ndarray) -> dict[str, Any]:
    """What a reader would measure in one ECG.

    Parameters
    ----------
    raw : (12, samples) mV at 500 Hz, standard lead order, as recorded

    Returns
    -------
    The columns of `tables.MEASUREMENTS` but ecg_id; what cannot be measured is missing:

    beats : usable beats behind the median beat
    heart_rate : per minute, from the median RR interval
    rr_irregularity : root mean square of successive differences of RR over the mean RR; above 0.1 in atrial
        fibrillation (Dash et al., Ann Biomed Eng 37:1701, 2009). A beat left out as ectopic shows as a long RR.
    p_wave : whether there is a P wave; p_mv_I, p_mv_II its peak in these leads
    p_ms, pr_ms, qrs_ms, qt_ms : global; qtc_ms by Fridericia (Acta Med Scand 53:469, 1920), QT / RR^(1/3)
    axis_deg : frontal axis of the QRS complex's area, from leads I and II, -180 to 180
    t_axis_deg : the same of the area within 40 ms of the global T peak; missing where T is too low to have an end
    qrs_t_angle_deg : between these two axes, 0 to 180 (the frontal angle: Zhang et al., Am J Cardiol 100:844, 2007)
    st_mv_<lead>, st60_mv_<lead>, st80_mv_<lead> : mean of the 8 ms from the J point (the global end of QRS) on, and
        from 60 and 80 ms later, against the PR segment
    t_mv_<lead> : the largest deflection, of either sign, within 40 ms of the global T peak
    r_mv_V1 to r_mv_V6 : height of R, 0 where there is none; r_transition : where R overtakes S,
        `progression.transition`
    """
    staged = stages(raw, SAMPLING_RATE)
    peaks = usable_peaks(staged["clean"], _samples(BEFORE_S), _samples(AFTER_S))
    measured: dict[str, Any] = {"beats": len(peaks)}
    if len(peaks) < MINIMUM_BEATS:
        return measured
    intervals = np.diff(peaks)
    rr = float(np.median(intervals))
    measured["heart_rate"] = 60 * SAMPLING_RATE / rr
    measured["rr_irregularity"] = float(np.sqrt(np.mean(np.diff(intervals) ** 2)) / intervals.mean())
    found = _beat_and_qrs(staged["notch"], peaks)
    if found is None:
        return measured
    beats, qrs = found
    beat = np.median(beats, axis=0)
    measured["qrs_ms"] = _milliseconds(qrs.end - qrs.onset)
    measured["axis_deg"] = axis_of_leads(beat[:, qrs.onset : qrs.end].sum(axis=1))
    r, s = r_and_s(beat[:, qrs.onset : qrs.end])
    measured |= {f"r_mv_{lead}": height for lead, height in zip(CHEST, r, strict=True)}
    measured["r_transition"] = transition(r, s)
    for name, after in (("st_mv", 0.0), ("st60_mv", 0.060), ("st80_mv", 0.080)):
        start = qrs.end + _samples(after)
        level = beat[:, start : start + _samples(0.008)].mean(axis=1)
        measured |= {f"{name}_{lead}": value for lead, value in zip(LEADS, level, strict=True)}
    t_peak, t_end = _t_wave(beat, qrs, rr)
    measured |= {f"t_mv_{lead}": value for lead, value in zip(LEADS, _at_peak(beat, t_peak), strict=True)}
    if t_end is not None:
        measured["qt_ms"] = _milliseconds(t_end - qrs.onset)
        measured["qtc_ms"] = measured["qt_ms"] / (rr / SAMPLING_RATE) ** (1 / 3)
        measured["t_axis_deg"] = axis_of_leads(_near(beat, t_peak).sum(axis=1))
        measured["qrs_t_angle_deg"] = angle_between(measured["axis_deg"], measured["t_axis_deg"])
    p = _p_wave(beats, qrs, (t_end or t_peak) - rr)
    measured["p_wave"] = p is not None
    if p is not None:
        heights = _at_peak(beat, p.peak)
        measured |= {
            "p_mv_I": heights[_ONE],
            "p_mv_II": heights[_TWO],
            "p_ms": _milliseconds(p.end - p.onset),
            "pr_ms": _milliseconds(qrs.onset - p.onset),
        }
    return measured


def axis_of_leads(net: np.ndarray) -> float:
    """Degrees of the frontal vector whose net deflections in the twelve leads are `net` (12,): I at 0, aVF at 90."""
    one, two = net[_ONE], net[_TWO]
    return float(np.degrees(np.arctan2((2 * two - one) / np.sqrt(3), one)))


def angle_between(one: float, other: float) -> float:
    """Degrees between two axes, 0 to 180."""
    return abs((one - other + 180) % 360 - 180)


def measure_shard(
    cohort: pd.DataFrame,
    export: Path,
    site: Export,
    site_name: str,
    study_seed: int,
    shard: int,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """`tables.MEASUREMENTS` of the ECGs of `cohort` (`tables.COHORT`) that lie in this shard, in its order.

    The recordings are read again from the export. `progress` is called with (ECGs done, ECGs in the shard).

    Raises
    ------
    StudyError
        Where the export no longer holds an ECG of the cohort or its tables are at fault.
    """
    ids = cohort.loc[cohort["shard"] == shard, "ecg_id"]
    paths = recording_paths(ids, export, site, site_name, study_seed)
    rows = []
    for done, (ecg_id, path) in enumerate(paths.items(), start=1):
        ecg, rate = read_recording(export / path, seconds=SECONDS, folder=export)
        rows.append({"ecg_id": ecg_id, **measure(resample(ecg, rate, SAMPLING_RATE)[:, :SAMPLES])})
        if progress is not None:
            progress(done, len(paths))
    return measurement_table(rows)


def measurement_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows of `measure`, each with its ecg_id, as `tables.MEASUREMENTS`."""
    table = pd.DataFrame(rows, columns=list(tables.MEASUREMENTS.columns))
    table["p_wave"] = table["p_wave"].astype("boolean")
    return tables.check(table, tables.MEASUREMENTS, "measurements")


class _Qrs(NamedTuple):
    """Samples of the beat window: first of the QRS complex, and first after it."""

    onset: int
    end: int


class _P(NamedTuple):
    """Samples of the beat window: first of the P wave, its peak, and first after it."""

    onset: int
    peak: int
    end: int


def _beat_and_qrs(notch: np.ndarray, peaks: np.ndarray) -> tuple[np.ndarray, _Qrs] | None:
    """Beats (k, 12, samples) against their PR segments, and the QRS complex; None where none stands out."""
    first = _beats(notch, peaks, *(_samples(seconds) for seconds in PR_SEGMENT_S))
    velocity = _spatial_velocity(np.median(first, axis=0))
    # Where the detector took a tall T wave for R, the steepest part of the beat tells.
    centre, reach = _samples(BEFORE_S), _samples(SEARCH_QRS_S)
    whole = np.argmax(velocity)
    if abs(whole - centre) > reach:
        peaks = peaks + (whole - centre)
        peaks = peaks[(peaks >= centre) & (peaks + _samples(AFTER_S) <= notch.shape[1])]
        if len(peaks) < MINIMUM_BEATS:
            return None
        first = _beats(notch, peaks, *(_samples(seconds) for seconds in PR_SEGMENT_S))
    qrs = _qrs(np.median(first, axis=0))
    if qrs is None:
        return None
    onset = qrs.onset - centre
    beats = _beats(notch, peaks, onset - _samples(0.012), onset - _samples(0.002))
    qrs = _qrs(np.median(beats, axis=0))
    return None if qrs is None else (beats, qrs)


def _beats(notch: np.ndarray, peaks: np.ndarray, start: int, stop: int) -> np.ndarray:
    """(k, 12, samples) without the line through the levels at `start` to `stop` samples from each peak."""
    levels = windows(notch, peaks, -start, stop).mean(axis=2)
    time = np.arange(notch.shape[1])
    baseline = np.stack([np.interp(time, peaks + (start + stop) / 2, level) for level in levels.T])
    return windows(notch - baseline, peaks, _samples(BEFORE_S), _samples(AFTER_S))


def _spatial_velocity(beat: np.ndarray) -> np.ndarray:
    """(samples,) mV per sample: length of the change of the eight independent leads."""
    smooth = ndimage.gaussian_filter1d(beat[_INDEPENDENT], 1.5, axis=1)
    return np.linalg.norm(np.gradient(smooth, axis=1), axis=0)


def _qrs(beat: np.ndarray) -> _Qrs | None:
    velocity = _spatial_velocity(beat)
    centre, reach, quiet = _samples(BEFORE_S), _samples(SEARCH_QRS_S), _samples(QUIET_S)
    fastest = centre - reach + int(np.argmax(velocity[centre - reach : centre + reach]))
    # The quietest quarter of the beat shows the noise.
    noise = np.median(np.sort(velocity)[: velocity.size // 4])
    low = velocity < max(QRS_SHARE * velocity[fastest], 3 * noise)
    low_for = np.convolve(low, np.ones(quiet, dtype=int))[quiet - 1 : low.size] == quiet
    quiet_starts = np.flatnonzero(low_for)
    before, after = quiet_starts[quiet_starts + quiet <= fastest], quiet_starts[quiet_starts > fastest]
    if before.size == 0 or after.size == 0:
        return None
    return _Qrs(int(before[-1]) + quiet, int(after[0]))


def _t_wave(beat: np.ndarray, qrs: _Qrs, rr: float) -> tuple[int, float | None]:
    """Sample of the T peak, and of its end by the tangent, or None where T is too low to have one."""
    smooth = ndimage.gaussian_filter1d(beat[_INDEPENDENT], 4, axis=1)
    start = qrs.end + _samples(0.06)
    stop = max(start + 1, min(beat.shape[1], qrs.onset + round(0.75 * rr)))
    peak, wave = _principal(smooth, start, stop)
    height = wave[peak] / len(_INDEPENDENT) ** 0.5
    slope = np.gradient(wave)
    steepest = peak + int(np.argmin(slope[peak : peak + _samples(0.16)]))
    if height < T_MILLIVOLTS or slope[steepest] >= 0:
        return peak, None
    return peak, float(steepest - wave[steepest] / slope[steepest])


def _p_wave(beats: np.ndarray, qrs: _Qrs, last_t_end: float) -> _P | None:
    """The P wave, or None where there is none."""
    smooth = ndimage.gaussian_filter1d(np.median(beats, axis=0)[_INDEPENDENT], 2, axis=1)
    start = max(0, qrs.onset - _samples(LONGEST_P_ONSET_S), round(last_t_end) + _samples(0.01))
    stop = qrs.onset - _samples(0.02)
    if stop - start < _samples(0.03):
        return None
    peak, wave = _principal(smooth, start, stop)
    # A slope is no wave: its largest value is where the search begins or ends.
    if wave[peak] / len(_INDEPENDENT) ** 0.5 < P_MILLIVOLTS or peak - start < 3 or stop - peak < 3:
        return None
    # Fibrillation leaves a remainder in the median that single beats do not share.
    segment = slice(max(start, peak - _samples(P_RISE_S)), min(stop, peak + _samples(P_RISE_S)))
    single = np.tensordot(smooth[:, peak], beats[:, _INDEPENDENT, segment], axes=(0, 1))
    if np.median([np.corrcoef(one, wave[segment])[0, 1] for one in single]) < P_LIKENESS:
        return None
    last = min(qrs.onset, peak + _samples(P_RISE_S))
    rise = _below_share(wave[segment.start : peak], wave[peak])
    fall = _below_share(wave[peak + 1 : last], wave[peak])
    return _P(segment.start + int(rise[-1]) + 1, peak, peak + 1 + int(fall[0]))


def _below_share(flank: np.ndarray, height: float) -> np.ndarray:
    """Places in one flank of P that are below P_ONSET_PROPORTION of its height over the flank's lowest point."""
    lowest = flank.min()
    return np.flatnonzero(flank <= lowest + P_ONSET_PROPORTION * (height - lowest))


def _principal(smooth: np.ndarray, start: int, stop: int) -> tuple[int, np.ndarray]:
    """Peak between `start` and `stop`, and the beat along the direction of the leads in which the wave is highest."""
    peak = start + int(np.argmax(np.linalg.norm(smooth[:, start:stop], axis=0)))
    length = np.linalg.norm(smooth[:, peak])
    return peak, smooth[:, peak] @ smooth / max(length, np.finfo(float).tiny)


def _at_peak(beat: np.ndarray, peak: int) -> np.ndarray:
    """(12,) each lead's deflection of largest size near the global peak."""
    near = _near(beat, peak)
    return near[np.arange(len(near)), np.abs(near).argmax(axis=1)]


def _near(beat: np.ndarray, peak: int) -> np.ndarray:
    return beat[:, max(0, peak - _samples(AROUND_PEAK_S)) : peak + _samples(AROUND_PEAK_S) + 1]


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLING_RATE)


def _milliseconds(samples: float) -> float:
    return 1000 * samples / SAMPLING_RATE
