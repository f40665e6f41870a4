"""Several centres' estimates as one distribution: its mean, its spread, and an interval for another centre.

The variance between centres is that of Paule and Mandel (J Res Natl Bur Stand 87:377-385, 1982), by statsmodels. The
interval of the mean is that of Hartung and Knapp (Stat Med 20:3875-3889, 2001) and of Sidik and Jonkman (Stat Med
21:3153-3159, 2002), never narrower than without their scale (Roever, Knapp and Friede, BMC Med Res Methodol 15:99,
2015): with this estimate of the variance their scale is 1, or less where no variance is found, when 1 is taken. The
prediction interval is that of Higgins, Thompson and Spiegelhalter (J R Stat Soc A 172:137-159, 2009), with as many
degrees of freedom as the interval of the mean (IntHout et al., BMJ Open 6:e010247, 2016).
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

RANDOM_EFFECTS = "random effects, Paule-Mandel, Hartung-Knapp"
"""Method of a mean over centres, and of its prediction interval."""
LEAST_CENTRES = 3
"""Of two centres the variance between them is as good as unknown."""


class RandomEffects(NamedTuple):
    """A mean over centres with its interval, the interval for another centre, and how much the centres differ.

    heterogeneity : standard deviation between centres (tau)
    i_squared : proportion of the estimates' variance that chance within the centres does not explain, from Cochran's Q
    """

    estimate: float
    lower: float
    upper: float
    prediction_lower: float
    prediction_upper: float
    heterogeneity: float
    i_squared: float
    centres: int


def random_effects(
    estimates: np.ndarray, variances: np.ndarray, level: float = 0.95, shared_labels: float = 1.0
) -> RandomEffects:
    """Summarise the estimates of several centres.

    Parameters
    ----------
    estimates : (k,) on a scale on which they are about normal, as the log-odds of an AUC
    variances : (k,) within the centres, above 0
    level : of both intervals
    shared_labels : by how much the variances within the centres are to be enlarged for the mean where each centre was
        evaluated by a model that learnt from the others, so that every pair of centres is used twice
        (`cross_validated_auc.variance_factor`); 1 where one model was evaluated at all of them

    Raises
    ------
    ValueError
        Where there are fewer than LEAST_CENTRES, or a variance is 0 or less.

    Examples
    --------
    >>> found = random_effects(np.array([0.4, -0.2, 0.55, 0.1]), np.array([0.05, 0.06, 0.04, 0.05]))
    >>> round(found.estimate, 5), round(found.heterogeneity**2, 4)
    (0.22957, 0.0593)
    """
    from statsmodels.stats.meta_analysis import combine_effects

    estimates, variances = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    k = estimates.size
    if k < LEAST_CENTRES:
        raise ValueError(f"fewer than {LEAST_CENTRES} centres")
    if not (variances > 0).all():
        raise ValueError("an estimate has no variance")
    # The estimates differ by chance within the centres as it is, so the variance between them is sought without the
    # enlargement: it would hide a true one.
    with np.errstate(divide="ignore"):  # of 1 by Cochran's Q, where all estimates are equal
        found = combine_effects(estimates, variances, method_re="iterated")
    between = max(0.0, float(found.tau2))
    weight = 1 / (variances + between)
    weight /= weight.sum()
    mean = float(weight @ estimates)
    error = float((weight**2 @ (shared_labels * variances + between)) ** 0.5)
    quantile = float(stats.t.ppf((1 + level) / 2, k - 1))
    half, wide = quantile * error, quantile * (between + error**2) ** 0.5
    return RandomEffects(
        mean, mean - half, mean + half, mean - wide, mean + wide, between**0.5, max(0.0, float(found.i2)), k
    )
