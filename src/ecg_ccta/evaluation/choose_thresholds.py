"""Decision thresholds: chosen at the development site, frozen everywhere else.

Four kinds per vessel, `THRESHOLD_KINDS`: the guideline's (a constant), rule-out at a sensitivity target and rule-in at
a specificity target, which together make low, intermediate and high (Xiao et al., arXiv 2512.05136v2), and the
opportunistic-screening point of its first version: the first threshold at or above the guideline's that reaches a
specificity. An ECG is positive where its probability reaches the threshold.

For a patient the question is whether any vessel is narrowed. Thresholds of the vessels do not answer it: four at a
specificity of 90 % each let only some three quarters of the healthy pass all of them. Rule-out and rule-in are
therefore chosen once more on the probability of any vessel, of one ECG per patient (`any_vessel`).

Thresholds are never applied to the patients that they were chosen on. At the development site those of fold k are
chosen on the out-of-fold predictions of the other folds (cross-fitting); other sites get those chosen on all of them.
"""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.any_vessel import ANY, any_vessel_scores, fit_recalibration, recalibrated
from ecg_ccta.evaluation.scored import insufficient_events, with_finding
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import VESSELS

THRESHOLD_KINDS = ("guideline", "rule-out", "rule-in", "screening")
STRATUM_KINDS = ("rule-out", "rule-in")
"""Kinds of threshold between the strata; any vessel has these alone."""
STRATA = ("low", "intermediate", "high")


def rule_out_threshold(y_true: np.ndarray, probability: np.ndarray, sensitivity: float) -> float:
    """The highest threshold that still reaches the sensitivity: a prediction of one of the events.

    Parameters
    ----------
    y_true : (n,) 0 and 1, at least one event
    probability : (n,)
    sensitivity : target, 0 to 1

    Examples
    --------
    >>> rule_out_threshold(np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4]), 0.5)
    0.4
    """
    events = np.sort(probability[y_true == 1])
    reached = np.arange(events.size, 0, -1) / events.size  # proportion of events at or above each, ties at their first
    reached = reached[np.searchsorted(events, events, side="left")]
    return float(events[reached >= sensitivity][-1])


def rule_in_threshold(
    y_true: np.ndarray, probability: np.ndarray, specificity: float, base: float | None = None
) -> float | None:
    """The lowest threshold, among the predictions, that reaches the specificity.

    Parameters
    ----------
    y_true : (n,) 0 and 1, at least one non-event
    probability : (n,)
    specificity : target, 0 to 1
    base : where given, the threshold is at or above it, and is `base` itself where that is specific enough

    Returns
    -------
    None where no threshold does: the highest prediction is that of too many non-events

    Examples
    --------
    >>> y_true, probability = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4])
    >>> rule_in_threshold(y_true, probability, 0.5), rule_in_threshold(y_true, probability, 0.5, base=0.25)
    (0.2, 0.25)
    """
    others = np.sort(probability[y_true == 0])
    candidates = np.unique(probability)
    if base is not None:
        candidates = np.append(base, candidates[candidates > base])
    reached = np.searchsorted(others, candidates, side="left") / others.size >= specificity
    return float(candidates[reached.argmax()]) if reached.any() else None


def choose_thresholds(scored: pd.DataFrame, site: str, settings: Evaluation) -> dict[str, Any]:
    """The thresholds of every kind and vessel, from the out-of-fold predictions of the development site.

    Where one threshold reaches both targets, rule-out above rule-in, rule-in is raised to rule-out: there is no
    intermediate group then, and both targets hold.

    Parameters
    ----------
    scored : from `scored_ecgs`, of the development site
    site : its name, for provenance
    settings : targets, guideline thresholds, and the least events for choosing a threshold

    Returns
    -------
    site, predictions ("out-of-fold"), targets; frozen: vessel or `ANY` -> choice; cross_fitted: fold -> vessel or `ANY`
    -> choice, made without that fold. A choice says n, events, patients and event_patients it was made on, and per kind
    the threshold (None where there is none), the method and a note; that of any vessel the recalibration too. Plain
    values, for JSON.

    Raises
    ------
    StudyError
        Where a prediction is of the ensemble, which has seen the patients of the development site.
    """
    if (scored["fold"] == ENSEMBLE).any():
        raise StudyError(
            f"predictions of site {site}: thresholds are chosen on out-of-fold predictions, and some rows have fold "
            f"{ENSEMBLE}, the ensemble; give the predictions of the development site"
        )
    return {
        "site": site,
        "predictions": "out-of-fold",
        "targets": {
            "rule_out_sensitivity": settings.rule_out_sensitivity,
            "rule_in_specificity": settings.rule_in_specificity,
            "screening_specificity": settings.screening_specificity.model_dump(),
        },
        "frozen": _choices(scored, settings),
        "cross_fitted": {
            str(fold): _choices(scored[scored["fold"] != fold], settings) for fold in sorted(scored["fold"].unique())
        },
    }


