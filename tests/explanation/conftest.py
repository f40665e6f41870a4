"""Made-up ECGs whose beats are known."""

import numpy as np
import pytest

from ecg_ccta.vessels import LEADS, SAMPLES, SAMPLING_RATE


@pytest.fixture
def make_ecg():
    """Function of (RR in seconds, ST shift in mV of V2, first R in seconds) that gives (12, 5000) int16 microvolts."""

    def make(rr: float = 0.8, st_v2: float = 0.0, first: float = 0.5, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        time = np.arange(SAMPLES) / SAMPLING_RATE
        ecg = np.zeros((len(LEADS), SAMPLES))
        for peak in np.arange(first, 10, rr):
            since = time - peak
            beat = (
                0.1 * np.exp(-((since + 0.16) ** 2) / (2 * 0.02**2))
                + 1.0 * np.exp(-(since**2) / (2 * 0.01**2))
                + 0.25 * np.exp(-((since - 0.28) ** 2) / (2 * 0.04**2))
            )
            ecg += beat * np.linspace(0.6, 1.4, len(LEADS))[:, None]
            ecg[LEADS.index("V2")] += st_v2 * ((since >= 0.06) & (since < 0.16))
        ecg += rng.normal(0, 0.005, ecg.shape)
        return np.round(1000 * ecg).astype(np.int16)

    return make
