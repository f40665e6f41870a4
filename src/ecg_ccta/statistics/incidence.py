"""Cumulative incidence of an event from censored times, with and without regard to death.

Sources: Kaplan and Meier, J Am Stat Assoc 53:457-481, 1958; Aalen and Johansen, Scand J Stat 5:141-150, 1978. Intervals
rest on Greenwood's variance and its counterpart for competing risks, on the log(-log) scale. Kaplan and
Meier's estimate is lifelines', Aalen and Johansen's statsmodels'.
"""

import numpy as np
import pandas as pd
from scipy import stats

KAPLAN_MEIER = "1 − Kaplan-Meier"
"""Death censors: the risk were nobody to die."""
AALEN_JOHANSEN = "Aalen-Johansen"
"""Death competes: the proportion of all patients who will have had the event."""
INCIDENCE_METHODS = (KAPLAN_MEIER, AALEN_JOHANSEN)

CENSORED, EVENT, DEATH = 0, 1, 2


def kaplan_meier(time: np.ndarray, outcome: np.ndarray, level: float = 0.95) -> pd.DataFrame:
    """One minus the Kaplan-Meier estimate; death censors.

    Parameters
    ----------
    time : (n,) days under observation
    outcome : (n,) `CENSORED`, `EVENT` or `DEATH`
    level : level of the interval

    Returns
    -------
    day, cumulative, lower, upper: a row at 0 and at every observed time; bounds missing before the first event
    """
    from lifelines import KaplanMeierFitter

    fitter = KaplanMeierFitter(alpha=1 - level).fit(time, np.asarray(outcome) == EVENT)
    bounds = fitter.confidence_interval_survival_function_
    curve = pd.DataFrame(
        {
            "day": fitter.survival_function_.index.to_numpy(dtype=float),
            "cumulative": 1 - fitter.survival_function_.iloc[:, 0].to_numpy(),
            "lower": 1 - bounds.iloc[:, 1].to_numpy(),
            "upper": 1 - bounds.iloc[:, 0].to_numpy(),
        }
    )
    return _without_early_bounds(curve)


def aalen_johansen(time: np.ndarray, outcome: np.ndarray, level: float = 0.95) -> pd.DataFrame:
    """Cumulative incidence of the event where death competes; parameters and result as those of `kaplan_meier`."""
    from statsmodels.duration.survfunc import CumIncidenceRight

    time, outcome = np.asarray(time, dtype=float), np.asarray(outcome)
    if not (outcome == EVENT).any():
        days = np.unique(np.append(time, 0.0))
        return _without_early_bounds(pd.DataFrame({"day": days, "cumulative": 0.0, "lower": np.nan, "upper": np.nan}))
    with np.errstate(divide="ignore", invalid="ignore"):
        fitted = CumIncidenceRight(time, outcome)
        cumulative = fitted.cinc[EVENT - 1]
        half = stats.norm.ppf((1 + level) / 2) * fitted.cinc_se[EVENT - 1] / (cumulative * np.log(cumulative))
        # The logarithm is negative, so that `half` is; a cumulative incidence of 1 has no bounds on this scale.
        lower, upper = (np.exp(-np.exp(np.log(-np.log(cumulative)) + sign * half)) for sign in (-1, 1))
    curve = pd.DataFrame({"day": fitted.times, "cumulative": cumulative, "lower": lower, "upper": upper})
    start = pd.DataFrame({"day": [0.0], "cumulative": 0.0, "lower": 0.0, "upper": 0.0})
    return _without_early_bounds(pd.concat([start, curve], ignore_index=True))


def _without_early_bounds(curve: pd.DataFrame) -> pd.DataFrame:
    # Without an event so far the variance is 0 and the bound is unknown, not 0.
    curve.loc[curve["cumulative"] <= 0, ["lower", "upper"]] = np.nan
    curve.loc[0, ["lower", "upper"]] = 0.0
    return curve
