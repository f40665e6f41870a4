"""Cumulative events after the CCTA in patients whose ECG was called low or high risk.

What is estimated is in `incidence` (curves) and `association` (tests, hazard ratios); here are the patients, the days
and the tables.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.config import FollowUp
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.estimates import estimate_table
from ecg_ccta.evaluation.patients import nearest_to_ccta
from ecg_ccta.prognosis.association import concordance, hazard_ratio, restricted_mean, trend_test
from ecg_ccta.prognosis.incidence import (
    AALEN_JOHANSEN,
    CENSORED,
    DEATH,
    EVENT,
    KAPLAN_MEIER,
    aalen_johansen,
    kaplan_meier,
)
from ecg_ccta.vessels import VESSELS

STRATA = ("any", *VESSELS)
"""What the risk refers to: any vessel (that of the vessel at highest risk), or one vessel."""

GROUPS = ("low", "high")
RISK_GROUP, RISK_STRATUM, PROBABILITY = "risk group", "stratum", "probability"
GROUPINGS = {RISK_GROUP: GROUPS, RISK_STRATUM: ("low", "intermediate", "high")}
"""Two groups by the guideline's thresholds; three strata by the rule-out and rule-in thresholds."""

CRUDE, ADJUSTED = "Cox regression", "Cox regression, adjusted for age and sex"
RANK, TREND = "log-rank", "log-rank trend"

_CURVES = ["vessel", "grouping", "group", "method", "day", "cumulative", "lower", "upper"]


def patient_risk(cohort: pd.DataFrame, risk_groups: pd.DataFrame) -> pd.DataFrame:
    """Each patient's risk groups: those of the ECG nearest to the CCTA.

    Of ECGs equally near the earlier one counts; an ECG of unknown distance counts only where there is no other.

    Parameters
    ----------
    cohort : `tables.COHORT`
    risk_groups : `tables.RISK_GROUPS` of the same ECGs

    Returns
    -------
    A row per patient: patient_id, age, sex, and for `any` and each vessel its group (column RCA, ...), its stratum
    (stratum_RCA, ...) and its probability (probability_RCA, ...). The group and the stratum of `any` are the highest of
    the vessels', among the strata that are known; its probability is 1 - the product of the vessels' 1 - p

    Raises
    ------
    StudyError
        Where an ECG of the cohort lacks a risk group: a patient would silently be judged by another ECG.
    """
    by_vessel = risk_groups.set_index("ecg_id")
    groups, strata, probability = (
        pd.DataFrame({vessel: by_vessel.loc[by_vessel["vessel"] == vessel, column] for vessel in VESSELS}).reindex(
            index=cohort["ecg_id"]
        )
        for column in ("group", "stratum", "probability")
    )
    lacking = groups.isna().any(axis=1)
    if lacking.any():
        raise StudyError(
            f"risk groups: {int(lacking.sum())} of the cohort's {len(cohort)} ECGs have no risk group for some vessel; "
            "the two tables are of different runs: run stratify_risk again"
        )
    nearest = nearest_to_ccta(cohort)[["patient_id", "ecg_id", "age", "sex"]]
    groups["any"] = np.where((groups == "high").any(axis=1), "high", "low")
    rank = strata.apply(lambda column: column.map({word: n for n, word in enumerate(GROUPINGS[RISK_STRATUM])}))
    strata["any"] = rank.astype(float).max(axis=1).map(dict(enumerate(GROUPINGS[RISK_STRATUM])))
    probability["any"] = 1 - (1 - probability).prod(axis=1, skipna=False)
    table = groups.join([strata.add_prefix("stratum_"), probability.add_prefix("probability_")])
    risk = nearest.merge(table, left_on="ecg_id", right_index=True, validate="one_to_one")
    return risk.drop(columns="ecg_id").reset_index(drop=True)


