"""A simulated resting ECG: a moving electrical dipole seen by twelve leads.

Every heart beat is a sum of Gaussian waves in time (two atrial, four ventricular, two small notches, ST and T), each
with a 3-D dipole vector (X to the left, Y to the foot, Z to the back), as in the dynamical model of McSharry et al.
(IEEE TBME 2003) and its vector form (Sameni et al., EURASIP J Adv Signal Process 2007). The dipole is projected to I,
II and V1-V6 with the Dower matrix (Dower et al., Clin Cardiol 3:87, 1980); the other limb leads follow exactly.
Everything is computed for whole blocks of ECGs at once.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.signal import lfilter

from ecg_ccta.vessels import LEADS

MEASURED_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The leads that are simulated; III, aVR, aVL and aVF are their linear combinations."""

DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ],
    dtype=np.float32,
)
"""(8, 3): measured leads from the dipole (X left, Y foot, Z back)."""

DERIVE = np.zeros((12, 8), dtype=np.float32)
"""(12, 8): standard leads from the measured ones (Einthoven, Goldberger)."""
_SUMS: list[dict[str, float]] = [{lead: 1} for lead in LEADS]
_SUMS[2:6] = [{"II": 1, "I": -1}, {"I": -0.5, "II": -0.5}, {"I": 1, "II": -0.5}, {"II": 1, "I": -0.5}]
for _row, _weights in enumerate(_SUMS):
    for _lead, _weight in _weights.items():
        DERIVE[_row, MEASURED_LEADS.index(_lead)] = _weight

QRS_ONSET = 0.042
"""Seconds from QRS onset to the R peak at normal width."""
QRS_DURATION = 0.094
"""Seconds at normal width."""

# Ventricular depolarisation: centre and width in seconds relative to R, dipole in mV. In order: septum (to the right
# and front: the r of V1, the q of V6), the bulk of the left ventricle, its late posterior wall, the base.
QRS_CENTRES = np.array([-0.024, 0.0, 0.015, 0.034], dtype=np.float32)
QRS_WIDTHS = np.array([0.0066, 0.0086, 0.0092, 0.0078], dtype=np.float32)
QRS_DIPOLES = np.array(
    [[-0.16, -0.06, -0.30], [1.02, 0.66, 0.12], [0.30, 0.13, 0.70], [-0.20, -0.13, 0.24]], dtype=np.float32
)
# Atrial depolarisation: right atrium (to the foot and front), then left atrium (to the left and back).
P_DIPOLES = np.array([[0.040, 0.085, -0.040], [0.060, 0.050, 0.040]], dtype=np.float32)
NOTCH_WIDTH = 0.0048
P_WIDTH = 0.0175
P_DELAY = 0.032
T_DIPOLE = np.array([0.23, 0.16, -0.15], dtype=np.float32)
ST_DIPOLE = np.array([0.020, 0.012, -0.045], dtype=np.float32)

SEGMENTS = ("early QRS", "terminal QRS", "early ST", "late ST", "T peak")
"""Parts of the beat that disease can alter."""
SEGMENT_CENTRES = np.array([-0.033, 0.047, 0.090, 0.132, 0.0], dtype=np.float32)
"""Seconds after R; that of the T peak is relative to the patient's own T peak."""
SEGMENT_WIDTHS = np.array([0.008, 0.010, 0.018, 0.026, 0.028], dtype=np.float32)
"""Standard deviation in seconds of each segment's Gaussian shape."""


