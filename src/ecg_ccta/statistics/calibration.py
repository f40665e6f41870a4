"""Calibration of predicted probabilities: line, smoothed curve, its distance from the diagonal, Brier score, groups.

Sources: Cox, Biometrika 45:562-565, 1958 (intercept and slope); Harrell, Regression Modeling Strategies, 2015, and the
function val.prob of his R package rms (the lowess curve); Cleveland, J Am Stat Assoc 74:829-836, 1979 (lowess); Austin
and Steyerberg, Stat Med 38:4051-4065, 2019 (ICI, E50, E90); Brier, Mon Weather Rev 78:1-3, 1950; Steyerberg et al.,
Epidemiology 21:128-138, 2010 (scaled Brier score).
"""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.statistics.bootstrap import Bootstrap, percentile_interval
from ecg_ccta.statistics.estimates import CLUSTERED, WILSON, estimate_table
from ecg_ccta.statistics.proportions import wilson

SPAN = 2 / 3
"""Proportion of the ECGs in each neighbourhood of the lowess curve: the default of lowess, and so of val.prob."""

BAND_LEVELS = (0.95, 0.99)
"""Levels of the curve's pointwise bands."""

EVENTS_PER_GROUP = 5
"""Events that a calibration group should hold on average; fewer events make fewer groups."""

WALD_CLUSTERED = "Wald, clustered by patient"

CALIBRATION_MEASURES = (
    "mean predicted", "observed proportion", "intercept", "slope", "Brier", "scaled Brier", "ICI", "E50", "E90",
)  # fmt: skip

_POINTS = 51
"""The curve is computed at this many quantiles of the predictions and as many evenly spaced values, joined linearly."""

_CELLS_AT_ONCE = 4_000_000
"""Replicates times ECGs held at once: bounds the working memory at some hundred megabytes."""


