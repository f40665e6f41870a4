import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from ecg_ccta.statistics.matching import CALIPER_YEARS
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms.matched_groups import match_risk_groups


def study(seed: int = 0, n: int = 300) -> tuple[pd.DataFrame, pd.DataFrame]:
    """High risk is older and more often male."""
    rng = np.random.default_rng(seed)
    high = rng.random(n) < 0.35
    people = pd.DataFrame(
        {
            "patient_id": [f"p{i:03d}" for i in range(n)],
            "age": rng.normal(58, 9, n) + 7 * high,
            "sex": np.where(rng.random(n) < 0.45 + 0.2 * high, "male", "female"),
        }
    )
    ecgs = people[["patient_id"]].assign(ecg_id=[f"e{i}" for i in range(n)], group=np.where(high, "high", "low"))
    return pd.concat([ecgs.assign(vessel=vessel) for vessel in VESSELS], ignore_index=True), people


def of(table: pd.DataFrame, vessel: str = "LAD") -> pd.DataFrame:
    return table[table["vessel"] == vessel]


def test_matched_groups_have_the_same_sex_and_age():
    risk, people = study()
    matched, balance = match_risk_groups(risk, people, seed=1)
    row = of(balance).iloc[0]
    of_vessel = of(matched).merge(people, on="patient_id")
    counts = of_vessel.groupby(["group", "sex"]).size()
    assert counts["low"].equals(counts["high"])
    assert len(of_vessel) == 2 * row["pairs"]
    assert row["smd_age"] > 0.5
    assert abs(row["smd_age_matched"]) < 0.05
    assert (row["smd_male"] > 0.2, row["smd_male_matched"]) == (True, 0)
    # Each pair is of one patient of either group, of the same sex and of about the same age.
    pairs = of_vessel.groupby("pair")
    assert (pairs["group"].agg(lambda groups: sorted(groups)).map(tuple) == ("high", "low")).all()
    assert (pairs["sex"].agg(lambda sexes: len(set(sexes))) == 1).all()
    assert (pairs["age"].agg(np.ptp) <= CALIPER_YEARS).all()
    # Sorted ages of the same number of pairs: no pair can be further apart than the caliper.
    for _, alike in of_vessel.groupby("sex"):
        low, high = (np.sort(alike.loc[alike["group"] == group, "age"]) for group in ("low", "high"))
        assert np.abs(low - high).max() <= CALIPER_YEARS


def test_nearly_as_many_pairs_as_the_optimal_assignment():
    risk, people = study(2)
    pairs = of(match_risk_groups(risk, people, seed=1)[1]).iloc[0]["pairs"]
    ecgs = of(risk).merge(people, on="patient_id")
    low, high = (ecgs[ecgs["group"] == group] for group in ("low", "high"))
    possible = np.abs(high["age"].to_numpy()[:, None] - low["age"].to_numpy()[None]) <= CALIPER_YEARS
    possible &= high["sex"].to_numpy()[:, None] == low["sex"].to_numpy()[None]
    most = possible[linear_sum_assignment(~possible)].sum()
    assert 0.93 * most <= pairs <= most


def test_the_seed_decides_and_the_order_of_rows_does_not():
    risk, people = study()
    one, _ = match_risk_groups(risk, people, seed=1)
    again, _ = match_risk_groups(risk.sample(frac=1, random_state=3), people, seed=1)
    other, _ = match_risk_groups(risk, people, seed=2)
    assert set(one["ecg_id"]) == set(again["ecg_id"])
    assert set(one["ecg_id"]) != set(other["ecg_id"])


def test_patients_without_age_and_those_in_both_groups_are_counted_not_matched():
    risk, people = study()
    people.loc[:4, "age"] = np.nan
    people.loc[5, "sex"] = None
    both = risk[risk["patient_id"] == "p010"].assign(ecg_id="second")
    both["group"] = np.where(both["group"] == "high", "low", "high")
    matched, balance = match_risk_groups(pd.concat([risk, both], ignore_index=True), people, seed=1)
    assert balance["without_age_or_sex"].tolist() == [6] * 4
    assert balance["in_both"].tolist() == [1] * 4
    assert not set(matched["patient_id"]) & {"p000", "p001", "p002", "p003", "p004", "p005", "p010"}


def test_an_empty_group_gives_no_pairs():
    risk, people = study()
    matched, balance = match_risk_groups(risk.assign(group="low"), people, seed=1)
    assert matched.empty
    assert balance["pairs"].tolist() == [0] * 4
    assert balance["smd_age_matched"].isna().all()
