"""Tests and intervals of predictions that were learnt from the same patients, out of fold, and of added value.

For `levels.py`. What an interval should hold is the mean over repetitions of its truth: the figure to be expected of
models trained on so many patients. Every model is a ridge logistic regression, whose true figures have a closed form.
"""

from functools import cache, partial

import learning_curve
import numpy as np
import pandas as pd
from levels_fixed import SETTINGS, Found, missed
from levels_hospital import Scores, areas, calibration_of, population, scored
from out_of_fold import Hospital, fold_scores, folds_of
from scipy.special import expit
from type_one_error import FEATURES, PENALTY, added

from ecg_ccta.evaluation.compare_with_guidelines import _strategy_rows, pretest_category
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.evaluation.pretest_probability import combined_category
from ecg_ccta.statistics.bootstrap import Bootstrap, percentile_interval
from ecg_ccta.statistics.calibration import calibration_line
from ecg_ccta.statistics.clustered_auc import AucInfluence, clustered_auc, compare_independent, compare_paired
from ecg_ccta.statistics.estimates import CLUSTERED, DELONG
from ecg_ccta.statistics.net_benefit import net_benefit
from ecg_ccta.statistics.reclassification import (
    improvement_replicates,
    integrated_discrimination,
    net_reclassification,
)
from ecg_ccta.statistics.repeated_trainings import average_trainings, patients_needed
from ecg_ccta.truth.compare_with_truth import _recovered

PATIENTS, SHARE, AT = 500, 0.2, 0.2

Trained = dict[tuple[str, str], float | tuple[float, float, float]]


def scores_of(hospital: Hospital, weight: np.ndarray, intercept: float) -> Scores:
    """Give the distribution of a linear score among all ECGs that could be drawn."""
    return Scores(
        SHARE, intercept, intercept + float(weight @ hospital.shift), float(weight**2 @ hospital.variance) ** 0.5
    )


def out_of_fold(rng: np.random.Generator, shift: float, words: str) -> Trained:
    """Evaluate out-of-fold scores, compare them with others of equal worth and with another site."""
    hospital, other = Hospital(FEATURES, shift), Hospital(FEATURES, shift)
    x, y, codes = hospital.draw(PATIENTS, SHARE, rng)
    fold = folds_of(y, codes, 5, rng)
    second = other.features(y, codes, rng)
    (score, weights), (score_b, weights_b) = (fold_scores(of, y, fold, PENALTY) for of in (x, second))
    oracle = x @ (hospital.best * hospital.shift.max() * 4)
    ecgs = scored({"LAD": (y, score)}, codes, rng, fold)
    of_lad = ecgs[ecgs["vessel"] == "LAD"].assign(oracle=expit(oracle))
    findings = findings_by_vessel(of_lad, SETTINGS, int(rng.integers(2**31)))["LAD"]
    models = []
    for k, weight in enumerate(weights):
        # The regression standardises; its intercept is read off a score.
        place = np.flatnonzero(fold == k)[0]
        models.append(scores_of(hospital, weight, float(score[place] - x[place] @ weight)))
    data = f"out of fold, {words}"
    found = of_findings(findings, models, data)
    with_b = findings.with_logit(score_b)
    gain = compare_paired(findings.expected, with_b.expected)
    of_a, of_b = (np.mean([world.true_auc(w) for w in ws]) for world, ws in ((hospital, weights), (other, weights_b)))
    found["AUC difference, cross-validated, patient-clustered", f"two scores of equal worth, {words}"] = (
        gain.lower, gain.upper, float(of_a - of_b)
    )  # fmt: skip
    found["AUC difference p, cross-validated, patient-clustered", f"two scores of equal worth, {words}"] = float(
        gain.p_value < 0.05
    )
    there, y_there, codes_there = hospital.draw(300, SHARE, rng)
    external = clustered_auc(y_there, there @ np.mean(weights, axis=0), codes_there, 300)
    found["AUC difference p, patient-clustered", f"external minus internal, {words}"] = float(
        compare_independent(external, findings.expected).p_value < 0.05
    )
    if shift:
        row = _recovered(findings, {})
        truth_oracle = float(hospital.true_auc(hospital.best))
        own = float(np.mean([hospital.true_auc(weight) for weight in weights]))
        if "recovered" in row:
            found["AUC of the oracle, patient-clustered", data] = (
                row["oracle_lower"],
                row["oracle_upper"],
                truth_oracle,
            )
            found["AUC of the model, folds pooled, patient-clustered", data] = (
                row["model_lower"],
                row["model_upper"],
                own,
            )
            found["recovered proportion, patient-clustered", data] = (
                row["recovered_lower"], row["recovered_upper"], (own - 0.5) / (truth_oracle - 0.5)
            )  # fmt: skip
    return found


