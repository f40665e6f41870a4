"""Does the predicted probability rise with the grade of stenosis: quartiles, rank correlation and a test of trend.

Sources: Jonckheere, Biometrika 41:133-145, 1954, and Terpstra, Indag Math 14:327-333, 1952 (test of trend), with the
variance for ties of Lehmann, Nonparametrics, 1975; Spearman, Am J Psychol 15:72-101, 1904.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.patients import nearest_to_ccta
from ecg_ccta.evaluation.scored import is_out_of_fold
from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes, percentile_interval
from ecg_ccta.statistics.estimates import CLUSTERED, estimate_table, with_condition
from ecg_ccta.vessels import GRADES, VESSELS

ONE_PER_PATIENT = "one ECG per patient, the nearest to the first CCTA"

_QUARTILES = {"lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75}
_CELLS_AT_ONCE = 4_000_000


class Trend(NamedTuple):
    """Standard normal deviate of Jonckheere's statistic and the two-sided p value."""

    z: float
    p_value: float


def severity_table(scored: pd.DataFrame, settings: Evaluation, seed: int) -> pd.DataFrame:
    """Predicted probability by CCTA grade, and how it rises.

    Parameters
    ----------
    scored : from `scored_ecgs`
    settings : level, replicates and minimum number of patients in a grade
    seed : of the bootstrap

    Returns
    -------
    In the form of `estimate_table`, strata vessel and grade. Per grade the quartiles of the probability; per vessel
    (grade empty) the Spearman correlation of grade and probability with its patient-clustered interval, the
    Jonckheere-Terpstra test on one ECG per patient (z and two-sided p value), and the smallest rise of the median from
    one grade to the next among grades with at least `minimum_events` patients: positive where the medians rise
    monotonically.
    """
    codes, patients = patient_codes(scored["patient_id"])
    scored = scored.assign(_code=codes, _grade=scored["grade"].map(GRADES.index, na_action="ignore").astype("Float64"))
    bootstrap = Bootstrap(patients, settings.bootstrap_replicates, settings.level, seed)
    rows: list[dict[str, Any]] = []
    for vessel in VESSELS:
        graded = scored[(scored["vessel"] == vessel) & scored["grade"].notna()]
        by_grade = {grade: graded[graded["grade"] == grade] for grade in GRADES}
        for grade, members in by_grade.items():
            counts = {"vessel": vessel, "grade": grade} | _counts(members)
            for measure, share in _QUARTILES.items():
                value = {"estimate": members["probability"].quantile(share)} if len(members) else {"note": "no ECGs"}
                rows.append(counts | {"measure": measure} | value)
        counts = {"vessel": vessel, "grade": ""} | _counts(graded)
        rows.append(counts | _correlation(graded, bootstrap))
        rows += [{"vessel": vessel, "grade": ""} | row for row in _trend(graded)]
        rows.append(counts | _smallest_rise(by_grade, settings.minimum_events))
    return with_condition(estimate_table(rows, ["vessel", "grade"]), is_out_of_fold(scored))


def jonckheere_terpstra(grade: np.ndarray, values: np.ndarray) -> Trend:
    """Test of no trend of `values` over ordered grades, normal approximation with the variance for ties.

    It is the test of Kendall's rank correlation: both statistics count concordant less discordant pairs.

    Parameters
    ----------
    grade : (n,) numbers whose order is that of the grades; at least two different
    values : (n,); z is 0 where all are equal

    Examples
    --------
    Jonckheere's own data (1954).

    >>> grade = np.repeat([1, 2, 3, 4], 4)
    >>> values = [19, 20, 60, 130, 21, 61, 80, 129, 40, 99, 100, 149, 49, 110, 151, 160]
    >>> trend = jonckheere_terpstra(grade, np.array(values))
    >>> round(trend.z, 4), round(trend.p_value, 4)
    (2.1479, 0.0317)
    """
    tau, p_value = stats.kendalltau(grade, values, method="asymptotic")
    if np.isnan(tau):
        return Trend(0.0, 1.0)
    return Trend(float(np.sign(tau) * stats.norm.isf(p_value / 2)), float(p_value))


