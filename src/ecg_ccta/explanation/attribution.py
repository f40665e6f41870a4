"""Which parts of the beat raise a network's prediction: integrated gradients, aligned to the R peaks.

Integrated gradients (Sundararajan et al., ICML 2017; captum) of one vessel's logit against a flat line, the zero of
the network's standardised input. Every fold's network explains only ECGs whose patients it has never seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import nn

from ecg_ccta.errors import StudyError
from ecg_ccta.explanation.integrated_gradients import (
    STEPS,
    attribute_ecgs,
    completeness_error,
    device_of,
    logits_of,
)
from ecg_ccta.explanation.segments import SEGMENTS, beat_times, segment_mask
from ecg_ccta.figures import PAGE, STYLE
from ecg_ccta.model.inputs import standardise
from ecg_ccta.signals.beats import MINIMUM_BEATS, usable_peaks, windows
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import LEADS, SAMPLING_RATE, VESSEL_NAMES, VESSELS


@dataclass(frozen=True)
class AttributionMap:
    """Attribution maps over the beat, one per fold and vessel; NaN where a fold attributes no ECG of a vessel."""

    times: np.ndarray
    """(L,) seconds from the R peak."""
    share: np.ndarray
    """(folds, 4, 12, L) mean share of an ECG's absolute attribution; each map sums to 1."""
    signed: np.ndarray
    """(folds, 4, 12, L) mean signed attribution on the same scale; positive raises the prediction."""
    beat: np.ndarray
    """(4, 12, L) mean beat of the attributed ECGs, millivolts."""
    ecgs: np.ndarray
    """(folds, 4) ECGs attributed, each of another patient."""
    completeness_error: float
    """Largest median, over folds and vessels, of |sum of attributions - (logit - logit of the flat line)| over
    |logit - logit of the flat line|: what the path integral's finite steps miss."""


def attribute(
    networks: Mapping[int, nn.Module],
    signals: np.ndarray,
    ecg_ids: pd.Series,
    predictions: pd.DataFrame,
    ecgs_per_fold: int = 64,
    before_s: float = 0.25,
    after_s: float = 0.65,
    steps: int = STEPS,
) -> AttributionMap:
    """Attribute the ECGs of highest predicted risk, at most one per patient, per fold and vessel.

    Parameters
    ----------
    networks : fold -> network; input (n, 12, samples) float32 as `model.inputs.standardise` gives it, output (n, 4)
        logits in the order of VESSELS.
    signals : (n, 12, samples) int16 microvolts at 500 Hz; may be memory-mapped.
    ecg_ids : (n,) the ECG of each row of `signals`.
    predictions : `tables.PREDICTIONS` of these ECGs. An ECG is attributed by the network of its own fold, or by every
        network where its fold is -1 (another hospital's ECG, unseen by all).
    ecgs_per_fold : ECGs per fold and vessel; one without MINIMUM_BEATS usable beats gives its place to the next.
    before_s, after_s : the beat window, seconds.
    steps : points of the path integral.

    Raises
    ------
    StudyError
        Where `predictions` name an ECG that `ecg_ids` lack, or a fold without a network.
    """
    times = beat_times(before_s, after_s)
    before, after = round(before_s * SAMPLING_RATE), round(after_s * SAMPLING_RATE)
    chooser = _Chooser(signals, _placed(predictions, ecg_ids, networks), before, after)
    folds = sorted(networks)
    shape = (len(folds), len(VESSELS), len(LEADS), len(times))
    share, signed = np.full(shape, np.nan), np.full(shape, np.nan)
    beat_sums, ecgs, errors = np.zeros(shape[1:]), np.zeros(shape[:2], dtype=int), [0.0]
    for k, fold in enumerate(folds):
        network = networks[fold].eval()
        for v, vessel in enumerate(VESSELS):
            chosen = chooser.highest(fold, vessel, ecgs_per_fold)
            if not chosen:
                continue
            rows = [row for row, _ in chosen]
            maps, missed = _integrated_gradients(network, signals, rows, v, steps)
            errors.append(float(np.median(missed)))
            aligned = [windows(m, peaks, before, after) for m, (_, peaks) in zip(maps, chosen, strict=True)]
            totals = [np.abs(beats).mean(axis=0).sum() for beats in aligned]
            # A network that ignores the whole beat has no map to normalise.
            weights = [1 / total if total > 0 else 0.0 for total in totals]
            pairs = list(zip(aligned, weights, strict=True))
            share[k, v] = np.mean([np.abs(beats).mean(axis=0) * weight for beats, weight in pairs], axis=0)
            signed[k, v] = np.mean([beats.mean(axis=0) * weight for beats, weight in pairs], axis=0)
            ecgs[k, v] = len(rows)
            for row, peaks in chosen:
                ecg = np.asarray(signals[row], dtype=np.float32) / 1000
                beat_sums[v] += np.median(windows(ecg, peaks, before, after), axis=0)
    counts = ecgs.sum(axis=0)[:, None, None]
    beat = np.divide(beat_sums, counts, out=np.full_like(beat_sums, np.nan), where=counts > 0)
    return AttributionMap(times, share, signed, beat, ecgs, max(errors))


