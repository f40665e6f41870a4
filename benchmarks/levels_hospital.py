"""Simulated hospitals whose true values are known, for `levels.py`: patients have 1.3 ECGs on average."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, roc_auc_score

from ecg_ccta.evaluation.analyse_decisions import ADVANTAGE, AVOIDED, NET_BENEFIT
from ecg_ccta.evaluation.choose_thresholds import STRATA, THRESHOLD_KINDS
from ecg_ccta.evaluation.evaluate_thresholds import PROPORTIONS, RATIOS
from ecg_ccta.statistics.net_benefit import net_benefit
from ecg_ccta.tables import RISK_FACTORS
from ecg_ccta.vessels import GRADES, VESSELS

SHARED = 0.9
"""Proportion of a score's variance that a patient's ECGs have in common."""
SECOND_ECGS, MORE_ECGS = 0.12, 0.06
"""Proportions of patients with two ECGs and with four."""
QUANTILES = 4001
READ_AT = {"LAD": (0.1, 0.2, 0.4), "LM": (0.02, 0.05, 0.1)}
"""Threshold probabilities at which decision curves are read."""
RATES = (0.1, 0.3, 0.5)
"""False positive rates at which the ROC band is read."""
CUTS = {"LAD": (0.1, 0.2, 0.35), "LM": (0.02, 0.05, 0.1)}
"""Rule-out, guideline's and rule-in threshold."""


class Scores(NamedTuple):
    """Normal logits of patients without and with the event, equal spread; how often the event occurs."""

    share: float
    without: float
    with_event: float
    spread: float


def calibrated(share: float, distance: float) -> Scores:
    """Give scores whose logits are those of the event's true probability; AUC is Phi(distance / sqrt 2)."""
    return Scores(share, logit(share) - distance**2 / 2, logit(share) + distance**2 / 2, distance)


LAD, LM = calibrated(0.2, 0.9), calibrated(0.04, 1.2)


