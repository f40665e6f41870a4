"""Cumulative events after the CCTA in patients whose ECG was called low or high risk.

What is estimated is in `incidence` (curves), `comparison` (tests, hazard ratios) and `time_dependent_auc`; here are the
days and the tables.
"""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation, FollowUp
from ecg_ccta.prognosis.comparison import compare_groups
from ecg_ccta.prognosis.patients import (
    GROUPINGS,
    PROBABILITY,
    RISK_GROUP,
    RISK_TARGETS,
    column_of,
    follow,
    patient_risk,
)
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.estimates import estimate_table
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

HARRELL, DYNAMIC = "Harrell, bootstrap", "cumulative/dynamic with IPCW, bootstrap"

_CURVES = ["vessel", "grouping", "group", "method", "day", "cumulative", "lower", "upper"]


def accumulate_events(
    cohort: pd.DataFrame,
    risk_groups: pd.DataFrame,
    follow_up: pd.DataFrame,
    settings: FollowUp,
    evaluation: Evaluation,
    seed: int = 0,
    any_vessel: pd.DataFrame | None = None,
) -> dict[str, pd.DataFrame]:
    """Cumulative events by risk group, per vessel and for any vessel.

    Days count from the CCTA, from the landmark to the horizon (`patients.follow`). Death censors in the Kaplan-Meier
    estimate and in the hazard ratios; in Aalen and Johansen's, which is given beside it where patients died, and in the
    time-dependent AUC it competes.

    Parameters
    ----------
    cohort : `tables.COHORT`
    risk_groups : `tables.RISK_GROUPS` of the same ECGs
    follow_up : `tables.FOLLOW_UP`; may be empty
    settings : landmark, horizon and the days to read the curves at
    evaluation : level, draws and least events: with fewer in both groups together a vessel has counts and a note, but
        no estimates; with fewer by a day, that day has no AUC
    seed : of the bootstrap over patients
    any_vessel : `tables.PATIENT_RISK`, for the strata of any vessel

    Returns
    -------
    flow : patients with predictions, without follow-up, who left before the landmark and why, and analysed
    curves : cumulative events by `incidence.INCIDENCE_METHODS` with interval at every day on which they step
    readings : per vessel, grouping, group, method and reading day: patients at risk, and until that day events, deaths
        and censored; cumulative events in per cent with interval (empty where nobody is at risk any more)
    rates : the readings of the two risk groups by the method that respects deaths, where there are any
    at_risk : patients at risk, and events, deaths and censored so far, for the rows under a figure
    comparison : per vessel and grouping the rows of `compare_groups`, and Harrell's C of the probability
    auc : per vessel and day (reading days and the horizon), then `estimates.ESTIMATE_COLUMNS`: AUC of the probability,
        where events are those by that day
    """
    patients, flow = follow(patient_risk(cohort, risk_groups, any_vessel), follow_up, settings)
    level, minimum_events = evaluation.level, evaluation.minimum_events
    bootstrap = Bootstrap(len(patients), evaluation.bootstrap_replicates, level, seed)
    curves, readings, at_risk, comparison = [], [], [], []
    for stratum in RISK_TARGETS:
        for grouping, groups in GROUPINGS.items():
            column = column_of(stratum, grouping)
            known = patients[patients[column].notna()]
            note = _lack(patients, known, minimum_events)
            labels = {"vessel": stratum, "grouping": grouping}
            comparison += [labels | row for row in compare_groups(known, column, groups, note, settings, level)]
            methods = (KAPLAN_MEIER, AALEN_JOHANSEN) if known["is_death"].any() else (KAPLAN_MEIER,)
            for group in groups:
                members = known[known[column] == group]
                named = labels | {"group": group}
                at_risk += [named | {"day": day, **_counts(members, day)} for day in _ticks(settings)]
                for method in methods:
                    curve = None
                    if not note and not members.empty:
                        curve = _curve(members, method, settings, level).assign(**named, method=method)
                        curves.append(curve)
                    readings += [
                        named | {"method": method, **_read(members, curve, day, note)} for day in settings.reading_days
                    ]
        row = {"vessel": stratum, "grouping": PROBABILITY, "measure": "C-index", "level": level}
        row |= {"n": len(patients), "patients": len(patients), "events": int(patients["is_event"].sum())}
        row["note"] = _lack(patients, patients, minimum_events)
        if not row["note"]:
            score = patients[f"probability_{stratum}"]
            found = concordance(patients["time"], patients["is_event"], score, bootstrap)
            row |= dict(zip(("estimate", "lower", "upper"), found, strict=True)) | {"method": HARRELL}
        comparison.append(row)
    table = pd.DataFrame(readings)
    return {
        "flow": flow,
        "curves": pd.concat(curves, ignore_index=True)[_CURVES] if curves else pd.DataFrame(columns=_CURVES),
        "readings": table,
        "rates": event_rates(table),
        "at_risk": pd.DataFrame(at_risk),
        "comparison": estimate_table(comparison, ["vessel", "grouping"]),
        "auc": _auc_by_day(patients, settings, minimum_events, bootstrap),
    }


