"""Low-risk patients matched to high-risk ones by age and sex, so that age is not mistaken for stenosis.

Pairs are of the same sex and at most CALIPER_YEARS apart: each patient of the smaller group, in random order, takes
the nearest in age who is still free (greedy nearest neighbour without replacement within a caliper; Austin, Stat Med
33:1057, 2014).
"""

import numpy as np
import pandas as pd

CALIPER_YEARS = 2.0

GROUPS = ("low", "high")


def standardised_difference(values: pd.Series, group: pd.Series) -> float:
    """Mean of high minus that of low over the root of the mean of their variances (Austin, Stat Med 28:3083, 2009).

    The variance is that of the sample for numbers and p(1 - p) for a yes or no. Missing with fewer than two patients
    in a group; 0 where both groups are constant and equal.
    """
    low, high = (values[group == name].to_numpy(dtype=float) for name in GROUPS)
    if min(len(low), len(high)) < 2:
        return np.nan
    freedom = 0 if np.isin(values, (0, 1)).all() else 1
    spread = np.sqrt((low.var(ddof=freedom) + high.var(ddof=freedom)) / 2)
    difference = high.mean() - low.mean()
    if spread == 0:
        return 0.0 if difference == 0 else np.nan
    return float(difference / spread)


def nearest_pairs(patients: pd.DataFrame, generator: np.random.Generator) -> np.ndarray:
    """Pair patients of two groups by sex and age.

    Parameters
    ----------
    patients : a row per patient with first (the group, low or high), age (years) and sex.

    Returns
    -------
    (pairs, 2) index values of a patient of the low and one of the high group.
    """
    pairs = []
    for _, alike in patients.sort_index().groupby("sex"):
        low, high = (alike[alike["first"] == group] for group in GROUPS)
        choosing, chosen = (low, high) if len(low) <= len(high) else (high, low)
        ages = chosen["age"].to_numpy(dtype=float).copy()
        for place in generator.permutation(len(choosing)):
            distance = np.abs(ages - choosing["age"].iloc[place])
            if not distance.size or not distance.min() <= CALIPER_YEARS:
                continue
            nearest = int(distance.argmin())
            ages[nearest] = np.inf
            pair = (choosing.index[place], chosen.index[nearest])
            pairs.append(pair if choosing is low else pair[::-1])
    return np.array(pairs, dtype=object).reshape(-1, 2)
