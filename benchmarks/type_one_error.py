"""How often tests reject what is true, and intervals miss it: each promises 5 %.

    OMP_NUM_THREADS=1 python benchmarks/type_one_error.py                             # 500 repetitions, 15 minutes
    OMP_NUM_THREADS=1 python benchmarks/type_one_error.py --quick                     # 50
    OMP_NUM_THREADS=1 python benchmarks/type_one_error.py --results results/default   # after `make study`

Every repetition simulates patients with 1.3 ECGs on average, who share a state that makes up nine tenths of the
features' variance. Out of fold, a ridge logistic regression is fitted to the other folds' features. Its true AUC has a
closed form; what an interval should hold is the mean of that over repetitions, the AUC to be expected of such a model.
The column "these models" takes the mean AUC of the repetition's own models in its place. A method whose proportion is
above 6.5 % promises too much, below 3.5 % it is cautious; `width` is relative to the first interval of the block.

With `--results` the findings of a finished study are permuted over the patients of each fold, and the linear probe of
the foundation's features refitted: 0.5 is then the truth.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from coverage import LEVEL, PATIENTS, TRUE_AUC, simulate
from out_of_fold import Hospital, fold_scores, folds_of, permuted_findings
from rich.console import Console
from rich.table import Table
from scipy import stats

from ecg_ccta.statistics.auc import auc_replicates, compare_auc_delong, compare_auc_delong_unpaired
from ecg_ccta.statistics.bootstrap import Bootstrap, percentile_interval
from ecg_ccta.statistics.calibration import calibration_line
from ecg_ccta.statistics.clustered_auc import auc_interval, clustered_auc, compare_independent, compare_paired
from ecg_ccta.statistics.cross_validated_auc import cross_validated_auc
from ecg_ccta.statistics.heterogeneity import equality_of_aucs, equality_of_replicates
from ecg_ccta.statistics.logistic import likelihood_ratio, likelihood_ratio_out_of_fold
from ecg_ccta.statistics.net_benefit import net_benefit
from ecg_ccta.statistics.proportions import wilson
from ecg_ccta.statistics.survival import hazard_ratio, trend_test

REPLICATES = 300
PENALTY = 100.0
FEATURES = 64
THRESHOLD = 0.15
SHIFTS = {"no signal": 0.0, "weak": 0.4, "medium": 0.8, "strong": 1.2}


class Interval(NamedTuple):
    """An interval and what it should hold."""

    lower: float
    upper: float
    truth: float


Findings = dict[str, Interval | bool]
"""What a repetition found by each method: an interval, or whether a true hypothesis was rejected."""


def drawn_interval(y: np.ndarray, score: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> tuple:
    """Give the percentile interval of the AUC, patients drawn, predictions held fixed."""
    patients = int(codes.max()) + 1
    drawn = auc_replicates(y, score, codes, Bootstrap(patients, REPLICATES, LEVEL, int(rng.integers(2**31))))
    return percentile_interval(drawn, LEVEL)[:2]


def corrected_t(fold_values: np.ndarray) -> tuple[float, float]:
    """Give Nadeau and Bengio's interval of the mean over folds (Machine Learning 52:239-281, 2003)."""
    folds = len(fold_values)
    error = (fold_values.var(ddof=1) * (1 / folds + 1 / (folds - 1))) ** 0.5
    half = stats.t.ppf((1 + LEVEL) / 2, folds - 1) * error
    return fold_values.mean() - half, fold_values.mean() + half


def out_of_fold_intervals(y, score, fold, codes, truth: float, rng) -> Findings:
    """Make all intervals of the AUC of out-of-fold scores."""
    patients = int(codes.max()) + 1
    by_fold = [clustered_auc(y[fold == k], score[fold == k], codes[fold == k], patients) for k in np.unique(fold)]
    return {
        "pooled, bootstrap": Interval(*drawn_interval(y, score, codes, rng), truth),
        "cross-validated": Interval(*auc_interval(cross_validated_auc(y, score, fold, codes, patients), LEVEL), truth),
        "Nadeau-Bengio": Interval(*corrected_t(np.array([found.estimate for found in by_fold])), truth),
    }


