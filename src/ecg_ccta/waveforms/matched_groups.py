"""Risk groups of patients matched by age and sex, and how well they are balanced."""

import numpy as np
import pandas as pd

from ecg_ccta.statistics.matching import GROUPS, nearest_pairs, standardised_difference
from ecg_ccta.vessels import VESSELS

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
    matched : the rows of `risk` of the patients that have a partner, per vessel, and pair: the number of their pair.
    balance : DataFrame with BALANCE, a row per vessel: patients of each group; those with ECGs in both groups, who
        cannot be matched, nor can those without age or sex; pairs; mean ages; standardised mean differences of age
        and proportion of men, high minus low, before (patients of one group) and after (missing without two pairs).
    """
    known = people.groupby("patient_id").agg(age=("age", "mean"), sex=("sex", "first"))
    parts, rows = [], []
    for number, vessel in enumerate(VESSELS):
        of_vessel = risk[risk["vessel"] == vessel]
        groups = of_vessel.groupby("patient_id")["group"].agg(["nunique", "first"])
        patients = groups[groups["nunique"] == 1].join(known)
        complete = patients.dropna(subset=["age", "sex"])
        pairs = nearest_pairs(complete, np.random.default_rng([seed, number]))
        matched = complete.loc[pairs.ravel()]
        pair_of = pd.Series(np.repeat(np.arange(len(pairs)), 2), index=matched.index, dtype="Int64")
        partnered = of_vessel[of_vessel["patient_id"].isin(matched.index)]
        parts.append(partnered.assign(pair=partnered["patient_id"].map(pair_of).astype(int)))
        row = {"vessel": vessel, "in_both": int((groups["nunique"] > 1).sum()), "pairs": len(pairs)}
        row |= {f"patients_{group}": int((patients["first"] == group).sum()) for group in ("low", "high")}
        row["without_age_or_sex"] = len(patients) - len(complete)
        for suffix, members in (("", complete), ("_matched", matched)):
            row |= {f"age_{group}{suffix}": members.loc[members["first"] == group, "age"].mean() for group in GROUPS}
            row[f"smd_age{suffix}"] = standardised_difference(members["age"], members["first"])
            row[f"smd_male{suffix}"] = standardised_difference(
                (members["sex"] == "male").astype(float), members["first"]
            )
        rows.append(row)
    return pd.concat(parts, ignore_index=True), pd.DataFrame(rows, columns=BALANCE)
