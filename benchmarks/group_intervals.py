"""How often the intervals of sensitivity and fairness analyses miss the truth: each promises 5 %.

    OMP_NUM_THREADS=1 python benchmarks/group_intervals.py             # 500 repetitions, 5 minutes
    OMP_NUM_THREADS=1 python benchmarks/group_intervals.py --quick     # 50

Patients and scores are those of `type_one_error.py`. Three things are looked at: the AUC of some ECGs minus that of
all of them; the mean over centres of which each was predicted by a model of the others, and the interval for another
centre; and calibration and accuracy in a group, and the difference of two groups, of a score that is wrong by an error
of its own in every ECG. The truth of the last is read from 200,000 patients.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np
from out_of_fold import MORE_ECGS, SECOND_ECGS, Hospital, fold_scores, folds_of
from rich.console import Console
from rich.table import Table
from scipy import stats
from type_one_error import FEATURES, LEVEL, PENALTY, SHIFTS, Findings, Interval, add_block

from ecg_ccta.statistics.clustered_auc import AucInfluence, clustered_auc, compare_paired
from ecg_ccta.statistics.clustered_groups import Value, calibration_values, clustered_proportion, difference_of
from ecg_ccta.statistics.cross_validated_auc import cross_validated_auc, variance_factor
from ecg_ccta.statistics.random_effects import random_effects

THRESHOLD = -1.7
"""Log-odds from which an ECG is positive."""
ERROR = 0.5
"""Standard deviation of the score's own error."""


def part_minus_all(rng: np.random.Generator, share: float, learnt: bool, events: float) -> Findings:
    """Compare some of the ECGs, drawn at random, with all of them; the truth is 0."""
    hospital = Hospital(FEATURES, SHIFTS["medium"])
    x, y, codes = hospital.draw(1000, events, rng)
    fold = folds_of(y, codes, 5, rng)
    score = fold_scores(x, y, fold, PENALTY)[0] if learnt else x @ hospital.best
    part = rng.random(len(y)) < share

    def auc(members: np.ndarray) -> AucInfluence:
        if not learnt:
            return clustered_auc(y[members], score[members], codes[members], 1000)
        found = cross_validated_auc(y[members], score[members], fold[members], codes[members], 1000)
        return found._replace(influence=found.influence / variance_factor(5) ** 0.5)

    found = compare_paired(auc(part), auc(np.ones(len(y), dtype=bool)), LEVEL)
    return {"AUC difference": Interval(found.lower, found.upper, 0.0)}


def left_out_centres(rng: np.random.Generator, centres: int, patients: int, strength: str, spread: float) -> Findings:
    """Predict each centre by a ridge regression of the others; `spread` is that of the signal between centres."""
    hospital = Hospital(FEATURES, SHIFTS[strength])
    bends = rng.normal(0, spread, centres)
    parts = []
    for number, bend in enumerate(bends):
        x, y, codes = hospital.draw(patients, 0.2, rng)
        parts.append((x + bend * y[:, None] * hospital.shift, y, codes + number * patients, np.full(len(y), number)))
    x, y, codes, centre = (np.concatenate(part) for part in zip(*parts, strict=True))
    score, weights = fold_scores(x, y, centre, PENALTY)

    def true_logit(weight: np.ndarray, bend: float) -> float:
        # A centre's signal is that of the hospital times 1 + bend.
        found = stats.norm.cdf((1 + bend) * stats.norm.ppf(hospital.true_auc(weight)))
        return float(np.log(found / (1 - found)))

    aucs = [
        clustered_auc(y[centre == k], score[centre == k], codes[centre == k], codes.max() + 1) for k in range(centres)
    ]
    estimates = np.array([auc.estimate for auc in aucs])
    variances = np.array([auc.variance for auc in aucs]) / (estimates * (1 - estimates)) ** 2
    logits = np.log(estimates / (1 - estimates))
    plain, found = (random_effects(logits, variances, LEVEL, of) for of in (1.0, variance_factor(centres)))
    truth = float(np.mean([true_logit(weight, 0) for weight in weights]))
    another = true_logit(np.mean(weights, axis=0), rng.normal(0, spread))
    return {
        "mean, labels taken as not shared": Interval(plain.lower, plain.upper, truth),
        "mean": Interval(found.lower, found.upper, truth),
        "another centre": not found.prediction_lower <= another <= found.prediction_upper,
    }


