"""Recordings perturbed as they are in practice, cleaned as every recording is, and predicted again."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from ecg_ccta import tables
from ecg_ccta.config import Quality, Robustness
from ecg_ccta.errors import StudyError
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.prediction.predicting import logits_by_fold
from ecg_ccta.signals.perturbations import PERTURBATIONS, WITHOUT, Perturbation, perturbed, signal_to_noise
from ecg_ccta.signals.recording import clean_regardless
from ecg_ccta.signals.store import Batch
from ecg_ccta.vessels import VESSELS

SAME = 0.01
"""Largest difference in logits between an unperturbed ECG's two predictions: more is not rounding."""


def sampled_ecgs(cohort: pd.DataFrame, settings: Robustness, seed: int) -> pd.DataFrame:
    """Choose the ECGs to perturb, one per patient.

    A random sample of the patients is common to all vessels. Where it holds fewer than `settings.events` patients with
    a stenosis of a vessel, further ones are drawn at random and analysed for that vessel alone: of each vessel's
    patients with a stenosis, and of those without, the sample remains a random one, which leaves its AUC as it is.

    Parameters
    ----------
    cohort : `tables.COHORT`

    Returns
    -------
    ecg_id, patient_id, common (bool), analysed_<vessel> (bool: sampled for the vessel, and with a finding of it), in
    the cohort's order.
    """
    rng = np.random.default_rng([seed, len(cohort)])
    shuffled = cohort.iloc[rng.permutation(len(cohort))].drop_duplicates("patient_id")
    common = pd.Series(np.arange(len(shuffled)) < settings.patients, index=shuffled.index)
    chosen = shuffled[["ecg_id", "patient_id"]].assign(common=common)
    for vessel in VESSELS:
        target = shuffled[f"target_{vessel}"]
        event = (target == 1).fillna(False).to_numpy(dtype=bool)
        wanted = max(0, settings.events - int((event & common).sum()))
        further = np.flatnonzero(event & ~common)[:wanted]
        analysed = common & target.notna()
        analysed.iloc[further] = True
        chosen[f"analysed_{vessel}"] = analysed
    used = chosen["common"] | chosen[[f"analysed_{vessel}" for vessel in VESSELS]].any(axis=1)
    return chosen[used].sort_index().reset_index(drop=True)


def perturb_ecgs(
    sample: pd.DataFrame,
    predictions: pd.DataFrame,
    raw: Mapping[str, np.ndarray],
    models: Sequence[FoldModel],
    quality: Quality,
    seed: int,
    perturbations: Sequence[Perturbation] = PERTURBATIONS,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Predict each sampled ECG again under every perturbation, by the models that predicted it before.

    Parameters
    ----------
    sample : from `sampled_ecgs`, or a part of it
    predictions : `tables.PREDICTIONS`: by which fold each ECG was predicted
    raw : ecg_id -> recording (12, 5000) in mV at 500 Hz
    models : of all folds
    quality : the limits by which the study would have refused a recording
    seed : of the noise
    perturbations : the first is WITHOUT
    progress : called with (perturbations done, all)

    Returns
    -------
    `tables.PERTURBED`.

    Raises
    ------
    StudyError
        Where an ECG was not predicted, or the unperturbed ECGs' logits differ from the predictions by more than SAME.
    """
    before = predictions.pivot_table(values="logit", index="ecg_id", columns="vessel").reindex(sample["ecg_id"])
    if before.isna().any(axis=None):
        raise StudyError("predictions: a sampled ECG was not predicted. Fix: run predict again")
    fold = predictions.drop_duplicates("ecg_id").set_index("ecg_id")["fold"].loc[sample["ecg_id"]].to_numpy()
    parts = []
    for number, perturbation in enumerate(perturbations, start=1):
        logits, told = _predicted(sample["ecg_id"], fold, raw, models, quality, seed, perturbation)
        if perturbation.name == WITHOUT and len(sample):
            _require_same(np.abs(logits - before[list(VESSELS)].to_numpy()).max())
        named = pd.DataFrame(logits, columns=[f"logit_{vessel}" for vessel in VESSELS])
        parts.append(pd.concat([sample.assign(fold=fold, perturbation=perturbation.name), told, named], axis=1))
        if progress is not None:
            progress(number, len(perturbations))
    return pd.concat(parts, ignore_index=True)[list(tables.PERTURBED.columns)]


def _predicted(
    ecg_ids: pd.Series,
    fold: np.ndarray,
    raw: Mapping[str, np.ndarray],
    models: Sequence[FoldModel],
    quality: Quality,
    seed: int,
    perturbation: Perturbation,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Logits (n, 4), and per ECG signal_to_noise_db, reason and noisy_leads."""
    cleaned, told = [], []
    for ecg_id in ecg_ids:
        altered = perturbed(raw[ecg_id], perturbation, seed, ecg_id)
        reason, microvolts, noisy_leads = clean_regardless(altered, quality)
        cleaned.append(microvolts)
        ratio = signal_to_noise(raw[ecg_id], altered)
        told.append((ratio if np.isfinite(ratio) else np.nan, reason, noisy_leads))
    table = pd.DataFrame(told, columns=["signal_to_noise_db", "reason", "noisy_leads"])
    table = table.astype({"signal_to_noise_db": float, "reason": "string", "noisy_leads": "string"})
    if not cleaned:
        return np.zeros((0, len(VESSELS))), table
    return logits_by_fold(models, Batch(np.stack(cleaned)), fold), table


def _require_same(difference: float) -> None:
    if difference > SAME:
        raise StudyError(
            f"unperturbed ECGs are predicted otherwise than before, by up to {difference:.3f} logits: recordings, "
            "models and predictions are of different runs. Fix: run clean_signals and predict again"
        )
