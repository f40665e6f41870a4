"""Change of sampling rate."""

from fractions import Fraction

import numpy as np
from scipy import signal

LOWEST_RATE = 100
"""Hz; below it a recording has lost part of the 40 Hz band that the cleaned signal keeps."""


def resample(ecg: np.ndarray, fs: float, target: float) -> np.ndarray:
    """Polyphase resampling with an anti-aliasing low-pass at the lower of the two Nyquist frequencies.

    `ecg` is (leads, samples) at `fs` Hz; the result (leads, ceil(samples * target / fs)) at `target` Hz. The line
    through each lead's first and last sample is set aside while filtering, so that an offset does not ring at the
    ends. Raises ValueError where `fs` is under 100 Hz.
    """
    if not fs >= LOWEST_RATE:
        raise ValueError(f"sampling rate {fs} Hz is under {LOWEST_RATE} Hz")
    ratio = Fraction(target / fs).limit_denominator(10_000)
    if ratio == 1:
        return ecg
    return signal.resample_poly(ecg, ratio.numerator, ratio.denominator, axis=-1, padtype="line")
