"""Size and power of the tests on matched patients, analysed in pairs and as if they were not matched.

    OMP_NUM_THREADS=1 python benchmarks/matched_pairs.py [--repetitions 500]

Every repetition draws 160 patients, of whom the older are more often at high risk, and matches them by sex and age as
the study does. Beats of three leads are smooth noise plus an effect of age that makes up a proportion of a sample's
variance. Without a difference the tests should reject in 5 %; with one, high risk has a wave of 0.4 of a sample's
standard deviation in one lead. The last block is of groups that are not matched: the small one varies more.
"""

import argparse
import time

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy import stats

from ecg_ccta.statistics.cluster_permutation import permuted_clusters
from ecg_ccta.statistics.clustered_means import difference
from ecg_ccta.statistics.matching import nearest_pairs

PATIENTS, LEADS, SAMPLES, PERMUTATIONS = 160, 3, 60, 199
WAVE, LEVEL = slice(20, 40), 0.05
PAIRED, UNPAIRED = "in pairs", "as if not matched"


def smooth_noise(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw beats (n, LEADS, SAMPLES) of standard deviation 1 that vary smoothly in time."""
    white = rng.normal(size=(n, LEADS, SAMPLES + 9))
    return np.lib.stride_tricks.sliding_window_view(white, 10, axis=2).mean(axis=3) * 10**0.5


def matched(explained: float, effect: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw patients and match them: beats of low and of high risk, a row of each per pair."""
    age = rng.normal(60, 10, PATIENTS)
    high = rng.random(PATIENTS) < 1 / (1 + np.exp(0.5 - (age - 60) / 15))
    people = pd.DataFrame(
        {"age": age, "sex": rng.choice(["female", "male"], PATIENTS), "first": np.where(high, "high", "low")}
    )
    beats = (1 - explained) ** 0.5 * smooth_noise(PATIENTS, rng)
    beats += explained**0.5 * ((age - 60) / 10)[:, None, None]
    beats[high, 0, WAVE] += effect
    pairs = nearest_pairs(people, rng).astype(int)
    return beats[pairs[:, 0]], beats[pairs[:, 1]]


def rejections(low: np.ndarray, high: np.ndarray, seed: int) -> dict[str, bool]:
    """Test one region's mean and the clusters, in pairs and not."""
    found = {}
    for name, shift in ((PAIRED, 0), (UNPAIRED, len(low))):
        ids = np.arange(len(low)), np.arange(len(high)) + shift
        region = [beats[:, 0, WAVE].mean(axis=1) for beats in (low, high)]
        estimate, error, freedom = difference((region[0], ids[0]), (region[1], ids[1]))
        found[f"region, {name}"] = bool(2 * stats.t.sf(abs(estimate / error), freedom) < LEVEL)
        clusters = permuted_clusters((low, ids[0]), (high, ids[1]), seed, PERMUTATIONS)
        found[f"clusters, {name}"] = any(cluster.p_value <= LEVEL for cluster in clusters)
    return found


def unequal(n_low: int, n_high: int, rng: np.random.Generator) -> dict[str, bool]:
    """Test groups without a difference of their means, the smaller one of twice the standard deviation."""
    low, high = smooth_noise(n_low, rng), smooth_noise(n_high, rng)
    (low if n_low < n_high else high)[:] *= 2
    ids = np.arange(n_low), np.arange(n_low, n_low + n_high)
    clusters = permuted_clusters((low, ids[0]), (high, ids[1]), int(rng.integers(2**31)), PERMUTATIONS)
    return {"clusters": any(cluster.p_value <= LEVEL for cluster in clusters)}


def add_block(table: Table, name: str, found: list[dict[str, bool]]) -> None:
    for method in found[0]:
        share = float(np.mean([row[method] for row in found]))
        table.add_row(name, method, f"{share:.1%} ± {(share * (1 - share) / len(found)) ** 0.5:.1%}")
    table.add_section()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    table = Table("patients", "test", "rejects", title="Nominal 5 %")
    for effect, words in ((0.0, "no difference"), (0.4, "a wave")):
        for explained in (0.0, 0.2, 0.4, 0.8):
            rng = np.random.default_rng([options.seed, int(10 * explained), int(10 * effect)])
            found = [rejections(*matched(explained, effect, rng), number) for number in range(options.repetitions)]
            add_block(table, f"{words}, age explains {explained:.0%}", found)
    for sizes in ((20, 60), (60, 20), (60, 180)):
        rng = np.random.default_rng([options.seed, *sizes])
        found = [unequal(*sizes, rng) for _ in range(options.repetitions)]
        add_block(table, f"{sizes[0]} low, {sizes[1]} high, the fewer with twice the deviation", found)
    Console(width=120).print(table)
    print(f"± one Monte Carlo standard error; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
