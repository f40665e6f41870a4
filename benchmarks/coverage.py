"""Coverage of the AUC's intervals where patients have several ECGs: how often they hold the true AUC.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py [repetitions]

Every repetition simulates 1,000 patients with 1.3 ECGs on average. A patient's ECGs share the outcome and a latent
state that makes up most of the score. The true AUC is known in closed form. Intervals: the percentile bootstrap over
patients, the same over ECGs, and DeLong's, which takes ECGs for independent. An interval whose coverage is below its
level promises too much.
"""

import sys
import time

import numpy as np
from scipy import stats

from ecg_ccta.statistics.auc import auc_delong, auc_replicates
from ecg_ccta.statistics.bootstrap import Bootstrap, percentile_interval

PATIENTS = 1_000
EVENTS = 150
SECOND_ECGS, MORE_ECGS = 0.12, 0.06
"""Shares of patients with two ECGs and with four: 1.3 ECGs per patient on average."""
SHARED = 0.9
"""Share of the score's variance that a patient's ECGs have in common."""
DISTANCE = 1.0
"""Between the mean scores of patients with and without an event, in standard deviations."""
TRUE_AUC = float(stats.norm.cdf(DISTANCE / 2**0.5))
REPLICATES = 500
LEVEL = 0.95


def simulate(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, score and patient of every ECG; how many ECGs a patient has does not depend on the outcome."""
    ecgs = np.ones(PATIENTS, dtype=int)
    several = rng.random(PATIENTS)
    ecgs[several < SECOND_ECGS + MORE_ECGS] = 2
    ecgs[several < MORE_ECGS] = 4
    patient = np.repeat(np.arange(PATIENTS), ecgs)
    truth = np.arange(PATIENTS) < EVENTS
    state = SHARED**0.5 * rng.normal(size=PATIENTS)
    score = (state + DISTANCE * truth)[patient] + (1 - SHARED) ** 0.5 * rng.normal(size=patient.size)
    return truth[patient].astype(int), score, patient


def intervals(rng: np.random.Generator, replicates: int = REPLICATES) -> dict[str, tuple[float, float]]:
    """The three intervals of one simulated data set."""
    y, score, patient = simulate(rng)
    seed = int(rng.integers(2**31))
    by_patient = auc_replicates(y, score, patient, Bootstrap(PATIENTS, replicates, LEVEL, seed))
    by_ecg = auc_replicates(y, score, np.arange(y.size), Bootstrap(y.size, replicates, LEVEL, seed))
    delong = auc_delong(y, score, LEVEL)
    return {
        "patients drawn": percentile_interval(by_patient, LEVEL)[:2],
        "ECGs drawn": percentile_interval(by_ecg, LEVEL)[:2],
        "DeLong over ECGs": (delong.lower, delong.upper),
    }


def coverage(repetitions: int, seed: int = 1, replicates: int = REPLICATES) -> dict[str, float]:
    """Share of `repetitions` in which each interval holds the true AUC."""
    rng = np.random.default_rng(seed)
    held: dict[str, int] = {}
    for _ in range(repetitions):
        for name, (lower, upper) in intervals(rng, replicates).items():
            held[name] = held.get(name, 0) + (lower <= TRUE_AUC <= upper)
    return {name: count / repetitions for name, count in held.items()}


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    ecgs = np.mean([simulate(np.random.default_rng(seed))[0].size for seed in range(50)])
    start = time.perf_counter()
    found = coverage(repetitions)
    print(
        f"{repetitions} repetitions of {PATIENTS} patients, {ecgs / PATIENTS:.2f} ECGs each, true AUC {TRUE_AUC:.3f}, "
        f"{REPLICATES} draws ({time.perf_counter() - start:.0f} s)"
    )
    error = (LEVEL * (1 - LEVEL) / repetitions) ** 0.5
    print(f"{'interval':<18} {'coverage of ' + format(LEVEL, '.0%'):>16}   (simulation error ± {1.96 * error:.1%})")
    for name, share in found.items():
        print(f"{name:<18} {share:>16.1%}")


if __name__ == "__main__":
    main()