def cross_validated(rng: np.random.Generator, patients: int, folds: int, share: float, shift: float) -> Findings:
    """Compare the intervals of one out-of-fold AUC."""
    hospital = Hospital(FEATURES, shift)
    x, y, codes = hospital.draw(patients, share, rng)
    fold = folds_of(y, codes, folds, rng)
    score, weights = fold_scores(x, y, fold, PENALTY)
    truth = float(np.mean([hospital.true_auc(weight) for weight in weights]))
    return out_of_fold_intervals(y, score, fold, codes, truth, rng)


def paired(rng: np.random.Generator, shift: float) -> Findings:
    """Compare the scores of two separate sets of features of equal worth."""
    one, other = Hospital(FEATURES, shift), Hospital(FEATURES, shift)
    x, y, codes = one.draw(1000, 0.15, rng)
    fold = folds_of(y, codes, 5, rng)
    second = other.features(y, codes, rng)
    (a, weights_a), (b, weights_b) = (fold_scores(of, y, fold, PENALTY) for of in (x, second))
    of_a, of_b = (np.mean([world.true_auc(w) for w in of]) for world, of in ((one, weights_a), (other, weights_b)))
    found = compare_paired(*(cross_validated_auc(y, score, fold, codes, 1000) for score in (a, b)), LEVEL)
    delong = compare_auc_delong(y, a, b, LEVEL)
    return {
        "paired DeLong": Interval(delong.lower, delong.upper, of_a - of_b),
        "cross-validated": Interval(found.lower, found.upper, of_a - of_b),
    }


def added(rng: np.random.Generator) -> Findings:
    """Test a useless out-of-fold ECG score beside three clinical predictors; one ECG per patient."""
    y = rng.permutation(np.arange(800) < 240).astype(int)
    people = np.arange(800)
    fold = folds_of(y, people, 5, rng)
    clinical = rng.normal(size=(800, 3)) + y[:, None] * np.array([0.6, 0.3, 0.2])
    ecg = fold_scores(Hospital(FEATURES, 0.0).features(y, people, rng), y, fold, PENALTY)[0]
    both = np.column_stack([clinical, ecg])
    without, with_ecg = (fold_scores(design, y, fold, 1e-3)[0] for design in (clinical, both))
    found = compare_paired(*(cross_validated_auc(y, score, fold, people, 800) for score in (with_ecg, without)), LEVEL)
    return {
        "AUC difference, paired DeLong": compare_auc_delong(y, with_ecg, without).p_value < 0.05,
        "AUC difference, cross-validated": found.p_value < 0.05,
        "AUC gained, cross-validated (one-sided, 2.5 %)": found.lower > 0,
        "likelihood ratio": likelihood_ratio(clinical, both, y).p_value < 0.05,
        "likelihood ratio, out of fold": likelihood_ratio_out_of_fold(clinical, both, y).p_value < 0.05,
    }


def interaction(rng: np.random.Generator, categories: int, events: int, learnt: bool) -> Findings:
    """Test equal AUCs in categories of patients, a tenth of the ECGs in another one than their patient's."""
    patients = round(categories * events / 0.15)
    hospital = Hospital(FEATURES if learnt else 1, 0.8)
    x, y, codes = hospital.draw(patients, 0.15, rng)
    score = fold_scores(x, y, folds_of(y, codes, 5, rng), PENALTY)[0] if learnt else x @ hospital.best
    group = folds_of(y, codes, categories, rng)
    moved = rng.random(y.size) < 0.1
    group[moved] = rng.integers(categories, size=moved.sum())
    seed = int(rng.integers(2**31))
    found, drawn = [], []
    for k in range(categories):
        here = group == k
        found.append(clustered_auc(y[here], score[here], codes[here], patients))
        drawn.append(auc_replicates(y[here], score[here], codes[here], Bootstrap(patients, REPLICATES, LEVEL, seed)))
    wald = equality_of_replicates(np.array([one.estimate for one in found]), np.column_stack(drawn))
    try:
        welch = equality_of_aucs(found).p_value
    except ValueError:
        welch = 1.0
    return {"Wald of AUC, bootstrap": wald.p_value < 0.05, "Welch of log-odds": welch < 0.05}


