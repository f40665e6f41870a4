"""Whether follow-up finds the planted hazards again, and whether the oracle's risk groups separate.

The simulated hazard of infarction depends on the true findings: one ratio for any vessel with severe or complete
stenosis, another on top of it for each such vessel. A Cox regression on all five at once has exactly that form, so its
coefficients estimate the planted ones. One finding alone stands for the others that come with it, too: what is planted
then is the ratio of the two groups' mean hazards, from which the estimate departs as the patients at highest hazard
leave. The ECG shows the findings only in part, so the groups that the oracle makes of it differ by less.
"""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats
from scipy.special import logit

from ecg_ccta.config import Evaluation, EventFrom, FollowUp
from ecg_ccta.evaluation.patients import any_vessel, nearest_to_ccta
from ecg_ccta.evaluation.stratify_risk import risk_group_of
from ecg_ccta.figures import COLUMN, GREY, STYLE
from ecg_ccta.prognosis.patients import RISK_TARGETS, follow, patient_risk
from ecg_ccta.statistics.survival import cox_regression, hazard_ratio, trend_test
from ecg_ccta.truth.compare_with_truth import oracle_by_ecg
from ecg_ccta.vessels import EVENT_GRADES, VESSELS

_SEVERE = EventFrom()

TOGETHER, ALONE = "all findings at once", "one finding alone"
ORACLE, MODEL = "oracle", "model"

_HAZARDS = ["regression", "finding", "planted", "estimate", "lower", "upper", "level", "inside", "patients", "events",
            "p_planted", "note"]  # fmt: skip
_SEPARATION = ("log_rank_p", "hazard_ratio", "lower", "upper", "per_sd", "per_sd_lower", "per_sd_upper")


def recovered_hazards(
    cohort: pd.DataFrame,
    follow_up: pd.DataFrame,
    planted: Mapping[str, Mapping[str, float | None]],
    settings: FollowUp,
    evaluation: Evaluation,
) -> pd.DataFrame:
    """Cox regression of events on the true findings, beside the planted hazard ratios.

    Parameters
    ----------
    cohort : `tables.COHORT`; patients with a finding in every vessel are analysed, by the index CCTA's nearest ECG.
    follow_up : `tables.FOLLOW_UP`; may be empty.
    planted : what the simulator's record holds under "follow_up": hazard_ratio and marginal_hazard_ratio.
    settings : landmark and horizon.
    evaluation : level of the intervals, and with fewer than minimum_events events there are no estimates.

    Returns
    -------
    A row per regression (`TOGETHER`, `ALONE`) and finding (any vessel, and each): planted, estimate with Wald interval,
    inside (whether this holds the planted ratio), p_planted (Wald test that the ratios planted in the regression, all
    five in the rows of `TOGETHER`, are the true ones), patients, events, note.
    """
    nearest = nearest_to_ccta(cohort)
    # The hazards were planted for these grades, whatever the study's outcome begins at.
    grades = nearest[[f"grade_{vessel}" for vessel in VESSELS]].set_axis(list(VESSELS), axis=1)
    findings = grades.isin(EVENT_GRADES).astype("Int8").mask(grades.isna())
    findings.insert(0, "any", any_vessel(findings))
    nearest = pd.concat([nearest[["patient_id"]], findings], axis=1)[findings.notna().all(axis=1)]
    patients, _ = follow(nearest, follow_up, settings)
    truth = {TOGETHER: planted["hazard_ratio"], ALONE: planted["marginal_hazard_ratio"]}
    rows = _regression(patients, list(RISK_TARGETS), truth[TOGETHER], evaluation)
    table = [{"regression": TOGETHER} | row for row in rows]
    for name in RISK_TARGETS:
        table += [{"regression": ALONE} | row for row in _regression(patients, [name], truth[ALONE], evaluation)]
    return pd.DataFrame(table).reindex(columns=_HAZARDS)


