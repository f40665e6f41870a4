"""What goes wrong between the skin and the file: noise, lost leads, swapped electrodes, filters, gains and rates.

Every perturbation acts on the raw ECG, (12, samples) in mV at 500 Hz in standard lead order, before the study's own
cleaning. Noise enters at the electrodes, so that the limb leads' identities go on holding, as they do where a recorder
computes III, aVR, aVL and aVF from I and II.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import signal

from ecg_ccta.signals.resampling import resample
from ecg_ccta.vessels import LEADS, SAMPLING_RATE

WITHOUT = "none"
"""Name of the perturbation that changes nothing: what all others are compared with."""

NOISE, LOST, LIMB_SWAP, CHEST_SWAP, FILTER, GAIN, RATE, RECORDING = (
    "noise", "lead lost", "limb electrodes swapped", "chest electrodes swapped", "recorder's filter", "gain",
    "sampling rate", "recording",
)  # fmt: skip

ELECTRODES = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")
"""The right leg's electrode is the recorder's ground; its potential is close to that of the left leg."""


def _leads_from_electrodes() -> np.ndarray:
    """(12, 9) leads from potentials: Einthoven, Goldberger, and the chest against Wilson's terminal."""
    matrix = np.zeros((len(LEADS), len(ELECTRODES)))
    matrix[:3, :3] = [[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0], [0.0, -1.0, 1.0]]
    matrix[3:6, :3] = [[1.0, -0.5, -0.5], [-0.5, 1.0, -0.5], [-0.5, -0.5, 1.0]]
    matrix[6:, :3] = -1 / 3
    matrix[6:, 3:] = np.eye(6)
    return matrix


FROM_ELECTRODES = _leads_from_electrodes()
_NOISE_GAIN = float(np.sqrt((FROM_ELECTRODES**2).sum(axis=1).mean()))
"""Root mean square over the leads of noise of 1 mV that is independent between the electrodes."""


@dataclass(frozen=True)
class Perturbation:
    """One thing that goes wrong.

    Parameters
    ----------
    name : unlike every other
    kind : what it belongs to, such as NOISE
    apply : function of the raw ECG (12, samples) in mV and a random generator that gives the altered ECG
    course : what its noise follows; perturbations of one course differ in size only
    """

    name: str
    kind: str
    apply: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    course: str = ""


def at_electrodes(noise: np.ndarray, millivolts: float) -> np.ndarray:
    """Leads (12, samples) of noise (9, samples) at the electrodes, scaled to a root mean square over leads and time."""
    noise = noise - noise.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.mean(noise**2)) * _NOISE_GAIN
    return FROM_ELECTRODES @ noise * (millivolts / scale)


