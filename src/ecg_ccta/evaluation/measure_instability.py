"""How far predictions move when the model is developed again on other patients (Riley and Collins, 2023).

Two models are developed again (`training.redevelopment`): the linear probe of the foundation's features, often enough
for percentiles, and the fine-tuned networks, a few times. All ECGs here are of patients whom none of these models has
seen: those of the other folds at the development site, all at another one. An interval over re-developments says how
far the prediction would have moved with other patients of the same kind, not how far it is from the truth.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
from ecg_ccta.evaluation.choose_thresholds import lack_of, thresholds_of
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.statistics.calibration import Lowess, calibration_line
from ecg_ccta.statistics.estimates import estimate_table
from ecg_ccta.statistics.instability import (
    classification_instability,
    mean_absolute_prediction_error,
    prediction_intervals,
)
from ecg_ccta.vessels import VESSELS

MODELS = (PROBE, FINE_TUNED)
THRESHOLDS = ("guideline", "rule-out", "rule-in")
FEWEST = 20
"""Re-developments for percentiles; of fewer the range is given."""
GROUPS = 20
"""Groups of ECGs of equal size by the original prediction, in the instability plot."""
CURVES = 50
"""Re-developments whose calibration curves are kept."""
POINTS = 15
"""Points of a calibration curve."""

BANDS = {"lower": 0.025, "lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75, "upper": 0.975}


class Versions(NamedTuple):
    """Logits of a model's versions for the rows of `scored_ecgs`: `original` (rows,), `again` (versions, rows)."""

    original: np.ndarray
    again: np.ndarray


class Instability(NamedTuple):
    """Result tables of a site, and a row per ECG, vessel and model."""

    summary: pd.DataFrame
    bands: pd.DataFrame
    calibration: pd.DataFrame
    ecgs: pd.DataFrame


def in_rows_of(scored: pd.DataFrame, cohort: pd.DataFrame, logits: np.ndarray) -> np.ndarray:
    """Put logits (versions, ECGs of the cohort, vessels) into the order of the rows of `scored`: (versions, rows)."""
    ecg = pd.Series(np.arange(len(cohort)), index=cohort["ecg_id"]).loc[scored["ecg_id"]].to_numpy()
    vessel = scored["vessel"].map({name: place for place, name in enumerate(VESSELS)}).to_numpy(dtype=int)
    return logits[:, ecg, vessel]


def of_networks(scored: pd.DataFrame, again: list[pd.DataFrame]) -> Versions:
    """Take the fine-tuned networks' logits, the original's and those of each re-development, all of `scored_ecgs`.

    Raises
    ------
    StudyError
        Where a re-development was not evaluated on the same ECGs in the same folds.
    """
    key = ["ecg_id", "vessel", "fold"]
    for number, other in enumerate(again, 1):
        if not other[key].reset_index(drop=True).equals(scored[key].reset_index(drop=True)):
            raise StudyError(f"re-development {number} is not of the study's ECGs and folds. Fix: run predict again")
    return Versions(
        scored["logit"].to_numpy(dtype=float), np.array([other["logit"].to_numpy(float) for other in again])
    )


def measure_instability(
    scored: pd.DataFrame, models: Mapping[str, Versions], chosen: dict[str, Any], settings: Evaluation
) -> Instability:
    """Measure how far predictions, classifications, discrimination and calibration move over the re-developments.

    Parameters
    ----------
    scored : of `scored_ecgs`
    models : name, one of MODELS -> its versions for the rows of `scored`
    chosen : of `choose_thresholds`; the thresholds are those of the study, for every version
    settings : level of the intervals, least events

    Returns
    -------
    summary : strata model and vessel, in the form of `estimate_table`, over ECGs with a finding: "MAPE" (mean over
        ECGs of the mean absolute prediction error), its median and 95 % quantile, the median width of the intervals,
        "classification instability" at each threshold (mean over ECGs), "AUC" and "slope" of the original, and of the
        re-developments: their median, with percentiles as interval (fewer than FEWEST: the range)
    bands : per group of ECGs by the original's probability: its mean, and quantiles over ECGs and re-developments of
        what was added to it
    calibration : smoothed curves of the original (redevelopment 0) and of CURVES re-developments
    ecgs : ecg_id, patient_id, vessel, fold, model, probability, mape, sd, lower, upper and level of every row
    """
    rows: list[dict[str, Any]] = []
    bands, curves, ecgs = [], [], []
    for model, versions in models.items():
        original, again = _expit(versions.original), _expit(versions.again)
        enough = len(again) >= FEWEST
        lower, upper = prediction_intervals(again, settings.level) if enough else (np.nan, np.nan)
        of_model = scored[["ecg_id", "patient_id", "vessel", "fold"]].assign(
            model=model,
            probability=original,
            mape=mean_absolute_prediction_error(original, again),
            sd=again.std(axis=0, ddof=1) if len(again) > 1 else np.nan,
            lower=lower,
            upper=upper,
            level=settings.level if enough else np.nan,
        )
        ecgs.append(of_model)
        placed = scored.assign(place=np.arange(len(scored)))
        for vessel, findings in findings_by_vessel(placed, settings, None).items():
            named = {"model": model, "vessel": vessel}
            at = findings.rows["place"].to_numpy()
            if not len(at):
                rows.append(named | findings.counts | {"measure": "MAPE", "note": findings.insufficient})
                continue
            counts = named | findings.counts
            own = Versions(versions.original[at], versions.again[:, at])
            rows += [counts | row for row in _moved(of_model.iloc[at], original[at], again[:, at], enough)]
            rows += [counts | row for row in _reclassified(findings, original[at], again[:, at], chosen)]
            rows += [counts | row for row in _performance(findings, own, settings.level)]
            bands.append(_bands(original[at], again[:, at]).assign(**named))
            if not findings.insufficient:
                curves.append(_curves(findings, original[at], again[:, at]).assign(**named))
    return Instability(
        estimate_table(rows, ["model", "vessel"]),
        pd.concat(bands, ignore_index=True)[["model", "vessel", "group", "predicted", *BANDS, "n"]],
        pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=_CURVE_COLUMNS),
        pd.concat(ecgs, ignore_index=True),
    )


