"""The decision that a patient faces: CCTA or not, by the probability that any vessel has the outcome.

One ECG per patient, the nearest to the CCTA; patients whose vessels were all judged. What the operating points are
worth, whether the probability is calibrated, and the net benefit of acting on it over a range of threshold
probabilities that was fixed beforehand, against the clinical model, the guideline, CCTA for all and for none.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.any_vessel import ANY, lack_of_recalibration
from ecg_ccta.evaluation.choose_thresholds import STRATA, STRATUM_KINDS, lack_of, thresholds_of
from ecg_ccta.evaluation.compare_with_guidelines import CLINICAL, Models, fit_models, with_predictors
from ecg_ccta.evaluation.evaluate_thresholds import ACCURACY_MEASURES, STRATUM_MEASURES, accuracy_rows, stratum_rows
from ecg_ccta.evaluation.findings import Findings
from ecg_ccta.evaluation.pretest_probability import CUTS, GUIDELINES
from ecg_ccta.evaluation.scored import insufficient_events
from ecg_ccta.statistics.bootstrap import Bootstrap
from ecg_ccta.statistics.calibration import calibration_summary
from ecg_ccta.statistics.estimates import CLUSTERED, estimate_table
from ecg_ccta.statistics.net_benefit import net_benefit

RANGE: Final = np.arange(5, 51) / 100
"""Threshold probabilities of the decision curve, fixed beforehand: from the 5 % below which the guidelines advise no
test to even odds. `CUTS` of `pretest_probability`, 5 and 15 %, are marked."""

GROUP = "any vessel high by its guideline threshold"
"""The rule of the risk groups, for comparison: four thresholds, one of which suffices."""
RULES: Final = (GROUP, *STRATUM_KINDS, *(f"{100 * cut:g} %" for cut in CUTS))
"""Calls of a patient: by the vessels' thresholds, by those chosen on any vessel, by the guidelines' probabilities."""

RECALIBRATED, INDEPENDENT = "recalibrated", "as if the vessels were independent"

GUIDELINE: Final = GUIDELINES["rf_cl"]
BASES: Final = (CLINICAL, GUIDELINE)
"""Competitors of the ECG: a model fitted at the development site, and a published probability."""
ECG, WITH, PUBLISHED, ALL, NONE = "ECG", "with ECG", "as published", "all", "none"
WITHOUT = "without ECG"

NET_BENEFIT, AVOIDED, ADVANTAGE, GAIN = (
    "net benefit", "net interventions avoided", "advantage", "gain over the competitor",
)  # fmt: skip
"""ADVANTAGE is over the better of CCTA for all and none; GAIN over the competitor, of the basis without the ECG."""


class Strategies(NamedTuple):
    """Patients that all strategies of a basis can judge, each strategy's probabilities, and what is lacking."""

    patients: pd.DataFrame
    probabilities: Mapping[str, np.ndarray]
    note: str


