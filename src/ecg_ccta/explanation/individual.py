"""Single ECGs explained: which ones, and what in each of them raised a vessel's probability.

An ECG is compared with the mean beat of other patients at its own R peaks, as in `beat_cells`, by integrated gradients
of the networks that scored it: the fold's own, which never saw the patient, or all folds where no fold saw any.
"""

import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import torch
from scipy.special import logit

from ecg_ccta.errors import StudyError
from ecg_ccta.explanation.beat_cells import divided
from ecg_ccta.explanation.integrated_gradients import attribute_ecgs, logits_of
from ecg_ccta.explanation.segments import beat_times
from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.model.inputs import standardise
from ecg_ccta.signals.beats import MINIMUM_BEATS, usable_peaks, windows
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import LEADS, SAMPLING_RATE, VESSELS

log = logging.getLogger(__name__)

OUTCOMES = ("true positive", "false positive", "false negative", "true negative")
"""High risk with and without an event, low risk with and without one, by the guideline's threshold."""
CHOSEN_BY_HAND = "chosen in the configuration"
REFERENCE_PATIENTS = 200
"""Patients whose ECGs make a mean beat; its standard error is then a fourteenth of the spread between patients."""
LARGEST_DIFFERENCE = 0.01
"""Logits by which a network may miss the prediction that it is said to have made: another processor's rounding."""


def choose_ecgs(scored: pd.DataFrame, per_outcome: int) -> pd.DataFrame:
    """Clear examples: of high-risk ECGs those of highest, of low-risk ECGs those of lowest probability.

    Parameters
    ----------
    scored : from `scored_ecgs`, with the risk group; an ECG without a finding of a vessel is no example of it
    per_outcome : ECGs per vessel and outcome; fewer where there are not as many

    Returns
    -------
    ecg_id, patient_id, vessel, chosen_as (one of OUTCOMES); each patient once, in the order of VESSELS and OUTCOMES
    """
    rows = scored[scored["y_true"].notna()]
    event = rows["y_true"].to_numpy(dtype=int) == 1
    high = (rows["group"] == "high").to_numpy(dtype=bool)
    rows = rows.assign(chosen_as=np.select([high & event, high & ~event, event], OUTCOMES[:3], OUTCOMES[3]))
    rows["order"] = np.where(high, -rows["probability"], rows["probability"])
    rows = rows.sort_values(["order", "ecg_id"])
    chosen: list[pd.DataFrame] = []
    taken: set[str] = set()
    for vessel in VESSELS:
        for outcome in OUTCOMES:
            found = rows[(rows["vessel"] == vessel) & (rows["chosen_as"] == outcome) & ~rows["patient_id"].isin(taken)]
            found = found.drop_duplicates("patient_id").head(per_outcome)
            taken |= set(found["patient_id"])
            chosen.append(found)
    return pd.concat(chosen)[["ecg_id", "patient_id", "vessel", "chosen_as"]].reset_index(drop=True)


def named_ecgs(scored: pd.DataFrame, risk_thresholds: dict[str, float], ecg_ids: Sequence[str]) -> pd.DataFrame:
    """As `choose_ecgs`, for those of `ecg_ids` that are here; a warning names the others, which may be another site's.

    Each has the vessel whose probability is highest relative to its threshold, in log odds.
    """
    elsewhere = sorted(set(ecg_ids) - set(scored["ecg_id"]))
    if elsewhere:
        log.warning(
            "explanation.explained_ecgs: no ECG of this site: %s; another site's, mistyped or excluded",
            ", ".join(elsewhere),
        )
    rows = scored[scored["ecg_id"].isin(ecg_ids)]
    excess = rows["logit"] - logit(rows["vessel"].map(risk_thresholds).astype(float))
    rows = rows.loc[excess.groupby(rows["ecg_id"]).idxmax()].sort_values("ecg_id")
    return rows[["ecg_id", "patient_id", "vessel"]].assign(chosen_as=CHOSEN_BY_HAND).reset_index(drop=True)


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
        means[fold] = np.mean(others, axis=0, dtype=np.float32)
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
    cells = divided(inputs, [peaks], mean_beat, times)
    maps = [
        attribute_ecgs(model.network, cells.inputs, vessel, cells.baselines)[0] / model.temperature for model in models
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
