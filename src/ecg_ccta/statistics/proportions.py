"""Wilson's interval of a proportion."""

from typing import Any

import numpy as np
from scipy import stats


def wilson(count: Any, n: Any, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's score interval (J Am Stat Assoc 22:209-212, 1927), without continuity correction.

    Treats the observations as independent.

    Parameters
    ----------
    count, n : array-like of equal shape; successes and trials
    level : level of the interval

    Returns
    -------
    lower, upper : NaN where n is 0

    Examples
    --------
    >>> [round(float(bound), 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    count, n = np.asarray(count, dtype=float), np.asarray(n, dtype=float)
    z = stats.norm.ppf((1 + level) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = count / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # At no or only successes centre and half cancel to rounding error, on the wrong side of the share for some n.
    return np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)
