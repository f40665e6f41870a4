"""Which parts of the beat raise the predictions of a fold's network, by three methods, and whether to believe them.

A fold's network explains ECGs of highest risk whose patients it has never seen. They are compared with the mean beat of
the other folds' patients at the same R peaks (`beat_regions`): integrated gradients and occlusion by lead and segment
say in logits what an ECG's deviation from it adds to a vessel's logit; Grad-CAM says when in the beat. The maps are
reported with deletion and insertion curves (`faithfulness`) and with what is left of a map when weights are
re-initialised (`randomisation`).
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from ecg_ccta.attribution.beat_regions import BeatRegions, divided, segment_shares
from ecg_ccta.attribution.faithfulness import COUNTS, descending, random_curves, removal_curves
from ecg_ccta.attribution.grad_cam import grad_cam
from ecg_ccta.attribution.integrated_gradients import attribute_ecgs, completeness_error, device_of, logits_of
from ecg_ccta.attribution.occlusion import occlusion
from ecg_ccta.attribution.randomisation import randomised_cascade, rank_correlation
from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing
from ecg_ccta.model.inputs import standardise
from ecg_ccta.signals.beats import MINIMUM_BEATS, usable_peaks, windows
from ecg_ccta.signals.segments import SEGMENTS, beat_times
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.tracking.progress import log_progress
from ecg_ccta.vessels import LEADS, SAMPLING_RATE, VESSELS

METHODS = ("integrated gradients", "occlusion", "Grad-CAM")

MEAN_BEAT_PATIENTS = 200
"""Patients whose ECGs make the mean beat; its standard error is then a fourteenth of the spread between patients."""

RANDOMISED_ECGS = 4
"""ECGs per vessel that are explained again after each layer is re-initialised."""


@dataclass(frozen=True)
class FoldAttribution:
    """Means over the attributed ECGs of one fold; NaN for a vessel without any."""

    fold: int
    times: np.ndarray
    """(L,) seconds from the R peak."""
    ecgs: np.ndarray
    """(4,) ECGs attributed, each of another patient."""
    rise: np.ndarray
    """(4,) logit of the ECG minus that of the mean beat in its place."""
    completeness_error: np.ndarray
    """(4,) median of what integrated gradients miss of that rise, relative to it."""
    gradients: np.ndarray
    """(4, 12, L) integrated gradients, logits per sample, summed over an ECG's beats."""
    activation: np.ndarray
    """(4, L) Grad-CAM; 1 is an ECG's mean over its beats."""
    regions: np.ndarray
    """(3, 4, 12, 5) by METHODS, vessel, lead and segment: logits; of Grad-CAM its mean, the same in all leads."""
    absolute: np.ndarray
    """(3, 4, 12, 5) the mean of each ECG's absolute value instead."""
    randomised_gradients: np.ndarray
    """(4, 12, L) integrated gradients of the network whose weights are all re-initialised."""
    randomised_occlusion: np.ndarray
    """(4, 12, 5) its occlusion."""
    curves: np.ndarray
    """(4, 4, 2, 21) by METHODS and then random order, vessel, deletion and insertion, COUNTS: logits."""
    layers: np.ndarray
    """(layers,) names of the layers in the order in which they are re-initialised."""
    correlation: np.ndarray
    """(layers, 3, 4, 2) by METHODS and vessel: rank correlation of an ECG's map before and after, and of the absolute
    values of the maps."""
    beat: np.ndarray
    """(4, 12, L) mean beat of the attributed ECGs, millivolts."""
    mean_beat: np.ndarray
    """(12, L) mean beat that they are compared with, millivolts."""


