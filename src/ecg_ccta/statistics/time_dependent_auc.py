"""How well a probability ranks those who had the event by a day before those who had not.

Cumulative cases, dynamic controls: a case had the event by the day, a control had not. Censoring is met by inverse
probability weights from the Kaplan-Meier estimate of the time to censoring (Uno et al., J Am Stat Assoc 102:527-537,
2007; Hung and Chiang, Can J Stat 38:8-26, 2010). Death competes: who died by the day without the event will never have
it and is a control, as in the Aalen-Johansen estimate (Blanche, Dartigues and Jacqmin-Gadda, Stat Med 32:5381-5397,
2013, their second definition). Without deaths it is Uno's estimator, without censoring the ordinary AUC.
"""

import numpy as np

from ecg_ccta.statistics.bootstrap import Bootstrap, percentile_interval
from ecg_ccta.statistics.incidence import CENSORED, DEATH, EVENT


def time_dependent_auc(
    time: np.ndarray,
    outcome: np.ndarray,
    scores: np.ndarray,
    days: list[int] | list[float],
    bootstrap: Bootstrap,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cumulative/dynamic AUC of several scores at several days.

    Parameters
    ----------
    time : (n,) days under observation, not cut off at the last of `days`
    outcome : (n,) `CENSORED`, `EVENT` or `DEATH`
    scores : (n, k) the higher, the more likely the event; tied scores count one half
    days : days at which cases and controls part; an event on the day is a case
    bootstrap : of these patients; re-estimates the weights in each draw

    Returns
    -------
    estimate, lower, upper : (k, days) each; NaN where there are no cases or no controls, or all are censored by the day
    """
    time, outcome, scores = np.asarray(time, float), np.asarray(outcome), np.asarray(scores, float)
    own = _aucs(np.ones((1, len(time))), time, outcome, scores, days)[0]
    drawn = [_aucs(block.astype(float), time, outcome, scores, days) for block in bootstrap.draws()]
    bounds = np.full((2, *own.shape), np.nan)
    for place in np.argwhere(np.isfinite(own)):
        column, row = place
        values = np.concatenate([block[:, column, row] for block in drawn])
        if np.isfinite(values).any():
            bounds[:, column, row] = percentile_interval(values, bootstrap.level)[:2]
    return own, bounds[0], bounds[1]


def _aucs(
    weights: np.ndarray, time: np.ndarray, outcome: np.ndarray, scores: np.ndarray, days: list[int] | list[float]
) -> np.ndarray:
    """(draws, k, days) AUCs with (draws, n) weights of the patients."""
    before, on = _uncensored(weights, time, outcome, days)
    own = np.divide(weights, before, out=np.zeros_like(weights), where=weights > 0)
    columns = []
    for score in scores.T:
        order = np.argsort(score, kind="stable")
        columns.append((order, *(np.searchsorted(score[order], score, side) for side in ("left", "right"))))
    found = np.full((len(weights), scores.shape[1], len(days)), np.nan)
    for number, day in enumerate(days):
        cases = np.flatnonzero((time <= day) & (outcome == EVENT))
        later = np.divide(weights, on[:, [number]], out=np.zeros_like(weights), where=(weights > 0) & (time > day))
        controls = np.where((time <= day) & (outcome == DEATH), own, later)
        # Where the last patients were censored by the day, nothing is known of those event-free so long.
        pairs = own[:, cases].sum(axis=1) * controls.sum(axis=1) * (on[:, number] > 0)
        for column, (order, first, behind) in enumerate(columns):
            # Weight of the controls with the lowest 0, 1, ... n scores.
            lower = np.cumsum(controls[:, order], axis=1)
            lower = np.concatenate([np.zeros((len(weights), 1)), lower], axis=1)
            won = (lower[:, first[cases]] + lower[:, behind[cases]]) / 2
            concordant = (own[:, cases] * won).sum(axis=1)
            np.divide(concordant, pairs, out=found[:, column, number], where=pairs > 0)
    return found


def _uncensored(
    weights: np.ndarray, time: np.ndarray, outcome: np.ndarray, days: list[int] | list[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of not being censored: (draws, n) just before each patient's end, (draws, days) up to each day.

    Kaplan-Meier with the censorings as events. Of equal times, events and deaths come first, so that these patients are
    no longer at risk of being censored then.
    """
    order = np.argsort(time, kind="stable")
    ends, start, place = np.unique(time[order], return_index=True, return_inverse=True)
    left = np.add.reduceat(weights[:, order], start, axis=1)
    censored = np.add.reduceat((weights * (outcome == CENSORED))[:, order], start, axis=1)
    at_risk = left[:, ::-1].cumsum(axis=1)[:, ::-1] - (left - censored)
    share = np.divide(censored, at_risk, out=np.zeros_like(censored), where=at_risk > 0)
    probability = np.concatenate([np.ones((len(weights), 1)), np.cumprod(1 - share, axis=1)], axis=1)
    before = np.empty_like(weights)
    before[:, order] = probability[:, place]
    return before, probability[:, np.searchsorted(ends, days, side="right")]