def white(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise (9, samples) of equal power at all frequencies, as of an amplifier."""
    return rng.standard_normal((len(ELECTRODES), samples))


_MUSCLE = signal.butter(2, (20.0, 150.0), "bandpass", fs=SAMPLING_RATE, output="sos")


def muscle(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise (9, samples) of 20 to 150 Hz, where a surface electromyogram has most of its power, in swelling bursts.

    Band: Clancy, Morin and Merletti, J Electromyogr Kinesiol 12:1, 2002. Bursts: a quarter to full size at 0.2 to 1 Hz.
    """
    noise = signal.sosfilt(_MUSCLE, white(samples + SAMPLING_RATE, rng), axis=-1)[:, SAMPLING_RATE:]
    time = np.arange(samples) / SAMPLING_RATE
    hertz = rng.uniform(0.2, 1.0, (len(ELECTRODES), 1))
    return noise * (0.625 + 0.375 * np.sin(2 * np.pi * hertz * time + _phases(rng)))


def wander(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Drift (9, samples) of electrodes: breathing at 0.15 to 0.4 Hz and two slower waves, each electrode its own."""
    time = np.arange(samples) / SAMPLING_RATE
    breath = rng.uniform(0.15, 0.4)
    frequency = np.array([breath, 0.5 * breath, 0.05])[:, None, None]
    size = rng.uniform(0.3, 1.0, (3, len(ELECTRODES), 1))
    return (size * np.sin(2 * np.pi * frequency * time + _phases(rng, 3))).sum(axis=0)


def mains(hertz: float) -> Callable[[int, np.random.Generator], np.ndarray]:
    """Function that makes interference (9, samples) by the mains, at each electrode of its own size and phase."""

    def make(samples: int, rng: np.random.Generator) -> np.ndarray:
        time = np.arange(samples) / SAMPLING_RATE
        size = rng.uniform(0.3, 1.0, (len(ELECTRODES), 1))
        return size * np.sin(2 * np.pi * hertz * time + _phases(rng))

    return make


def _phases(rng: np.random.Generator, *waves: int) -> np.ndarray:
    return rng.uniform(0, 2 * np.pi, (*waves, len(ELECTRODES), 1))


def electrodes_swapped(ecg: np.ndarray, cables: dict[str, str]) -> np.ndarray:
    """The ECG where limb cables lie on other limbs.

    Parameters
    ----------
    cables : cable (RA, LA, LL, RL) -> limb on which it lies; the others lie where they belong

    Returns
    -------
    (12, samples). Potentials follow from I and II, the left leg's being zero, and that of the right leg is taken for
    equal to it; so an exchange of the two legs changes nothing. The chest leads change where Wilson's terminal does
    (Batchvarov, Malik and Camm, Europace 9:1081, 2007).
    """
    one, two = ecg[0], ecg[1]
    zero = np.zeros_like(one)
    potential = {"RA": -two, "LA": one - two, "LL": zero, "RL": zero}
    lying = {cable: potential[cables.get(cable, cable)] for cable in ("RA", "LA", "LL")}
    before = (potential["RA"] + potential["LA"]) / 3
    chest = [lead + before for lead in ecg[6:]]
    return FROM_ELECTRODES @ np.stack([lying["RA"], lying["LA"], lying["LL"], *chest])


def recomputed_limb_leads(ecg: np.ndarray) -> np.ndarray:
    """The eight independent leads as they are; III, aVR, aVL and aVF from I and II."""
    return electrodes_swapped(ecg, {})


def filtered(ecg: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """The ECG through a recorder's filters, which look at the past alone and so shift phases.

    Parameters
    ----------
    low : Hz of a first-order high-pass, as of a capacitor
    high : Hz of a second-order Butterworth low-pass
    """
    for order, hertz, kind in ((1, low, "highpass"), (2, high, "lowpass")):
        if hertz is not None:
            sos = signal.butter(order, hertz, kind, fs=SAMPLING_RATE, output="sos")
            ecg = _settled(sos, ecg)
    return ecg


def notched(ecg: np.ndarray, hertz: float) -> np.ndarray:
    """The ECG through a recorder's notch at the mains' frequency, quality 10."""
    return _settled(signal.tf2sos(*signal.iirnotch(hertz, 10.0, SAMPLING_RATE)), ecg)


def _settled(sos: np.ndarray, ecg: np.ndarray) -> np.ndarray:
    """Filter each lead, the filter having seen its first sample for ever."""
    state = signal.sosfilt_zi(sos)[:, None] * ecg[:, 0][None, :, None]
    return signal.sosfilt(sos, ecg, axis=-1, zi=state)[0]


def at_rate(ecg: np.ndarray, hertz: float) -> np.ndarray:
    """The ECG as a recorder of this sampling rate would have written it, again at 500 Hz."""
    return resample(resample(ecg, SAMPLING_RATE, hertz), hertz, SAMPLING_RATE)[:, : ecg.shape[1]]


def mislabelled_rate(ecg: np.ndarray, hertz: float) -> np.ndarray:
    """The ECG whose header says this rate, below the true one: its first part, stretched to the whole length."""
    part = ecg[:, : round(ecg.shape[1] * hertz / SAMPLING_RATE)]
    return resample(part, hertz, SAMPLING_RATE)[:, : ecg.shape[1]]


def shifted(ecg: np.ndarray, seconds: float) -> np.ndarray:
    """The ECG that begins so much later; what was cut off follows the end, each lead's ends joined without a step."""
    samples = round(seconds * SAMPLING_RATE)
    step = (ecg[:, -1:] - ecg[:, :1]) * np.linspace(0, 1, ecg.shape[1])
    return np.roll(ecg - step, -samples, axis=1)


def signal_to_noise(raw: np.ndarray, altered: np.ndarray) -> float:
    """Decibels of the ECG's power over that of what was added, both without each lead's mean; infinite for none."""
    added = altered - raw
    powers = [np.mean((part - part.mean(axis=-1, keepdims=True)) ** 2) for part in (raw, added)]
    return float(10 * np.log10(powers[0] / powers[1])) if powers[1] > 0 else float("inf")


def _with(kind: str, name: str, change: Callable[[np.ndarray], np.ndarray]) -> Perturbation:
    return Perturbation(name, kind, lambda ecg, rng: change(ecg))


def _noise(name: str, make: Callable[[int, np.random.Generator], np.ndarray], *sizes: float) -> list[Perturbation]:
    def adding(millivolts: float) -> Perturbation:
        return Perturbation(
            f"{name} {millivolts:g} mV",
            NOISE,
            lambda ecg, rng: ecg + at_electrodes(make(ecg.shape[1], rng), millivolts),
            name,
        )

    return [adding(millivolts) for millivolts in sizes]


def _times(ecg: np.ndarray, factor: float, lead: int | None = None) -> np.ndarray:
    ecg = ecg.copy()
    ecg[slice(None) if lead is None else lead] *= factor
    return ecg


def _exchanged(ecg: np.ndarray, first: int) -> np.ndarray:
    order = np.arange(len(LEADS))
    order[[first, first + 1]] = first + 1, first
    return ecg[order]


def _swap(name: str, **cables: str) -> Perturbation:
    return _with(LIMB_SWAP, name, lambda ecg: electrodes_swapped(ecg, cables))


def _of_lead(lead: str, kind: str, name: str, factor: float) -> Perturbation:
    return _with(kind, name, lambda ecg: _times(ecg, factor, LEADS.index(lead)))


def _neighbours(first: int) -> Perturbation:
    name = f"{LEADS[first]} and {LEADS[first + 1]}"
    return _with(CHEST_SWAP, name, lambda ecg: _exchanged(ecg, first))


PERTURBATIONS: tuple[Perturbation, ...] = (
    _with(WITHOUT, WITHOUT, lambda ecg: ecg),
    *_noise("white noise", white, 0.02, 0.05, 0.1, 0.2),
    *_noise("muscle noise", muscle, 0.02, 0.05, 0.1, 0.2),
    *_noise("baseline wander", wander, 0.1, 0.2, 0.5, 1.0),
    *_noise("50 Hz mains", mains(50.0), 0.05, 0.2, 0.5),
    *_noise("60 Hz mains", mains(60.0), 0.05, 0.2, 0.5),
    *(_of_lead(lead, LOST, f"{lead} lost", 0.0) for lead in LEADS),
    _swap("RA and LA", RA="LA", LA="RA"),
    _swap("RA and LL", RA="LL", LL="RA"),
    _swap("LA and LL", LA="LL", LL="LA"),
    _swap("RA and RL", RA="RL", RL="RA"),
    _swap("LA and RL", LA="RL", RL="LA"),
    _swap("LL and RL", LL="RL", RL="LL"),
    _swap("both arms with both legs", RA="RL", LA="LL", LL="LA", RL="RA"),
    *(_neighbours(first) for first in range(6, 11)),
    _with(FILTER, "0.5 to 40 Hz", lambda ecg: filtered(ecg, 0.5, 40.0)),
    _with(FILTER, "0.05 to 150 Hz", lambda ecg: filtered(ecg, 0.05, 150.0)),
    _with(FILTER, "25 Hz low-pass", lambda ecg: filtered(ecg, None, 25.0)),
    _with(FILTER, "50 Hz notch", lambda ecg: notched(ecg, 50.0)),
    _with(FILTER, "60 Hz notch", lambda ecg: notched(ecg, 60.0)),
    _with(GAIN, "all leads × 0.5", lambda ecg: _times(ecg, 0.5)),
    _with(GAIN, "all leads × 2", lambda ecg: _times(ecg, 2.0)),
    *(_of_lead(lead, GAIN, f"{lead} × 1.5", 1.5) for lead in LEADS),
    _with(RATE, "250 Hz", lambda ecg: at_rate(ecg, 250.0)),
    _with(RATE, "125 Hz", lambda ecg: at_rate(ecg, 125.0)),
    _with(RATE, "500 Hz labelled 250 Hz", lambda ecg: mislabelled_rate(ecg, 250.0)),
    _with(RECORDING, "limb leads recomputed from I and II", recomputed_limb_leads),
    _with(RECORDING, "begins 10 ms later", lambda ecg: shifted(ecg, 0.01)),
    _with(RECORDING, "begins 2.5 s later", lambda ecg: shifted(ecg, 2.5)),
)
"""The first changes nothing."""


def perturbed(ecg: np.ndarray, perturbation: Perturbation, seed: int, ecg_id: str) -> np.ndarray:
    """The raw ECG (12, samples) in mV, altered; an ECG's noise depends on the seed and its pseudonym, not on others."""
    entropy = [seed, int(ecg_id[:12], 16), zlib.crc32(perturbation.course.encode())]
    return perturbation.apply(ecg, np.random.default_rng(entropy))