def event_rates(readings: pd.DataFrame) -> pd.DataFrame:
    """Of the readings, the two risk groups' cumulative events: Aalen-Johansen where patients died, else Kaplan-Meier.

    Both respect censoring, as events over group size would not: who leaves early is not counted as event-free.
    """
    rows = readings[readings["grouping"] == RISK_GROUP]
    competing = rows.groupby("vessel")["method"].transform(lambda method: (method == AALEN_JOHANSEN).any())
    return rows[rows["method"] == np.where(competing, AALEN_JOHANSEN, KAPLAN_MEIER)].reset_index(drop=True)


def _auc_by_day(patients: pd.DataFrame, settings: FollowUp, minimum_events: int, bootstrap: Bootstrap) -> pd.DataFrame:
    # An AUC needs patients seen beyond its day, so time is not cut at the horizon.
    days = sorted({day for day in settings.reading_days if day > settings.landmark_days} | {settings.horizon_days})
    outcome = patients["event"].map({"censored": CENSORED, "event": EVENT, "death": DEATH}).to_numpy()
    events = [int(((patients["days"] <= day) & (outcome == EVENT)).sum()) for day in days]
    estimate = lower = upper = np.full((len(RISK_TARGETS), len(days)), np.nan)
    if max(events) >= minimum_events:
        scores = patients[[f"probability_{stratum}" for stratum in RISK_TARGETS]].to_numpy(dtype=float)
        estimate, lower, upper = time_dependent_auc(
            patients["days"].to_numpy(dtype=float), outcome, scores, days, bootstrap
        )
    rows = []
    for place, stratum in enumerate(RISK_TARGETS):
        for number, (day, count) in enumerate(zip(days, events, strict=True)):
            row = {"vessel": stratum, "day": day, "measure": "AUC", "level": bootstrap.level, "method": DYNAMIC}
            row |= {"n": len(patients), "patients": len(patients), "events": count}
            if patients.empty:
                row["note"] = "no follow-up"
            elif count < minimum_events:
                row["note"] = f"too few events ({count})"
            elif np.isnan(estimate[place, number]):
                row["note"] = "nobody is followed up for longer"
            else:
                found = (table[place, number] for table in (estimate, lower, upper))
                row |= dict(zip(("estimate", "lower", "upper"), found, strict=True))
            rows.append(row)
    return estimate_table(rows, ["vessel", "day"])


def _lack(patients: pd.DataFrame, known: pd.DataFrame, minimum_events: int) -> str:
    """Why there are no estimates, or nothing."""
    if patients.empty:
        return "no follow-up"
    if known.empty:
        return "no strata: too few events to choose their thresholds"
    events = int(known["is_event"].sum())
    return f"too few events ({events})" if events < minimum_events else ""


def _ticks(settings: FollowUp) -> list[int]:
    """Landmark, then whole steps up to the horizon: the days under which a figure counts its patients."""
    span = settings.horizon_days - settings.landmark_days
    step = next((step for step in (10, 20, 50, 100, 200, 500) if span / step <= 4.5), 1000)
    inner = range((settings.landmark_days // step + 1) * step, settings.horizon_days, step)
    apart = [
        day for day in inner if day - settings.landmark_days >= step / 2 and settings.horizon_days - day >= step / 2
    ]
    return [settings.landmark_days, *apart, settings.horizon_days]


def _counts(members: pd.DataFrame, day: float) -> dict[str, int]:
    """At risk on `day`; events, deaths and censored up to and including it.

    Who reaches the horizon is at risk there; the study's end censors nobody early.
    """
    until = members[(members["time"] <= day) & ~members["reached"]]
    events, deaths = int(until["is_event"].sum()), int(until["is_death"].sum())
    return {
        "at_risk": int((members["time"] >= day).sum()),
        "events": events,
        "deaths": deaths,
        "censored": len(until) - events - deaths,
    }


def _curve(members: pd.DataFrame, method: str, settings: FollowUp, level: float) -> pd.DataFrame:
    estimate = {KAPLAN_MEIER: kaplan_meier, AALEN_JOHANSEN: aalen_johansen}[method]
    outcome = np.select([members["is_event"], members["is_death"]], [EVENT, DEATH], CENSORED)
    # Nobody enters late: all are known to be event-free at the landmark, where the curve starts at 0.
    curve = estimate(members["time"].to_numpy(dtype=float), outcome, level)
    curve.loc[0, "day"] = settings.landmark_days
    return curve


def _read(members: pd.DataFrame, curve: pd.DataFrame | None, day: int, note: str) -> dict[str, Any]:
    counts = _counts(members, day)
    row = {"day": day, **counts, "percent": np.nan, "lower": np.nan, "upper": np.nan}
    if curve is None:
        return row | {"note": note or "no patients in this group"}
    if counts["at_risk"] == 0:
        return row | {"note": "nobody at risk any more"}
    last = curve[curve["day"] <= day]
    if last.empty:
        return row | {"note": "before the landmark"}
    reading = last.iloc[-1]
    known = reading["cumulative"] > 0
    return row | {
        "percent": 100 * reading["cumulative"],
        "lower": 100 * reading["lower"] if known else np.nan,
        "upper": 100 * reading["upper"] if known else np.nan,
        "note": "" if known else "no event yet: no interval",
    }