_CURVE_COLUMNS = ["model", "vessel", "redevelopment", "predicted", "observed"]


def _expit(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def _moved(ecgs: pd.DataFrame, original: np.ndarray, again: np.ndarray, enough: bool) -> list[dict[str, Any]]:
    method = f"{len(again)} re-developments"
    width = (ecgs["upper"] - ecgs["lower"]).median() if enough else np.nan
    few = "" if enough else f"too few re-developments ({len(again)}) for percentiles"
    found = {
        "MAPE": ecgs["mape"].mean(),
        "MAPE, median": ecgs["mape"].median(),
        "MAPE, 95 % quantile": ecgs["mape"].quantile(0.95),
        "mean predicted": original.mean(),
        "width of interval, median": width,
    }
    return [
        {"measure": measure, "estimate": value, "method": method, "note": few if pd.isna(value) else ""}
        for measure, value in found.items()
    ]


def _reclassified(
    findings: Findings, original: np.ndarray, again: np.ndarray, chosen: dict[str, Any]
) -> list[dict[str, Any]]:
    rows = []
    for kind in THRESHOLDS:
        row = {"measure": f"classification instability, {kind}", "method": f"{len(again)} re-developments"}
        lack = lack_of(findings.rows, chosen, kind)
        if lack:
            rows.append(row | {"note": lack})
            continue
        threshold = thresholds_of(findings.rows, chosen, kind)
        rows.append(row | {"estimate": classification_instability(original, again, threshold).mean()})
    return rows


def _performance(findings: Findings, versions: Versions, level: float) -> list[dict[str, Any]]:
    """AUC and calibration slope of the original, and of the re-developments with their spread."""
    if findings.insufficient:
        return [{"measure": measure, "note": findings.insufficient} for measure in ("AUC", "slope")]
    original = _auc_and_slope(findings, versions.original)
    again = [_auc_and_slope(findings, logit) for logit in versions.again]
    rows: list[dict[str, Any]] = []
    for place, measure in enumerate(("AUC", "slope")):
        drawn = np.array([values[place] for values in again])
        drawn = drawn[np.isfinite(drawn)]
        rows.append({"measure": measure, "estimate": original[place], "method": "original",
                     "note": "" if np.isfinite(original[place]) else "no slope"})  # fmt: skip
        row = {
            "measure": f"{measure}, re-developed",
            "level": level,
            "method": f"{len(versions.again)} re-developments",
        }
        if not drawn.size:
            rows.append(row | {"note": "no slope of any re-development"})
        elif drawn.size >= FEWEST:
            lower, upper = prediction_intervals(drawn[:, None], level)
            rows.append(row | {"estimate": np.median(drawn), "lower": lower[0], "upper": upper[0]})
        else:
            rows.append(row | {"estimate": np.median(drawn), "lower": drawn.min(), "upper": drawn.max(),
                               "level": np.nan, "note": f"range of {drawn.size}"})  # fmt: skip
    return rows


def _auc_and_slope(findings: Findings, logit: np.ndarray) -> tuple[float, float]:
    of = findings.with_logit(logit)
    line = calibration_line(findings.y, logit, findings.codes)
    return of.expected.estimate, float(line.get("slope", np.nan))


def _bands(original: np.ndarray, again: np.ndarray) -> pd.DataFrame:
    """Quantiles of what re-development adds to a prediction, laid on the mean of its group of ECGs."""
    rows = []
    for number, members in enumerate(
        np.array_split(np.argsort(original, kind="stable"), min(GROUPS, len(original))), 1
    ):
        predicted = original[members].mean()
        added = np.quantile(again[:, members] - original[members], list(BANDS.values()))
        rows.append({"group": number, "predicted": predicted, "n": len(members)} | dict(
            zip(BANDS, np.clip(predicted + added, 0, 1), strict=True)))  # fmt: skip
    return pd.DataFrame(rows)


def _curves(findings: Findings, original: np.ndarray, again: np.ndarray) -> pd.DataFrame:
    parts = []
    for number, probability in enumerate((original, *again[:CURVES])):
        smoother = Lowess(findings.y, probability, findings.codes, findings.bootstrap.patients)
        (observed,) = smoother.curves(np.ones((1, findings.bootstrap.patients)))
        at = np.unique(np.quantile(smoother.points, np.linspace(0, 1, POINTS)))
        parts.append(
            pd.DataFrame(
                {"redevelopment": number, "predicted": at, "observed": np.interp(at, smoother.points, observed)}
            )
        )
    return pd.concat(parts, ignore_index=True).reindex(columns=_CURVE_COLUMNS[2:])