def spearman_replicates(x: np.ndarray, y: np.ndarray, codes: np.ndarray, bootstrap: Bootstrap) -> np.ndarray:
    """Compute Spearman's correlation in every bootstrap draw of patients: that of the physically repeated rows.

    Parameters
    ----------
    x, y : (n,)
    codes : (n,) integers; the patient of every ECG, as the bootstrap numbers them

    Returns
    -------
    (replicates,); NaN where a draw holds a single value of either
    """
    found = []
    for counts in bootstrap.draws():
        for part in np.array_split(counts, max(1, -(-len(counts) * len(codes) // _CELLS_AT_ONCE))):
            weights = part.take(codes, axis=1)
            mean = (weights.sum(axis=1, keepdims=True) + 1) / 2
            rank_x, rank_y = _ranks(x, weights) - mean, _ranks(y, weights) - mean
            with np.errstate(invalid="ignore", divide="ignore"):
                spread = np.sqrt((weights * rank_x**2).sum(axis=1) * (weights * rank_y**2).sum(axis=1))
                found.append((weights * rank_x * rank_y).sum(axis=1) / spread)
    return np.concatenate(found)


def _ranks(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(draws, n) mid-ranks of each value where it occurs as often as its weight says."""
    distinct, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    ends = np.cumsum(np.bincount(place, minlength=distinct.size))
    at_most = np.cumsum(weights.take(order, axis=1), axis=1)[:, ends - 1]
    below = np.pad(at_most[:, :-1], ((0, 0), (1, 0)))
    return ((below + at_most + 1) / 2).take(place, axis=1)


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    return {
        "n": len(rows),
        "events": int((rows["y_true"] == 1).sum()),
        "patients": rows["patient_id"].nunique(),
    }


def _correlation(graded: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, Any]:
    row = {"measure": "Spearman correlation", "level": bootstrap.level, "method": CLUSTERED}
    note = _without_trend(graded)
    if note:
        return row | {"note": note}
    grade, probability = graded["_grade"].to_numpy(dtype=float), graded["probability"].to_numpy(dtype=float)
    drawn = spearman_replicates(grade, probability, graded["_code"].to_numpy(), bootstrap)
    lower, upper, used = percentile_interval(drawn, bootstrap.level)
    short = "" if used == drawn.size else f"{used} of {drawn.size} replicates"
    estimate = float(stats.spearmanr(grade, probability).statistic)
    return row | {"estimate": estimate, "lower": lower, "upper": upper, "note": short}


def _trend(graded: pd.DataFrame) -> list[dict[str, Any]]:
    """The test takes observations for independent, so each patient gives one ECG."""
    nearest = nearest_to_ccta(graded)
    row = _counts(nearest) | {"method": ONE_PER_PATIENT}
    measures = ("Jonckheere-Terpstra z", "Jonckheere-Terpstra p")
    note = _without_trend(nearest)
    if note:
        return [row | {"measure": measure, "note": note} for measure in measures]
    trend = jonckheere_terpstra(nearest["_grade"].to_numpy(dtype=float), nearest["probability"].to_numpy(dtype=float))
    return [
        row | {"measure": measure, "estimate": value}
        for measure, value in zip(measures, (trend.z, trend.p_value), strict=True)
    ]


def _smallest_rise(by_grade: dict[str, pd.DataFrame], minimum: int) -> dict[str, Any]:
    kept = {grade: rows for grade, rows in by_grade.items() if rows["patient_id"].nunique() >= minimum}
    row = {"measure": "smallest rise of the median", "method": "difference of medians"}
    left_out = [f"{grade} ({rows['patient_id'].nunique()})" for grade, rows in by_grade.items() if grade not in kept]
    note = f"too few patients: {', '.join(left_out)}" if left_out else ""
    if len(kept) < 2:
        return row | {"note": note or "fewer than two grades"}
    medians = [rows["probability"].median() for rows in kept.values()]
    return row | {"estimate": float(np.diff(medians).min()), "note": note}


def _without_trend(graded: pd.DataFrame) -> str:
    if graded.empty:
        return "no findings"
    if graded["_grade"].nunique() < 2:
        return "a single grade"
    return "all predictions are equal" if graded["probability"].nunique() < 2 else ""