def attribute_fold(
    network: nn.Module,
    fold: int,
    read: Callable[[np.ndarray], np.ndarray],
    ecg_ids: pd.Series,
    predictions: pd.DataFrame,
    ecgs: int = 64,
    before_s: float = 0.25,
    after_s: float = 0.65,
    batch_size: int = 64,
    seed: int = 0,
) -> FoldAttribution:
    """Attribute the ECGs of highest predicted risk, at most one per patient, per vessel.

    Parameters
    ----------
    network : input (n, 12, samples) float32 as `model.inputs.standardise` gives it, output (n, 4) logits in the order
        of VESSELS; its stages in `stage_list`.
    fold : the network's own fold, whose patients it has not seen.
    read : function of positions (k,) that gives int16 microvolts (k, 12, samples) at 500 Hz, `SignalStore.batch`.
    ecg_ids : the ECG of each position.
    predictions : `tables.PREDICTIONS`. ECGs of this fold are attributed, or all where their fold is -1 (another
        hospital's ECGs, unseen by all); those of other folds, or again all, make the mean beat.
    ecgs : ECGs per vessel; one without MINIMUM_BEATS usable beats gives its place to the next.
    before_s, after_s : the beat window, seconds.
    batch_size : ECGs that the network sees at once.
    seed : of random orders and weights.

    Raises
    ------
    StudyError
        Where `predictions` name an ECG that `ecg_ids` lack, or there is no ECG to make the mean beat of.
    """
    network = network.eval()
    placed = _placed(predictions, ecg_ids)
    beats = _Beats(read, before_s, after_s)
    times = beat_times(before_s, after_s)
    mean_beat, mean_beat_mv = beats.mean(placed, fold)
    rng = np.random.default_rng([seed, fold])
    randomised = list(randomised_cascade(network, int(rng.integers(2**31))))
    progress = log_progress(f"vessels of fold {fold} attributed")
    found = _empty(fold, times, [name for name, _ in randomised], mean_beat_mv)
    for v, vessel in enumerate(VESSELS):
        chosen = beats.highest(placed, fold, vessel, ecgs)
        if chosen:
            inputs = standardise(torch.from_numpy(read(np.array([row for row, _ in chosen]))).to(device_of(network)))
            peaks = [of_ecg for _, of_ecg in chosen]
            regions = divided(inputs, peaks, mean_beat, times)
            found.ecgs[v], found.beat[v] = len(chosen), np.mean([beats.median(row) for row, _ in chosen], axis=0)
            _attribute(found, v, network, regions, peaks, randomised, rng, batch_size)
        progress(v + 1, len(VESSELS))
    return found


def _attribute(
    found: FoldAttribution,
    v: int,
    network: nn.Module,
    regions: BeatRegions,
    peaks: list[np.ndarray],
    randomised: list[tuple[str, nn.Module]],
    rng: np.random.Generator,
    batch_size: int,
) -> None:
    """Fill in what is found of one vessel."""
    maps = _maps(network, regions, peaks, v, found.times, batch_size)
    rises = (logits_of(network, regions.inputs, batch_size) - logits_of(network, regions.baselines, batch_size))[:, v]
    found.rise[v] = rises.mean()
    found.completeness_error[v] = np.median(completeness_error(maps.samples, rises))
    found.gradients[v], found.activation[v] = maps.gradients.mean(axis=0), maps.activation.mean(axis=0)
    for m, of_method in enumerate(maps.regions):
        found.regions[m, v], found.absolute[m, v] = of_method.mean(axis=0), np.abs(of_method).mean(axis=0)
        order = descending(of_method, rng)
        found.curves[m, v] = removal_curves(network, regions, order, VESSELS[v], batch_size).mean(axis=0)
    found.curves[-1, v] = random_curves(network, regions, VESSELS[v], rng, batch_size).mean(axis=0)
    few, few_peaks = regions[:RANDOMISED_ECGS], peaks[:RANDOMISED_ECGS]
    for layer, (_, other) in enumerate(randomised):
        after = _maps(other, few, few_peaks, v, found.times, batch_size)
        for m, (old, new) in enumerate(zip(maps.compared, after.compared, strict=True)):
            old = old[:RANDOMISED_ECGS]
            found.correlation[layer, m, v, 0] = rank_correlation(old, new).mean()
            found.correlation[layer, m, v, 1] = rank_correlation(np.abs(old), np.abs(new)).mean()
    found.randomised_gradients[v] = after.gradients.mean(axis=0)
    found.randomised_occlusion[v] = after.regions[METHODS.index("occlusion")].mean(axis=0)


