"""The model developed again on patients drawn with replacement: how much predictions depend on who was there.

Every re-development draws as many patients as the development site has; a patient drawn twice is there twice, with all
ECGs. Folds and inner validation stay as they are, so that each fold's model is still evaluated on patients whom no
version of it has seen. Source: Riley and Collins, Biometrical Journal 65:2200302, 2023.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Architecture, EventFrom, Recipe
from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing
from ecg_ccta.model.checkpoints import load_foundation
from ecg_ccta.model.contracts import require_contract
from ecg_ccta.signals.store import Store
from ecg_ccta.statistics.bootstrap import patient_codes, resample_patients
from ecg_ccta.training.criterion import make_criterion
from ecg_ccta.training.fine_tuning import grades, targets
from ecg_ccta.training.inner_validation import predict
from ecg_ccta.training.parallel import device_here
from ecg_ccta.training.probe import choose_probe
from ecg_ccta.training.splits import patients_fingerprint, roles
from ecg_ccta.training.temperature import fit_temperature, prevalence_logit
from ecg_ccta.vessels import VESSELS


@dataclass(frozen=True)
class RedevelopedProbes:
    """Linear probes of one fold: `weight` (versions, vessels, channels) and `bias` (versions, vessels).

    Version 0 is of the development patients as they are. Temperature and offset are in both, so that
    features @ weight.T + bias is the calibrated logit.
    """

    weight: np.ndarray
    bias: np.ndarray

    def save(self, path: str | Path) -> None:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, weight=self.weight, bias=self.bias)

    @classmethod
    def load(cls, path: str | Path) -> "RedevelopedProbes":
        with np.load(path) as file:
            return cls(file["weight"], file["bias"])

    def logits(self, features: np.ndarray) -> np.ndarray:
        """Predict calibrated logits (versions, ECGs, vessels) from features (ECGs, channels)."""
        return features.astype(float) @ self.weight.transpose(0, 2, 1) + self.bias[:, None]


_SEVERE = EventFrom()


def redeveloped_logits(probes: Sequence[RedevelopedProbes], features: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Predict calibrated logits (versions, ECGs, vessels) as the study does: by the ECG's own fold, or by all.

    Parameters
    ----------
    probes : of every fold, in their order
    features : (ECGs, channels)
    fold : (ECGs,) that of the ECG's patient, or -1: the mean of all folds
    """
    found = np.zeros((len(probes[0].weight), len(fold), probes[0].weight.shape[1]))
    for number, of_fold in enumerate(probes):
        own, everyone = fold == number, fold < 0
        found[:, own] = of_fold.logits(features[own])
        found[:, everyone] += of_fold.logits(features[everyone]) / len(probes)
    return found


def foundation_features(foundation: Path, architecture: Architecture, store: Store, ecgs: int) -> np.ndarray:
    """Compute the foundation's features (ecgs, channels) of the first ECGs of a store, its weights untouched."""
    require_contract(foundation, architecture)
    network = load_foundation(foundation, architecture, len(VESSELS)).to(device_here())
    return predict(network.features, network, store, np.arange(ecgs))


def redevelop_probes(
    features: np.ndarray,
    cohort: pd.DataFrame,
    splits: pd.DataFrame,
    fold: int,
    settings: Recipe,
    redevelopments: int,
    seed: int,
    on_version: Callable[[int, int], None] = lambda done, total: None,
    event_from: EventFrom = _SEVERE,
) -> RedevelopedProbes:
    """Fit a fold's linear probe to its development patients, and again to each draw of them.

    All that the development of a probe does is done again: the standardisation, the penalty and the temperature, which
    the drawn inner-validation patients choose.

    Parameters
    ----------
    features : (ECGs, channels) of the foundation, in the cohort's order
    settings : the study's training
    redevelopments : draws of patients, the same in every fold
    on_version : is told how many versions are done, and of how many

    Raises
    ------
    StudyError
        Where a draw leaves the fold without inner-validation patients.
    """
    labels = targets(cohort)
    learnt = grades(cohort) if settings.labels == "ordinal" else labels
    known = ~np.isnan(labels).all(axis=1)
    role = roles(cohort, splits, fold).to_numpy()
    taken = [np.flatnonzero((role == name) & known) for name in _ROLES]
    weights, biases = [], []
    for version in range(redevelopments + 1):
        copies = copies_of(cohort, version, seed)
        train, inner = (np.repeat(rows, copies[rows]) for rows in taken)
        if not len(inner):
            raise StudyError(
                f"re-development {version} drew no inner-validation patient of fold {fold}. Fix: include more "
                "patients, or leave instability out"
            )
        criterion = make_criterion(learnt[train], settings, event_from.lowest())
        probe = choose_probe(
            features[train], labels[train], learnt[train], features[inner], labels[inner], criterion,
            settings.minimum_events,
        )  # fmt: skip
        bias = probe.bias + criterion.offset.numpy()
        centre = prevalence_logit(labels[train])
        temperature = fit_temperature(features[inner] @ probe.weight.T + bias, labels[inner], centre)
        weights.append(probe.weight / temperature)
        biases.append(centre + (bias - centre) / temperature)
        on_version(version + 1, redevelopments + 1)
    return RedevelopedProbes(np.array(weights), np.array(biases))


_ROLES = ("train", "inner")


def copies_of(cohort: pd.DataFrame, version: int, seed: int) -> np.ndarray:
    """How often each ECG (ECGs,) is there in a re-development, from 1 on; all once in version 0."""
    if version == 0:
        return np.ones(len(cohort), dtype=np.int64)
    codes, patients = patient_codes(cohort["patient_id"])
    # Probe and network draw the same patients in their n-th re-development.
    (counts,) = next(resample_patients(patients, 1, redevelopment_seed(seed, version)))
    return counts[codes].astype(np.int64)


def resampled_cohort(cohort: pd.DataFrame, version: int, seed: int) -> pd.DataFrame:
    """The cohort of a re-development: an ECG's row as often as its patient was drawn."""
    return cohort.loc[cohort.index.repeat(copies_of(cohort, version, seed))].reset_index(drop=True)


def require_drawn_patients(
    models: Iterable[Mapping[str, Any]], cohort: pd.DataFrame, splits: pd.DataFrame, version: int, seed: int
) -> None:
    """Refuse re-developed networks that were trained on, or calibrated by, other patients than their draw says.

    Parameters
    ----------
    models : what the folds' model.json say

    Raises
    ------
    StudyError
        Where a fold's patients are others: those whom it is evaluated on might be among them.
    """
    drawn = resampled_cohort(cohort, version, seed)
    known = drawn[[f"target_{vessel}" for vessel in VESSELS]].notna().any(axis=1)
    for model in models:
        role = roles(drawn, splits, model["fold"])
        for name, of in (("train", "train"), ("inner_validation", "inner")):
            expected = patients_fingerprint(drawn.loc[(role == of) & known, "patient_id"])
            if model["patients_sha256"][name] != expected:
                raise StudyError(
                    f"re-development {version}, fold {model['fold']}: its {name} patients are not those of its draw. "
                    "Fix: run finetune again"
                )


def redevelopment_seed(seed: int, version: int) -> int:
    """Seed of a re-developed network's training: another in each, as in another run of the whole study."""
    return seed + version
