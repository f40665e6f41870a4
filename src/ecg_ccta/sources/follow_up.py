"""What happens to simulated patients after their CCTA: infarction, death, loss to follow-up."""

import numpy as np
import pandas as pd

from ecg_ccta.vessels import VESSELS

HAZARD_RATIOS = {"any": 3.0, "RCA": 2.0, "LM": 3.0, "LAD": 2.5, "LCX": 2.0}
"""Planted hazard ratios of myocardial infarction: for any vessel with severe or complete stenosis, and on top of it
for each such vessel; they multiply. Strong enough that the oracle's risk groups of 2,000 patients separate."""

INFARCTION_HAZARD = 0.012
"""Per year without stenosis."""
DEATH_HAZARD = 0.007
"""Per year at the age of 60; grows by 9 % per year of age (Gompertz)."""
LOST_EARLY = 0.10
"""Proportion of patients whose follow-up ends at a random day."""
LONGEST_DAYS = 3 * 365
LAST_DAY = np.datetime64("2024-06-30")
"""Administrative end of follow-up."""


def relative_hazard(events: np.ndarray) -> np.ndarray:
    """(n,) hazard of infarction relative to a patient without an event vessel, from the (n, 4) true events."""
    per_vessel = np.log([HAZARD_RATIOS[vessel] for vessel in VESSELS])
    return np.exp(events @ per_vessel + np.log(HAZARD_RATIOS["any"]) * events.any(axis=1))


def marginal_hazard_ratios(events: np.ndarray) -> dict[str, float | None]:
    """Mean planted hazard of patients with the event over that of those without, per vessel and for any vessel.

    It is what a one-covariate Cox model estimates (up to the depletion of the high-risk patients); None where one
    side is empty.
    """
    hazard = relative_hazard(events)
    groups = {"any": np.any(events, axis=1), **{vessel: events[:, column] for column, vessel in enumerate(VESSELS)}}
    return {
        name: float(hazard[group].mean() / hazard[~group].mean()) if 0 < group.sum() < len(group) else None
        for name, group in groups.items()
    }


def simulate_follow_up(
    performed: np.ndarray, age: np.ndarray, events: np.ndarray, rng: np.random.Generator
) -> pd.DataFrame:
    """Follow-up of patients with a CCTA on the days `performed`, of these ages (years) and true events (n, 4).

    Columns end_date (last contact or death), event_date and event ("myocardial infarction", "death", or missing).
    """
    n = len(age)
    infarction = rng.exponential(365.25 / (INFARCTION_HAZARD * relative_hazard(events)))
    death = rng.exponential(365.25 / (DEATH_HAZARD * np.exp(0.09 * (age - 60))))
    administrative = np.minimum((LAST_DAY - performed).astype(int), LONGEST_DAYS)
    lost = np.where(rng.random(n) < LOST_EARLY, rng.random(n) * administrative, administrative)
    infarction, death, lost = (np.ceil(days) for days in (infarction, death, lost))
    end = np.minimum(death, lost)
    event = np.where(infarction <= end, "myocardial infarction", np.where(death <= lost, "death", np.array(None)))
    day = np.where(infarction <= end, infarction, np.where(death <= lost, death, 0)).astype(int)
    event_date = (performed + day).astype("datetime64[D]").astype(object)
    return pd.DataFrame(
        {
            "end_date": performed + end.astype(int),
            "event_date": pd.Series(np.where(pd.isna(event), None, event_date), dtype=object),
            "event": pd.Series(event, dtype=object),
        }
    )
