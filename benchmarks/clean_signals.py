"""Speed of cleaning ECGs: ecg_ccta against a plain lead-by-lead loop of the same filters.

    OMP_NUM_THREADS=1 python benchmarks/clean_signals.py

The baseline is ECGFounder's recipe as it reads: for every lead filtfilt, filtfilt, scipy.signal.medfilt, with the
filters designed anew. Prints a table, the ratio, and the largest difference of the results relative to a lead's RMS.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import ndimage, signal

from ecg_ccta.signals.cleaning import clean

ECGS = 32
REPEATS = 5


def lead_by_lead(ecg: np.ndarray, fs: float) -> np.ndarray:
    band = [_lead(lead, fs) for lead in ecg]
    return np.array([lead - signal.medfilt(lead, 201) for lead in band])


def footprint_of_two_dimensions(ecg: np.ndarray, fs: float) -> np.ndarray:
    band = np.array([_lead(lead, fs) for lead in ecg])
    return band - ndimage.median_filter(band, size=(1, 201), mode="constant")


def _lead(lead: np.ndarray, fs: float) -> np.ndarray:
    notch = signal.filtfilt(*signal.iirnotch(50, 30, fs), lead)
    return signal.filtfilt(*signal.butter(4, [0.67, 40], "bandpass", fs=fs), notch)


def ecgs_per_second(method: Callable[[np.ndarray, float], np.ndarray], ecgs: np.ndarray) -> float:
    """Median of the repeats, after one ECG to warm up."""
    method(ecgs[0], 500)
    speeds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        for ecg in ecgs:
            method(ecg, 500)
        speeds.append(len(ecgs) / (time.perf_counter() - begun))
    return statistics.median(speeds)


def main() -> None:
    rng = np.random.default_rng(0)
    ecgs = 0.1 * rng.standard_normal((ECGS, 12, 5000)).cumsum(axis=-1) / 10
    baseline = ecgs_per_second(lead_by_lead, ecgs)
    table = Table("method", "ECGs/s", "ratio", title=f"Cleaning {ECGS} ECGs of 12 leads x 5000 samples, one process")
    table.add_row("lead by lead, scipy.signal.medfilt (baseline)", f"{baseline:.1f}", "1.00")
    for name, method, count in (
        ("lead by lead, 2-D ndimage.median_filter", footprint_of_two_dimensions, 4),
        ("ecg_ccta.signals.cleaning.clean", clean, ECGS),
    ):
        speed = ecgs_per_second(method, ecgs[:count])
        table.add_row(name, f"{speed:.1f}", f"{speed / baseline:.2f}")
    Console(width=100).print(table)
    expected = lead_by_lead(ecgs[0], 500)
    difference = np.abs(clean(ecgs[0], 500) - expected).max(axis=1) / np.sqrt((expected**2).mean(axis=1))
    print(f"largest difference from the baseline: {difference.max():.1e} of a lead's RMS")


if __name__ == "__main__":
    main()
