"""Low-risk patients matched to high-risk ones by age and sex, so that age is not mistaken for stenosis.

Pairs are of the same sex and at most CALIPER_YEARS apart: each patient of the smaller group, in random order, takes
the nearest in age who is still free (greedy nearest neighbour without replacement within a caliper; Austin, Stat Med
33:1057, 2014).
"""

import numpy as np
import pandas as pd

from ecg_ccta.vessels import VESSELS

CALIPER_YEARS = 2.0

BALANCE = [
    "vessel", "patients_low", "patients_high", "in_both", "without_age_or_sex", "pairs", "age_low", "age_high",
    "age_low_matched", "age_high_matched", "smd_age", "smd_age_matched", "smd_male", "smd_male_matched",
]  # fmt: skip


def match_risk_groups(risk: pd.DataFrame, people: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The risk groups of matched patients, and how well they are balanced.

    Parameters
    ----------
    risk : `tables.RISK_GROUPS`.
    people : a row per ECG with patient_id, age (years) and sex, as in `tables.COHORT`; either may be missing.
    seed : of the order in which patients choose.

    Returns
    -------
    matched : the rows of `risk` of the patients that have a partner, per vessel.
    balance : DataFrame with BALANCE, a row per vessel: patients of each group; those with ECGs in both groups, who
        cannot be matched, nor can those without age or sex; pairs; mean ages; standardised mean differences of age
        and share of men, high minus low, before (patients of one group alone) and after (missing without two pairs).
    """
    known = people.groupby("patient_id").agg(age=("age", "mean"), sex=("sex", "first"))
    parts, rows = [], []
    for number, vessel in enumerate(VESSELS):
        of_vessel = risk[risk["vessel"] == vessel]
        groups = of_vessel.groupby("patient_id")["group"].agg(["nunique", "first"])
        patients = groups[groups["nunique"] == 1].join(known)
        complete = patients.dropna(subset=["age", "sex"])
        pairs = _pairs(complete, np.random.default_rng([seed, number]))
        matched = complete.loc[pairs.ravel()]
        parts.append(of_vessel[of_vessel["patient_id"].isin(matched.index)])
        row = {"vessel": vessel, "in_both": int((groups["nunique"] > 1).sum()), "pairs": len(pairs)}
        row |= {f"patients_{group}": int((patients["first"] == group).sum()) for group in ("low", "high")}
        row["without_age_or_sex"] = len(patients) - len(complete)
        for suffix, members in (("", complete), ("_matched", matched)):
            row |= {f"age_{group}{suffix}": members.loc[members["first"] == group, "age"].mean() for group in _GROUPS}
            row[f"smd_age{suffix}"] = standardised_difference(members["age"], members["first"])
            row[f"smd_male{suffix}"] = standardised_difference(
                (members["sex"] == "male").astype(float), members["first"]
            )
        rows.append(row)
    return pd.concat(parts, ignore_index=True), pd.DataFrame(rows, columns=BALANCE)


_GROUPS = ("low", "high")


def standardised_difference(values: pd.Series, group: pd.Series) -> float:
    """Mean of high minus that of low over the root of the mean of their variances (Austin, Stat Med 28:3083, 2009).

    The variance is that of the sample for numbers and p(1 - p) for a yes or no. Missing with fewer than two patients
    in a group; 0 where both groups are constant and equal.
    """
    low, high = (values[group == name].to_numpy(dtype=float) for name in _GROUPS)
    if min(len(low), len(high)) < 2:
        return np.nan
    freedom = 0 if np.isin(values, (0, 1)).all() else 1
    spread = np.sqrt((low.var(ddof=freedom) + high.var(ddof=freedom)) / 2)
    difference = high.mean() - low.mean()
    if spread == 0:
        return 0.0 if difference == 0 else np.nan
    return float(difference / spread)


def _pairs(patients: pd.DataFrame, generator: np.random.Generator) -> np.ndarray:
    """(pairs, 2) index values of a low-risk and a high-risk patient; `patients` has first (the group), age and sex."""
    pairs = []
    for _, alike in patients.sort_index().groupby("sex"):
        low, high = (alike[alike["first"] == group] for group in _GROUPS)
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
