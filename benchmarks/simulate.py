"""Speed of simulating a hospital, beside a plain loop of the same model over ECGs and beats.

    OMP_NUM_THREADS=1 python benchmarks/simulate.py [ECGs]

Both sides make the beats (waves, alterations, projection, derived leads) and write the recordings; the loop adds one
beat after another in float64 and writes with wfdb.wrsamp. The loop leaves out the noise, which favours it.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import wfdb

from ecg_ccta.sources import heart_beats as hb
from ecg_ccta.sources.alterations import altered_by
from ecg_ccta.sources.recordings import write_recording
from ecg_ccta.sources.simulated_site import BLOCK
from ecg_ccta.vessels import LEADS


def one_ecg(hearts: hb.Hearts, row: int, alterations: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One noise-free ECG (12, 5000), beat by beat."""
    time_ = np.arange(5000) / 500
    measured = np.zeros((8, 5000))
    rise, fall = (side[row] for side in hearts.t_sides)
    peak = -hearts.rr[row] * rng.random()
    while peak < 11:
        since = time_ - peak
        width = hearts.qrs[row]
        waves = [
            (-hb.QRS_ONSET * width - hearts.pr[row] + 2.3 * hb.P_WIDTH + k * hb.P_DELAY, hb.P_WIDTH, dipole)
            for k, dipole in enumerate(hearts.p_dipoles[row])
        ]
        waves += [
            (c * width, w * width, d)
            for c, w, d in zip(hb.QRS_CENTRES, hb.QRS_WIDTHS, hearts.qrs_dipoles[row], strict=True)
        ]
        waves += [
            (c * width, hb.NOTCH_WIDTH * width, d)
            for c, d in zip(hearts.notch_times[row], hearts.notch_dipoles[row], strict=True)
        ]
        t_peak = hearts.t_peak[row]
        waves.append((t_peak, np.where(since < t_peak, rise, fall), hearts.t_dipole[row]))
        st_width = 0.055 * np.cbrt(hearts.rr[row])
        waves.append((0.52 * t_peak, st_width, hearts.st_dipole[row] + 0.05 * hearts.t_dipole[row]))
        for centre, deviation, dipole in waves:
            measured += np.outer(hb.DOWER @ dipole, np.exp(-0.5 * ((since - centre) / deviation) ** 2))
        for segment, name in enumerate(hb.SEGMENTS):
            centre = hb.SEGMENT_CENTRES[segment] + (t_peak if name == "T peak" else 0)
            shape = np.exp(-0.5 * ((since - centre) / hb.SEGMENT_WIDTHS[segment]) ** 2)
            measured += np.outer(alterations[row, :, segment], shape)
        peak += hearts.rr[row] * np.exp(0.02 * rng.standard_normal())
    return hb.DERIVE @ (measured * hearts.lead_gains[row][:, None])


def main(ecgs: int) -> None:
    rng = np.random.default_rng(0)
    hearts = hb.simulate_hearts(np.clip(rng.normal(60, 10, ecgs), 30, 88), rng.random(ecgs) < 0.5, rng)
    alterations = altered_by(rng.standard_normal((ecgs, 4)))
    with tempfile.TemporaryDirectory() as folder:
        seconds = {"blocks: simulate": 0.0, "blocks: write": 0.0, "loop: simulate": 0.0, "loop: write": 0.0}

        def measure(name: str, begun: float) -> float:
            now = time.perf_counter()
            seconds[name] += now - begun
            return now

        for start in range(0, ecgs, BLOCK):
            rows = np.arange(start, min(start + BLOCK, ecgs))
            begun = time.perf_counter()
            signals = hb.tracings(hearts.take(rows), alterations[rows], rng)
            begun = measure("blocks: simulate", begun)
            for row, signal in zip(rows, signals, strict=True):
                write_recording(Path(folder), f"a{row}", signal, 500)
            measure("blocks: write", begun)
        looped = min(ecgs, 40)
        for row in range(looped):
            begun = time.perf_counter()
            signal = one_ecg(hearts, row, alterations, rng)
            begun = measure("loop: simulate", begun)
            wfdb.wrsamp(
                f"b{row}", fs=500, units=["mV"] * 12, sig_name=list(LEADS), p_signal=signal.T, fmt=["16"] * 12,
                adc_gain=[1000] * 12, baseline=[0] * 12, write_dir=folder,
            )  # fmt: skip
            measure("loop: write", begun)
    print(f"{'step':20s} {'ECGs/s':>10s}")
    for name, value in seconds.items():
        print(f"{name:20s} {(ecgs if name.startswith('blocks') else looped) / value:10.1f}")
    ours = ecgs / (seconds["blocks: simulate"] + seconds["blocks: write"])
    loop = looped / (seconds["loop: simulate"] + seconds["loop: write"])
    print(f"{'blocks':20s} {ours:10.1f}\n{'loop with wfdb':20s} {loop:10.1f}\nratio {ours / loop:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 512)