def analyse_any_vessel(
    patients: pd.DataFrame,
    development: pd.DataFrame | None,
    chosen: dict[str, Any],
    settings: Evaluation,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Judge any vessel, patient by patient.

    Parameters
    ----------
    patients : from `patients.patient_level`
    development : the same of the development site, or None where `patients` are that site's own
    chosen : from `choose_thresholds`; every patient is judged by thresholds that the patient had no part in
    settings : level, replicates, least events
    seed : of the bootstrap over patients

    Returns
    -------
    any_vessel_thresholds : rule (`RULES`), lowest_threshold, highest_threshold, then `estimates.ESTIMATE_COLUMNS`
    any_vessel_strata : vessel (`ANY`), stratum, then the same
    any_vessel_calibration : probability (`RECALIBRATED`, `INDEPENDENT`), then the same: AUC and calibration
    any_vessel_decisions : basis, strategy, threshold, then the same, with pointwise intervals
    """
    findings = any_vessel_findings(patients, chosen, settings, seed)
    lack = findings.insufficient or lack_of_recalibration(findings.rows, chosen)
    decisions: list[dict[str, Any]] = []
    for basis in BASES:
        strategies = strategies_of(patients, development, basis, lack, settings)
        decisions += [{"basis": basis} | row for row in _curves(strategies, settings, seed)]
    thresholds = estimate_table(_thresholds(findings, chosen, settings), ["rule", *_ENDS])
    curves = estimate_table(decisions, ["basis", "strategy", "threshold"])
    return {
        "any_vessel_thresholds": thresholds.astype(dict.fromkeys(_ENDS, float)),
        "any_vessel_strata": estimate_table(_strata(findings, chosen, settings), ["vessel", "stratum"]),
        "any_vessel_calibration": estimate_table(list(_calibration(findings, lack, settings)), ["probability"]),
        "any_vessel_decisions": curves.astype({"threshold": float}),
    }


_ENDS = ["lowest_threshold", "highest_threshold"]


def any_vessel_findings(patients: pd.DataFrame, chosen: Mapping[str, Any], settings: Evaluation, seed: int) -> Findings:
    """Take the patients whose vessels were all judged as the findings of one more vessel, `ANY`."""
    known = patients[patients["y_true"].notna()].reset_index(drop=True)
    rows = known.assign(
        vessel=pd.array([ANY] * len(known), dtype="string"),
        code=np.arange(len(known)),
        logit=logit(known["probability"].to_numpy(dtype=float)),
    )
    bootstrap = Bootstrap(len(rows), settings.bootstrap_replicates, settings.level, seed)
    return Findings(ANY, rows, bootstrap, settings.minimum_events)


def _thresholds(findings: Findings, chosen: dict[str, Any], settings: Evaluation) -> list[dict[str, Any]]:
    """What each of `RULES` is worth."""
    rows, calls = [], []
    for rule in RULES:
        row: dict[str, Any] = {"rule": rule, "level": settings.level, **findings.counts}
        note = findings.insufficient
        if rule == GROUP:
            positive = (findings.rows["group"] == "high").to_numpy(dtype=bool)
        else:
            if rule in STRATUM_KINDS:
                threshold = thresholds_of(findings.rows, chosen, rule)
                note = note or lack_of(findings.rows, chosen, rule)
            else:
                threshold = np.full(len(findings.rows), CUTS[RULES.index(rule) - len(RULES)])
                note = note or lack_of_recalibration(findings.rows, chosen)
            if len(threshold) and not np.isnan(threshold).any():
                row |= dict(zip(_ENDS, (threshold.min(), threshold.max()), strict=True))
            positive = findings.probability >= threshold
        if note:
            rows += [row | {"measure": measure, "note": note} for measure in ACCURACY_MEASURES]
        else:
            calls.append((row, positive))
    rows += accuracy_rows(findings, calls)
    return sorted(rows, key=lambda row: RULES.index(row["rule"]))


def _strata(findings: Findings, chosen: dict[str, Any], settings: Evaluation) -> list[dict[str, Any]]:
    named = {"vessel": ANY, "level": settings.level}
    lacks = (lack_of(findings.rows, chosen, kind) for kind in STRATUM_KINDS)
    note = findings.insufficient or next(filter(None, lacks), "")
    if not note:
        return stratum_rows(findings, findings.rows["stratum"].to_numpy(dtype=object), named)
    return [
        named | findings.counts | {"stratum": stratum, "measure": measure, "note": note}
        for stratum in STRATA
        for measure in STRATUM_MEASURES
    ]


def _calibration(findings: Findings, lack: str, settings: Evaluation) -> Iterator[dict[str, Any]]:
    """AUC and calibration of the recalibrated probability, and of 1 - prod(1 - p) as it is."""
    score = findings.rows["ecg_logit"].to_numpy(dtype=float)
    for name, found in ((RECALIBRATED, findings), (INDEPENDENT, findings.with_logit(score))):
        named = {"probability": name, "level": settings.level, **findings.counts}
        if lack:
            yield named | {"measure": "AUC", "note": lack}
            continue
        for row in found.auc_rows(found.method):
            yield named | row
        rows, _ = calibration_summary(found.y, expit(found.logit), found.logit, found.codes, found.bootstrap)
        for row in rows:
            yield named | row


def strategies_of(
    patients: pd.DataFrame, development: pd.DataFrame | None, basis: str, lack: str, settings: Evaluation
) -> Strategies:
    """Give each strategy's probability of any vessel, of the patients that all strategies of the basis can judge.

    Without the competitor (no such covariates, or too few patients with them) the ECG is judged alone, on all patients.

    Parameters
    ----------
    patients, development : as `analyse_any_vessel`
    basis : of `BASES`
    lack : why the ECG's probability cannot be judged, or nothing
    """
    known = patients[patients["y_true"].notna()]
    if lack:
        return Strategies(known, {}, lack)
    of_development = None if development is None else with_predictors(development)
    models: Models = fit_models(with_predictors(patients), of_development, basis, settings)
    if models.note:
        return Strategies(known, {ECG: known["probability"].to_numpy(dtype=float)}, f"{basis}: {models.note}")
    usable = models.patients
    probabilities = {
        ECG: usable["probability"].to_numpy(dtype=float),
        WITHOUT: expit(models.logits[WITHOUT]),
        WITH: expit(models.logits[WITH]),
    }
    if basis == GUIDELINE:
        probabilities[PUBLISHED] = usable["rf_cl"].to_numpy(dtype=float)
    return Strategies(usable, probabilities, "")


def _curves(found: Strategies, settings: Evaluation, seed: int) -> list[dict[str, Any]]:
    """Net benefit of every strategy at every threshold probability of `RANGE`, and its differences."""
    y_true = found.patients["y_true"].to_numpy(dtype=np.int64)
    n = len(y_true)
    counts = {"level": settings.level, "n": n, "patients": n, "events": int(y_true.sum())}
    lack = insufficient_events(found.patients, settings.minimum_events) if found.probabilities else found.note
    if lack:
        return [counts | {"strategy": ECG, "measure": NET_BENEFIT, "note": lack}]
    bootstrap = Bootstrap(n, settings.bootstrap_replicates, settings.level, seed)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in (*found.probabilities, ALL)}
    for weights in (np.ones((1, n)), *bootstrap.draws()):
        for name, probability in found.probabilities.items():
            model, for_all = net_benefit(y_true, probability, RANGE, weights)
            parts[name].append(model)
        parts[ALL].append(for_all)
    # The first row is of the patients as they are, the others of the draws.
    benefit = {name: np.concatenate(values) for name, values in parts.items()}
    rows: list[dict[str, Any]] = (
        [{"strategy": WITHOUT, "measure": NET_BENEFIT, "note": found.note}] if found.note else []
    )
    for (strategy, measure), values in _measures(benefit).items():
        lower, upper = np.quantile(values[1:], [(1 - settings.level) / 2, (1 + settings.level) / 2], axis=0)
        rows += [
            {"strategy": strategy, "threshold": threshold, "measure": measure, "estimate": estimate, "lower": low,
             "upper": high, "method": CLUSTERED}
            for threshold, estimate, low, high in zip(RANGE, values[0], lower, upper, strict=True)
        ]  # fmt: skip
    rows += [
        {"strategy": NONE, "threshold": threshold, "measure": NET_BENEFIT, "estimate": 0.0, "method": "0"}
        for threshold in RANGE
    ]
    return [counts | row for row in rows]


def _measures(benefit: Mapping[str, np.ndarray]) -> dict[tuple[str, str], np.ndarray]:
    """(strategy, measure) -> (1 + replicates, thresholds); all strategies are of the same draws."""
    for_all = benefit[ALL]
    found = {(name, NET_BENEFIT): values for name, values in benefit.items()}
    for name in benefit.keys() - {ALL}:
        found[name, AVOIDED] = 100 * (benefit[name] - for_all) * (1 - RANGE) / RANGE
        found[name, ADVANTAGE] = benefit[name] - np.maximum(for_all, 0)
    if WITHOUT in benefit:
        for name in (ECG, WITH):
            found[name, GAIN] = benefit[name] - benefit[WITHOUT]
    order = [*benefit]
    return dict(sorted(found.items(), key=lambda item: order.index(item[0][0])))
