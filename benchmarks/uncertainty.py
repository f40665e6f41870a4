"""Coverage of prediction sets, and of intervals over re-developments, where findings and risks are simulated.

    OMP_NUM_THREADS=1 python benchmarks/uncertainty.py                      # 200 repetitions, some minutes
    OMP_NUM_THREADS=1 python benchmarks/uncertainty.py --repetitions 50

Prediction sets: patients with 1.3 ECGs on average; a ridge logistic regression scores each fold by the others. Sets of
level 90 % are calibrated on the other folds' out-of-fold probabilities, and for another site, which the mean logit of
the folds scores, on all of them. Coverage is that of one ECG of a patient, with and without the outcome.

Intervals over re-developments: the model is fitted to patients drawn with replacement, and the 2.5 % and 97.5 %
quantiles of the probabilities of new patients are held against their true risk given all features.
"""

import argparse
import time
from functools import partial

import numpy as np
from out_of_fold import Hospital, folds_of, ridge_logistic
from rich.console import Console
from rich.table import Table

from ecg_ccta.statistics.bootstrap import resample_patients
from ecg_ccta.statistics.instability import prediction_intervals
from ecg_ccta.statistics.prediction_sets import conformal_cutoffs

PATIENTS, FOLDS, FEATURES, SHIFT, PENALTY, LEVEL = 1000, 5, 64, 1.0, 100.0, 0.9
REDEVELOPMENTS = 100


def fit(x: np.ndarray, y: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Weights and intercept for features as they are."""
    mean, deviation = x.mean(axis=0), x.std(axis=0) + 1e-6
    *weight, intercept = ridge_logistic((x - mean) / deviation, y, penalty)
    weight = np.array(weight) / deviation
    return weight, intercept - mean @ weight


def probability(x: np.ndarray, *models: tuple[np.ndarray, float]) -> np.ndarray:
    """Of the mean logit of some models."""
    return 1 / (1 + np.exp(-np.mean([x @ weight + intercept for weight, intercept in models], axis=0)))


def held(y: np.ndarray, p: np.ndarray, codes: np.ndarray, cutoffs) -> np.ndarray:
    """Coverage of one ECG of a patient: of all, of those with, and of those without the outcome."""
    no_to, yes_from = cutoffs
    is_held = np.where(y == 1, p >= yes_from, p <= no_to)
    weight = 1 / np.bincount(codes)[codes]
    return np.array([np.average(is_held[of], weights=weight[of]) for of in (y >= 0, y == 1, y == 0)])


def sets(rng: np.random.Generator, share: float, by_outcome: bool) -> dict[str, np.ndarray]:
    """Coverage at the development site, at one like it, and at one with more and less clear events."""
    x, y, codes = Hospital(FEATURES, SHIFT).draw(PATIENTS, share, rng)
    fold = folds_of(y, codes, FOLDS, rng)
    models = [fit(x[fold != k], y[fold != k], PENALTY) for k in range(FOLDS)]
    p = np.empty(len(y))
    for k, model in enumerate(models):
        p[fold == k] = probability(x[fold == k], model)
    own = np.empty((len(y), 2))
    for k in range(FOLDS):
        others = fold != k
        own[fold == k] = conformal_cutoffs(y[others], p[others], codes[others], LEVEL, by_outcome)
    found = {"development site, fold by fold": held(y, p, codes, own.T)}
    frozen = conformal_cutoffs(y, p, codes, LEVEL, by_outcome)
    for name, shift, of in (("another site, alike", SHIFT, share), ("another site, shifted", 0.7 * SHIFT, 2 * share)):
        there, y_there, codes_there = Hospital(FEATURES, shift).draw(2 * PATIENTS, of, rng)
        found[name] = held(y_there, probability(there, *models), codes_there, frozen)
    return found


def redeveloped(rng: np.random.Generator, features: int, seen: int, penalty: float) -> tuple[float, float, float]:
    """Coverage of the true risk, root mean square error, and root mean square deviation over re-developments."""
    hospital, share = Hospital(features, SHIFT), 0.15
    x, y, codes = hospital.draw(PATIENTS, share, rng)
    new, _, _ = hospital.draw(PATIENTS, share, rng)
    logit = np.log(share / (1 - share)) + (new - hospital.shift / 2) @ (hospital.shift / hospital.variance)
    risk = 1 / (1 + np.exp(-logit))
    again = []
    for counts in next(resample_patients(PATIENTS, REDEVELOPMENTS, int(rng.integers(2**31)))):
        rows = np.repeat(np.arange(len(y)), counts[codes])
        again.append(probability(new[:, :seen], fit(x[rows, :seen], y[rows], penalty)))
    lower, upper = prediction_intervals(np.array(again), 0.95)
    original = probability(new[:, :seen], fit(x[:, :seen], y, penalty))
    return (
        float(((lower <= risk) & (risk <= upper)).mean()),
        float(((original - risk) ** 2).mean() ** 0.5),
        float(np.var(again, axis=0).mean() ** 0.5),
    )


def written(values: np.ndarray) -> list[str]:
    """Means over repetitions in per cent, with their Monte Carlo error."""
    means, errors = values.mean(axis=0), values.std(axis=0) / len(values) ** 0.5
    return [f"{100 * mean:.1f} ± {100 * error:.1f}" for mean, error in zip(means, errors, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=200)
    repetitions, start = parser.parse_args().repetitions, time.perf_counter()
    table = Table("", "coverage, all", "with outcome", "without", title="Prediction sets, level 90 %")
    for share in (0.15, 0.03):
        for by_outcome in (True, False):
            rng = np.random.default_rng(1)
            found = [sets(rng, share, by_outcome) for _ in range(repetitions)]
            how = "by outcome" if by_outcome else "on all ECGs"
            table.add_row(f"[bold]{PATIENTS} patients, {share:.0%} events, calibrated {how}")
            for name in found[0]:
                table.add_row(f"  {name}", *written(np.array([one[name] for one in found])))
    Console(width=120).print(table)
    table = Table("", "coverage", "RMS error", "RMS deviation", title="95 % intervals over re-developments (%)")
    for name, once in (
        ("8 features, all seen, no penalty", partial(redeveloped, features=8, seen=8, penalty=1e-3)),
        ("64 features, all seen, penalty 100", partial(redeveloped, features=64, seen=64, penalty=100.0)),
        ("64 features, all seen, penalty 1000", partial(redeveloped, features=64, seen=64, penalty=1000.0)),
        ("64 features, 8 seen, no penalty", partial(redeveloped, features=64, seen=8, penalty=1e-3)),
    ):
        rng = np.random.default_rng(2)
        table.add_row(name, *written(np.array([once(rng) for _ in range(max(20, repetitions // 4))])))
    Console(width=120).print(table)
    print(f"± one Monte Carlo standard error; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