def _regression(
    patients: pd.DataFrame, names: list[str], planted: Mapping[str, float | None], evaluation: Evaluation
) -> list[dict[str, Any]]:
    true = [planted.get(name) for name in names]
    counts: dict = {"patients": len(patients), "events": int(patients["is_event"].sum()), "level": evaluation.level}
    rows = [counts | {"finding": name, "planted": ratio} for name, ratio in zip(names, true, strict=True)]

    def noted(note: str) -> list[dict[str, Any]]:
        return [row | {"note": note} for row in rows]

    if counts["events"] < evaluation.minimum_events:
        return noted(f"too few events ({counts['events']})" if len(patients) else "no follow-up")
    for name in names:
        for found, words in ((patients[name] == 1, "with"), (patients[name] == 0, "without")):
            if not patients.loc[found, "is_event"].any():
                where = "in any vessel" if name == "any" else f"in {name}"
                return noted(f"no events in patients {words} a stenosis {where}")
    fitted = cox_regression(patients["time"].to_numpy(), patients["is_event"].to_numpy(), patients[names])
    if fitted is None:
        return noted("the regression did not converge")
    coefficients, covariance = fitted
    half = stats.norm.ppf((1 + evaluation.level) / 2) * np.sqrt(np.diag(covariance))
    away = coefficients - np.log(np.array(true, dtype=float))
    p_planted = stats.chi2.sf(away @ np.linalg.solve(covariance, away), len(names))
    return [
        row
        | {
            "estimate": np.exp(coefficient),
            "lower": np.exp(coefficient - width),
            "upper": np.exp(coefficient + width),
            "inside": bool(abs(distance) <= width),
            "p_planted": float(p_planted),
            "note": "",
        }
        for row, coefficient, width, distance in zip(rows, coefficients, half, away, strict=True)
    ]


def separation(
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    follow_up: pd.DataFrame,
    truth: pd.DataFrame,
    key: bytes,
    settings: FollowUp,
    evaluation: Evaluation,
    event_from: EventFrom = _SEVERE,
) -> pd.DataFrame:
    """Events of high against low risk, by the groups of the oracle and of the model, at the same thresholds.

    Parameters
    ----------
    cohort, predictions, follow_up : `tables.COHORT`, `tables.PREDICTIONS` and `tables.FOLLOW_UP` of one site.
    truth : a row per exported ECG: ecg_id (the export's own) and the probabilities of `event_model.oracle_column`.
    key : the site's pseudonym key, which joins the two.
    settings : landmark and horizon.
    evaluation : thresholds, level, minimum number of events.
    event_from : the grade from which a stenosis is an event, per vessel.

    Returns
    -------
    A row per source of the groups (`ORACLE`, `MODEL`) and vessel or any: source, vessel, patients_high, events_high,
    patients_low, events_low, log_rank_p, hazard_ratio of high against low risk with Wald interval (lower, upper),
    per_sd: the ratio per standard deviation of the log odds, which no threshold enters, with per_sd_lower and
    per_sd_upper; note.
    """
    columns = ["ecg_id", "vessel", "probability"]
    oracle = oracle_by_ecg(truth, key, event_from)[list(VESSELS)].rename_axis("ecg_id").reset_index()
    oracle = oracle[oracle["ecg_id"].isin(cohort["ecg_id"])].melt("ecg_id", var_name="vessel", value_name="probability")
    rows = []
    for source, probabilities in ((ORACLE, oracle[columns]), (MODEL, predictions[columns])):
        groups = probabilities.assign(
            group=risk_group_of(probabilities, evaluation.high_risk_thresholds), stratum=pd.NA
        )
        patients, _ = follow(patient_risk(cohort, groups), follow_up, settings)
        rows += [
            {"source": source, "vessel": stratum} | _separated(patients, stratum, evaluation)
            for stratum in RISK_TARGETS
        ]
    return pd.DataFrame(rows)