def calibration_summary(
    y_true: np.ndarray,
    probability: np.ndarray,
    logit: np.ndarray,
    codes: np.ndarray,
    bootstrap: Bootstrap,
) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Estimate every calibration measure, and the smoothed curve with its bands.

    Parameters
    ----------
    y_true : (n,) 0 and 1, both present
    probability, logit : (n,) the prediction on both scales
    codes : (n,) integers; the patient of every ECG, as the bootstrap numbers them
    bootstrap : of the patients; one set of draws serves all measures

    Returns
    -------
    rows : a mapping per measure of `CALIBRATION_MEASURES`: measure, estimate, lower, upper, level, method, note
    curve : predicted, estimate, lower, upper, level: a row per point and level of `BAND_LEVELS`
    """
    patients, replicates, level = bootstrap.patients, bootstrap.replicates, bootstrap.level
    smoother = Lowess(y_true, probability, codes, patients)
    at = _weights_between(smoother.points, probability)
    errors = (probability - y_true) ** 2
    by_patient = np.column_stack([np.bincount(codes, of, patients) for of in (np.ones_like(errors), y_true, errors)])
    drawn: dict[str, list[np.ndarray]] = {name: [] for name in ("Brier", "scaled Brier", "ICI", "E50", "E90")}
    curves = []
    for counts in bootstrap.draws():
        for part in np.array_split(counts, max(1, -(-len(counts) * len(codes) // _CELLS_AT_ONCE))):
            curve = smoother.curves(part)
            curves.append(curve)
            found = _distances(_read(curve, at), probability, part.take(codes, axis=1))
            found |= _brier(*(part @ by_patient).T)
            for name, values in found.items():
                drawn[name].append(values)
    (curve,) = smoother.curves(np.ones((1, patients)))
    point = {name: float(values[0]) for name, values in _distances(
        _read(curve[None], at), probability, np.ones((1, len(codes)), dtype=np.int64)
    ).items()}  # fmt: skip
    point |= {name: float(values[0]) for name, values in _brier(*by_patient.sum(axis=0)[:, None]).items()}
    rows: list[dict[str, Any]] = [
        {"measure": "mean predicted", "estimate": float(probability.mean())},
        {"measure": "observed proportion", "estimate": float(np.mean(y_true))},
        *_line_rows(calibration_line(y_true, logit, codes, level), level),
    ]
    for name, parts in drawn.items():
        lower, upper, used = percentile_interval(np.concatenate(parts), level)
        note = "" if used == replicates else f"{used} of {replicates} replicates"
        if name in ("ICI", "E50", "E90") and point[name] < lower:
            # Resampling adds noise to the curve, and a distance cannot be less than nothing.
            note = "; ".join(filter(None, ("the estimate is below its interval: read the upper bound", note)))
        rows.append(
            {"measure": name, "estimate": point[name], "lower": lower, "upper": upper, "level": level,
             "method": CLUSTERED, "note": note}
        )  # fmt: skip
    return rows, _banded(smoother.points, curve, np.concatenate(curves))


class Lowess:
    """Lowess of outcome on prediction (locally linear, tricube weights, no robustness iterations), for many draws.

    Neighbourhoods are those of the whole sample, so that a draw of patients only changes how often each counts: its
    curve is a ratio of sums over patients, and all draws' sums are one matrix product.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    probability : (n,)
    codes : (n,) integers; the patient of every ECG, below `patients`

    Attributes
    ----------
    points : (m,) rising; the predictions at which the curve is computed
    """

    def __init__(self, y_true: np.ndarray, probability: np.ndarray, codes: np.ndarray, patients: int):
        quantiles = np.quantile(probability, np.linspace(0, 1, _POINTS))
        self.points = np.unique(np.append(quantiles, np.linspace(quantiles[0], quantiles[-1], _POINTS)))
        neighbours = min(max(int(SPAN * probability.size + 1e-10), 2), probability.size)
        self._sums = np.empty((5, patients, self.points.size))
        for number, point in enumerate(self.points):
            distance = probability - point
            radius = np.partition(np.abs(distance), neighbours - 1)[neighbours - 1]
            if radius == 0:
                weight, distance = (distance == 0).astype(float), np.zeros_like(distance)
            else:
                distance = distance / radius
                weight = (1 - np.minimum(np.abs(distance), 1) ** 3) ** 3
            moments = (weight, weight * distance, weight * distance**2, weight * y_true, weight * distance * y_true)
            for row, moment in enumerate(moments):
                self._sums[row, :, number] = np.bincount(codes, moment, patients)

    def curves(self, counts: np.ndarray) -> np.ndarray:
        """(draws, m) smoothed proportions of events, given how often each patient was drawn, (draws, patients)."""
        s0, s1, s2, t0, t1 = (counts @ sums for sums in self._sums)
        spread = s0 * s2 - s1**2
        with np.errstate(invalid="ignore", divide="ignore"):
            # Where a neighbourhood holds one single prediction there is no line, only a mean.
            fitted = np.where(spread > 1e-10 * s0**2, (s2 * t0 - s1 * t1) / spread, t0 / s0)
        return np.clip(fitted, 0, 1)


def calibration_line(y_true: np.ndarray, logit: np.ndarray, groups: np.ndarray, level: float = 0.95) -> dict[str, Any]:
    """Calibration-in-the-large and calibration slope (Cox, Biometrika 45:562-565, 1958).

    The intercept is that of a logistic regression with the predicted logit as an offset (0 is right, positive means
    predictions are too low); the slope that of a logistic regression on the predicted logit (1 is right, below 1
    means predictions are too extreme). Wald intervals, variance clustered by patient.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    logit : (n,) predicted log-odds
    groups : (n,) the patient of every ECG

    Returns
    -------
    intercept, intercept_lower, intercept_upper, slope, slope_lower, slope_upper, note; without the slope and with a
    note where the predictions do not vary or separate the classes perfectly
    """
    import statsmodels.api as sm

    ones = np.ones((len(y_true), 1))
    clustered = {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    large = sm.GLM(y_true, ones, family=sm.families.Binomial(), offset=logit).fit(**clustered)
    bounds = large.conf_int(1 - level)[0]
    line = {"intercept": large.params[0], "intercept_lower": bounds[0], "intercept_upper": bounds[1], "note": ""}
    note = without_slope(y_true, logit)
    if note:
        return line | {"note": note}
    slope = sm.GLM(y_true, np.column_stack([ones, logit]), family=sm.families.Binomial()).fit(**clustered)
    if not slope.converged:
        return line | {"note": "no slope: the regression did not converge"}
    bounds = slope.conf_int(1 - level)[1]
    return line | {"slope": slope.params[1], "slope_lower": bounds[0], "slope_upper": bounds[1]}


def without_slope(y_true: np.ndarray, logit: np.ndarray) -> str:
    """Why no logistic regression on the logit exists, or an empty string."""
    events, others = logit[y_true == 1], logit[y_true == 0]
    if np.ptp(logit) == 0:
        return "no slope: all predictions are equal"
    if events.min() >= others.max() or events.max() <= others.min():
        return "no slope: the predictions separate the classes perfectly"
    return ""


def calibration_groups(
    y_true: np.ndarray, probability: np.ndarray, codes: np.ndarray, threshold: float, groups: int, level: float
) -> pd.DataFrame:
    """Observed against mean predicted proportion of events in groups of equal size by predicted probability.

    Parameters
    ----------
    y_true, probability, codes : (n,) as `calibration_summary`
    threshold : probability at which a group's mean makes it high risk
    groups : how many; fewer so that a group holds `EVENTS_PER_GROUP` events on average, but at least 2

    Returns
    -------
    group, risk_group, predicted, and `estimates.ESTIMATE_COLUMNS` (Wilson's interval over ECGs)
    """
    groups = int(np.clip(np.sum(y_true) // EVENTS_PER_GROUP, 2, groups))
    rows = []
    for number, members in enumerate(np.array_split(np.argsort(probability, kind="stable"), groups)):
        events, predicted = int(y_true[members].sum()), float(probability[members].mean())
        lower, upper = wilson(events, members.size, level)
        rows.append(
            {
                "group": number + 1,
                "risk_group": "high" if predicted >= threshold else "low",
                "predicted": predicted,
                "measure": "observed proportion",
                "estimate": events / members.size,
                "lower": lower,
                "upper": upper,
                "level": level,
                "n": members.size,
                "events": events,
                "patients": np.unique(codes[members]).size,
                "method": WILSON,
            }
        )
    return estimate_table(rows, ["group", "risk_group", "predicted"])


def _line_rows(line: dict[str, Any], level: float) -> list[dict[str, Any]]:
    rows = []
    for name in ("intercept", "slope"):
        row = {"measure": name, "level": level, "method": WALD_CLUSTERED, "note": "" if name in line else line["note"]}
        if name in line:
            row |= {"estimate": line[name], "lower": line[f"{name}_lower"], "upper": line[f"{name}_upper"]}
        rows.append(row)
    return rows


def _weights_between(points: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each value lies between the points: index of the point below, and proportion of the way to the next."""
    if points.size == 1:
        return np.zeros(values.size, dtype=np.intp), np.zeros(values.size)
    below = np.clip(np.searchsorted(points, values, side="right") - 1, 0, points.size - 2)
    return below, (values - points[below]) / (points[below + 1] - points[below])


def _read(curves: np.ndarray, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(draws, n) curves at every ECG's prediction."""
    below, share = at
    above = np.minimum(below + 1, curves.shape[1] - 1)
    return curves.take(below, axis=1) * (1 - share) + curves.take(above, axis=1) * share


def _distances(fitted: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """ICI, E50 and E90: mean, median and 90 % quantile of |curve - prediction| over the ECGs of each draw."""
    distance = np.abs(fitted - probability)
    total = weights.sum(axis=1)
    order = np.argsort(distance, axis=1)
    ranked = np.take_along_axis(distance, order, axis=1)
    reached = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = {"ICI": (distance * weights).sum(axis=1) / total}
    for name, share in (("E50", 0.5), ("E90", 0.9)):
        # The quantile of the physically repeated rows (type 7 of Hyndman and Fan, that of R and NumPy).
        place = (total - 1) * share
        low, high = (
            ranked[np.arange(len(ranked)), np.minimum((reached <= rank[:, None]).sum(axis=1), ranked.shape[1] - 1)]
            for rank in (np.floor(place), np.ceil(place))
        )
        quantile = low + (place - np.floor(place)) * (high - low)
        found[name] = np.where(np.isfinite(found["ICI"]), quantile, np.nan)
    return found


def _brier(n: np.ndarray, events: np.ndarray, errors: np.ndarray) -> dict[str, np.ndarray]:
    """Brier score, and its improvement over predicting the observed proportion for everybody; sums over each draw."""
    with np.errstate(invalid="ignore", divide="ignore"):
        score, share = errors / n, events / n
        reference = share * (1 - share)
        return {"Brier": score, "scaled Brier": np.where(reference > 0, 1 - score / reference, np.nan)}


def _banded(points: np.ndarray, curve: np.ndarray, curves: np.ndarray) -> pd.DataFrame:
    parts = []
    for level in BAND_LEVELS:
        lower, upper = np.nanquantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
        parts.append(
            pd.DataFrame({"predicted": points, "estimate": curve, "lower": lower, "upper": upper, "level": level})
        )
    return pd.concat(parts, ignore_index=True)
