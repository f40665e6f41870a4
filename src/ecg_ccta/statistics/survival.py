"""How strongly a risk group goes with events: tests, hazard ratios, event-free time and concordance.

Sources: log-rank test and its trend, Tarone, Biometrika 62:679-682, 1975; Cox, J R Stat Soc B 34:187-220, 1972, with
Efron's ties; proportional hazards, score test of Grambsch and Therneau's time-weighted coefficient, Biometrika
81:515-526, 1994, as R's survival has made it since version 3; restricted mean, Royston and Parmar, BMC Med
Res Methodol 13:152, 2013; concordance, Harrell et al., JAMA 247:2543-2546, 1982.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.statistics.bootstrap import Bootstrap, percentile_interval


def trend_test(time: np.ndarray, is_event: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """Log-rank test for trend over ordered groups: chi-squared with one degree of freedom, and its p value.

    With two groups it is the log-rank test. NaN where no event had patients of two groups at risk.

    Parameters
    ----------
    time : (n,) days under observation
    is_event : (n,) whether it ended with the event
    score : (n,) 0, 1, 2, ... in the order of the groups
    """
    time, is_event, score = np.asarray(time), np.asarray(is_event, dtype=bool), np.asarray(score, dtype=float)
    excess = variance = 0.0
    for day in np.unique(time[is_event]):
        at_risk = score[time >= day]
        of_events = score[is_event & (time == day)]
        n, events = len(at_risk), len(of_events)
        excess += of_events.sum() - events * at_risk.mean()
        if n > 1:
            variance += events * (n - events) / (n - 1) * at_risk.var()
    if variance <= 0:
        return np.nan, np.nan
    statistic = float(excess**2 / variance)
    return statistic, float(stats.chi2.sf(statistic, 1))


def cox_regression(
    time: np.ndarray, is_event: np.ndarray, covariates: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray] | None:
    """Cox regression with Efron's ties.

    Parameters
    ----------
    time, is_event : (n,)
    covariates : (n, k) numbers without missing values

    Returns
    -------
    coefficients (k,) and their covariance (k, k), in the order of the covariates; or nothing where the regression does
    not converge
    """
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    data = covariates.astype(float).assign(time=np.asarray(time, float), is_event=np.asarray(is_event, int))
    for step in (0.95, 0.25):
        # A rare covariate lets full steps overshoot; smaller ones are tried then.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                # lifelines' own precision, 1e-7 of the Newton decrement, leaves an error of 1e-4 in the hazard ratio.
                options = {"step_size": step, "precision": 1e-12, "r_precision": 1e-14}
                fitter = CoxPHFitter().fit(data, "time", "is_event", fit_options=options)
                break
            except (ConvergenceWarning, ConvergenceError):
                continue
    else:
        return None
    names = list(covariates.columns)
    return fitter.params_.loc[names].to_numpy(), fitter.variance_matrix_.loc[names, names].to_numpy()


def hazard_ratio(
    time: np.ndarray, is_event: np.ndarray, covariates: pd.DataFrame, level: float = 0.95
) -> dict[str, Any]:
    """Cox regression: hazard ratio of the first covariate, adjusted for the others.

    Parameters
    ----------
    time, is_event : (n,)
    covariates : (n, k) numbers without missing values

    Returns
    -------
    estimate, lower, upper (Wald), p, and proportional_p: p value of `proportional_hazards_test`; or note where the
    regression does not converge
    """
    fitted = cox_regression(time, is_event, covariates)
    if fitted is None:
        return {"note": "no hazard ratio: the regression did not converge"}
    coefficients, covariance = fitted
    estimate, error = coefficients[0], np.sqrt(covariance[0, 0])
    half = stats.norm.ppf((1 + level) / 2) * error
    _, proportional_p = proportional_hazards_test(time, is_event, covariates.to_numpy(dtype=float), coefficients)
    return {
        "estimate": float(np.exp(estimate)),
        "lower": float(np.exp(estimate - half)),
        "upper": float(np.exp(estimate + half)),
        "p": float(2 * stats.norm.sf(abs(estimate) / error)),
        "proportional_p": proportional_p,
    }


def proportional_hazards_test(
    time: np.ndarray, is_event: np.ndarray, covariates: np.ndarray, coefficients: np.ndarray
) -> tuple[float, float]:
    """Score test that the first covariate's coefficient does not change with time, measured by 1 - Kaplan-Meier.

    Parameters
    ----------
    time, is_event : (n,)
    covariates : (n, k) numbers
    coefficients : (k,) of the Cox regression with Efron's ties

    Returns
    -------
    chi-squared with one degree of freedom, and its p value
    """
    time, is_event = np.asarray(time, dtype=float), np.asarray(is_event, dtype=bool)
    covariates = covariates - covariates.mean(axis=0)
    hazard = np.exp(covariates @ coefficients)
    days, events_of = np.unique(time[is_event], return_counts=True)
    surviving = 1 - events_of / np.array([(time >= day).sum() for day in days])
    clock = 1 - np.concatenate([[1.0], np.cumprod(surviving)[:-1]])
    clock -= np.average(clock, weights=events_of)
    k = covariates.shape[1]
    score, information = 0.0, np.zeros((k + 1, k + 1))
    for day, tick, events in zip(days, clock, events_of, strict=True):
        at_risk, now = time >= day, is_event & (time == day)
        score += tick * covariates[now, 0].sum()
        for part in np.arange(events) / events:
            # Efron: of those who have the event at the same time, a growing part has left the risk set.
            weight = hazard[at_risk] * np.where(now[at_risk], 1 - part, 1.0)
            weight /= weight.sum()
            mean = weight @ covariates[at_risk]
            deviation = covariates[at_risk] - mean
            variance = (deviation * weight[:, None]).T @ deviation
            score -= tick * mean[0]
            information[:k, :k] += variance
            information[:k, k] += tick * variance[:, 0]
            information[k, k] += tick**2 * variance[0, 0]
    information[k, :k] = information[:k, k]
    left = information[k, k] - information[k, :k] @ np.linalg.solve(information[:k, :k], information[:k, k])
    statistic = float(score**2 / left)
    return statistic, float(stats.chi2.sf(statistic, 1))


def restricted_mean(time: np.ndarray, is_event: np.ndarray, until: float) -> tuple[float, float]:
    """Mean event-free time up to `until`, the area under the Kaplan-Meier estimate, and its standard error.

    NaN where the group's follow-up ends earlier with patients still event-free: the area is unknown there.
    """
    from lifelines import KaplanMeierFitter

    time = np.asarray(time, dtype=float)
    fitter = KaplanMeierFitter().fit(time, is_event)
    if time.max() < until and fitter.survival_function_.iloc[-1, 0] > 0:
        return np.nan, np.nan
    table = fitter.event_table
    days, survival = table.index.to_numpy(dtype=float), fitter.survival_function_.iloc[:, 0].to_numpy()
    kept = days < until
    days, survival = days[kept], survival[kept]
    areas = survival * np.diff(np.append(days, until))
    events, at_risk = (table[column].to_numpy(dtype=float)[kept] for column in ("observed", "at_risk"))
    area_after = areas[::-1].cumsum()[::-1]
    # The last patient at risk leaves no area behind, and no variance.
    left = np.where(at_risk > events, at_risk * (at_risk - events), np.inf)
    return float(areas.sum()), float(np.sqrt((area_after**2 * events / left).sum()))


def concordance(
    time: np.ndarray, is_event: np.ndarray, score: np.ndarray, bootstrap: Bootstrap
) -> tuple[float, float, float]:
    """Harrell's C: of pairs in which one had the event first, the proportion in which that one's score is higher.

    Tied scores count one half. The interval is the percentile interval over draws of the patients. NaN where no
    pair can be compared.
    """
    time, is_event, score = np.asarray(time, float), np.asarray(is_event, bool), np.asarray(score, float)
    first = np.flatnonzero(is_event)
    later = (time > time[first, None]) | ((time == time[first, None]) & ~is_event)
    higher = np.where(score[first, None] > score, 1.0, np.where(score[first, None] == score, 0.5, 0.0)) * later
    if not later.any():
        return np.nan, np.nan, np.nan
    found = []
    for block in bootstrap.draws():
        weights = block.astype(float)
        pairs = ((weights[:, first] @ later) * weights).sum(axis=1)
        concordant = ((weights[:, first] @ higher) * weights).sum(axis=1)
        found.append(np.divide(concordant, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))
    lower, upper, _ = percentile_interval(np.concatenate(found), bootstrap.level)
    return float(higher.sum() / later.sum()), lower, upper
