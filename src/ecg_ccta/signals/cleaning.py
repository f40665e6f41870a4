"""ECGFounder's preprocessing, stage by stage.

Li et al., "An electrocardiogram foundation model built on over 10 million recordings", NEJM AI 2025, insist on this
exact sequence; a network pre-trained on it must be given nothing else. All filters are zero-phase (forward and
backward), lead by lead, at 500 Hz: 50 Hz notch, 0.67-40 Hz Butterworth band-pass, and a 0.4 s running median taken
off as baseline.
"""

import numpy as np
from scipy import ndimage, signal

from ecg_ccta.signals.resampling import resample
from ecg_ccta.vessels import SAMPLING_RATE

NOTCH_HZ = 50.0
NOTCH_QUALITY = 30.0
BAND_HZ = (0.67, 40.0)
BAND_ORDER = 4
BASELINE_SAMPLES = 201
"""0.4 s at 500 Hz, rounded up to an odd number."""
EPSILON = 1e-8

_NOTCH = signal.iirnotch(NOTCH_HZ, NOTCH_QUALITY, SAMPLING_RATE)
# signal.butter(BAND_ORDER, BAND_HZ, "bandpass", fs=SAMPLING_RATE) as one polynomial, as the published weights were
# trained on. Written out, because the 0.67 Hz poles magnify its last bit: where another processor's arithmetic rounds
# one coefficient otherwise, the cleaned ECG moves by 1e-5 of a lead's RMS, ten times what the reference vectors allow.
_BAND = (
    [
        0.00210678134062039,
        0.0,
        -0.00842712536248156,
        0.0,
        0.012640688043722339,
        0.0,
        -0.00842712536248156,
        0.0,
        0.00210678134062039,
    ],
    [
        1.0,
        -6.69982772563499,
        19.691253828465822,
        -33.190544451430235,
        35.11756594006398,
        -23.895107000645453,
        10.212953481905869,
        -2.5068563003602984,
        0.27056222781627265,
    ],
)

# scipy.signal.lfilter_zi of both, a filter's state on a constant signal, written out for the same reason: that of the
# band-pass comes from a linear system whose solution moves by 1e-4 with the processor's order of additions, and the
# band-pass magnifies the last bit of the notch's by as much.
_NOTCH_STATE = np.array([0.010363824637108, 0.010363824637107907])
_BAND_STATE = np.array(
    [
        -0.002106765096057557,
        -0.0021068739318300172,
        0.006320571306461621,
        0.0063200321405768225,
        -0.00632008543363907,
        -0.00632047359920614,
        0.002106817668239964,
        0.00210677694545528,
    ]
)


def stages(ecg: np.ndarray, fs: float) -> dict[str, np.ndarray]:
    """Every stage up to `clean`, in order: notch, bandpass, baseline, clean = bandpass - baseline.

    `ecg` is (leads, samples) in mV at `fs` >= 100 Hz; each stage is float64 (leads, samples) in mV at 500 Hz. Raises
    ValueError for a lower rate, for fewer than 28 samples at 500 Hz (the filters' padding) and for samples that are
    not finite, because a filter would spread them over the whole lead.
    """
    ecg = np.asarray(ecg, dtype=np.float64)
    if not np.isfinite(ecg).all():
        raise ValueError("the ECG has samples that are not finite")
    raw = resample(ecg, fs, SAMPLING_RATE)
    notch = _forward_and_backward(_NOTCH, _NOTCH_STATE, raw)
    bandpass = _forward_and_backward(_BAND, _BAND_STATE, notch)
    # One call per lead: scipy's one-dimensional rank filter is some 60 times as fast as its (1, 201) footprint.
    baseline = np.stack([ndimage.median_filter(lead, size=BASELINE_SAMPLES, mode="constant") for lead in bandpass])
    return {"notch": notch, "bandpass": bandpass, "baseline": baseline, "clean": bandpass - baseline}


def _forward_and_backward(coefficients: tuple, state: np.ndarray, ecg: np.ndarray) -> np.ndarray:
    """scipy.signal.filtfilt(*coefficients, ecg) with its default padding, from a state written out above."""
    padding = 3 * len(coefficients[1])
    before = 2 * ecg[:, :1] - ecg[:, padding:0:-1]
    after = 2 * ecg[:, -1:] - ecg[:, -2 : -padding - 2 : -1]
    filtered = np.concatenate([before, ecg, after], axis=1)
    for _ in range(2):
        filtered, _ = signal.lfilter(*coefficients, filtered, axis=1, zi=state * filtered[:, :1])
        filtered = filtered[:, ::-1]
    return filtered[:, padding:-padding]


def clean(ecg: np.ndarray, fs: float) -> np.ndarray:
    """The cleaned ECG in mV at 500 Hz: (leads, samples) at `fs` Hz in, float64 (leads, samples) out; see `stages`."""
    return stages(ecg, fs)["clean"]


def clean_microvolts(ecg: np.ndarray, fs: float) -> np.ndarray:
    """As `clean`, rounded to whole microvolts, int16; what exceeds int16 (32.8 mV) is a ValueError."""
    microvolts = np.rint(clean(ecg, fs) * 1000)
    if np.abs(microvolts).max() > np.iinfo(np.int16).max:
        raise ValueError("an amplitude exceeds what int16 microvolts can hold")
    return microvolts.astype(np.int16)


def zscore_global(ecg: np.ndarray) -> np.ndarray:
    """`ecg` (leads, samples) with one mean and one population standard deviation over all leads removed."""
    return (ecg - ecg.mean()) / (ecg.std() + EPSILON)


def zscore_per_lead(ecg: np.ndarray) -> np.ndarray:
    """`ecg` (leads, samples) with each lead's mean and population standard deviation removed."""
    return (ecg - ecg.mean(axis=-1, keepdims=True)) / (ecg.std(axis=-1, keepdims=True) + EPSILON)
