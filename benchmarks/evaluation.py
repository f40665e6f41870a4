"""Speed of the clustered bootstrap of AUC and PR-AUC and of DeLong's interval, against scikit-learn; prints tables.

    OMP_NUM_THREADS=1 python benchmarks/evaluation.py

The baseline of the bootstrap draws the same patients and calls roc_auc_score and average_precision_score of
scikit-learn on the repeated rows. It is run for a few replicates and scaled to the full number. Both give the same
areas, which is checked. To hold: four vessels of 20,000 ECGs in at most 20 s and 15 times faster than the loop;
DeLong's interval of a million ECGs in less than 2 s.
"""

import resource
import time

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from ecg_ccta.statistics.auc import auc_and_pr_auc_replicates, auc_delong
from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes, resample_patients
from ecg_ccta.vessels import VESSELS

REPLICATES = 2000
BASELINE_REPLICATES = 10
SIZES = ((2_400, 2_000), (20_000, 15_000), (100_000, 75_000))
"""ECGs and patients."""
PREVALENCES = (0.15, 0.02, 0.2, 0.12)
"""Of the four vessels."""


def simulate(ecgs: int, patients: int, prevalence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, score and patient of every ECG."""
    rng = np.random.default_rng(0)
    groups = np.sort(np.append(np.arange(patients), rng.integers(patients, size=ecgs - patients)))
    truth = (rng.random(patients) < prevalence)[groups].astype(int)
    return truth, rng.normal(size=ecgs) + truth, groups


def bootstrap(ecgs: int, patients: int) -> tuple[float, float]:
    """Seconds for `REPLICATES` of four vessels, ours and the loop's."""
    own_seconds = loop_seconds = 0.0
    for prevalence in PREVALENCES:
        y, score, groups = simulate(ecgs, patients, prevalence)
        start = time.perf_counter()
        codes, people = patient_codes(groups)
        ours = auc_and_pr_auc_replicates(y, score, codes, Bootstrap(people, REPLICATES, 0.95, 1))
        own_seconds += time.perf_counter() - start

        counts = next(iter(resample_patients(people, REPLICATES, seed=1)))[:BASELINE_REPLICATES]
        start = time.perf_counter()
        theirs = []
        for count in counts:
            rows = np.repeat(np.arange(ecgs), count[codes])
            theirs.append((roc_auc_score(y[rows], score[rows]), average_precision_score(y[rows], score[rows])))
        loop_seconds += (time.perf_counter() - start) * REPLICATES / len(counts)
        np.testing.assert_allclose(np.transpose(ours)[: len(counts)], theirs, atol=1e-12)
    return own_seconds, loop_seconds


def main() -> None:
    print(f"AUC and PR-AUC of {len(VESSELS)} vessels, {REPLICATES} draws of patients (loop: {BASELINE_REPLICATES})")
    print(f"{'ECGs':>10} {'patients':>10} {'ours, s':>10} {'loop, s':>10} {'ratio':>8}")
    for ecgs, patients in SIZES:
        own, loop = bootstrap(ecgs, patients)
        print(f"{ecgs:>10,} {patients:>10,} {own:>10.2f} {loop:>10.1f} {loop / own:>7.0f}x")
    print("\nDeLong's AUC, variance and interval (baseline: roc_auc_score, which gives the AUC alone)")
    print(f"{'ECGs':>10} {'ours, s':>10} {'AUC, s':>10} {'ratio':>8}")
    for ecgs in (100_000, 1_000_000):
        y, score, _ = simulate(ecgs, int(ecgs / 1.3), 0.15)
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
