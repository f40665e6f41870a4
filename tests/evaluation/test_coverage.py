"""Coverage by simulation where patients have 1.3 ECGs each: drawing patients keeps the promise, taking ECGs for
independent does not.

The short form of benchmarks/coverage.py, which runs 1,000 repetitions.
"""

import numpy as np
import pytest

REPETITIONS = 400


@pytest.fixture(scope="module")
def benchmark(load_script):
    return load_script("benchmarks/coverage.py")


def test_the_simulation_is_what_it_says(benchmark) -> None:
    drawn = [benchmark.simulate(np.random.default_rng(seed)) for seed in range(100)]
    assert np.mean([patient.size for _, _, patient in drawn]) == pytest.approx(1.3 * benchmark.PATIENTS, rel=0.01)
    areas = [benchmark.auc_delong(y, score).auc for y, score, _ in drawn]
    assert np.mean(areas) == pytest.approx(benchmark.TRUE_AUC, abs=0.006)


def test_drawing_patients_covers_and_drawing_ecgs_does_not(benchmark) -> None:
    found = benchmark.coverage(REPETITIONS, seed=2, replicates=200)
    # 0.95 - 3 standard errors of the simulation and a little for 200 draws; up to + 3 standard errors.
    error = (0.95 * 0.05 / REPETITIONS) ** 0.5
    assert 0.95 - 3 * error - 0.01 < found["patients drawn"] < 0.95 + 3 * error
    for name in ("ECGs drawn", "DeLong over ECGs"):
        assert found[name] < 0.95 - 2 * error
        assert found[name] < found["patients drawn"] - 0.02