@dataclass(frozen=True)
class _Maps:
    """Of n ECGs and one vessel."""

    samples: np.ndarray
    """(n, 12, samples) integrated gradients."""
    gradients: np.ndarray
    """(n, 12, L) the same, summed over beats."""
    activation: np.ndarray
    """(n, L) Grad-CAM, mean over beats; 1 is the mean of the ECG's beats."""
    regions: tuple[np.ndarray, ...]
    """METHODS, each (n, 12, 5)."""

    @property
    def compared(self) -> tuple[np.ndarray, ...]:
        """METHODS, each (n, ...): what randomisation of weights should change; of Grad-CAM its course over the beat."""
        return (*self.regions[:2], self.activation)


def _maps(
    network: nn.Module, regions: BeatRegions, peaks: list[np.ndarray], v: int, times: np.ndarray, batch_size: int
) -> _Maps:
    samples = attribute_ecgs(network, regions.inputs, VESSELS[v], regions.baselines, batch_size=batch_size)
    shares = regions.shares.cpu().numpy()
    before = -round(float(times[0]) * SAMPLING_RATE)
    window = before, len(times) - before
    # What lies beyond this beat's segments belongs to its neighbours.
    own = segment_shares(times).sum(axis=0) > 0
    gradients = np.stack([windows(a, p, *window).sum(axis=0) * own for a, p in zip(samples, peaks, strict=True)])
    seen = grad_cam(network, regions.inputs, VESSELS[v], batch_size=batch_size)
    lengths = shares.sum(axis=2)
    typical = np.einsum("nt,nst->n", seen, shares) / lengths.sum(axis=1)
    seen = seen / np.where(typical > 0, typical, 1)[:, None]
    activation = np.stack([windows(a[None], p, *window).mean(axis=0)[0] for a, p in zip(seen, peaks, strict=True)])
    by_segment = np.einsum("nt,nst->ns", seen, shares) / np.maximum(lengths, 1)
    by_method = (
        np.einsum("nlt,nst->nls", samples, shares),
        occlusion(network, regions, batch_size)[:, v],
        np.repeat(by_segment[:, None], len(LEADS), axis=1),
    )
    return _Maps(samples, gradients, activation, by_method)


def _empty(fold: int, times: np.ndarray, layers: list[str], mean_beat: np.ndarray) -> FoldAttribution:
    vessels, leads, segments, methods = len(VESSELS), len(LEADS), len(SEGMENTS), len(METHODS)

    def unknown(*shape: int) -> np.ndarray:
        return np.full(shape, np.nan)

    return FoldAttribution(
        fold=fold,
        times=times,
        ecgs=np.zeros(vessels, dtype=int),
        rise=unknown(vessels),
        completeness_error=unknown(vessels),
        gradients=unknown(vessels, leads, len(times)),
        activation=unknown(vessels, len(times)),
        regions=unknown(methods, vessels, leads, segments),
        absolute=unknown(methods, vessels, leads, segments),
        randomised_gradients=unknown(vessels, leads, len(times)),
        randomised_occlusion=unknown(vessels, leads, segments),
        curves=unknown(methods + 1, vessels, 2, len(COUNTS)),
        layers=np.array(layers),
        correlation=unknown(len(layers), methods, vessels, 2),
        beat=unknown(vessels, leads, len(times)),
        mean_beat=mean_beat,
    )