@dataclass(frozen=True)
class Hearts:
    """What shapes the ECGs of n hearts; every field has n rows."""

    rate: np.ndarray  # beats per minute
    sinus_arrhythmia: np.ndarray  # relative size of the respiratory change of the RR interval
    respiration: np.ndarray  # Hz
    pr: np.ndarray  # seconds, P onset to QRS onset
    qrs: np.ndarray  # QRS width relative to normal
    qtc: np.ndarray  # seconds, Fridericia
    p_dipoles: np.ndarray  # (n, 2, 3) mV
    qrs_dipoles: np.ndarray  # (n, 4, 3) mV
    notch_times: np.ndarray  # (n, 2) seconds after R
    notch_dipoles: np.ndarray  # (n, 2, 3) mV: the QRS is never quite smooth
    st_dipole: np.ndarray  # (n, 3) mV
    t_dipole: np.ndarray  # (n, 3) mV
    t_width: np.ndarray  # relative
    lead_gains: np.ndarray  # (n, 8) electrode position and skin
    fibrillating: np.ndarray  # bool: atrial fibrillation
    muscle_noise: np.ndarray  # mV, standard deviation
    wander: np.ndarray  # mV
    mains: np.ndarray  # mV

    def take(self, rows: np.ndarray) -> Hearts:
        """The hearts of these rows."""
        return Hearts(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @property
    def rr(self) -> np.ndarray:
        """Mean RR interval in seconds."""
        return 60.0 / self.rate

    @property
    def qt(self) -> np.ndarray:
        """QT interval in seconds (Fridericia 1920: QT = QTc RR^(1/3))."""
        return self.qtc * np.cbrt(self.rr)

    @property
    def t_sides(self) -> tuple[np.ndarray, np.ndarray]:
        """Widths in seconds of the T wave's slow rise and faster fall."""
        scale = self.t_width * np.cbrt(self.rr)
        return 0.058 * scale, 0.040 * scale

    @property
    def t_peak(self) -> np.ndarray:
        """Seconds from R to the T peak; the T wave ends 2.2 widths of its fall later."""
        return self.qt - QRS_ONSET * self.qrs - 2.2 * self.t_sides[1]


def simulate_hearts(age: np.ndarray, male: np.ndarray, rng: np.random.Generator) -> Hearts:
    """Hearts of patients of these ages (years) and sexes (bool): natural variety, no disease of a territory.

    With age the axis turns to the left, the T wave falls and PR grows; men have larger voltages and a shorter QTc
    (directions and rough sizes: Mason et al., J Electrocardiol 2007; Rijnbeek et al., J Electrocardiol 2014).
    """
    n = len(age)
    decades = (np.asarray(age) - 60) / 10
    male = np.asarray(male, dtype=float)

    def normal(mean, deviation, *shape):
        return mean + deviation * rng.standard_normal((n, *shape))

    def around_one(deviation, *shape):
        return np.exp(normal(0, deviation, *shape))

    voltage = around_one(0.22) * (0.92 + 0.16 * male)
    frontal = np.deg2rad(normal(-5 * decades, 19))
    horizontal = np.deg2rad(normal(0, 13))
    t_frontal = 0.4 * frontal + np.deg2rad(normal(0, 13))
    t_horizontal = 0.3 * horizontal + np.deg2rad(normal(0, 15))
    qrs_dipoles = QRS_DIPOLES * around_one(0.18, 4, 1) + normal(0, 0.045, 4, 3)
    t_dipole = T_DIPOLE * around_one(0.10, 3) * (around_one(0.28) * (1 - 0.08 * decades) * (0.9 + 0.2 * male))[:, None]
    return Hearts(
        rate=np.clip(70 * around_one(0.17), 42, 130),
        sinus_arrhythmia=np.clip(normal(0.035 - 0.008 * decades, 0.015), 0.005, 0.12),
        respiration=np.clip(normal(0.25, 0.04), 0.14, 0.4),
        pr=np.clip(normal(0.164 + 0.004 * decades, 0.019), 0.125, 0.30),
        qrs=np.clip(around_one(0.08) * (0.80 + 0.05 * male), 0.68, 1.7),
        qtc=np.clip(normal(0.417 - 0.012 * male + 0.002 * decades, 0.018), 0.35, 0.52),
        p_dipoles=P_DIPOLES * around_one(0.25, 1, 1) + normal(0, 0.010, 2, 3),
        qrs_dipoles=_rotated(qrs_dipoles, frontal, horizontal) * voltage[:, None, None],
        notch_times=rng.uniform(-0.018, 0.036, (n, 2)),
        notch_dipoles=normal(0, 0.06, 2, 3) * voltage[:, None, None],
        st_dipole=ST_DIPOLE + normal(0, 0.020, 3),
        t_dipole=_rotated(t_dipole[:, None], t_frontal, t_horizontal)[:, 0],
        t_width=around_one(0.08),
        lead_gains=around_one(0.09, 8) ** np.array([0.3, 0.3, 1, 1, 1, 1, 1, 1]),
        fibrillating=np.zeros(n, dtype=bool),
        muscle_noise=0.011 * around_one(0.5),
        wander=0.06 * around_one(0.6),
        mains=0.006 * around_one(0.8),
    )


def another_day(hearts: Hearts, rng: np.random.Generator) -> Hearts:
    """The same hearts in another recording: rate, electrode positions and noise differ a little."""
    n = len(hearts.rate)

    def around_one(deviation, *shape):
        return np.exp(deviation * rng.standard_normal((n, *shape)))

    tilt = np.deg2rad(3 * rng.standard_normal((2, n)))
    return replace(
        hearts,
        rate=np.clip(hearts.rate * around_one(0.07), 40, 140),
        pr=hearts.pr * around_one(0.02),
        qtc=hearts.qtc * around_one(0.01),
        qrs_dipoles=_rotated(hearts.qrs_dipoles, *tilt) * around_one(0.03, 1, 1),
        t_dipole=_rotated(hearts.t_dipole[:, None], *tilt)[:, 0] * around_one(0.07, 1),
        lead_gains=hearts.lead_gains * around_one(0.04, 8),
        muscle_noise=hearts.muscle_noise * around_one(0.3),
        wander=hearts.wander * around_one(0.4),
        mains=hearts.mains * around_one(0.4),
    )


def tracings(
    hearts: Hearts,
    alterations: np.ndarray,
    rng: np.random.Generator,
    seconds: float = 10.0,
    sampling_rate: int = 500,
    segment_centres: np.ndarray = SEGMENT_CENTRES,
    segment_widths: np.ndarray = SEGMENT_WIDTHS,
) -> np.ndarray:
    """ECGs in mV, float32 (n, 12, samples), standard leads.

    `alterations` (n, 8, segments) is what disease adds: mV in each measured lead and segment. Centres and widths of
    the segments may be given per heart, (n, segments). Limb leads obey Einthoven and Goldberger, noise included.
    """
    n = len(hearts.rate)
    samples = round(seconds * sampling_rate)
    since, until = _time_from_beats(hearts, samples, sampling_rate, rng)
    near = np.where(since < -until, since, until)
    waves, vectors = _waves(hearts, since, until, near)
    measured = np.matmul((vectors @ DOWER.T).transpose(0, 2, 1), waves)
    measured += np.matmul(
        alterations.astype(np.float32), segment_shapes(hearts.t_peak, since, near, segment_centres, segment_widths)
    )
    time = (np.arange(samples, dtype=np.float32) / sampling_rate)[None]
    breath = np.sin(_turns(hearts.respiration, time) + _phases(rng, n))
    measured *= (1 + 0.035 * breath)[:, None]
    measured *= hearts.lead_gains.astype(np.float32)[:, :, None]
    if hearts.fibrillating.any():
        measured += _fibrillation(hearts, time, rng)
    measured += _noise(hearts, time, breath, sampling_rate, rng)
    return np.matmul(DERIVE, measured)


def _rotated(vectors: np.ndarray, frontal: np.ndarray, horizontal: np.ndarray) -> np.ndarray:
    """(n, k, 3) dipoles turned in the frontal plane (positive: footwards) and the horizontal one (backwards)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    cos, sin = np.cos(frontal)[:, None], np.sin(frontal)[:, None]
    x, y = cos * x - sin * y, sin * x + cos * y
    cos, sin = np.cos(horizontal)[:, None], np.sin(horizontal)[:, None]
    return np.stack([cos * x - sin * z, y, sin * x + cos * z], axis=-1)


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)[:, None]


def _turns(frequency: np.ndarray, time: np.ndarray) -> np.ndarray:
    return _column(2 * np.pi * frequency) * time


def _phases(rng: np.random.Generator, n: int) -> np.ndarray:
    return _column(rng.uniform(0, 2 * np.pi, n))


def _time_from_beats(
    hearts: Hearts, samples: int, sampling_rate: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since the last R peak (>= 0) and to the next one (< 0), float32 (n, samples)."""
    n = len(hearts.rate)
    length = samples / sampling_rate
    beats = int(np.ceil((length + 3) / (60 / 200))) + 2
    phase = rng.uniform(0, 2 * np.pi, n)
    jitter = rng.standard_normal((n, beats))
    relative = np.where(hearts.fibrillating[:, None], 0.20 * jitter, 0.010 * jitter)
    peaks = np.empty((n, beats))
    peaks[:, 0] = -hearts.rr * rng.uniform(1, 2, n)
    for beat in range(1, beats):
        last = peaks[:, beat - 1]
        breath = hearts.sinus_arrhythmia * np.sin(2 * np.pi * hearts.respiration * last + phase)
        peaks[:, beat] = last + np.maximum(hearts.rr * np.exp(relative[:, beat] + breath), 0.33)
    return time_from_peaks(peaks, samples, sampling_rate)


def time_from_peaks(peaks: np.ndarray, samples: int, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since the last R peak (>= 0) and to the next one (< 0), float32 (n, samples).

    `peaks` (n, k) are seconds in rising order, from one before the first sample to one after the last.
    """
    n = len(peaks)
    # Number of peaks at or before each sample, from the samples where the count rises.
    first = np.clip(np.ceil(peaks * sampling_rate), 0, samples).astype(int)
    rises = np.zeros((n, samples + 1), dtype=np.int32)
    np.add.at(rises, (np.arange(n)[:, None], first), 1)
    index = np.cumsum(rises[:, :samples], axis=1) - 1
    time = np.arange(samples) / sampling_rate
    since = time - np.take_along_axis(peaks, index, axis=1)
    until = time - np.take_along_axis(peaks, index + 1, axis=1)
    return since.astype(np.float32), until.astype(np.float32)


def _gaussian(time: np.ndarray, centre, width) -> np.ndarray:
    scaled = (time - centre) / width
    scaled *= scaled
    scaled *= np.float32(-0.5)
    return np.exp(scaled, out=scaled)


def _waves(hearts: Hearts, since: np.ndarray, until: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (n, waves, samples) and dipoles (n, waves, 3) of the ten waves of a beat."""
    n, samples = since.shape
    shapes = np.empty((n, 10, samples), dtype=np.float32)
    vectors = np.empty((n, 10, 3), dtype=np.float32)
    atrium = -QRS_ONSET * hearts.qrs - hearts.pr + 2.3 * P_WIDTH
    for wave in range(2):
        shapes[:, wave] = _gaussian(until, _column(atrium + wave * P_DELAY), np.float32(P_WIDTH))
        vectors[:, wave] = hearts.p_dipoles[:, wave] * ~hearts.fibrillating[:, None]
    width = _column(hearts.qrs)
    for wave in range(4):
        shapes[:, 2 + wave] = _gaussian(near, QRS_CENTRES[wave] * width, QRS_WIDTHS[wave] * width)
        vectors[:, 2 + wave] = hearts.qrs_dipoles[:, wave]
    rise, fall = hearts.t_sides
    peak = _column(hearts.t_peak)
    shapes[:, 6] = _gaussian(since, peak, np.where(since < peak, _column(rise), _column(fall)))
    vectors[:, 6] = hearts.t_dipole
    for wave in range(2):
        shapes[:, 8 + wave] = _gaussian(near, _column(hearts.notch_times[:, wave]) * width, NOTCH_WIDTH * width)
        vectors[:, 8 + wave] = hearts.notch_dipoles[:, wave]
    # The ST segment: a plateau that rises into the T wave.
    shapes[:, 7] = _gaussian(since, peak * np.float32(0.52), _column(0.055 * np.cbrt(hearts.rr)))
    vectors[:, 7] = hearts.st_dipole + 0.05 * hearts.t_dipole
    return shapes, vectors


def segment_shapes(
    t_peak: np.ndarray,
    since: np.ndarray,
    near: np.ndarray,
    centres: np.ndarray = SEGMENT_CENTRES,
    widths: np.ndarray = SEGMENT_WIDTHS,
) -> np.ndarray:
    """Shapes (n, segments, samples) of the alterable parts of the beat.

    `t_peak` (n,) is in seconds after R; `since` and `near` (n, samples) are seconds from the last and the nearest R.
    """
    n, samples = since.shape
    centres = np.broadcast_to(centres, (n, len(SEGMENTS))).astype(np.float32).copy()
    widths = np.broadcast_to(widths, (n, len(SEGMENTS))).astype(np.float32)
    centres[:, SEGMENTS.index("T peak")] += t_peak
    shapes = np.empty((n, len(SEGMENTS), samples), dtype=np.float32)
    for segment, name in enumerate(SEGMENTS):
        time = near if name.endswith("QRS") else since
        shapes[:, segment] = _gaussian(time, centres[:, segment, None], widths[:, segment, None])
    return shapes


def _fibrillation(hearts: Hearts, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fibrillatory waves of 5-8 Hz, strongest in V1 and II, in the hearts that fibrillate."""
    n = len(hearts.rate)
    drift = 1.5 * np.sin(_turns(rng.uniform(0.3, 0.8, n), time) + _phases(rng, n))
    wave = np.sin(_turns(rng.uniform(5, 8, n), time) + drift + _phases(rng, n))
    size = hearts.fibrillating * rng.uniform(0.03, 0.09, n)
    leads = np.array([0.3, 0.8, 1.0, 0.6, 0.4, 0.3, 0.3, 0.3], dtype=np.float32)
    return (_column(size) * wave)[:, None] * leads[None, :, None]


def _noise(
    hearts: Hearts, time: np.ndarray, breath: np.ndarray, sampling_rate: int, rng: np.random.Generator
) -> np.ndarray:
    """Muscle noise, baseline wander and 50 Hz mains in the measured leads, (n, 8, samples)."""
    n, samples = len(hearts.rate), time.shape[1]
    levels = np.exp(0.35 * rng.standard_normal((n, 8), dtype=np.float32))
    # Muscle: mostly 10-100 Hz, as a first-order low pass of white noise, of unit standard deviation.
    pole = np.float32(np.exp(-2 * np.pi * 45 / sampling_rate))
    white = rng.standard_normal((n, 8, samples), dtype=np.float32)
    noise = lfilter([np.sqrt(1 - pole**2, dtype=np.float32)], np.array([1, -pole], dtype=np.float32), white, axis=-1)
    noise *= _column(hearts.muscle_noise)[:, None] * levels[:, :, None]
    slow = np.empty((n, 4, samples), dtype=np.float32)
    slow[:, 0] = breath
    slow[:, 1] = np.sin(_turns(rng.uniform(0.04, 0.12, n), time) + _phases(rng, n))
    slow[:, 2] = np.sin(_turns(rng.uniform(0.12, 0.35, n), time) + _phases(rng, n))
    slow[:, 3] = np.sin(_turns(rng.normal(50, 0.02, n), time) + _phases(rng, n))
    weights = rng.standard_normal((n, 8, 4), dtype=np.float32) * np.array([0.5, 0.8, 0.4, 0], dtype=np.float32)
    weights *= _column(hearts.wander)[:, None]
    weights[:, :, 3] = _column(hearts.mains) * levels
    noise += np.matmul(weights, slow)
    return noise
