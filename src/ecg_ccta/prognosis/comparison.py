"""How far risk groups differ in their events after the CCTA."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.config import FollowUp
from ecg_ccta.statistics.survival import hazard_ratio, restricted_mean, trend_test

CRUDE, ADJUSTED = "Cox regression", "Cox regression, adjusted for age and sex"
RANK, TREND = "log-rank", "log-rank trend"


def compare_groups(
    patients: pd.DataFrame, column: str, groups: tuple[str, ...], note: str, settings: FollowUp, level: float
) -> list[dict[str, Any]]:
    """How far groups differ, as rows of an `estimate_table`; all groups' patients and events are counted.

    Hazard ratios are cause-specific: death without an event censors.

    Parameters
    ----------
    patients : from `follow`, with age and sex
    column : that of the groups
    groups : their names in the order of risk
    note : why there are no estimates, or nothing
    settings, level : horizon of the restricted mean; level of the intervals

    Returns
    -------
    Rows with the measures chi-squared and p of the log-rank test (for three groups also of its trend), hazard ratio per
    group, crude and adjusted, with p and the p of proportional hazards, and the difference of the restricted mean
    """
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
