"""Speed of the AUC's bootstrap and of DeLong's interval; prints a table with the ratio to a loop over scikit-learn.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py

The baseline draws the same patients and calls sklearn.metrics.roc_auc_score on the repeated rows. It is run for a few
replicates and scaled to the full number, which the table states. Both give the same AUCs, which is checked.
"""

import resource
import time

import numpy as np
from sklearn.metrics import roc_auc_score

from ecg_ccta.evaluation.discrimination import auc_delong, auc_replicates
from ecg_ccta.evaluation.resampling import draw_patients, patient_codes

REPLICATES = 1000
BASELINE_REPLICATES = 20


def simulate(ecgs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, score and patient of ECGs; 1.2 ECGs per patient, 15 % events."""
    rng = np.random.default_rng(0)
    patients = int(ecgs / 1.2)
    groups = np.sort(np.append(np.arange(patients), rng.integers(patients, size=ecgs - patients)))
    truth = (rng.random(patients) < 0.15)[groups].astype(int)
    return truth, rng.normal(size=ecgs) + truth, groups


def bootstrap(ecgs: int) -> tuple[float, float]:
    """Seconds for `REPLICATES`, ours and the loop's."""
    y, score, groups = simulate(ecgs)
    codes, patients = patient_codes(groups)
    start = time.perf_counter()
    ours = auc_replicates(y, score, codes, patients, REPLICATES, seed=1)
    own_seconds = time.perf_counter() - start

    counts = next(iter(draw_patients(patients, REPLICATES, seed=1)))[:BASELINE_REPLICATES]
    start = time.perf_counter()
    theirs = []
    for count in counts:
        rows = np.repeat(np.arange(ecgs), count[codes])
        theirs.append(roc_auc_score(y[rows], score[rows]))
    loop_seconds = (time.perf_counter() - start) * REPLICATES / len(counts)
    np.testing.assert_allclose(ours[: len(counts)], theirs, atol=1e-12)
    return own_seconds, loop_seconds


def main() -> None:
    print(f"Patient-clustered bootstrap of an AUC, {REPLICATES} replicates (loop: {BASELINE_REPLICATES}, scaled)")
    print(f"{'ECGs':>10} {'ours, s':>10} {'loop, s':>10} {'ratio':>8}")
    for ecgs in (2_400, 24_000, 100_000):
        own, loop = bootstrap(ecgs)
        print(f"{ecgs:>10,} {own:>10.2f} {loop:>10.1f} {loop / own:>7.0f}x")
    print("\nDeLong's AUC, variance and interval (baseline: roc_auc_score, which gives the AUC alone)")
    print(f"{'ECGs':>10} {'ours, s':>10} {'AUC, s':>10} {'ratio':>8}")
    for ecgs in (100_000, 1_000_000):
        y, score, _ = simulate(ecgs)
        start = time.perf_counter()
        auc_delong(y, score)
        own = time.perf_counter() - start
        start = time.perf_counter()
        roc_auc_score(y, score)
        loop = time.perf_counter() - start
        print(f"{ecgs:>10,} {own:>10.2f} {loop:>10.2f} {loop / own:>7.1f}x")
    print(f"\nPeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
