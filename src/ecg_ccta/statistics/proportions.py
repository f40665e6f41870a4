"""Wilson's interval of a proportion."""

from scipy import stats


def wilson(count: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Give Wilson's score interval (J Am Stat Assoc 22:209-212, 1927), without continuity correction.

    Treats the observations as independent.

    Parameters
    ----------
    count, n : successes and trials
    level : level of the interval

    Returns
    -------
    lower, upper : NaN where n is 0

    Examples
    --------
    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if n == 0:
        return float("nan"), float("nan")
    interval = stats.binomtest(int(count), int(n)).proportion_ci(level, method="wilson")
    return float(interval.low), float(interval.high)