def thresholds_of(rows: pd.DataFrame, chosen: dict[str, Any], kind: str) -> np.ndarray:
    """The threshold of each row: the cross-fitted one of its fold, or the frozen one for the ensemble's predictions.

    Parameters
    ----------
    rows : with vessel (or `ANY`) and fold; `tables.PREDICTIONS`, from `scored_ecgs` or from `any_vessel_scores`
    chosen : from `choose_thresholds`
    kind : one of `THRESHOLD_KINDS`; of any vessel, of `STRATUM_KINDS`

    Returns
    -------
    (n,) NaN where none could be chosen

    Raises
    ------
    StudyError
        Where a fold has no thresholds.
    """
    by_fold = {ENSEMBLE: chosen["frozen"]} | {int(fold): found for fold, found in chosen["cross_fitted"].items()}
    unknown = set(rows["fold"].unique()) - set(by_fold)
    if unknown:
        raise StudyError(
            f"thresholds: none for fold {min(unknown)}; they are of another run: run choose_thresholds again"
        )
    flat = {
        (fold, vessel): choice["thresholds"][kind]["threshold"]
        for fold, choices in by_fold.items()
        for vessel, choice in choices.items()
        if kind in choice["thresholds"]
    }
    keys = zip(rows["fold"], rows["vessel"], strict=True)
    return np.array([flat[key] for key in keys], dtype=float)


def lack_of(rows: pd.DataFrame, chosen: dict[str, Any], kind: str) -> str:
    """Why some of the rows of one vessel have no threshold, or an empty string."""
    for fold, vessel in rows[["fold", "vessel"]].drop_duplicates().itertuples(index=False):
        choices = chosen["frozen"] if fold == ENSEMBLE else chosen["cross_fitted"][str(fold)]
        found = choices[vessel]["thresholds"][kind]
        if found["threshold"] is None:
            return f"no threshold: {found['note']} at site {chosen['site']}"
    return ""


def strata_of(rows: pd.DataFrame, chosen: dict[str, Any]) -> pd.Series:
    """Low below the rule-out threshold, high from the rule-in threshold, intermediate between; missing without them.

    Parameters
    ----------
    rows : with vessel, fold and probability
    chosen : from `choose_thresholds`
    """
    probability = rows["probability"].to_numpy(dtype=float)
    low, high = thresholds_of(rows, chosen, "rule-out"), thresholds_of(rows, chosen, "rule-in")
    word = np.where(probability >= high, "high", np.where(probability < low, "low", "intermediate"))
    strata = pd.Series(word, index=rows.index, dtype="string")
    return strata.mask(np.isnan(low) | np.isnan(high))


def _choices(scored: pd.DataFrame, settings: Evaluation) -> dict[str, Any]:
    of_vessels = {vessel: _choice(with_finding(scored, vessel), vessel, settings) for vessel in VESSELS}
    return of_vessels | {ANY: _choice_of_any(any_vessel_scores(scored), settings)}


def _choice(findings: pd.DataFrame, vessel: str, settings: Evaluation) -> dict[str, Any]:
    guideline = getattr(settings.high_risk_thresholds, vessel)
    screening = getattr(settings.screening_specificity, vessel)
    lack = insufficient_events(findings, settings.minimum_events)
    y, probability = _arrays(findings)
    first = None if lack else rule_in_threshold(y, probability, screening, guideline)
    between = _between_strata(findings, settings, lack)
    return _counted(findings) | {
        "thresholds": {
            "guideline": _threshold(guideline, "constant of the configuration", ""),
            **between,
            "screening": _threshold(
                first,
                f"lowest threshold from the guideline's {guideline:g} up with specificity {screening:g} or more",
                (lack or _UNSPECIFIC) if first is None else "",
            ),
        },
    }


def _choice_of_any(patients: pd.DataFrame, settings: Evaluation) -> dict[str, Any]:
    recalibration = fit_recalibration(patients, settings.minimum_events)
    known = patients[patients["y_true"].notna()]
    known = known.assign(probability=recalibrated(known["score"].to_numpy(dtype=float), recalibration))
    return _counted(known) | {
        "recalibration": recalibration,
        "thresholds": _between_strata(known, settings, recalibration["note"]),
    }


def _between_strata(findings: pd.DataFrame, settings: Evaluation, lack: str) -> dict[str, dict[str, Any]]:
    """Choose the rule-out and the rule-in threshold, unless there is a lack."""
    y, probability = _arrays(findings)
    low = high = None
    raised = ""
    if not lack:
        low = rule_out_threshold(y, probability, settings.rule_out_sensitivity)
        high = rule_in_threshold(y, probability, settings.rule_in_specificity)
        if high is not None and high < low:
            high, raised = low, "raised to the rule-out threshold: one threshold reaches both targets"
    sensitive = f"highest threshold with sensitivity {settings.rule_out_sensitivity:g} or more"
    specific = f"lowest threshold with specificity {settings.rule_in_specificity:g} or more"
    return {
        "rule-out": _threshold(low, sensitive, lack),
        "rule-in": _threshold(high, specific, (lack or _UNSPECIFIC) if high is None else raised),
    }


_UNSPECIFIC = "no threshold is specific enough"


def _threshold(threshold: float | None, method: str, note: str) -> dict[str, Any]:
    return {"threshold": threshold, "method": method, "note": note}


def _arrays(findings: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Outcome and probability, (n,) each."""
    return findings["y_true"].to_numpy(dtype=np.int64), findings["probability"].to_numpy(dtype=float)


def _counted(findings: pd.DataFrame) -> dict[str, int]:
    events = findings["y_true"].to_numpy(dtype=np.int64) == 1
    return {
        "n": len(findings),
        "events": int(events.sum()),
        "patients": int(findings["patient_id"].nunique()),
        "event_patients": int(findings.loc[events, "patient_id"].nunique()),
    }
