"""Speed of the search for near-duplicates; prints a table with the ratio to comparing every pair.

    OMP_NUM_THREADS=1 python benchmarks/near_duplicates.py

The baseline is the largest normalised cross-correlation of every pair in different folds, by the same transforms. It
is run for a sample of pairs and scaled to all of them, which the table states. Into each set a hundredth of the
recordings is copied under another fold (gain 1.1, 0.4 s later, 15 uV of noise); the table says how many are found, and
how many other pairs are taken for copies.
"""

import resource
import time

import numpy as np

from ecg_ccta.audit.near_duplicates import DUPLICATE_CORRELATION, INDEPENDENT, correlations, near_duplicates
from ecg_ccta.sources.heart_beats import SEGMENTS, simulate_hearts, tracings

FOLDS = 5
BASELINE_PAIRS = 20_000
BLOCK = 500


def simulate(ecgs: int) -> tuple[np.ndarray, np.ndarray]:
    """ECGs as the audit condenses them, (ECGs, 8, 900) int16 microvolts, and the pairs (n, 2) of planted copies."""
    rng = np.random.default_rng(0)
    waves = np.empty((ecgs, len(INDEPENDENT), 900), dtype=np.int16)
    for start in range(0, ecgs, BLOCK):
        count = min(BLOCK, ecgs - start)
        hearts = simulate_hearts(rng.uniform(40, 80, count), rng.random(count) < 0.5, rng)
        signals = tracings(hearts, np.zeros((count, 8, len(SEGMENTS))), rng, seconds=9, sampling_rate=100)
        signals = signals[:, INDEPENDENT]
        signals -= np.median(signals, axis=-1, keepdims=True)
        waves[start : start + count] = np.rint(1000 * signals)
    originals = rng.choice(ecgs // FOLDS, ecgs // 100, replace=False) * FOLDS
    for row in originals:
        noise = rng.normal(0, 15, waves[row].shape)
        waves[row + 1] = np.rint(1.1 * np.roll(waves[row], -40, axis=-1) + noise)
    return waves, np.column_stack([originals, originals + 1])


def main() -> None:
    print(f"Near-duplicates across {FOLDS} folds (baseline: {BASELINE_PAIRS:,} pairs, scaled to all)")
    print(f"{'ECGs':>8} {'ours, s':>8} {'all pairs, s':>13} {'ratio':>8} {'found':>12} {'others':>7} {'peak, MB':>9}")
    for ecgs in (3_000, 20_000, 100_000):
        waves, copies = simulate(ecgs)
        fold = np.arange(ecgs) % FOLDS
        comparisons = [(np.flatnonzero(fold == k), np.flatnonzero(fold != k)) for k in range(FOLDS)]
        start = time.perf_counter()
        found = near_duplicates(waves, comparisons)
        seconds = time.perf_counter() - start
        alike = set(
            map(tuple, found.loc[found["correlation"] >= DUPLICATE_CORRELATION, ["first", "second"]].to_numpy())
        )
        planted = set(map(tuple, copies))

        # A block of rows against another, as a loop over all pairs would do it: few transforms, many products.
        first, second = (part.ravel() for part in np.meshgrid(np.arange(100), np.arange(100, 300), indexing="ij"))
        start = time.perf_counter()
        correlations(waves, first[:BASELINE_PAIRS], second[:BASELINE_PAIRS])
        pairs = sum(len(rows) * len(others) for rows, others in comparisons) / 2
        baseline = (time.perf_counter() - start) * pairs / BASELINE_PAIRS
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{ecgs:>8,} {seconds:>8.1f} {baseline:>13,.0f} {baseline / seconds:>7,.0f}x "
            f"{f'{len(alike & planted)} of {len(planted)}':>12} {len(alike - planted):>7} {peak:>9,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