def accumulate(
    cohort: pd.DataFrame,
    risk_groups: pd.DataFrame,
    follow_up: pd.DataFrame,
    settings: FollowUp,
    level: float = 0.95,
    minimum_events: int = 10,
    replicates: int = 1000,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Cumulative events by risk group, per vessel and for any vessel.

    Days count from the CCTA. Follow-up starts at the landmark: patients whose event, death or end of follow-up came
    by then leave (Anderson, Cain and Gelber, J Clin Oncol 1:710-719, 1983). It ends at the horizon: who is
    event-free then is censored there. Hazard ratios are cause-specific: death without an event censors. So it does in
    the Kaplan-Meier estimate, not in Aalen and Johansen's, which is given beside it where patients died.

    Parameters
    ----------
    cohort : `tables.COHORT`
    risk_groups : `tables.RISK_GROUPS` of the same ECGs
    follow_up : `tables.FOLLOW_UP`; may be empty
    settings : landmark, horizon and the days to read the curves at
    level : level of the intervals
    minimum_events : with fewer events in both groups together a vessel has counts and a note, but no estimates

    Returns
    -------
    flow : patients with predictions, without follow-up, who left before the landmark and why, and analysed
    curves : cumulative events by `incidence.METHODS` with interval at every day on which they step
    readings : per vessel, grouping, group, method and reading day: patients at risk, and until that day events, deaths
        and censored; cumulative events in per cent with interval (empty where nobody is at risk any more)
    at_risk : patients at risk, and events, deaths and censored so far, for the rows under a figure
    comparison : per vessel and grouping, then `estimates.COLUMNS`: log-rank test (for the strata also its trend),
        hazard ratio of high against low or per stratum, crude and adjusted, with p and the p of the test of
        proportional hazards, difference of the restricted mean event-free time, and Harrell's C of the probability
    """
    risk = patient_risk(cohort, risk_groups)
    followed = risk.merge(follow_up, on="patient_id", how="inner", validate="one_to_one")
    patients = followed[followed["days"] > settings.landmark_days].copy()
    flow = _flow(risk, followed, patients, settings)
    beyond = patients["days"] > settings.horizon_days
    patients["time"] = patients["days"].clip(upper=settings.horizon_days)
    patients["is_event"] = (patients["event"] == "event") & ~beyond
    patients["is_death"] = (patients["event"] == "death") & ~beyond
    curves, readings, at_risk, comparison = [], [], [], []
    for stratum in STRATA:
        for grouping, groups in GROUPINGS.items():
            column = _column(stratum, grouping)
            known = patients[patients[column].notna()]
            note = _lack(patients, known, minimum_events)
            labels = {"vessel": stratum, "grouping": grouping}
            comparison += [labels | row for row in _compare(known, column, groups, note, settings, level)]
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
        note = _lack(patients, patients, minimum_events)
        row = {"vessel": stratum, "grouping": PROBABILITY, "measure": "C-index", "level": level, "note": note}
        row |= {"n": len(patients), "patients": len(patients), "events": int(patients["is_event"].sum())}
        if not note:
            score = patients[f"probability_{stratum}"]
            found = concordance(patients["time"], patients["is_event"], score, level, replicates, seed)
            row |= dict(zip(("estimate", "lower", "upper"), found, strict=True)) | {"method": "Harrell, bootstrap"}
        comparison.append(row)
    return {
        "flow": flow,
        "curves": pd.concat(curves, ignore_index=True)[_CURVES] if curves else pd.DataFrame(columns=_CURVES),
        "readings": pd.DataFrame(readings),
        "at_risk": pd.DataFrame(at_risk),
        "comparison": estimate_table(comparison, ["vessel", "grouping"]),
    }


def _column(stratum: str, grouping: str) -> str:
    return stratum if grouping == RISK_GROUP else f"stratum_{stratum}"


def _lack(patients: pd.DataFrame, known: pd.DataFrame, minimum_events: int) -> str:
    """Why there are no estimates, or nothing."""
    if patients.empty:
        return "no follow-up"
    if known.empty:
        return "no strata: too few events to choose their thresholds"
    events = int(known["is_event"].sum())
    return f"too few events ({events})" if events < minimum_events else ""


def _flow(risk: pd.DataFrame, followed: pd.DataFrame, patients: pd.DataFrame, settings: FollowUp) -> pd.DataFrame:
    left = followed[followed["days"] <= settings.landmark_days]["event"].value_counts()
    day = settings.landmark_days
    return pd.DataFrame(
        [
            {"step": "patients with a prediction", "patients": len(risk)},
            {"step": "no follow-up", "patients": len(risk) - len(followed)},
            {"step": f"event by day {day}", "patients": int(left.get("event", 0))},
            {"step": f"death by day {day}", "patients": int(left.get("death", 0))},
            {"step": f"follow-up ended by day {day}", "patients": int(left.get("censored", 0))},
            {"step": "analysed", "patients": len(patients)},
        ]
    )


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
    """At risk just before `day`'s end of observation; events, deaths and censored up to and including `day`."""
    until = members[members["time"] <= day]
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


def _compare(
    patients: pd.DataFrame, column: str, groups: tuple[str, ...], note: str, settings: FollowUp, level: float
) -> list[dict[str, Any]]:
    """Rows of the comparison between the groups; all groups' patients and events are counted."""
    counts = {"n": len(patients), "patients": len(patients), "events": int(patients["is_event"].sum())}
    members = [patients[patients[column] == group] for group in groups]
    score = patients[column].map({group: number for number, group in enumerate(groups)}).astype(float)
    time, is_event = patients["time"].to_numpy(dtype=float), patients["is_event"].to_numpy(dtype=bool)
    empty = [group for group, rows in zip(groups, members, strict=True) if rows.empty]
    if not note and len(groups) - len(empty) < 2:
        note = f"no patients at {empty[0]} risk"

    def rows(method: str, values: dict[str, Any], why: str = "") -> list[dict[str, Any]]:
        return [
            counts
            | {"measure": measure, "method": method, "note": why}
            | (value if isinstance(value, dict) else {"estimate": value})
            for measure, value in values.items()
        ]

    tests = {RANK: _log_rank} | ({TREND: trend_test} if len(groups) > 2 else {})
    table = []
    for method, test in tests.items():
        statistic, p = (np.nan, np.nan) if note else test(time, is_event, score.to_numpy())
        table += rows(method, {"chi-squared": statistic, "p": p}, note)

    without = [group for group, part in zip(groups, members, strict=True) if not part["is_event"].any()]
    covariates = patients.assign(risk=score, male=patients["sex"].map({"female": 0.0, "male": 1.0}))
    for method, names in {CRUDE: ["risk"], ADJUSTED: ["risk", "age", "male"]}.items():
        known = covariates[names].notna().all(axis=1).to_numpy()
        why, found = note, {}
        if not why and len(groups) == 2 and without:
            why = f"no hazard ratio: no events at {without[0]} risk"
        if not why and not known.any():
            why = "no hazard ratio: age or sex is missing"
        if not why:
            found = hazard_ratio(time[known], is_event[known], covariates.loc[known, names], level)
            missing = int((~known).sum())
            why = found.get("note") or (f"{missing} patients without age or sex left out" if missing else "")
        ratio = {"level": level} | {name: found.get(name) for name in ("estimate", "lower", "upper")}
        counted = {"n": int(known.sum()), "patients": int(known.sum()), "events": int(is_event[known].sum())}
        table += [
            row | counted
            for row in rows(
                method,
                {
                    "hazard ratio": ratio,
                    "hazard ratio p": found.get("p"),
                    "proportional hazards p": found.get("proportional_p"),
                },
                why,
            )
        ]
    return table + rows(
        "Kaplan-Meier", {"difference of restricted mean (days)": _difference(members, note, settings, level)}, note
    )


def _log_rank(time: np.ndarray, is_event: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    from lifelines.statistics import multivariate_logrank_test

    test = multivariate_logrank_test(time, score, is_event)
    return float(test.test_statistic), float(test.p_value)


def _difference(members: list[pd.DataFrame], note: str, settings: FollowUp, level: float) -> dict[str, Any]:
    """Event-free days until the horizon, highest group minus lowest, from the landmark on."""
    if note:
        return {"level": level}
    if members[0].empty or members[-1].empty:
        return {"level": level, "note": "no patients in the lowest or in the highest group"}
    (low, low_error), (high, high_error) = (
        restricted_mean(part["time"], part["is_event"], settings.horizon_days) for part in (members[0], members[-1])
    )
    half = stats.norm.ppf((1 + level) / 2) * np.hypot(low_error, high_error)
    if np.isnan(half):
        return {"level": level, "note": "follow-up ends before the horizon"}
    return {"level": level, "estimate": high - low, "lower": high - low - half, "upper": high - low + half}