def sites(rng: np.random.Generator, shift: float) -> Findings:
    """Compare the out-of-fold AUC with that of the folds' mean at another site where nothing differs."""
    hospital = Hospital(FEATURES, shift)
    x, y, codes = hospital.draw(1000, 0.15, rng)
    fold = folds_of(y, codes, 5, rng)
    score, weights = fold_scores(x, y, fold, PENALTY)
    there, y_there, codes_there = hospital.draw(600, 0.15, rng)
    score_there = there @ np.mean(weights, axis=0)
    external = clustered_auc(y_there, score_there, codes_there, 600)
    internal = cross_validated_auc(y, score, fold, codes, 1000)
    return {
        "unpaired DeLong": compare_auc_delong_unpaired(y_there, score_there, y, score).p_value < 0.05,
        "clustered, cross-validated": compare_independent(external, internal).p_value < 0.05,
    }


def missed(lower: float, upper: float, truth: float) -> bool:
    """Say whether an interval, whose width is not compared with others, misses the truth."""
    return not lower <= truth <= upper


@cache
def true_net_benefit() -> float:
    """Integrate the net benefit of a perfectly calibrated prediction whose log-odds are normal around -2."""
    risk = 1 / (1 + np.exp(-stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000, -2, 1)))
    return float(((risk - (1 - risk) * THRESHOLD / (1 - THRESHOLD)) * (risk >= THRESHOLD)).mean())


def fixed(rng: np.random.Generator) -> Findings:
    """Make intervals of a fixed score's AUC, as at an external site; 150 of 1,000 patients have an event."""
    y, score, codes = simulate(rng)
    found = clustered_auc(y, score, codes, PATIENTS)
    return {
        "AUC, bootstrap": Interval(*drawn_interval(y, score, codes, rng), TRUE_AUC),
        "AUC, clustered": Interval(*auc_interval(found, LEVEL), TRUE_AUC),
    }


def others(rng: np.random.Generator) -> Findings:
    """Make the intervals and tests of other measures, where what they should find is known."""
    codes = simulate(rng)[2]
    logit = rng.normal(-2, 1, size=PATIENTS)
    risk = 1 / (1 + np.exp(-logit))
    outcome = (rng.random(PATIENTS) < risk).astype(int)
    line = calibration_line(outcome[codes], logit[codes], codes, LEVEL)
    counts = next(Bootstrap(PATIENTS, REPLICATES, LEVEL, int(rng.integers(2**31))).draws())
    benefit = net_benefit(outcome, risk, np.array([THRESHOLD]), counts)[0][:, 0]
    group = rng.integers(2, size=400)
    onset, censored = rng.exponential(1500, 400), rng.uniform(100, 700, 400)
    days, is_event = np.minimum(onset, censored), onset < censored
    ratio = hazard_ratio(days, is_event, pd.DataFrame({"high": group.astype(float)}), LEVEL)
    return {
        "proportion 8 % of 200, Wilson": missed(*wilson(int(rng.binomial(200, 0.08)), 200, LEVEL), 0.08),
        "calibration slope": missed(line["slope_lower"], line["slope_upper"], 1.0),
        "calibration intercept": missed(line["intercept_lower"], line["intercept_upper"], 0.0),
        "net benefit at 15 %, bootstrap": missed(*percentile_interval(benefit, LEVEL)[:2], true_net_benefit()),
        "log-rank": trend_test(days, is_event, group)[1] < 0.05,
        "hazard ratio, Cox": missed(ratio["lower"], ratio["upper"], 1.0),
    }


def few_events(rng: np.random.Generator) -> Findings:
    """Make intervals of a fixed score where twelve patients have an event."""
    hospital = Hospital(1, 1.0)
    x, y, codes = hospital.draw(240, 0.05, rng)
    score, truth = x @ hospital.best, hospital.true_auc(hospital.best)
    return {
        "AUC, bootstrap": Interval(*drawn_interval(y, score, codes, rng), truth),
        "AUC, clustered": Interval(*auc_interval(clustered_auc(y, score, codes, 240), LEVEL), truth),
    }


Scenario = tuple[str, int, Callable[[np.random.Generator], Findings]]
"""Name of a block of the table, how often it repeats in place of once, and what makes a repetition."""