def ecgs_of(patients: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the patient of every ECG."""
    ecgs, several = np.ones(patients, dtype=int), rng.random(patients)
    ecgs[several < SECOND_ECGS + MORE_ECGS] = 2
    ecgs[several < MORE_ECGS] = 4
    return np.repeat(np.arange(patients), ecgs)


def draw(of: Scores, codes: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw outcome and logit of every ECG; a patient's ECGs share the outcome and nine tenths of the variance."""
    y = (rng.random(codes.max() + 1) < of.share).astype(int)[codes]
    state = rng.normal(size=codes.max() + 1)[codes]
    noise = SHARED**0.5 * state + (1 - SHARED) ** 0.5 * rng.normal(size=codes.size)
    return y, np.where(y == 1, of.with_event, of.without) + of.spread * noise


def scored(vessels: Mapping[str, tuple], codes: np.ndarray, rng: np.random.Generator, fold: Any = -1) -> pd.DataFrame:
    """Make the table that `scored_ecgs` gives, of some vessels' (outcome, logit); covariates have no effect.

    The other vessels are not judged.
    """
    n = codes.size
    people = rng.random((codes.max() + 1, 2))[codes]
    recorded = pd.Timestamp("2018-01-01") + pd.to_timedelta(rng.integers(0, 4 * 365 * 24 * 60, n), unit="min")
    shared = pd.DataFrame(
        {
            "ecg_id": np.char.add("e", np.arange(n).astype(str)),
            "patient_id": np.char.add("p", codes.astype(str)),
            "fold": fold,
            "age": 40 + 50 * people[:, 0],
            "sex": np.where(people[:, 1] < 0.5, "female", "male"),
            "days_to_ccta": rng.integers(-7, 31, n).astype(float),
            "ccta_date": pd.NaT,
            "recorded_at": recorded,
            "chest_pain": rng.choice(["none", "typical", "atypical", "nonanginal"], codes.max() + 1)[codes],
            "statement": "",
        }
    )
    for factor in RISK_FACTORS:
        shared[factor] = pd.array((rng.random(codes.max() + 1) < 0.5)[codes], dtype="boolean")
    parts = []
    for vessel in VESSELS:
        y, score = vessels.get(vessel, (np.full(n, np.nan), np.zeros(n)))
        known = np.isfinite(np.asarray(y, dtype=float))
        grade = np.where(y == 1, GRADES[-2], GRADES[0])
        parts.append(
            shared.assign(
                vessel=vessel,
                y_true=pd.array(np.where(known, y, 0), dtype="Int8"),
                grade=pd.array(grade, dtype="string"),
                logit=score,
                probability=expit(score),
            ).assign(
                **{name: lambda rows, name=name, known=known: rows[name].where(known) for name in ("y_true", "grade")}
            )
        )
    return pd.concat(parts, ignore_index=True).astype({"vessel": "string"})


def population(*parts: Scores, quantiles: int = QUANTILES) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay out all ECGs that could be drawn, by quantiles: outcome, logit and weight."""
    z = stats.norm.ppf((np.arange(quantiles) + 0.5) / quantiles)
    y = np.tile(np.repeat([0, 1], quantiles), len(parts))
    score = np.concatenate([mean + of.spread * z for of in parts for mean in (of.without, of.with_event)])
    weight = np.concatenate([np.full(quantiles, share) for of in parts for share in (1 - of.share, of.share)])
    return y, score, weight / weight.sum()


def calibration_of(y: np.ndarray, score: np.ndarray, weight: np.ndarray) -> dict[str, float]:
    """Find the calibration intercept and slope by Newton's method."""
    line, design = np.array([0.0, 1.0]), np.column_stack([np.ones_like(score), score])
    for _ in range(8):
        risk = expit(design @ line)
        line = line + np.linalg.solve(
            (design.T * (weight * risk * (1 - risk))) @ design, design.T @ (weight * (y - risk))
        )
    shift = 0.0
    for _ in range(8):
        risk = expit(score + shift)
        shift += (weight @ (y - risk)) / (weight @ (risk * (1 - risk)))
    return {"intercept": float(shift), "slope": float(line[1])}


def areas(*parts: Scores, quantiles: int = QUANTILES) -> dict[str, float]:
    """Give AUC and average precision among all ECGs that could be drawn."""
    y, score, weight = population(*parts, quantiles=quantiles)
    return {
        "AUC": float(roc_auc_score(y, score, sample_weight=weight)),
        "PR-AUC": float(average_precision_score(y, score, sample_weight=weight)),
    }


def truths(of: Scores, vessel: str) -> dict[tuple, float]:
    """Give what the intervals of a vessel should hold: (table, measure, stratum) -> value."""
    y, score, weight = population(of)
    risk = expit(score)
    found: dict[tuple, float] = {("discrimination", name, ""): value for name, value in areas(of).items()}
    brier = float(weight @ (risk - y) ** 2)
    values = calibration_of(y, score, weight) | {
        "Brier": brier, "scaled Brier": 1 - brier / (of.share * (1 - of.share))
    }  # fmt: skip
    found |= {("calibration_summary", name, ""): value for name, value in values.items()}
    for rate in RATES:
        found["roc", "sensitivity", rate] = float(
            stats.norm.sf(stats.norm.isf(rate) - (of.with_event - of.without) / of.spread)
        )
    thresholds = np.array(READ_AT[vessel])
    model, everyone = (values[0] for values in net_benefit(y, risk, thresholds, weight[None]))
    for place, at in enumerate(READ_AT[vessel]):
        found["decision_curves", NET_BENEFIT, "model", at] = model[place]
        found["decision_curves", NET_BENEFIT, "all", at] = everyone[place]
        found["decision_curves", AVOIDED, "model", at] = 100 * (model[place] - everyone[place]) * (1 - at) / at
        found["decision_curves", ADVANTAGE, "model", at] = model[place] - max(everyone[place], 0)
    low, guideline, high = CUTS[vessel]
    for kind, at in zip(THRESHOLD_KINDS, (guideline, low, high, high), strict=True):
        cells = dict(zip(("tp", "fp", "fn", "tn"), (
            float(weight[(y == event) & ((risk >= at) == positive)].sum())
            for event, positive in ((1, True), (0, True), (1, False), (0, False))
        ), strict=True))  # fmt: skip
        for measure, (above, below, _) in PROPORTIONS.items():
            found["thresholds", measure, kind] = sum(cells[name] for name in above) / sum(cells[name] for name in below)
        for measure, (ratio, _) in RATIOS.items():
            found["thresholds", measure, kind] = float(ratio(**cells))
    place = np.digitize(risk, (low, high))
    for number, stratum in enumerate(STRATA):
        inside = place == number
        found["strata", "event rate", stratum] = float(weight[inside & (y == 1)].sum() / weight[inside].sum())
        found["strata", "proportion of ECGs", stratum] = float(weight[inside].sum())
        found["strata", "proportion of events", stratum] = float(weight[inside & (y == 1)].sum() / of.share)
    return found


def chosen(folds: int = 0) -> dict[str, Any]:
    """Give fixed thresholds in the form of `choose_thresholds`."""
    of_vessel = {
        vessel: {
            "thresholds": {
                kind: {"threshold": CUTS.get(vessel, CUTS["LAD"])[place], "note": ""}
                for kind, place in zip(THRESHOLD_KINDS, (1, 0, 2, 2), strict=True)
            }
        }
        for vessel in VESSELS
    }
    return {"frozen": of_vessel, "cross_fitted": {str(fold): of_vessel for fold in range(folds)}}
