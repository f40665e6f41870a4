"""How often the learning curve's intervals miss what they should hold; each promises 5 %.

    OMP_NUM_THREADS=1 python benchmarks/learning_curve.py           # 2,000 repetitions, 2 minutes

A training learns the difference of the classes' mean features from patients of its own and ranks 600 other patients by
it. What the interval should hold is the AUC to be expected of such a training: the mean, over many trainings, of the
true AUC, which has a closed form. With one training the interval is conditional on it, and should hold its own true
AUC; how often it misses the expected one is printed as well. The proportion is of the AUC of the true probabilities.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from ecg_ccta.statistics.clustered_auc import auc_interval, clustered_auc
from ecg_ccta.statistics.repeated_trainings import (
    average_trainings,
    difference_of,
    proportion_of,
    symmetric_interval,
)

FEATURES, EVALUATED, PREVALENCE, LEVEL = 40, 600, 0.2, 0.95
SHIFT = np.zeros(FEATURES)
SHIFT[:8] = 0.35
"""How far apart the classes' mean features lie."""


def draw(patients: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y = (rng.random(patients) < PREVALENCE).astype(int)
    return rng.normal(size=(patients, FEATURES)) + y[:, None] * SHIFT, y


def train(patients: int, rng: np.random.Generator) -> np.ndarray:
    """Direction (FEATURES,) that a training on so many patients finds."""
    x, y = draw(patients, rng)
    return x[y == 1].mean(0) - x[y == 0].mean(0)


def true_auc(direction: np.ndarray) -> float:
    return float(stats.norm.cdf(direction @ SHIFT / np.linalg.norm(direction) / 2**0.5))


def expected_auc(patients: int, rng: np.random.Generator) -> float:
    """Average the true AUC of many trainings on so many patients."""
    return float(np.mean([true_auc(train(patients, rng)) for _ in range(4000)]))


def intervals(
    patients: int, trainings: int, expected: float, half: float, rng: np.random.Generator
) -> dict[str, tuple[float, float, float]]:
    """Make a repetition's intervals: lower, upper and what they should hold.

    Parameters
    ----------
    expected, half : from `expected_auc`, of so many patients and of half of them
    """
    x, y = draw(EVALUATED, rng)
    codes = np.arange(EVALUATED)
    directions = [train(patients, rng) for _ in range(trainings)]
    smaller = [train(patients // 2, rng) for _ in range(trainings)]
    own = [clustered_auc(y, x @ direction, codes, EVALUATED) for direction in directions]
    less = [clustered_auc(y, x @ direction, codes, EVALUATED) for direction in smaller]
    truth = clustered_auc(y, x @ SHIFT, codes, EVALUATED)
    recovered = average_trainings([proportion_of(one, truth) for one in own])
    gain = average_trainings([difference_of(a, b) for a, b in zip(own, less, strict=True)])
    of_auc = auc_interval(average_trainings(own), LEVEL)
    return {
        "AUC": (*of_auc, expected),
        "AUC of these trainings": (*of_auc, float(np.mean([true_auc(direction) for direction in directions]))),
        "difference": (*symmetric_interval(gain, LEVEL), expected - half),
        "recovered proportion": (
            *symmetric_interval(recovered, LEVEL), (expected - 0.5) / (true_auc(SHIFT) - 0.5)
        ),
    }  # fmt: skip


def misses(patients: int, trainings: int, repetitions: int, rng: np.random.Generator) -> dict[str, float]:
    """Proportion of intervals that miss, by what they are of."""
    expected, half = expected_auc(patients, rng), expected_auc(patients // 2, rng)
    found: dict[str, list[bool]] = {}
    for _ in range(repetitions):
        for name, (lower, upper, target) in intervals(patients, trainings, expected, half, rng).items():
            found.setdefault(name, []).append(not lower <= target <= upper)
    return {name: float(np.mean(values)) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    arguments = parser.parse_args()
    rng = np.random.default_rng(1)
    table = Table(
        "patients", "trainings", *(names := ["AUC", "AUC of these trainings", "difference", "recovered proportion"])
    )
    for patients in (100, 1000):
        for trainings in (1, 2, 5):
            missed = misses(patients, trainings, arguments.repetitions, rng)
            table.add_row(str(patients), str(trainings), *(f"{missed[name]:.1%}" for name in names))
    error = (0.05 * 0.95 / arguments.repetitions) ** 0.5
    Console().print(table, f"Monte Carlo error {error:.1%}")


if __name__ == "__main__":
    main()
