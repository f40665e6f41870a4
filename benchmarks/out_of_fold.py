"""Simulated hospitals with out-of-fold scores, and a study's own findings permuted, for `type_one_error.py`."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.linalg import cho_factor, cho_solve

SHARED = 0.9
"""Proportion of the features' variance that a patient's ECGs have in common."""
SECOND_ECGS, MORE_ECGS = 0.12, 0.06
"""Proportions of patients with two ECGs and with four."""
PROBE_PENALTY = 1000.0


class Hospital:
    """Features whose means differ by `shift` standard deviations, in a random direction, between the two outcomes.

    Their variances fall as 1/j, as those of a network's features do. The best linear score has AUC Phi(shift / sqrt 2).
    """

    def __init__(self, features: int, shift: float) -> None:
        self.variance = 1 / np.arange(1, features + 1)
        direction = np.random.default_rng(7).normal(size=features)
        direction /= np.linalg.norm(direction)
        self.shift = shift * direction * self.variance**0.5
        self.best = direction / self.variance**0.5

    def draw(self, patients: int, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Features, outcome and patient of every ECG."""
        ecgs, several = np.ones(patients, dtype=int), rng.random(patients)
        ecgs[several < SECOND_ECGS + MORE_ECGS] = 2
        ecgs[several < MORE_ECGS] = 4
        codes = np.repeat(np.arange(patients), ecgs)
        outcome = rng.permutation(np.arange(patients) < round(share * patients)).astype(int)[codes]
        return self.features(outcome, codes, rng), outcome, codes

    def features(self, outcome: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw features of given ECGs."""
        state = rng.normal(size=(codes.max() + 1, self.variance.size))[codes]
        noise = SHARED**0.5 * state + (1 - SHARED) ** 0.5 * rng.normal(size=state.shape)
        return noise * self.variance**0.5 + outcome[:, None] * self.shift

    def true_auc(self, weight: np.ndarray) -> float:
        """AUC of a linear score among all ECGs that could be drawn."""
        return float(stats.norm.cdf(weight @ self.shift / (2 * weight**2 @ self.variance) ** 0.5))


def folds_of(outcome: np.ndarray, codes: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Split patients at random into folds of equally many with, and without, the outcome; the fold of every ECG."""
    of_patient = np.zeros(codes.max() + 1, dtype=int)
    of_patient[codes] = outcome
    fold = np.empty(of_patient.size, dtype=int)
    for value in (0, 1):
        members = rng.permutation(np.flatnonzero(of_patient == value))
        fold[members] = (np.arange(members.size) + rng.integers(folds)) % folds
    return fold[codes]


def ridge_logistic(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Weights and, last, intercept of the logistic regression with an L2 penalty, by Newton's method."""
    design = np.column_stack([x, np.ones(len(x))])
    weight = np.append(np.zeros(x.shape[1]), np.log(y.mean() / (1 - y.mean())))
    penalties = np.append(np.full(x.shape[1], penalty), 0.0)
    for _ in range(12):
        risk = 1 / (1 + np.exp(-(design @ weight)))
        curvature = (design.T * (risk * (1 - risk))) @ design
        curvature[np.diag_indices_from(curvature)] += penalties
        step = cho_solve(cho_factor(curvature), design.T @ (y - risk) - penalties * weight)
        weight += step
        if np.abs(step).max() < 1e-4:
            break
    return weight


def fold_scores(x: np.ndarray, y: np.ndarray, fold: np.ndarray, penalty: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """Score every ECG by the regression on the other folds' standardised features; and the folds' weights."""
    score, weights = np.empty(len(y)), []
    for k in np.unique(fold):
        others = fold != k
        mean, deviation = x[others].mean(axis=0), x[others].std(axis=0) + 1e-6
        *weight, intercept = ridge_logistic((x[others] - mean) / deviation, y[others], penalty)
        weights.append(np.array(weight) / deviation)
        score[~others] = (x[~others] - mean) @ weights[-1] + intercept
    return score, weights


def permuted_findings(results: Path) -> Iterator[tuple[str, Callable[[np.random.Generator], tuple]]]:
    """Give for each vessel what permutes its findings over the patients of every fold, and scores them out of fold.

    Parameters
    ----------
    results : folder of a finished study, with the foundation beside it

    Yields
    ------
    name, and a function of a random generator that gives outcome, score, fold and patient of every ECG
    """
    import pandas as pd
    import torch

    from ecg_ccta import tables
    from ecg_ccta.config import validated
    from ecg_ccta.files import read_json
    from ecg_ccta.model.checkpoints import load_foundation
    from ecg_ccta.signals.store import SignalStore
    from ecg_ccta.training.fine_tuning import targets
    from ecg_ccta.training.inner_validation import predict
    from ecg_ccta.vessels import VESSELS

    torch.set_num_threads(1)
    study = validated(read_json(results / "config.json"), str(results / "config.json"))
    site = study.development_site
    cohort = tables.read(tables.COHORT, results / f"cohort/{site}.parquet")
    splits = tables.read(tables.SPLITS, results / f"splits/{site}.parquet").set_index("patient_id")
    checkpoint = results.parent / "foundation" / study.foundation.name / "checkpoint.pth"
    network = load_foundation(checkpoint, study.foundation.architecture, len(VESSELS)).eval()
    store = SignalStore(results / f"signals/{site}", cohort)
    features = predict(network.features, network, store, np.arange(len(cohort))).astype(float)
    labels, fold = targets(cohort), splits.loc[cohort["patient_id"], "fold"].to_numpy()
    for vessel, finding in zip(VESSELS, labels.T, strict=True):
        known = ~np.isnan(finding)
        codes = pd.factorize(cohort["patient_id"].to_numpy()[known])[0]
        draw = partial(_permuted, features[known], finding[known].astype(int), fold[known], codes)
        yield f"{vessel} findings permuted, {results.name}", draw


def _permuted(x: np.ndarray, finding: np.ndarray, fold: np.ndarray, codes: np.ndarray, rng: np.random.Generator):
    """Outcome, score, fold and patient of every ECG; a patient's ECGs share the finding."""
    outcome, home = (np.zeros(codes.max() + 1, dtype=int) for _ in range(2))
    np.maximum.at(outcome, codes, finding)
    home[codes] = fold
    for k in np.unique(home):
        members = np.flatnonzero(home == k)
        outcome[members] = rng.permutation(outcome[members])
    y = outcome[codes]
    return y, fold_scores(x, y, fold, PROBE_PENALTY)[0], fold, codes