def _separated(patients: pd.DataFrame, stratum: str, evaluation: Evaluation) -> dict[str, Any]:
    is_event, high = patients["is_event"].to_numpy(dtype=bool), (patients[stratum] == "high").to_numpy()
    row: dict[str, Any] = {
        "patients_high": int(high.sum()),
        "events_high": int(is_event[high].sum()),
        "patients_low": int((~high).sum()),
        "events_low": int(is_event[~high].sum()),
        **dict.fromkeys(_SEPARATION, np.nan),
    }
    if patients.empty:
        return row | {"note": "no follow-up"}
    if is_event.sum() < evaluation.minimum_events:
        return row | {"note": f"too few events ({is_event.sum()})"}
    time = patients["time"].to_numpy(dtype=float)
    score = logit(patients[f"probability_{stratum}"].to_numpy(dtype=float))
    if np.ptp(score) > 0:
        found = hazard_ratio(time, is_event, pd.DataFrame({"score": score / score.std()}), evaluation.level)
        row |= {"per_sd": found.get("estimate"), "per_sd_lower": found.get("lower"), "per_sd_upper": found.get("upper")}
    for word in ("high", "low"):
        if row[f"patients_{word}"] == 0:
            return row | {"note": f"no patients at {word} risk"}
    _, row["log_rank_p"] = trend_test(time, is_event, high)
    for word in ("high", "low"):
        if row[f"events_{word}"] == 0:
            return row | {"note": f"no hazard ratio: no events at {word} risk"}
    found = hazard_ratio(time, is_event, pd.DataFrame({"high": high}), evaluation.level)
    row |= {"hazard_ratio": found.get("estimate"), "lower": found.get("lower"), "upper": found.get("upper")}
    return row | {"note": found.get("note", "")}


def draw_planted_hazards(hazards: pd.DataFrame) -> Figure:
    """Estimated hazard ratios with their intervals, and the planted ones as open diamonds; both regressions.

    Parameters
    ----------
    hazards : from `recovered_hazards`.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 3.1))
        axes = figure.subplots()
        place, ticks = 0.0, {}
        for regression, rows in hazards.groupby("regression", sort=False):
            beside = axes.get_yaxis_transform()
            white = {"facecolor": "white", "linewidth": 0, "pad": 0.8}
            axes.text(0.02, place, regression.capitalize(), transform=beside, fontsize=7, va="center", color=GREY,
                      bbox=white)  # fmt: skip
            for _, row in rows.iterrows():
                place += 1
                ticks[place] = "Any vessel" if row["finding"] == "any" else row["finding"]
                if np.isfinite(row["estimate"]):
                    axes.plot([row["lower"], row["upper"]], [place, place], color="black", linewidth=1)
                    axes.plot(row["estimate"], place, "s", color="black", markersize=3.5)
                if row["planted"] is not None and np.isfinite(row["planted"]):
                    axes.plot(row["planted"], place, "D", markersize=6.5, markerfacecolor="none",
                              markeredgecolor="#D55E00", markeredgewidth=1.2)  # fmt: skip
            place += 1.4
        axes.axvline(1, color=GREY, linewidth=0.6, linestyle=":")
        axes.set_xscale("log")
        known = hazards[["planted", "lower", "upper"]].astype(float).to_numpy().ravel()
        known = known[np.isfinite(known)]
        axes.set_xlim(min(0.7, 0.8 * known.min()), 1.25 * known.max())
        marks = [
            mark for mark in (0.25, 0.5, 1, 2, 3, 5, 10, 20, 50, 100) if axes.get_xlim()[0] < mark < axes.get_xlim()[1]
        ]
        axes.set_xticks(marks, [f"{mark:g}" for mark in marks])
        axes.minorticks_off()
        axes.set_ylim(place - 0.6, -0.8)
        axes.set_yticks(list(ticks), list(ticks.values()))
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("Hazard ratio\n(square: estimate with interval; diamond: planted)", fontsize=7)
    return figure