def draw_group(rng: np.random.Generator, patients: int, mean: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw outcome, log-odds and patient of a group's ECGs; the patients' true log-odds lie around `mean`."""
    ecgs, several = np.ones(patients, dtype=int), rng.random(patients)
    ecgs[several < SECOND_ECGS + MORE_ECGS] = 2
    ecgs[several < MORE_ECGS] = 4
    codes = np.repeat(np.arange(patients), ecgs)
    true = rng.normal(mean, 1, patients)
    outcome = (rng.random(patients) < 1 / (1 + np.exp(-true))).astype(int)
    return outcome[codes], true[codes] + rng.normal(0, ERROR, codes.size), codes


def values_of(y: np.ndarray, logit: np.ndarray, codes: np.ndarray, patients: int) -> dict[str, Value]:
    """Estimate calibration and accuracy."""
    positive, event = logit >= THRESHOLD, y == 1
    masks = {
        "sensitivity": (positive, event), "specificity": (~positive, ~event), "PPV": (event, positive),
        "NPV": (~event, ~positive),
    }  # fmt: skip
    found = {name: clustered_proportion(*of, codes, patients, LEVEL) for name, of in masks.items()}
    calibration = calibration_values(y, logit, codes, patients, LEVEL)
    return {name: of for name, of in calibration.items() if isinstance(of, Value)} | found


@cache
def true_values(mean: float) -> dict[str, float]:
    """Read the truth from a large group."""
    return {
        name: of.estimate
        for name, of in values_of(*draw_group(np.random.default_rng(1), 200_000, mean), 200_000).items()
    }


def two_groups(rng: np.random.Generator, sizes: tuple[int, int], means: tuple[float, float]) -> Findings:
    """Compare two groups of separate patients."""
    drawn = [draw_group(rng, size, mean) for size, mean in zip(sizes, means, strict=True)]
    (y, logit, codes), (y_other, logit_other, codes_other) = drawn
    codes_other = codes_other + sizes[0]
    first, second = values_of(y, logit, codes, sum(sizes)), values_of(y_other, logit_other, codes_other, sum(sizes))
    one, other = (true_values(mean) for mean in means)
    rows: Findings = {}
    for name in (name for name in first if name in second):
        between = difference_of(first[name], second[name], LEVEL)
        rows[f"{name}, smaller group"] = Interval(second[name].lower, second[name].upper, other[name])
        rows[f"{name}, difference"] = Interval(between.lower, between.upper, one[name] - other[name])
    return rows


def two_times(rng: np.random.Generator, patients: int) -> Findings:
    """Compare two groups of ECGs that share patients, as before and after a birthday; the truth is 0."""
    y, logit, codes = draw_group(rng, patients, -1)
    second = rng.random(codes.size) < 0.3
    first, other = (values_of(y[of], logit[of], codes[of], patients) for of in (~second, second))
    found = {name: difference_of(first[name], other[name], LEVEL) for name in first if name in other}
    return {f"{name}, difference": Interval(of.lower, of.upper, 0.0) for name, of in found.items()}


def scenarios() -> Iterator[tuple[str, int, Callable[[np.random.Generator], Findings]]]:
    """List the blocks of the table: name, how often it repeats in place of once, and what makes a repetition."""
    for share in (0.9, 0.5, 0.3):
        for events in (0.15, 0.03):
            fixed = partial(part_minus_all, share=share, learnt=False, events=events)
            yield f"{share:.0%} of the ECGs minus all, {events:.0%} events, score fixed", 2, fixed
        learnt = partial(part_minus_all, share=share, learnt=True, events=0.15)
        yield f"{share:.0%} of the ECGs minus all, 15% events, out of fold", 1, learnt
    for centres, patients, strength, spread in (
        (5, 200, "no signal", 0), (5, 200, "medium", 0), (8, 120, "weak", 0), (5, 200, "medium", 0.4),
        (10, 200, "medium", 0.4),
    ):  # fmt: skip
        name = f"{centres} centres left out in turn, {patients} patients each, {strength}, spread {spread:g}"
        design = {"centres": centres, "patients": patients, "strength": strength, "spread": spread}
        yield name, 1, partial(left_out_centres, **design)
    for sizes, means in (((600, 150), (-2, -1)), ((120, 120), (-1, -1))):
        name = f"Groups of {sizes[0]} and {sizes[1]} patients"
        yield name, 2, partial(two_groups, sizes=sizes, means=means)
    yield "Two groups of ECGs of the same 400 patients", 2, partial(two_times, patients=400)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="50 repetitions")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    repetitions = 50 if options.quick else options.repetitions
    start = time.perf_counter()
    table = Table("method", "repeated", "misses", "these models", "width", "", title="Nominal 5 %")
    for name, times, repetition in scenarios():
        rng = np.random.default_rng([options.seed, sum(map(ord, name))])
        add_block(table, name, [repetition(rng) for _ in range(times * repetitions)])
    Console(width=120).print(table)
    print(f"± one Monte Carlo standard error; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
