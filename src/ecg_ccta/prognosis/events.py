"""Cumulative events after the CCTA in patients whose ECG was called low or high risk.

Sources: Kaplan and Meier, J Am Stat Assoc 53:457-481, 1958, with Greenwood's variance on the log(-log) scale; the
log-rank test; Cox's proportional-hazards regression. All three are lifelines'.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import FollowUp
from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import VESSELS

STRATA = ("any", *VESSELS)
"""What the risk group refers to: any vessel (high where at least one is high), or one vessel."""

GROUPS = ("low", "high")

_CURVES = ["vessel", "group", "day", "cumulative", "lower", "upper"]
_COMPARISON = [
    "vessel", "patients_low", "events_low", "patients_high", "events_high", "logrank_statistic", "logrank_p",
    "hazard_ratio", "hazard_ratio_lower", "hazard_ratio_upper", "hazard_ratio_p", "note",
]  # fmt: skip


def patient_risk(cohort: pd.DataFrame, risk_groups: pd.DataFrame) -> pd.DataFrame:
    """Each patient's risk groups: those of the ECG nearest to the CCTA.

    Of ECGs equally near the earlier one counts; an ECG of unknown distance counts only where there is no other.

    Parameters
    ----------
    cohort : `tables.COHORT`
    risk_groups : `tables.RISK_GROUPS` of the same ECGs

    Returns
    -------
    A row per patient: patient_id, and "low" or "high" for `any`, RCA, LM, LAD and LCX

    Raises
    ------
    StudyError
        Where an ECG of the cohort lacks a risk group: a patient would silently be judged by another ECG.
    """
    groups = risk_groups.pivot_table(index="ecg_id", columns="vessel", values="group", aggfunc="first")
    groups = groups.reindex(index=cohort["ecg_id"], columns=list(VESSELS))
    lacking = groups.isna().any(axis=1)
    if lacking.any():
        raise StudyError(
            f"risk groups: {int(lacking.sum())} of the cohort's {len(cohort)} ECGs have no risk group for some vessel; "
            "the two tables are of different runs: run stratify_risk again"
        )
    nearest = (
        cohort.assign(distance=cohort["days_to_ccta"].abs())
        .sort_values(["patient_id", "distance", "recorded_at", "ecg_id"], na_position="last", kind="stable")
        .drop_duplicates("patient_id")[["patient_id", "ecg_id"]]
    )
    risk = nearest.merge(groups, left_on="ecg_id", right_index=True, validate="one_to_one")
    risk["any"] = np.where((risk[list(VESSELS)] == "high").any(axis=1), "high", "low")
    return risk[["patient_id", *STRATA]].reset_index(drop=True)


def accumulate(
    cohort: pd.DataFrame,
    risk_groups: pd.DataFrame,
    follow_up: pd.DataFrame,
    settings: FollowUp,
    level: float = 0.95,
    minimum_events: int = 10,
) -> dict[str, pd.DataFrame]:
    """Cumulative events by risk group, per vessel and for any vessel.

    Days count from the CCTA. Follow-up starts at the landmark: patients whose event, death or end of follow-up came
    by then leave (Anderson, Cain and Gelber, J Clin Oncol 1:710-719, 1983). It ends at the horizon: who is
    event-free then is censored there. Death without an event censors, so that the curves answer for patients who
    live; hazard ratios are cause-specific.

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
    curves : 1 - Kaplan-Meier with its interval at every day on which it steps, from landmark to horizon
    readings : per vessel, group and reading day: patients at risk, and until that day events, deaths and censored;
        cumulative events in per cent with interval (empty where nobody is at risk any more)
    at_risk : patients at risk, and events and censored (deaths among them) so far, for the rows under a figure
    comparison : per vessel events per group, log-rank test, hazard ratio of high against low with Wald interval
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
        events = int(patients["is_event"].sum())
        note = "no follow-up" if patients.empty else ""
        if not note and events < minimum_events:
            note = f"too few events ({events})"
        comparison.append(_compare(patients, stratum, note, level))
        for group in GROUPS:
            members = patients[patients[stratum] == group]
            at_risk += [
                {"vessel": stratum, "group": group, "day": day, **_counts(members, day)} for day in _ticks(settings)
            ]
            curve = None
            if not note and not members.empty:
                curve = _curve(members, settings, level).assign(vessel=stratum, group=group)
                curves.append(curve)
            readings += [
                {"vessel": stratum, "group": group, **_read(members, curve, day, note)} for day in settings.reading_days
            ]
    return {
        "flow": flow,
        "curves": pd.concat(curves, ignore_index=True)[_CURVES] if curves else pd.DataFrame(columns=_CURVES),
        "readings": pd.DataFrame(readings),
        "at_risk": pd.DataFrame(at_risk),
        "comparison": pd.DataFrame(comparison, columns=_COMPARISON),
    }


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