def of_findings(findings: Findings, models: list[Scores], data: str) -> Trained:
    """Make the intervals of an out-of-fold score: of the AUC, and those that hold the predictions fixed."""
    grids = [population(model, quantiles=1001) for model in models]
    true_areas = [areas(model, quantiles=1001) for model in models]
    found: Trained = {}
    truth = float(np.mean([area["AUC"] for area in true_areas]))
    for row in findings.auc_rows(findings.method, DELONG, CLUSTERED):
        found[f"AUC, {row['method']}", data] = (row["lower"], row["upper"], truth)
    pr = percentile_interval(findings.drawn_areas[1], SETTINGS.level)[:2]
    found[f"PR-AUC, {CLUSTERED}", data] = (*pr, float(np.mean([area["PR-AUC"] for area in true_areas])))
    line = calibration_line(findings.y, findings.logit, findings.codes, SETTINGS.level)
    lines = [calibration_of(*grid) for grid in grids]
    for name in ("intercept", "slope"):
        if name in line:
            found[f"{name}, Wald, clustered by patient", data] = (
                line[f"{name}_lower"], line[f"{name}_upper"], float(np.mean([one[name] for one in lines]))
            )  # fmt: skip
    at = np.array([AT])
    counts = np.concatenate(list(findings.bootstrap.draws())).take(findings.codes, axis=1)
    drawn = net_benefit(findings.y, findings.probability, at, counts)[0][:, 0]
    of = np.mean([net_benefit(y, expit(score), at, weight[None])[0][0, 0] for y, score, weight in grids])
    found[f"net benefit, {CLUSTERED}", data] = (*percentile_interval(drawn, SETTINGS.level)[:2], float(of))
    brier = counts @ (findings.probability - findings.y) ** 2 / counts.sum(axis=1)
    of = np.mean([weight @ (expit(score) - y) ** 2 for y, score, weight in grids])
    found[f"Brier, {CLUSTERED}", data] = (*percentile_interval(brier, SETTINGS.level)[:2], float(of))
    return found


def useless_ecg(rng: np.random.Generator) -> Found:
    """Add a useless out-of-fold score to a clinical model."""
    names = {
        "AUC difference, cross-validated": "AUC difference p, cross-validated, patient-clustered",
        "likelihood ratio, out of fold": "likelihood ratio p value, out of fold",
    }
    found = added(rng)
    return {(names[name], "added value of a useless ECG, 800 patients"): float(found[name]) for name in names}


