"""Discrimination and calibration of each vessel, with patients as the unit of resampling."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, auc_row, findings_by_vessel
from ecg_ccta.evaluation.probabilities import probability_rows
from ecg_ccta.evaluation.scored import is_out_of_fold
from ecg_ccta.statistics.auc import roc_curve
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.calibration import CALIBRATION_MEASURES, calibration_groups, calibration_summary
from ecg_ccta.statistics.clustered_auc import mean_auc
from ecg_ccta.statistics.estimates import CLUSTERED, DELONG, PATIENTS, estimate_table, with_condition

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
    discrimination : per vessel AUC (`Findings.expected`, and of the predictions as they are by DeLong and by the
        clustered bootstrap) and PR-AUC (average precision); "macro", their means over the vessels with enough events;
        "micro", all pairs of an ECG and such a vessel pooled
    roc : sensitivity with its band at `ROC_GRID`, per vessel with enough events
    calibration : groups of equal size by predicted probability with Wilson intervals
    calibration_curve : the smoothed curve with its bands
    calibration_summary : the measures of `calibration.CALIBRATION_MEASURES`
    probabilities : the predicted probabilities of ECGs with and without the outcome, by quantiles and in bins

    All in the form of `estimate_table`. A vessel with fewer than `minimum_events` patients with, or without, an event
    has empty numbers and a note.
    """
    found = findings_by_vessel(scored, settings, seed)
    enough = {vessel: findings for vessel, findings in found.items() if not findings.insufficient}
    discrimination: list[dict[str, Any]] = []
    roc, groups, curves, summary, probabilities = [], [], [], [], []
    for vessel, findings in found.items():
        counts = {"vessel": vessel, **findings.counts}
        discrimination += [counts | row for row in _discriminate(findings)]
        probabilities += probability_rows(findings)
        if findings.insufficient:
            summary += [
                counts | {"measure": measure, "note": findings.insufficient} for measure in CALIBRATION_MEASURES
            ]
            continue
        roc.append(_roc(findings).assign(**counts))
        rows, curve = calibration_summary(
            findings.y, findings.probability, findings.logit, findings.codes, findings.bootstrap
        )
        summary += [counts | row for row in rows]
        curves.append(curve.assign(measure="observed proportion, smoothed", method=CLUSTERED, **counts))
        threshold = getattr(settings.high_risk_thresholds, vessel)
        parts = calibration_groups(
            findings.y, findings.probability, findings.codes, threshold, settings.calibration_groups, settings.level
        )
        groups.append(parts.assign(vessel=vessel))
    discrimination += [*_macro(enough), *_micro(enough)]
    tables = {
        "discrimination": estimate_table(discrimination, ["vessel"]),
        "roc": _joined(roc, ["vessel", "false_positive_rate"]),
        "calibration": _joined(groups, ["vessel", "group", "risk_group", "predicted"]),
        "calibration_curve": _joined(curves, ["vessel", "predicted"]),
        "calibration_summary": estimate_table(summary, ["vessel"]),
        "probabilities": estimate_table(probabilities, ["vessel", "outcome", "lowest", "highest", "ecgs"]),
    }
    return {name: with_condition(table, is_out_of_fold(scored)) for name, table in tables.items()}


def _discriminate(findings: Findings) -> list[dict[str, Any]]:
    """Rows of AUC and PR-AUC of a vessel."""
    if findings.insufficient:
        missing = {"measure": "PR-AUC", "method": CLUSTERED, "note": findings.insufficient}
        return [*findings.auc_rows(findings.method, DELONG, CLUSTERED), missing]
    flat = "" if findings.delong.variance > 0 else "perfect separation: the interval has no width"
    expected, by_delong = findings.auc_rows(findings.method, DELONG)
    return [
        expected,
        by_delong | {"note": flat},
        *_resampled(findings.areas, findings.drawn_areas, findings.bootstrap, flat),
    ]


def _macro(enough: Mapping[str, Findings]) -> list[dict[str, Any]]:
    """Means over the vessels with enough events; what patients contribute, and their draws, are added up."""
    pooled = _pooled(enough)
    if pooled is None:
        return [{"vessel": "macro", "n": 0, "patients": 0} | row for row in _ABSENT]
    counts = {"vessel": "macro", "n": pooled.rows["ecg_id"].nunique(), "patients": pooled.counts["patients"]}
    areas = np.mean([findings.areas for findings in enough.values()], axis=0)
    drawn = np.mean([findings.drawn_areas for findings in enough.values()], axis=0)
    note = f"mean of {', '.join(enough)}"
    mean = mean_auc([findings.expected for findings in enough.values()])
    rows = [auc_row(mean, pooled.method, pooled.bootstrap.level) | {"note": note}]
    return [counts | row for row in [*rows, *_resampled(areas, drawn, pooled.bootstrap, note)]]


def _micro(enough: Mapping[str, Findings]) -> list[dict[str, Any]]:
    """All pairs of an ECG and a vessel with enough events, pooled; the vessels' prevalences help to rank them."""
    pooled = _pooled(enough)
    if pooled is None:
        return [{"vessel": "micro", "n": 0, "events": 0, "patients": 0} | row for row in _ABSENT]
    rows = _resampled(pooled.areas, pooled.drawn_areas, pooled.bootstrap, _POOLED)
    return [{"vessel": "micro", **pooled.counts} | row for row in rows]


def _pooled(enough: Mapping[str, Findings]) -> Findings | None:
    """Pool the findings of several vessels; None where there is no vessel."""
    if not enough:
        return None
    first = next(iter(enough.values()))
    return replace(first, rows=pd.concat([findings.rows for findings in enough.values()]))


_ABSENT = [
    {"measure": measure, "method": method, "note": "no vessel with enough events"}
    for measure, method in (("AUC", PATIENTS), ("AUC", CLUSTERED), ("PR-AUC", CLUSTERED))
]


def _resampled(
    areas: Sequence[float], drawn: Sequence[np.ndarray], bootstrap: Bootstrap, note: str
) -> list[dict[str, Any]]:
    """Rows of AUC and PR-AUC by the bootstrap; the note says where draws lacked events or non-events."""
    rows = []
    for measure, area, values in zip(("AUC", "PR-AUC"), areas, drawn, strict=True):
        used = int(np.isfinite(values).sum())
        short = "" if used == values.size else f"{used} of {values.size} replicates"
        rows.append(bootstrap.estimate(measure, float(area), values, "; ".join(filter(None, (note, short)))))
    return rows


def _roc(findings: Findings) -> pd.DataFrame:
    """Sensitivity at each false positive rate of the grid, with the pointwise band of the clustered bootstrap."""
    y, score, bootstrap = findings.y, findings.logit, findings.bootstrap
    drawn = [
        _sensitivity(rate, sensitivity)
        for counts in bootstrap.draws()
        for rate, sensitivity in zip(*roc_curve(y, score, counts.take(findings.codes, axis=1)), strict=True)
        if rate[-1] == 1 and sensitivity[-1] == 1
    ]
    lower, upper = np.quantile(drawn, [(1 - bootstrap.level) / 2, (1 + bootstrap.level) / 2], axis=0)
    ((rate,), (sensitivity,)) = roc_curve(y, score)
    return pd.DataFrame(
        {
            "false_positive_rate": ROC_GRID,
            "measure": "sensitivity",
            "estimate": _sensitivity(rate, sensitivity),
            "lower": lower,
            "upper": upper,
            "level": bootstrap.level,
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
