"""Predictions: out of fold at the development site, by the ensemble of all folds elsewhere."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit

from ecg_ccta.errors import StudyError
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.signals.store import Store
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.training.inner_validation import predict_logits
from ecg_ccta.training.parallel import device_here
from ecg_ccta.training.splits import patients_fingerprint, roles
from ecg_ccta.vessels import VESSELS


def predict_out_of_fold(
    models: Sequence[FoldModel], store: Store, cohort: pd.DataFrame, splits: pd.DataFrame
) -> pd.DataFrame:
    """Each ECG predicted once, by the model whose training and inner validation never saw its patient.

    Returns
    -------
    tables.PREDICTIONS in the cohort's order, four rows per ECG.

    Raises
    ------
    StudyError
        Where a fold's model is missing or given twice.
    """
    _require_one_per_fold(models)
    logits = np.full((len(cohort), len(VESSELS)), np.nan)
    fold = np.full(len(cohort), ENSEMBLE)
    for model in models:
        rows = np.flatnonzero(roles(cohort, splits, model.fold) == "test")
        if len(rows):
            logits[rows] = _calibrated_logits(model, store, rows)
            fold[rows] = model.fold
    if (fold == ENSEMBLE).any():
        raise StudyError("some ECGs belong to no given model's fold: give the models of all folds")
    return _long(cohort, logits, fold)


def predict_ensemble(models: Sequence[FoldModel], store: Store, cohort: pd.DataFrame) -> pd.DataFrame:
    """Each ECG scored by the mean of the folds' calibrated logits; tables.PREDICTIONS with fold -1."""
    return ensemble_table(cohort, ensemble_logits(models, store, len(cohort)))


def predict_held_out(
    model: FoldModel, store: Store, cohort: pd.DataFrame, trained_on: pd.DataFrame, splits: pd.DataFrame
) -> pd.DataFrame:
    """Each ECG predicted by a model that was trained on a subset of other patients.

    Parameters
    ----------
    store : signals of `cohort`, in its order
    cohort : `tables.COHORT` of the patients who evaluate the model
    trained_on, splits : `tables.COHORT` and `tables.SPLITS` of the subset

    Returns
    -------
    tables.PREDICTIONS in the cohort's order, with the fold of the model.

    Raises
    ------
    StudyError
        Where the model was trained on others than the subset's patients, or one of these evaluates it.
    """
    if set(trained_on["patient_id"]) & set(cohort["patient_id"]):
        raise StudyError("a patient of the learning curve's subset evaluates it as well. Fix: run draw_subset again")
    role = roles(trained_on, splits, model.fold)
    said = model.provenance.get("patients_sha256") or {}
    for name, part in (("train", "train"), ("inner_validation", "inner")):
        if said.get(name) != patients_fingerprint(trained_on.loc[role == part, "patient_id"]):
            raise StudyError(
                f"the model was trained on other {name.replace('_', ' ')} patients than those of its subset. Fix: run "
                "finetune_subset again"
            )
    logits = _calibrated_logits(model, store, np.arange(len(cohort)))
    return _long(cohort, logits, np.full(len(cohort), model.fold))


def ensemble_table(cohort: pd.DataFrame, logits: np.ndarray) -> pd.DataFrame:
    """tables.PREDICTIONS with fold -1 of the mean calibrated logits (n, 4) of n ECGs with ecg_id and patient_id."""
    return _long(cohort, logits, np.full(len(cohort), ENSEMBLE))


def ensemble_logits(models: Sequence[FoldModel], store: Store, ecgs: int) -> np.ndarray:
    """Mean (ecgs, 4) of the folds' calibrated logits for the first `ecgs` ECGs of the store."""
    _require_one_per_fold(models)
    return np.mean([_calibrated_logits(model, store, np.arange(ecgs)) for model in models], axis=0)


def logits_by_fold(models: Sequence[FoldModel], store: Store, fold: np.ndarray) -> np.ndarray:
    """Calibrated logits (n, 4) of the store's first n ECGs as they were predicted before.

    Parameters
    ----------
    fold : (n,) the fold whose model predicts an ECG, or `tables.ENSEMBLE` for the mean of all

    Raises
    ------
    StudyError
        Where the model of a fold is missing or given twice.
    """
    _require_one_per_fold(models)
    absent = set(fold.tolist()) - {ENSEMBLE, *(model.fold for model in models)}
    if absent:
        raise StudyError(f"the model of fold {min(absent)} is missing: give the models of all folds")
    logits = np.zeros((len(fold), len(VESSELS)))
    for model in models:
        rows = np.flatnonzero((fold == model.fold) | (fold == ENSEMBLE))
        if len(rows):
            share = np.where(fold[rows] == ENSEMBLE, 1 / len(models), 1.0)
            logits[rows] += share[:, None] * _calibrated_logits(model, store, rows)
    return logits


def _calibrated_logits(model: FoldModel, store: Store, rows: np.ndarray) -> np.ndarray:
    """Logits (rows, 4) over the temperature, from the GPU where there is one."""
    logits = predict_logits(model.network.to(device_here()), store, rows)
    model.network.cpu()
    return logits / model.temperature


def _require_one_per_fold(models: Sequence[FoldModel]) -> None:
    if not models:
        raise StudyError("no models to predict with: give the models of all folds")
    folds = [model.fold for model in models]
    twice = sorted({fold for fold in folds if folds.count(fold) > 1})
    if twice:
        raise StudyError(f"fold {twice[0]} is given twice: give the model of each fold once")


def _long(cohort: pd.DataFrame, logits: np.ndarray, fold: np.ndarray) -> pd.DataFrame:
    repeated = len(VESSELS)
    if not np.isfinite(logits).all():
        raise FloatingPointError("a network gave a prediction that is not finite")
    return pd.DataFrame(
        {
            "ecg_id": np.repeat(cohort["ecg_id"].to_numpy(), repeated),
            "patient_id": np.repeat(cohort["patient_id"].to_numpy(), repeated),
            "vessel": np.tile(VESSELS, len(cohort)),
            "fold": np.repeat(fold, repeated),
            "logit": logits.astype(float).ravel(),
            "probability": expit(logits.astype(float)).ravel(),
        }
    )