def two_risks(patients: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw outcomes and two calibrated risks, the second with one more predictor."""
    y = (rng.random(patients) < 0.15).astype(int)
    one, two = rng.normal(size=(2, patients)) + y * np.array([[0.8], [0.6]])
    base = np.log(0.15 / 0.85)
    return y, expit(base + 0.8 * one - 0.32), expit(base + 0.8 * one - 0.32 + 0.6 * two - 0.18)


MEASURES = {"NRI without categories": net_reclassification, "NRI by categories": net_reclassification,
            "IDI": integrated_discrimination}  # fmt: skip


def improvements(y: np.ndarray, old: np.ndarray, new: np.ndarray) -> dict[str, tuple]:
    """Give each index's function and what it compares."""
    ranks = [pretest_category(pd.Series(risk)).cat.codes.to_numpy() for risk in (old, new)]
    return {
        name: (measure, *(ranks if name == "NRI by categories" else (old, new))) for name, measure in MEASURES.items()
    }


def classified(y: np.ndarray, old: np.ndarray, new: np.ndarray) -> pd.DataFrame:
    before = pretest_category(pd.Series(old))
    stratum = pd.Series(np.where(new > 0.25, "high", np.where(new < 0.08, "low", "intermediate")))
    return pd.DataFrame(
        {"patient_id": np.arange(y.size), "y_true": y, "before": before, "stratum": stratum,
         "after": combined_category(before, stratum)}
    )  # fmt: skip


@cache
def true_improvements() -> dict[str, float]:
    """Give the indices among 400,000 patients."""
    y, old, new = two_risks(400_000, np.random.default_rng(1))
    found: dict[str, float] = {}
    for name, (measure, one, other) in improvements(y, old, new).items():
        for part, value in zip(("", ", events", ", non-events"), measure(y, one, other), strict=True):
            found[f"{name}{part}"] = float(value[0])
    quick = SETTINGS.model_copy(update={"bootstrap_replicates": 1})
    for row in _strategy_rows(classified(y, old, new), "ESC 2019", "stratum", quick, 1):
        key = (
            row["measure"] if "lower" in row and "Wilson" not in row["method"] else (row["comparison"], row["measure"])
        )
        found[f"strategy {key}"] = row["estimate"]
    return found


def reclassified(rng: np.random.Generator) -> Found:
    """Compare two given risks of 300 patients."""
    y, old, new = two_risks(300, rng)
    truth, seed = true_improvements(), int(rng.integers(2**31))
    bootstrap = Bootstrap(300, SETTINGS.bootstrap_replicates, SETTINGS.level, seed)
    data = "two given risks, 45 of 300 patients with the event"
    found: dict[tuple[str, str], list] = {}
    for name, (measure, one, other) in improvements(y, old, new).items():
        drawn = improvement_replicates(measure, y, one, other, bootstrap)
        for part, values in zip(("", ", events", ", non-events"), drawn, strict=True):
            bounds = percentile_interval(values, SETTINGS.level)[:2]
            found[f"{name}{part}, {CLUSTERED}", data] = [missed(*bounds, truth[f"{name}{part}"])]
    for row in _strategy_rows(classified(y, old, new), "ESC 2019", "stratum", SETTINGS, seed):
        if "lower" not in row or row["measure"].startswith("NRI"):
            continue
        is_wilson = "Wilson" in row["method"]
        key = (row["comparison"], row["measure"]) if is_wilson else row["measure"]
        label = f"{row['measure']}, {'Wilson' if is_wilson else CLUSTERED}", data
        found.setdefault(label, []).append(missed(row["lower"], row["upper"], truth[f"strategy {key}"]))
    return {key: float(np.mean(values)) for key, values in found.items()}


@cache
def expected(patients: int) -> float:
    return learning_curve.expected_auc(patients, np.random.default_rng(patients))


SIZES, TARGET = (50, 100, 200, 400), 0.66


def trainings(rng: np.random.Generator, patients: int, count: int) -> Found:
    """Make the learning curve's intervals."""
    found: Found = {}
    made = learning_curve.intervals(patients, count, expected(patients), expected(patients // 2), rng)
    for name, bounds in made.items():
        own = name == "AUC of these trainings"
        if own == (count == 1):
            label = f"learning curve: {name.removesuffix(' of these trainings')}"
            found[label, f"{count} training{'s' * (count > 1)} of {patients} patients"] = missed(*bounds)
    return found


def needed(rng: np.random.Generator) -> Found:
    """Read off the patients needed from four sizes of three trainings each."""
    x, y = learning_curve.draw(learning_curve.EVALUATED, rng)
    codes = np.arange(y.size)
    curve = [
        average_trainings([clustered_auc(y, x @ learning_curve.train(size, rng), codes, y.size) for _ in range(3)])
        for size in SIZES
    ]
    flat = [AucInfluence(expected(size), np.zeros(2), 10.0) for size in SIZES]
    truth = patients_needed(SIZES, flat, TARGET, 0.95, 1).patients
    found = patients_needed(SIZES, curve, TARGET, 0.95, int(rng.integers(2**31)))
    return {("patients needed", "12 trainings of 50 to 400 patients"): missed(found.lower, found.upper, truth)}


OUT_OF_FOLD = (
    partial(out_of_fold, shift=0.0, words="no signal, 100 of 500 patients with the event"),
    partial(out_of_fold, shift=0.8, words="100 of 500 patients with the event"),
    useless_ecg,
)
RECLASSIFIED = (reclassified,)
LEARNING_CURVE = (partial(trainings, patients=200, count=3), partial(trainings, patients=200, count=1), needed)
