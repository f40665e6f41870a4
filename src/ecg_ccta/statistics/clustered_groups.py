"""Proportions and calibration of groups of ECGs, and how far two groups differ, where patients have several ECGs.

Every value comes with each patient's contribution to it, whose squares sum to its variance; patients with ECGs in two
groups make the groups' values covary by the products. A proportion has Wilson's interval at the effective sample size,
that at which a proportion of independent ECGs would have the same variance (Korn and Graubard, Surv Methodol
24:193-201, 1998, also for the degrees of freedom; Franco et al., J Surv Stat Methodol 7:334-364, 2019, for Wilson's
interval in its place). The difference of two proportions has the interval of Newcombe (Stat Med 17:873-890, 1998), with
the correlation as in Zou and Donner (Stat Med 27:1693-1702, 2008). Calibration: Cox, Biometrika 45:562-565, 1958;
sandwich variance, Liang and Zeger, Biometrika 73:13-22, 1986.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import expit

from ecg_ccta.statistics.calibration import WALD_CLUSTERED, without_slope

WILSON_CLUSTERED = "Wilson, patient-clustered"
NEWCOMBE_CLUSTERED = "Newcombe, patient-clustered"


class Value(NamedTuple):
    """A value of a group of ECGs with its interval, and what each patient contributes to it.

    influence : (patients,) whose squares sum to the variance
    degrees : of freedom of that variance
    method : of the interval
    """

    estimate: float
    lower: float
    upper: float
    influence: np.ndarray
    degrees: float
    method: str


class Difference(NamedTuple):
    """The difference of two groups' values with its interval."""

    estimate: float
    lower: float
    upper: float
    method: str


def clustered_proportion(
    counted: np.ndarray, among: np.ndarray, codes: np.ndarray, patients: int, level: float = 0.95
) -> Value:
    """Estimate a proportion of ECGs.

    Parameters
    ----------
    counted, among : (n,) of bool; numerator and denominator, as true positives among ECGs with the outcome
    codes : (n,) integers in 0 .. patients - 1, the patient of every ECG

    Raises
    ------
    ValueError
        Where fewer than two patients have an ECG in the denominator.
    """
    from statsmodels.stats.proportion import proportion_confint

    n, owners = int(among.sum()), int(np.unique(codes[among]).size)
    if owners < 2:
        raise ValueError("fewer than two patients")
    share = float((counted & among).sum() / n)
    residual = np.bincount(codes[among], counted[among] - share, minlength=patients)
    influence = residual * ((owners / (owners - 1)) ** 0.5 / n)
    variance = float(influence @ influence)
    # Without a variance, as of a proportion of 0 or 1, a patient counts as one ECG.
    effective = float(owners)
    if variance > 0:
        quantiles = stats.t.ppf((1 + level) / 2, [n - 1, owners - 1])
        effective = min(n, share * (1 - share) / variance) * (quantiles[0] / quantiles[1]) ** 2
    lower, upper = proportion_confint(share * effective, effective, alpha=1 - level, method="wilson")
    return Value(share, max(0.0, float(lower)), min(1.0, float(upper)), influence, owners - 1, WILSON_CLUSTERED)


def calibration_values(
    y_true: np.ndarray, logit: np.ndarray, codes: np.ndarray, patients: int, level: float = 0.95
) -> dict[str, Value | str]:
    """Estimate intercept (calibration in the large) and slope, as `calibration.calibration_line` does.

    Returns
    -------
    "intercept" and "slope"; the latter a note where there is none
    """
    import statsmodels.api as sm

    ones = np.ones((len(y_true), 1))
    # Degrees of freedom are those of the rarer outcome's patients, which a variance rests upon.
    degrees = min(np.unique(codes[y_true == outcome]).size for outcome in (0, 1)) - 1

    def value(design: np.ndarray, offset: np.ndarray | None, place: int) -> Value | str:
        fit = sm.GLM(y_true, design, family=sm.families.Binomial(), offset=offset).fit()
        if not fit.converged:
            return "the regression did not converge"
        risk = expit(design @ fit.params + (0 if offset is None else offset))
        curvature = (design.T * (risk * (1 - risk))) @ design
        score = np.column_stack([np.bincount(codes, column * (y_true - risk), patients) for column in design.T])
        owners, n, parameters = np.unique(codes).size, *design.shape
        correction = owners / (owners - 1) * (n - 1) / (n - parameters)
        influence = np.linalg.solve(curvature, score.T)[place] * correction**0.5
        half = float(stats.t.ppf((1 + level) / 2, degrees) * (influence @ influence) ** 0.5)
        estimate = float(fit.params[place])
        return Value(estimate, estimate - half, estimate + half, influence, degrees, WALD_CLUSTERED)

    note = without_slope(y_true, logit)
    slope = note or value(np.column_stack([ones, logit]), None, 1)
    return {"intercept": value(ones, logit, 0), "slope": slope}


def difference_of(one: Value, other: Value, level: float = 0.95) -> Difference:
    """Compare two groups, the first minus the second; patients in both make them covary.

    Proportions (whose intervals are Wilson's) have Newcombe's interval, other values Wald's with Welch's degrees of
    freedom. `level` is that of the difference and must be that of the two intervals too.
    """
    difference = one.estimate - other.estimate
    if one.method == WILSON_CLUSTERED:
        product = float((one.influence @ one.influence) * (other.influence @ other.influence))
        correlation = float(one.influence @ other.influence) / product**0.5 if product > 0 else 0.0
        lower, upper = (
            (a**2 + b**2 - 2 * correlation * a * b) ** 0.5
            for a, b in (
                (one.estimate - one.lower, other.upper - other.estimate),
                (one.upper - one.estimate, other.estimate - other.lower),
            )
        )
        return Difference(difference, difference - lower, difference + upper, NEWCOMBE_CLUSTERED)
    joint = one.influence - other.influence
    first, second = (float(of.influence @ of.influence) for of in (one, other))
    degrees = (first + second) ** 2 / (first**2 / one.degrees + second**2 / other.degrees)
    half = float(stats.t.ppf((1 + level) / 2, degrees) * (joint @ joint) ** 0.5)
    return Difference(difference, difference - half, difference + half, WALD_CLUSTERED)