def _placed(predictions: pd.DataFrame, ecg_ids: pd.Series, networks: Mapping[int, nn.Module]) -> pd.DataFrame:
    """`predictions` with the signal row of each ECG."""
    position = pd.Series(np.arange(len(ecg_ids)), index=pd.Index(ecg_ids))
    row = position.reindex(predictions["ecg_id"])
    if row.isna().any():
        raise StudyError(f"predictions, column ecg_id: {int(row.isna().sum())} row(s) name an ECG without a signal")
    unknown = sorted(set(predictions["fold"]) - set(networks) - {ENSEMBLE})
    if unknown:
        raise StudyError(f"predictions, column fold: no network for fold {', '.join(map(str, unknown))}")
    return predictions.assign(row=row.to_numpy(dtype=int))


class _Chooser:
    """Picks the ECGs of highest risk and keeps the R peaks it has looked up, for vessels share many ECGs."""

    def __init__(self, signals: np.ndarray, predictions: pd.DataFrame, before: int, after: int):
        self._signals, self._window = signals, (before, after)
        self._ranked = predictions.sort_values(["probability", "ecg_id"], ascending=[False, True])
        self._peaks: dict[int, np.ndarray] = {}

    def highest(self, fold: int, vessel: str, count: int) -> list[tuple[int, np.ndarray]]:
        """(row, R peaks) of at most `count` ECGs."""
        ranked = self._ranked
        ranked = ranked[(ranked["vessel"] == vessel) & ranked["fold"].isin([fold, ENSEMBLE])]
        chosen, patients = [], set()
        for row, patient in zip(ranked["row"], ranked["patient_id"], strict=True):
            if len(chosen) == count:
                break
            peaks = self._peaks_of(row)
            if patient not in patients and len(peaks) >= MINIMUM_BEATS:
                chosen.append((row, peaks))
                patients.add(patient)
        return chosen

    def _peaks_of(self, row: int) -> np.ndarray:
        if row not in self._peaks:
            ecg = np.asarray(self._signals[row], dtype=np.float32) / 1000
            self._peaks[row] = usable_peaks(ecg, *self._window)
        return self._peaks[row]


