"""Discrimination and calibration of each vessel, with patients as the unit of resampling."""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.scored import shortage, with_finding
from ecg_ccta.statistics.auc import auc_and_pr_auc, auc_and_pr_auc_replicates, auc_delong, roc_curve
from ecg_ccta.statistics.bootstrap import draw_patients, patient_codes, percentile_interval
from ecg_ccta.statistics.calibration import MEASURES, calibration_groups, calibration_summary
from ecg_ccta.statistics.estimates import CLUSTERED, DELONG, estimate_table
from ecg_ccta.vessels import VESSELS

ROC_GRID = np.linspace(0, 1, 201)
"""False positive rates at which the ROC curve and its band are tabled."""

_POOLED = "n and events count pairs of an ECG and a vessel"


def validate(scored: pd.DataFrame, settings: Evaluation, seed: int) -> dict[str, pd.DataFrame]:
    """The validation panel of one site.

    Parameters
    ----------
    scored : from `scored_ecgs`; may lack findings altogether
    settings : level, replicates, minimum number of events, calibration groups and risk thresholds
    seed : of the bootstrap; all vessels share the draws of patients

    Returns
    -------
    discrimination : per vessel AUC (by DeLong and by the clustered bootstrap) and PR-AUC (average precision); "macro",
        their means over the vessels with enough events; "micro", all pairs of an ECG and such a vessel pooled
    roc : sensitivity with its band at `ROC_GRID`, per vessel with enough events
    calibration : groups of equal size by predicted probability with Wilson intervals
    calibration_curve : the smoothed curve with its bands
    calibration_summary : the measures of `calibration.MEASURES`

    All in the form of `estimate_table`. A vessel with fewer than `minimum_events` patients with, or without, an event
    has empty numbers and a note.
    """
    codes, patients = patient_codes(scored["patient_id"])
    scored = scored.assign(_code=codes)
    discrimination: list[dict[str, Any]] = []
    roc, groups, curves, summary = [], [], [], []
    replicates: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for vessel in VESSELS:
        findings = with_finding(scored, vessel)
        y = findings["y_true"].to_numpy(dtype=np.int64)
        counts = {
            "vessel": vessel,
            "n": len(y),
            "events": int(y.sum()),
            "patients": findings["patient_id"].nunique(),
        }
        note = shortage(findings, settings.minimum_events)
        if note:
            measures = (("AUC", DELONG), ("AUC", CLUSTERED), ("PR-AUC", CLUSTERED))
            discrimination += [counts | {"measure": m, "method": method, "note": note} for m, method in measures]
            summary += [counts | {"measure": measure, "note": note} for measure in MEASURES]
            continue
        probability, score = (findings[name].to_numpy(dtype=float) for name in ("probability", "logit"))
        of = findings["_code"].to_numpy()
        replicates[vessel] = auc_and_pr_auc_replicates(y, score, of, patients, settings.bootstrap_replicates, seed)
        discrimination += [counts | row for row in _discriminate(y, score, replicates[vessel], settings.level)]
        roc.append(_roc(y, score, of, patients, settings, seed).assign(**counts))
        rows, curve = calibration_summary(
            y, probability, score, of, patients, settings.bootstrap_replicates, settings.level, seed
        )
        summary += [counts | row for row in rows]
        curves.append(curve.assign(measure="observed share, smoothed", method=CLUSTERED, **counts))
        threshold = getattr(settings.high_risk_thresholds, vessel)
        groups.append(
            calibration_groups(y, probability, of, threshold, settings.calibration_groups, settings.level).assign(
                vessel=vessel
            )
        )
    used = scored[scored["vessel"].isin(list(replicates)) & scored["y_true"].notna()]
    discrimination += _macro(used, discrimination, replicates, settings)
    discrimination += _micro(used, patients, settings, seed)
    return {
        "discrimination": estimate_table(discrimination, ["vessel"]),
        "roc": _joined(roc, ["vessel", "false_positive_rate"]),
        "calibration": _joined(groups, ["vessel", "group", "risk_group", "predicted"]),
        "calibration_curve": _joined(curves, ["vessel", "predicted"]),
        "calibration_summary": estimate_table(summary, ["vessel"]),
    }