def _placed(predictions: pd.DataFrame, ecg_ids: pd.Series) -> pd.DataFrame:
    """`predictions` with the position of each ECG, those of highest risk first."""
    position = pd.Series(np.arange(len(ecg_ids)), index=pd.Index(ecg_ids))
    row = position.reindex(predictions["ecg_id"])
    if row.isna().any():
        raise StudyError(f"predictions, column ecg_id: {int(row.isna().sum())} row(s) name an ECG without a signal")
    placed = predictions.assign(row=row.to_numpy(dtype=int))
    return placed.sort_values(["probability", "ecg_id"], ascending=[False, True])


class _Beats:
    """Reads ECGs one at a time and keeps what it has found in them, for vessels share many ECGs."""

    def __init__(self, read: Callable[[np.ndarray], np.ndarray], before_s: float, after_s: float):
        self._read = read
        self._window = round(before_s * SAMPLING_RATE), round(after_s * SAMPLING_RATE)
        self._found: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def peaks(self, row: int) -> np.ndarray:
        """R peaks of usable beats; fewer than MINIMUM_BEATS where the ECG has no median beat."""
        return self._look(row)[0]

    def median(self, row: int) -> np.ndarray:
        """(12, L) median beat, millivolts; empty where the ECG has none."""
        return self._look(row)[1]

    def _look(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        if row not in self._found:
            ecg = self._read(np.array([row]))[0].astype(np.float32) / 1000
            peaks = usable_peaks(ecg, *self._window)
            enough = len(peaks) >= MINIMUM_BEATS
            median = np.median(windows(ecg, peaks, *self._window), axis=0) if enough else np.empty(0)
            self._found[row] = peaks, median
        return self._found[row]

    def highest(self, placed: pd.DataFrame, fold: int, vessel: str, count: int) -> list[tuple[int, np.ndarray]]:
        """(row, R peaks) of at most `count` ECGs of highest risk, each of another patient."""
        ranked = placed[(placed["vessel"] == vessel) & placed["fold"].isin([fold, ENSEMBLE])]
        chosen: list[tuple[int, np.ndarray]] = []
        patients = set()
        for row, patient in zip(ranked["row"], ranked["patient_id"], strict=True):
            if len(chosen) == count:
                break
            if patient not in patients and len(self.peaks(row)) >= MINIMUM_BEATS:
                chosen.append((row, self.peaks(row)))
                patients.add(patient)
        return chosen

    def mean(self, placed: pd.DataFrame, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean beat of MEAN_BEAT_PATIENTS patients of other folds, (12, L), on the network's scale and in millivolts.

        Pseudonyms have no order, so that the first are as good as drawn at random.
        """
        others = placed[placed["fold"] != fold].sort_values(["patient_id", "ecg_id"]).drop_duplicates("patient_id")
        standard: list[np.ndarray] = []
        millivolts = []
        for row in others["row"]:
            if len(standard) == MEAN_BEAT_PATIENTS:
                break
            if len(self.peaks(row)) < MINIMUM_BEATS:
                continue
            ecg = torch.from_numpy(self._read(np.array([row])))
            standard.append(np.median(windows(standardise(ecg)[0].numpy(), self.peaks(row), *self._window), axis=0))
            millivolts.append(self.median(row))
        if not standard:
            raise StudyError(
                f"fold {fold}: no ECG of another fold has {MINIMUM_BEATS} usable beats to make a mean beat"
            )
        return np.mean(standard, axis=0), np.mean(millivolts, axis=0)


def save_attribution(attribution: FoldAttribution, path: str | Path) -> None:
    """Write a fold's attribution as .npz, arrays only."""
    arrays = {field.name: getattr(attribution, field.name) for field in fields(attribution)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load_attribution(path: str | Path) -> FoldAttribution:
    """Read what `save_attribution` has written."""
    with np.load(path) as arrays:
        return FoldAttribution(**{name: arrays[name] for name in arrays.files} | {"fold": int(arrays["fold"])})