def _curve(members: pd.DataFrame, settings: FollowUp, level: float) -> pd.DataFrame:
    from lifelines import KaplanMeierFitter

    fitter = KaplanMeierFitter(alpha=1 - level)
    # Nobody enters late: all are known to be event-free at the landmark, where the curve starts at 0.
    fitter.fit(members["time"], members["is_event"])
    bounds = fitter.confidence_interval_survival_function_
    curve = pd.DataFrame(
        {
            "day": fitter.survival_function_.index.to_numpy(dtype=float),
            "cumulative": 1 - fitter.survival_function_.iloc[:, 0].to_numpy(),
            "lower": 1 - bounds.iloc[:, 1].to_numpy(),
            "upper": 1 - bounds.iloc[:, 0].to_numpy(),
        }
    )
    curve.loc[0, "day"] = settings.landmark_days
    # Without an event so far Greenwood's variance is 0 and the bound is unknown, not 0.
    curve.loc[curve["cumulative"] <= 0, ["lower", "upper"]] = np.nan
    curve.loc[0, ["lower", "upper"]] = 0.0
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


def _compare(patients: pd.DataFrame, stratum: str, note: str, level: float) -> dict[str, Any]:
    groups = {group: patients[patients[stratum] == group] for group in GROUPS}
    row: dict[str, Any] = {"vessel": stratum, "note": note}
    for group, members in groups.items():
        row |= {f"patients_{group}": len(members), f"events_{group}": int(members["is_event"].sum())}
    if note:
        return row
    empty = [group for group in GROUPS if groups[group].empty]
    if empty:
        return row | {"note": f"no patients at {empty[0]} risk"}
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning
    from lifelines.statistics import logrank_test

    test = logrank_test(
        groups["low"]["time"],
        groups["high"]["time"],
        event_observed_A=groups["low"]["is_event"],
        event_observed_B=groups["high"]["is_event"],
    )
    row |= {"logrank_statistic": float(test.test_statistic), "logrank_p": float(test.p_value)}
    without = [group for group in GROUPS if not groups[group]["is_event"].any()]
    if without:
        return row | {"note": f"no hazard ratio: no events at {without[0]} risk"}
    data = pd.DataFrame(
        {
            "time": patients["time"].astype(float),
            "is_event": patients["is_event"].astype(int),
            "high": (patients[stratum] == "high").astype(int),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            fitter = CoxPHFitter(alpha=1 - level).fit(data, duration_col="time", event_col="is_event")
        except (ConvergenceWarning, ConvergenceError):
            return row | {"note": "no hazard ratio: the regression did not converge"}
    bounds = np.exp(fitter.confidence_intervals_.iloc[0].to_numpy())
    return row | {
        "hazard_ratio": float(fitter.hazard_ratios_["high"]),
        "hazard_ratio_lower": float(bounds[0]),
        "hazard_ratio_upper": float(bounds[1]),
        "hazard_ratio_p": float(fitter.summary["p"].iloc[0]),
    }
