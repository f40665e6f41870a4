"""Two ECG devices of a simulated hospital: who is recorded with which, and the signature that one of them leaves."""

import numpy as np
from scipy import signal
from scipy.special import expit, logit

from ecg_ccta.config import Devices
from ecg_ccta.sources.heart_beats import DERIVE, MEASURED_LEADS
from ecg_ccta.vessels import LEADS, SAMPLING_RATE

MAINS_HZ = 60.0
"""The cleaning's notch is at 50 Hz, so that only its low-pass damps this interference."""

_MEASURED = [LEADS.index(lead) for lead in MEASURED_LEADS]


def choose_devices(stenoses: np.ndarray, devices: Devices, rng: np.random.Generator) -> np.ndarray:
    """Choose the device, "A" or "B", of each patient (n,), who keeps it.

    Parameters
    ----------
    stenoses : (n, 4) bool, severe or complete in a vessel; any of them alters the odds of B by `devices.odds_ratio`
    """
    has_stenosis = np.asarray(stenoses.any(axis=1))
    probability = expit(logit(devices.proportion) + np.log(devices.odds_ratio) * has_stenosis)
    return np.where(rng.random(len(has_stenosis)) < probability, "B", "A")


def recorded_with(ecgs: np.ndarray, devices: Devices, rng: np.random.Generator) -> np.ndarray:
    """The tracings (n, 12, samples) in mV as device B writes them.

    The signature is laid on the eight measured leads; III, aVR, aVL and aVF are computed from them, as the device does.
    """
    measured = ecgs[:, _MEASURED].astype(float)
    if devices.signature is None or devices.size is None or len(ecgs) == 0:
        return ecgs
    if devices.signature == "low-pass":
        sos = signal.butter(2, devices.size, "lowpass", fs=SAMPLING_RATE, output="sos")
        state = signal.sosfilt_zi(sos)[:, None, None] * measured[:, :, 0][None, :, :, None]
        measured = signal.sosfilt(sos, measured, axis=-1, zi=state)[0]
    elif devices.signature == "mains":
        time = np.arange(ecgs.shape[2]) / SAMPLING_RATE
        phase = rng.uniform(0, 2 * np.pi, (len(ecgs), len(MEASURED_LEADS), 1))
        measured = measured + devices.size * np.sin(2 * np.pi * MAINS_HZ * time + phase)
    else:
        measured = np.rint(measured / devices.size) * devices.size
    return np.matmul(DERIVE, measured).astype(ecgs.dtype)
