"""Tests and intervals of follow-up, where risk groups and scores say nothing of events; for `levels.py`."""

from functools import partial

import numpy as np
import pandas as pd
from levels_fixed import Found, missed

from ecg_ccta.config import Evaluation, FollowUp
from ecg_ccta.prognosis.comparison import compare_groups
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.incidence import (
    AALEN_JOHANSEN,
    CENSORED,
    DEATH,
    EVENT,
    KAPLAN_MEIER,
    aalen_johansen,
    kaplan_meier,
)
from ecg_ccta.statistics.survival import concordance
from ecg_ccta.statistics.time_dependent_auc import time_dependent_auc
from ecg_ccta.truth.planted_hazards import TOGETHER, recovered_hazards
from ecg_ccta.vessels import VESSELS

SETTINGS = FollowUp()
LEVEL, REPLICATES, DAY = 0.95, 200, 300
DEATHS_PER_DAY = 0.03 / 365.25
PATIENTS = 400


def followed(patients: int, per_year: float, rng: np.random.Generator) -> pd.DataFrame:
    """Draw days under observation from the landmark on, and what ended them; at most 700 days count as followed."""
    event, death = rng.exponential(365.25 / per_year, patients), rng.exponential(1 / DEATHS_PER_DAY, patients)
    last = np.minimum(event, death)
    end = rng.uniform(200, 1000, patients)
    outcome = np.where(last > end, CENSORED, np.where(event <= death, EVENT, DEATH))
    days = np.minimum(last, end)
    time = np.minimum(days, SETTINGS.horizon_days)
    return pd.DataFrame(
        {
            "days": days,
            "outcome": outcome,
            "time": time,
            "is_event": (outcome == EVENT) & (days <= SETTINGS.horizon_days),
            "is_death": (outcome == DEATH) & (days <= SETTINGS.horizon_days),
            "age": rng.normal(62, 10, patients),
            "sex": rng.choice(["female", "male"], patients),
        }
    )


def groups(rng: np.random.Generator, per_year: float, words: str, names: tuple[str, ...]) -> Found:
    """Compare groups, a tenth of the patients in the lowest, and rank by a score that knows nothing."""
    patients = followed(PATIENTS, per_year, rng)
    shares = [0.1, 0.9] if len(names) == 2 else [0.1, 0.6, 0.3]
    patients["group"] = rng.choice(names, PATIENTS, p=shares)
    found: Found = {}
    data = f"{len(names)} groups, {words}"
    for row in compare_groups(patients, "group", names, "", SETTINGS, LEVEL):
        label = f"{row['measure']}, {row['method']}", data
        if row["measure"] in ("p", "hazard ratio p", "proportional hazards p"):
            p = row.get("estimate")
            found[label] = np.nan if p is None or np.isnan(p) else float(p < 0.05)
        elif row["measure"] != "chi-squared":
            truth = {"hazard ratio": 1.0, "difference of restricted mean (days)": 0.0}[row["measure"]]
            bounds = (np.nan if row.get(end) is None else row[end] for end in ("lower", "upper"))
            found[label] = missed(*bounds, truth)
    bootstrap = Bootstrap(PATIENTS, REPLICATES, LEVEL, int(rng.integers(2**31)))
    score = rng.normal(size=PATIENTS)
    _, lower, upper = concordance(patients["time"], patients["is_event"], score, bootstrap)
    found["C-index, Harrell, bootstrap", words] = missed(lower, upper, 0.5)
    days = [100, DAY, 700]
    _, lower, upper = time_dependent_auc(patients["days"], patients["outcome"], score[:, None], days, bootstrap)
    events = [((patients["days"] <= day) & (patients["outcome"] == EVENT)).sum() for day in days]
    for place, day in enumerate(days):
        if events[place] >= 10:
            label = "AUC, cumulative/dynamic with IPCW, bootstrap", f"by day {day}, {words}"
            found[label] = missed(lower[0, place], upper[0, place], 0.5)
    return found | incidence(patients, per_year, words)


def incidence(patients: pd.DataFrame, per_year: float, words: str) -> Found:
    """Read the cumulative incidence of all patients and of a tenth of them."""
    rate = per_year / 365.25
    both = rate + DEATHS_PER_DAY
    truths = {
        KAPLAN_MEIER: 1 - np.exp(-rate * DAY),
        AALEN_JOHANSEN: rate / both * (1 - np.exp(-both * DAY)),
    }
    found: Found = {}
    for number, members in ((PATIENTS, patients), (PATIENTS // 10, patients.iloc[: PATIENTS // 10])):
        outcome = np.select([members["is_event"], members["is_death"]], [EVENT, DEATH], CENSORED)
        for method, estimate in ((KAPLAN_MEIER, kaplan_meier), (AALEN_JOHANSEN, aalen_johansen)):
            curve = estimate(members["time"].to_numpy(), outcome, LEVEL)
            reading = curve[curve["day"] <= DAY].iloc[-1]
            label = f"cumulative events, {method}", f"day {DAY}, {number} patients, {100 * per_year:.1f} % a year"
            # Without an event so far there is no interval, and the report says so.
            found[label] = missed(reading["lower"], reading["upper"], truths[method])
    return found


SHARES = {"RCA": 0.2, "LM": 0.03, "LAD": 0.2, "LCX": 0.12}


def planted(rng: np.random.Generator) -> Found:
    """Hold the hazard ratios of true findings, which are all 1, to Cox regressions."""
    patients = followed(1000, 0.15, rng)
    people = np.char.add("p", np.arange(1000).astype(str))
    cohort = pd.DataFrame(
        {"patient_id": people, "ecg_id": people, "recorded_at": pd.NaT, "ccta_date": pd.NaT, "days_to_ccta": 0.0}
    )
    for vessel in VESSELS:
        found_severe = rng.random(1000) < SHARES[vessel]
        cohort[f"target_{vessel}"] = pd.array(found_severe.astype(int), dtype="Int8")
        cohort[f"grade_{vessel}"] = pd.array(np.where(found_severe, "severe", "none"), dtype="string")
    words = {CENSORED: "censored", EVENT: "event", DEATH: "death"}
    follow_up = pd.DataFrame(
        {
            "patient_id": people,
            "days": patients["days"] + SETTINGS.landmark_days,
            "event": patients["outcome"].map(words),
        }
    )
    equal = dict.fromkeys(["any", *VESSELS], 1.0)
    ratios = {"hazard_ratio": equal, "marginal_hazard_ratio": equal}
    table = recovered_hazards(cohort, follow_up, ratios, SETTINGS, Evaluation())
    found: Found = {}
    for regression, rows in table[table["estimate"].notna()].groupby("regression"):
        for finding, row in rows.set_index("finding").iterrows():
            if finding in ("any", "LM"):
                data = f"{finding}, {regression}, 1,000 patients"
                found["planted hazard ratio, Cox regression", data] = missed(row["lower"], row["upper"], 1.0)
        if regression == TOGETHER:
            found["planted hazard ratios, Wald test", f"{TOGETHER}, 1,000 patients"] = float(
                rows["p_planted"].iloc[0] < 0.05
            )
    return found


BLOCKS = (
    partial(groups, per_year=0.15, words="80 events of 400", names=("low", "intermediate", "high")),
    partial(groups, per_year=0.045, words="25 events of 400", names=("low", "high")),
)
PLANTED = (planted,)
