"""Cumulative incidence of an event from censored times, with and without regard to death.

Sources: Kaplan and Meier, J Am Stat Assoc 53:457-481, 1958; Aalen and Johansen, Scand J Stat 5:141-150, 1978. Intervals
rest on Greenwood's variance and its counterpart for competing risks, on the log(-log) scale. Both are lifelines'.
"""

import numpy as np
import pandas as pd

KAPLAN_MEIER = "1 − Kaplan-Meier"
"""Death censors: the risk were nobody to die."""
AALEN_JOHANSEN = "Aalen-Johansen"
"""Death competes: the share of all patients who will have had the event."""
METHODS = (KAPLAN_MEIER, AALEN_JOHANSEN)

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
    """Cumulative incidence of the event where death competes; parameters and result as those of `kaplan_meier`.

    lifelines breaks ties at random. Here those of a whole day are broken in order (events, deaths, then the censored),
    which leaves the estimate that of the tied times.
    """
    from lifelines import AalenJohansenFitter

    outcome = np.asarray(outcome)
    order = np.lexsort((np.where(outcome == CENSORED, DEATH + 1, outcome), time))
    days, outcome = np.asarray(time, dtype=float)[order], outcome[order]
    happened = outcome != CENSORED
    # Within half a day before the day's end: the first of k happenings k/(k + 1) of it earlier, and so on.
    earlier = np.zeros(len(days))
    for day, count in zip(*np.unique(days[happened], return_counts=True), strict=True):
        earlier[happened & (days == day)] = 0.5 * np.arange(count, 0, -1) / (count + 1)
    fitter = AalenJohansenFitter(alpha=1 - level).fit(days - earlier, outcome, event_of_interest=EVENT)
    bounds = fitter.confidence_interval_
    curve = pd.DataFrame(
        {
            "day": np.ceil(fitter.cumulative_density_.index.to_numpy(dtype=float)),
            "cumulative": fitter.cumulative_density_.iloc[:, 0].to_numpy(),
            "lower": bounds.iloc[:, 0].to_numpy(),
            "upper": bounds.iloc[:, 1].to_numpy(),
        }
    )
    return _without_early_bounds(curve.drop_duplicates("day", keep="last").reset_index(drop=True))


def _without_early_bounds(curve: pd.DataFrame) -> pd.DataFrame:
    # Without an event so far the variance is 0 and the bound is unknown, not 0.
    curve.loc[curve["cumulative"] <= 0, ["lower", "upper"]] = np.nan
    curve.loc[0, ["lower", "upper"]] = 0.0
    return curve
