"""Unpenalised logistic regression that is never evaluated on its training patients, and the likelihood-ratio test.

The regression is statsmodels' generalised linear model. Sources: the likelihood-ratio test of nested models, Wilks, Ann
Math Stat 1938;9:60-62.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from ecg_ccta.statistics.cross_validated_auc import SHARED_LABELS


class LikelihoodRatio(NamedTuple):
    """Twice the difference of the log likelihoods, its degrees of freedom and p value."""

    statistic: float
    degrees: int
    p_value: float


def fit_logistic(design: np.ndarray, y_true: np.ndarray) -> Any:
    """statsmodels' fit of an intercept and the columns of `design`.

    Parameters
    ----------
    design : (n, predictors), no missing values
    y_true : (n,) 0 and 1

    Raises
    ------
    ValueError
        Where the fit does not converge, or the predictors separate the classes perfectly.
    """
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import ConvergenceWarning, PerfectSeparationWarning

    model = sm.GLM(y_true, _with_intercept(design), family=sm.families.Binomial())
    with warnings.catch_warnings():
        warnings.simplefilter("error", PerfectSeparationWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)  # asked for below
        try:
            fit = model.fit()
        except PerfectSeparationWarning:
            raise ValueError("the predictors separate the classes perfectly") from None
    if not fit.converged:
        raise ValueError("the regression did not converge")
    return fit


def predict_logit(fit: Any, design: np.ndarray) -> np.ndarray:
    """(n,) log-odds by a fit of `fit_logistic`."""
    return np.asarray(fit.predict(_with_intercept(design), which="linear"), dtype=float)


def out_of_fold_logit(design: np.ndarray, y_true: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Log-odds of every patient by the regression on the patients of all other folds.

    Parameters
    ----------
    design : (n, predictors)
    y_true : (n,) 0 and 1
    fold : (n,) at least two folds

    Raises
    ------
    ValueError
        As `fit_logistic`, for any of the fits.
    """
    logit = np.full(len(y_true), np.nan)
    for number in np.unique(fold):
        scored = fold == number
        logit[scored] = predict_logit(fit_logistic(design[~scored], y_true[~scored]), design[scored])
    return logit


def likelihood_ratio(smaller: np.ndarray, larger: np.ndarray, y_true: np.ndarray) -> LikelihoodRatio:
    """Test of the columns that `larger` has beyond those of `smaller`; both are fitted to the same patients.

    Parameters
    ----------
    smaller, larger : (n, predictors) designs, the smaller one's columns among the larger one's
    y_true : (n,) 0 and 1
    """
    fits = [fit_logistic(design, y_true) for design in (smaller, larger)]
    statistic = float(2 * (fits[1].llf - fits[0].llf))
    degrees = int(fits[1].df_model - fits[0].df_model)
    return LikelihoodRatio(statistic, degrees, float(stats.chi2.sf(statistic, degrees)))


def likelihood_ratio_out_of_fold(smaller: np.ndarray, larger: np.ndarray, y_true: np.ndarray) -> LikelihoodRatio:
    """Test, as `likelihood_ratio`, a score that `larger` has beyond `smaller` and that is out of fold.

    Such a score was learnt from the labels of the patients on whom it is tested, though each from others': the square
    of its standardised coefficient is up to SHARED_LABELS times as large as chi-squared (`cross_validated_auc`). The
    statistic is divided by that.

    Parameters
    ----------
    smaller, larger : (n, predictors) designs, the smaller one's columns among the larger one's
    y_true : (n,) 0 and 1
    """
    found = likelihood_ratio(smaller, larger, y_true)
    statistic = found.statistic / SHARED_LABELS
    return LikelihoodRatio(statistic, found.degrees, float(stats.chi2.sf(statistic, found.degrees)))


def _with_intercept(design: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(design)), design])