def _discriminate(
    y: np.ndarray, score: np.ndarray, replicates: tuple[np.ndarray, np.ndarray], level: float
) -> list[dict[str, Any]]:
    delong = auc_delong(y, score, level)
    flat = "" if delong.variance > 0 else "perfect separation: the interval has no width"
    rows = [
        {
            "measure": "AUC",
            "estimate": delong.auc,
            "lower": delong.lower,
            "upper": delong.upper,
            "level": level,
            "method": DELONG,
            "note": flat,
        }
    ]
    for measure, estimate, drawn in zip(("AUC", "PR-AUC"), auc_and_pr_auc(y, score), replicates, strict=True):
        rows.append(_resampled(measure, estimate, drawn, level, flat))
    return rows


def _macro(
    used: pd.DataFrame,
    rows: list[dict[str, Any]],
    replicates: dict[str, tuple[np.ndarray, np.ndarray]],
    settings: Evaluation,
) -> list[dict[str, Any]]:
    """Means over the vessels with enough events; their intervals from the vessels' shared draws of patients."""
    counts = {"vessel": "macro", "n": used["ecg_id"].nunique(), "patients": used["patient_id"].nunique()}
    if not replicates:
        return [counts | _absent(measure) for measure in ("AUC", "PR-AUC")]
    found = []
    for number, measure in enumerate(("AUC", "PR-AUC")):
        of = {row["vessel"]: row["estimate"] for row in rows if row["measure"] == measure and "estimate" in row}
        drawn = np.mean([both[number] for both in replicates.values()], axis=0)
        note = f"mean of {', '.join(replicates)}"
        found.append(counts | _resampled(measure, float(np.mean(list(of.values()))), drawn, settings.level, note))
    return found


def _micro(used: pd.DataFrame, patients: int, settings: Evaluation, seed: int) -> list[dict[str, Any]]:
    """All pairs of an ECG and a vessel with enough events, pooled; the vessels' prevalences help to rank them."""
    y, score = used["y_true"].to_numpy(dtype=np.int64), used["logit"].to_numpy(dtype=float)
    counts = {"vessel": "micro", "n": len(y), "events": int(y.sum()), "patients": used["patient_id"].nunique()}
    if used.empty:
        return [counts | _absent(measure) for measure in ("AUC", "PR-AUC")]
    drawn = auc_and_pr_auc_replicates(y, score, used["_code"].to_numpy(), patients, settings.bootstrap_replicates, seed)
    return [
        counts | _resampled(measure, estimate, of, settings.level, _POOLED)
        for measure, estimate, of in zip(("AUC", "PR-AUC"), auc_and_pr_auc(y, score), drawn, strict=True)
    ]


def _absent(measure: str) -> dict[str, Any]:
    return {"measure": measure, "method": CLUSTERED, "note": "no vessel with enough events"}


def _resampled(measure: str, estimate: float, drawn: np.ndarray, level: float, note: str) -> dict[str, Any]:
    lower, upper, used = percentile_interval(drawn, level)
    short = "" if used == drawn.size else f"{used} of {drawn.size} replicates"
    return {
        "measure": measure,
        "estimate": estimate,
        "lower": lower,
        "upper": upper,
        "level": level,
        "method": CLUSTERED,
        "note": "; ".join(filter(None, (note, short))),
    }


def _roc(
    y: np.ndarray, score: np.ndarray, codes: np.ndarray, patients: int, settings: Evaluation, seed: int
) -> pd.DataFrame:
    """Sensitivity at each false positive rate of the grid, with the pointwise band of the clustered bootstrap."""
    drawn = [
        _sensitivity(rate, sensitivity)
        for counts in draw_patients(patients, settings.bootstrap_replicates, seed)
        for rate, sensitivity in zip(*roc_curve(y, score, counts.take(codes, axis=1)), strict=True)
        if rate[-1] == 1 and sensitivity[-1] == 1
    ]
    lower, upper = np.quantile(drawn, [(1 - settings.level) / 2, (1 + settings.level) / 2], axis=0)
    ((rate,), (sensitivity,)) = roc_curve(y, score)
    return pd.DataFrame(
        {
            "false_positive_rate": ROC_GRID,
            "measure": "sensitivity",
            "estimate": _sensitivity(rate, sensitivity),
            "lower": lower,
            "upper": upper,
            "level": settings.level,
            "method": CLUSTERED,
        }
    )


def _sensitivity(rate: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    """Sensitivity at `ROC_GRID`; on a vertical step the upper end."""
    end_of_step = np.append(np.diff(rate) > 0, True)
    return np.interp(ROC_GRID, rate[end_of_step], sensitivity[end_of_step])


def _joined(parts: list[pd.DataFrame], strata: list[str]) -> pd.DataFrame:
    rows = pd.concat(parts, ignore_index=True).to_dict("records") if parts else []
    return estimate_table(rows, strata)
