"""Single ECGs explained: which ones, and what in each of them raised a vessel's probability.

An ECG is compared with the mean beat of other patients at its own R peaks, as in `beat_regions`, by integrated
gradients of the networks that predicted it: the fold's own, which never saw the patient, or all folds where no fold
saw any.
"""

import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch

from ecg_ccta.attribution.beat_regions import divided
from ecg_ccta.attribution.integrated_gradients import attribute_ecgs, logits_of
from ecg_ccta.errors import StudyError
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.model.inputs import standardise
from ecg_ccta.signals.beats import MINIMUM_BEATS, usable_peaks, windows
from ecg_ccta.signals.segments import beat_times
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import LEADS, SAMPLING_RATE, VESSELS

log = logging.getLogger(__name__)

REFERENCE_PATIENTS = 200
"""Patients whose ECGs make a mean beat; its standard error is then a fourteenth of the spread between patients."""
LARGEST_DIFFERENCE = 0.01
"""Logits by which a network may miss the prediction that it is said to have made: another processor's rounding."""


def reference_beats(
    cohort: pd.DataFrame, folds: np.ndarray, read: Callable[[np.ndarray], np.ndarray], times: np.ndarray
) -> dict[int, np.ndarray]:
    """Mean beat of patients outside each fold, and of all patients under `ENSEMBLE`.

    Parameters
    ----------
    cohort : `tables.COHORT`; about REFERENCE_PATIENTS of its patients are taken at equal distances, one ECG of each
    folds : (n,) the fold of each ECG, ENSEMBLE at a site outside training
    read : function of positions (k,) that gives int16 microvolts (k, 12, 5000), `SignalStore.batch`
    times : (L,) seconds from the R peak

    Returns
    -------
    (12, L) per fold, on the scale of `model.inputs.standardise`

    Raises
    ------
    StudyError
        Where there is no usable ECG outside a fold.
    """
    first = np.flatnonzero(~cohort["patient_id"].duplicated())
    rows = first[np.linspace(0, len(first) - 1, min(len(first), REFERENCE_PATIENTS)).astype(int)]
    beats, of_fold = [], []
    for row in rows:
        stored = read(np.array([row]))
        peaks = peaks_of(stored[0], times)
        if len(peaks) >= MINIMUM_BEATS:
            beats.append(
                np.median(windows(standardise(torch.from_numpy(stored)).numpy()[0], peaks, *_window(times)), 0)
            )
            of_fold.append(folds[row])
    means = {}
    for fold in sorted({*folds.tolist(), ENSEMBLE}):
        others = [beat for beat, other in zip(beats, of_fold, strict=True) if fold == ENSEMBLE or other != fold]
        if not others:
            raise StudyError(
                f"no ECG outside fold {fold} has {MINIMUM_BEATS} usable beats: no mean beat to compare with"
            )
        means[fold] = np.stack(others).mean(axis=0, dtype=np.float32)
    return means


def attribution_of(
    models: Sequence[FoldModel], microvolts: np.ndarray, vessel: str, mean_beat: np.ndarray, times: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What in one ECG raised a vessel's calibrated logit over that of the mean beat in its place.

    Parameters
    ----------
    models : those that score the ECG; their mean explains their mean prediction
    microvolts : (12, 5000) int16, cleaned
    vessel : one of VESSELS
    mean_beat : (12, L) from `reference_beats`
    times : (L,) seconds from the R peak

    Returns
    -------
    attribution : (12, 5000) logits; zero throughout where the ECG has fewer than MINIMUM_BEATS usable beats
    logits : (4,) calibrated, of the ECG itself
    """
    inputs = standardise(torch.from_numpy(microvolts[None]))
    peaks = peaks_of(microvolts, times)
    parts = [logits_of(model.network, inputs)[0] / model.temperature for model in models]
    if len(peaks) < MINIMUM_BEATS:
        return np.zeros((len(LEADS), microvolts.shape[1])), np.mean(parts, axis=0)
    regions = divided(inputs, [peaks], mean_beat, times)
    maps = [
        attribute_ecgs(model.network, regions.inputs, vessel, regions.baselines)[0] / model.temperature
        for model in models
    ]
    return np.mean(maps, axis=0), np.mean(parts, axis=0)


def explained(
    chosen: pd.DataFrame,
    cohort: pd.DataFrame,
    predictions: pd.DataFrame,
    models: Sequence[FoldModel],
    read: Callable[[np.ndarray], np.ndarray],
    before_s: float,
    after_s: float,
) -> Iterator[np.ndarray]:
    """The attribution (12, 5000) of each row of `chosen` (`choose_ecgs`), in its order.

    Parameters
    ----------
    cohort, predictions : `tables.COHORT`, `tables.PREDICTIONS` of the same ECGs
    models : of all folds
    read : function of positions in `cohort` that gives int16 microvolts (k, 12, 5000)
    before_s, after_s : the beat window, seconds

    Raises
    ------
    StudyError
        Where a fold has no model, or the models do not give the logits of `predictions`: they are of another run.
    """
    times = beat_times(before_s, after_s)
    fold_of = predictions.drop_duplicates("ecg_id").set_index("ecg_id")["fold"]
    folds = cohort["ecg_id"].map(fold_of).to_numpy(dtype=int)
    lacking = sorted(set(folds) - {ENSEMBLE, *(model.fold for model in models)})
    if lacking:
        raise StudyError(f"predictions, column fold: no network for fold {', '.join(map(str, lacking))}")
    logit_of = predictions.set_index(["ecg_id", "vessel"])["logit"]
    position = pd.Series(np.arange(len(cohort)), index=cohort["ecg_id"])
    means = reference_beats(cohort, folds, read, times) if len(chosen) else {}
    for row in chosen.itertuples():
        at = int(position[row.ecg_id])
        own = [model for model in models if folds[at] in (ENSEMBLE, model.fold)]
        attribution, logits = attribution_of(own, read(np.array([at]))[0], row.vessel, means[folds[at]], times)
        expected = [logit_of[row.ecg_id, vessel] for vessel in VESSELS]
        if np.abs(logits - expected).max() > LARGEST_DIFFERENCE:
            raise StudyError(
                f"predictions: ECG {row.ecg_id} has other logits than the models of fold {folds[at]} give; the two are "
                "of different runs: run predict again"
            )
        yield attribution


def peaks_of(microvolts: np.ndarray, times: np.ndarray) -> np.ndarray:
    """R peaks of (12, samples) int16 microvolts whose whole beat window lies in the recording."""
    return usable_peaks(microvolts.astype(np.float32) / 1000, *_window(times))


def _window(times: np.ndarray) -> tuple[int, int]:
    before = -round(float(times[0]) * SAMPLING_RATE)
    return before, len(times) - before