CHEAP = 4
"""Blocks in which nothing is trained are repeated this much more often."""


def scenarios() -> Iterator[Scenario]:
    """List the blocks of the table."""
    yield "Scores fixed", CHEAP, fixed
    yield "Other measures", CHEAP, others
    yield "Scores fixed, 12 patients with an event", CHEAP, few_events
    for patients, folds, share, strength in (
        (300, 5, 0.05, "no signal"), (300, 5, 0.40, "no signal"), (300, 2, 0.30, "no signal"),
        (1000, 5, 0.15, "no signal"), (1000, 5, 0.15, "weak"), (1000, 5, 0.15, "medium"), (1000, 5, 0.15, "strong"),
        (1000, 2, 0.15, "medium"),
    ):  # fmt: skip
        name = f"Out of fold: {patients} patients, {share:.0%} events, {folds} folds, {strength}"
        design = {"patients": patients, "folds": folds, "share": share, "shift": SHIFTS[strength]}
        yield name, 1, partial(cross_validated, **design)
    for strength in ("no signal", "medium"):
        yield f"Two scores of equal worth, {strength}", 1, partial(paired, shift=SHIFTS[strength])
    yield "Added value of a useless ECG", 1, added
    for categories in (2, 4, 6):
        name = f"Interaction, {categories} categories of 12 events, score fixed"
        yield name, CHEAP, partial(interaction, categories=categories, events=12, learnt=False)
    for categories in (2, 4):
        name = f"Interaction, {categories} categories of 12 events, score out of fold"
        yield name, 1, partial(interaction, categories=categories, events=12, learnt=True)
    for strength in ("no signal", "medium"):
        yield f"External minus internal, {strength}", 1, partial(sites, shift=SHIFTS[strength])


def permutations(results: Path) -> Iterator[Scenario]:
    """List the vessels of a finished study, each with its findings permuted."""

    def repetition(rng: np.random.Generator, draw: Callable) -> Findings:
        return out_of_fold_intervals(*draw(rng), 0.5, rng)

    for name, draw in permuted_findings(results):
        yield name, 1, partial(repetition, draw=draw)


def verdict(share: float, repetitions: int) -> str:
    """Say whether 5 % are missed, to 1.5 points or to the Monte Carlo error where that is greater."""
    tolerance = max(0.015, 1.96 * (0.05 * 0.95 / repetitions) ** 0.5)
    return "too often" if share > 0.05 + tolerance else "cautious" if share < 0.05 - tolerance else "holds"


def add_block(table: Table, name: str, repeated: list[Findings]) -> None:
    """Add a block's rows: how often each method missed the expected truth, and that of its own repetition."""
    count, first = len(repeated), None
    table.add_row(f"[bold]{name}")
    for method in repeated[0]:
        found = [findings[method] for findings in repeated]
        own = width = ""
        if isinstance(found[0], Interval):
            lower, upper, truth = np.array(found).T
            share = float(np.mean((truth.mean() < lower) | (truth.mean() > upper)))
            own = f"{np.mean((truth < lower) | (truth > upper)):.1%}"
            first = first or float(np.mean(upper - lower))
            width = f"{np.mean(upper - lower) / first:.2f}"
        else:
            share = float(np.mean(found))
        error = (share * (1 - share) / count) ** 0.5
        table.add_row(f"  {method}", str(count), f"{share:.1%} ± {error:.1%}", own, width, verdict(share, count))
    table.add_section()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--quick", action="store_true", help="50 repetitions")
    parser.add_argument("--results", type=Path, help="results of a finished study: permute its findings instead")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    repetitions = 50 if options.quick else options.repetitions
    blocks = permutations(options.results) if options.results else scenarios()
    start = time.perf_counter()
    table = Table("method", "repeated", "misses or rejects", "these models", "width", "", title="Nominal 5 %")
    for name, times, repetition in blocks:
        rng = np.random.default_rng([options.seed, sum(map(ord, name))])
        add_block(table, name, [repetition(rng) for _ in range(times * repetitions)])
    Console(width=120).print(table)
    print(f"± one Monte Carlo standard error; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