def _integrated_gradients(
    network: nn.Module, signals: np.ndarray, rows: list[int], output: int, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Attributions (len(rows), 12, samples) and what they miss of completeness, relative, (len(rows),)."""
    stored = np.stack([signals[row] for row in rows])
    inputs = standardise(torch.from_numpy(stored).to(device_of(network)))
    maps = attribute_ecgs(network, inputs, VESSELS[output], steps=steps)
    rise = (logits_of(network, inputs) - logits_of(network, torch.zeros_like(inputs)))[:, output]
    return maps, completeness_error(maps, rise)


def region_table(attribution: AttributionMap) -> pd.DataFrame:
    """Attribution per vessel, lead and segment.

    Returns
    -------
    DataFrame with vessel, lead, segment; share (of all absolute attribution in the beat, 0 to 1); density (the share
    over the cell's share of lead-time: 1 is what an indifferent network gives); density_sd, density_lowest,
    density_highest over folds; contrast (density over the mean density of the four vessels, which takes out what
    integrated gradients owe to a wave's mere size); signed (signed sum on the scale of share); ecgs, folds, note.
    """
    samples = len(LEADS) * len(attribution.times)
    rows = []
    for v, vessel in enumerate(VESSELS):
        known = attribution.ecgs[:, v] > 0
        for lead, name in enumerate(LEADS):
            for segment in SEGMENTS:
                inside = segment_mask(segment, attribution.times)
                row = {"vessel": vessel, "lead": name, "segment": segment}
                if known.any() and inside.any():
                    share = attribution.share[known, v, lead][:, inside].sum(axis=1)
                    density = share * samples / inside.sum()
                    row |= {
                        "share": share.mean(),
                        "density": density.mean(),
                        "density_sd": density.std(ddof=1) if known.sum() > 1 else np.nan,
                        "density_lowest": density.min(),
                        "density_highest": density.max(),
                        "signed": attribution.signed[known, v, lead][:, inside].sum(axis=1).mean(),
                    }
                note = "" if known.any() else "no ECG could be attributed"
                rows.append(row | {"ecgs": int(attribution.ecgs[:, v].sum()), "folds": int(known.sum()), "note": note})
    numbers = ["share", "density", "density_sd", "density_lowest", "density_highest", "contrast", "signed"]
    table = pd.DataFrame(rows).reindex(columns=["vessel", "lead", "segment", *numbers, "ecgs", "folds", "note"])
    typical = table.groupby(["lead", "segment"])["density"].transform("mean")
    table["contrast"] = table["density"] / typical.where(typical > 0)
    return table


def map_table(attribution: AttributionMap) -> pd.DataFrame:
    """The figure's numbers: a row per vessel, lead and sample.

    Returns
    -------
    DataFrame with vessel, lead, time (seconds from R), density (1 is what an indifferent network gives), density_sd
    over folds, signed (on the scale of density), beat_mv (mean beat of the attributed ECGs).
    """
    uniform = len(LEADS) * len(attribution.times)
    parts = []
    for v, vessel in enumerate(VESSELS):
        known = attribution.ecgs[:, v] > 0
        empty = np.full(uniform, np.nan)
        density = attribution.share[known, v].reshape(-1, uniform) * uniform
        signed = attribution.signed[known, v].reshape(-1, uniform) * uniform
        parts.append(
            pd.DataFrame(
                {
                    "vessel": vessel,
                    "lead": np.repeat(LEADS, len(attribution.times)),
                    "time": np.tile(attribution.times, len(LEADS)),
                    "density": density.mean(axis=0) if known.any() else empty,
                    "density_sd": density.std(axis=0, ddof=1) if known.sum() > 1 else empty,
                    "signed": signed.mean(axis=0) if known.any() else empty,
                    "beat_mv": attribution.beat[v].ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def draw_attribution(attribution: AttributionMap) -> Figure:
    """One panel per vessel: attribution over 12 leads and time as colour, the mean beat drawn over it.

    The colour map (light to dark, perceptually uniform, legible with colour-vision deficiencies) stops before black,
    so that the beat stays visible.
    """
    import seaborn

    light_to_dark = ListedColormap(seaborn.color_palette("rocket_r", 256)[:190])
    times = attribution.times
    known = np.isfinite(attribution.share).any(axis=(0, 2, 3))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 8.2))
        axes = figure.subplots(2, 2, sharex=True, sharey=True)
        for v, (vessel, axis) in enumerate(zip(VESSELS, axes.flat, strict=True)):
            axis.set_title(f"{vessel}, {VESSEL_NAMES[vessel]}", loc="left", fontweight="bold")
            axis.set_yticks(range(len(LEADS)), LEADS)
            axis.set_ylim(len(LEADS) - 0.5, -0.5)
            axis.set_xlim(times[0], times[-1])
            if not known[v]:
                axis.text(0.5, 0.5, "no ECG could be attributed", transform=axis.transAxes, ha="center")
                continue
            density = np.nanmean(attribution.share[:, v], axis=0) * len(LEADS) * len(times)
            extent = (times[0], times[-1], len(LEADS) - 0.5, -0.5)
            image = axis.imshow(
                _smooth(density),
                aspect="auto",
                extent=extent,
                cmap=light_to_dark,
                vmin=0,
                vmax=max(float(np.quantile(_smooth(density), 0.998)), 1e-9),
                interpolation="nearest",
            )
            beat = attribution.beat[v]
            scale = 0.45 / max(np.abs(beat).max(), 1e-9)
            for lead in range(len(LEADS)):
                axis.plot(times, lead - beat[lead] * scale, color="black", lw=0.7)
            for start, _ in SEGMENTS.values():
                axis.axvline(start, color="black", lw=0.3, ls=":")
            bar = figure.colorbar(image, ax=axis, shrink=0.6, pad=0.02)
            bar.set_label("attribution (1 = indifferent)")
            bar.outline.set_visible(False)
            axis.text(
                0.99,
                1.01,
                f"{attribution.ecgs[:, v].sum()} ECGs",
                transform=axis.transAxes,
                ha="right",
                va="bottom",
                fontsize=6,
            )
        for axis in axes[-1]:
            axis.set_xlabel("time from R peak (s)")
    return figure


def _smooth(density: np.ndarray) -> np.ndarray:
    """Moving average over 20 ms, shorter than any wave, against the sample-to-sample jitter of gradients."""
    from scipy.ndimage import uniform_filter1d

    return uniform_filter1d(density, 10, axis=1, mode="nearest")
