"""Speed of waveforms: median beats of ECGs, against NeuroKit2's peaks and delineation lead by lead.

    OMP_NUM_THREADS=1 python benchmarks/waveforms.py

The baseline is how NeuroKit2 is used as it reads: for every lead ecg_peaks and ecg_delineate. Prints ECGs per second
of one process, the ratio, and the time that 2,000 ECGs take with two processes, cluster tests included.
"""

import time
import warnings

import neurokit2 as nk
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from rich.console import Console
from rich.table import Table

from ecg_ccta.signals.beats import median_beats
from ecg_ccta.signals.segments import beat_times
from ecg_ccta.sources.heart_beats import MEASURED_LEADS, SEGMENTS, simulate_hearts, tracings
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms.compare_waveforms import ALL, at_half_the_rate, compare_all_waveforms

ECGS, BASELINE_ECGS, STUDY_ECGS, PROCESSES = 200, 4, 2000, 2


def lead_by_lead(signals: np.ndarray) -> None:
    for ecg in signals / 1000:
        for lead in ecg:
            peaks = nk.ecg_peaks(lead, sampling_rate=500)[1]["ECG_R_Peaks"]
            if len(peaks) > 3:
                nk.ecg_delineate(lead, peaks, sampling_rate=500, method="dwt")


def seconds(method, *arguments) -> float:
    begun = time.perf_counter()
    method(*arguments)
    return time.perf_counter() - begun


def study(signals: np.ndarray) -> None:
    """Beats and cluster tests of 2,000 ECGs: four vessels, both scales, 1,000 permutations."""
    chunks = [signals] * (STUDY_ECGS // ECGS)
    found = Parallel(n_jobs=PROCESSES)(delayed(median_beats)(chunk) for chunk in chunks)
    beats = np.concatenate([part[0] for part in found])
    ids = [f"e{number}" for number in range(len(beats))]
    group = np.where(np.random.default_rng(1).random(len(beats)) < 0.5, "high", "low")
    risk = pd.concat(
        [pd.DataFrame({"ecg_id": ids, "patient_id": ids, "vessel": vessel, "group": group}) for vessel in VESSELS]
    )
    beats, times = at_half_the_rate(beats, beat_times(0.25, 0.65))
    compare_all_waveforms(beats, times, pd.Series(ids), {ALL: risk}, jobs=PROCESSES)


def main() -> None:
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(0)
    hearts = simulate_hearts(rng.normal(60, 10, ECGS), rng.random(ECGS) < 0.5, rng)
    unaltered = np.zeros((ECGS, len(MEASURED_LEADS), len(SEGMENTS)))
    signals = np.round(1000 * tracings(hearts, unaltered, rng)).astype(np.int16)
    median_beats(signals[:2])
    baseline = BASELINE_ECGS / seconds(lead_by_lead, signals[:BASELINE_ECGS])
    speed = ECGS / seconds(median_beats, signals)
    table = Table("method", "ECGs/s", "ratio", title="Beats of 12 leads x 5000 samples, one process")
    table.add_row("NeuroKit2 peaks and delineation, lead by lead (baseline)", f"{baseline:.1f}", "1.0")
    table.add_row("ecg_ccta.signals.beats.median_beats", f"{speed:.1f}", f"{speed / baseline:.1f}")
    Console(width=100).print(table)
    print(f"{STUDY_ECGS} ECGs, {PROCESSES} processes, beats and cluster tests: {seconds(study, signals):.0f} s")


if __name__ == "__main__":
    main()
