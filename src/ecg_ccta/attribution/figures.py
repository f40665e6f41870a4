"""Figures of attribution: over lead and time, by region, deletion and insertion, randomisation of weights."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from ecg_ccta.attribution.attribute_waveforms import METHODS, FoldAttribution
from ecg_ccta.attribution.faithfulness import COUNTS, REGION_COUNT
from ecg_ccta.attribution.summarise_attribution import CURVES, NO_ECG, over_folds
from ecg_ccta.figures import GREY, PAGE, STYLE
from ecg_ccta.signals.segments import SEGMENTS
from ecg_ccta.vessels import LEADS, SAMPLING_RATE, VESSEL_NAMES, VESSELS

METHOD_COLOURS = {"integrated gradients": "#D55E00", "occlusion": "#0072B2", "Grad-CAM": "#CC79A7", "random": GREY}
LINES = {"integrated gradients": "-", "occlusion": "--", "Grad-CAM": ":", "random": "-"}

DIVERGING = "RdBu_r"
"""Red raises the prediction, blue lowers it; distinguishable with the common colour-vision deficiencies."""

CORRELATION_LIMIT = 0.3
"""Rank correlation below which a map counts as destroyed."""


def smooth(attribution: np.ndarray) -> np.ndarray:
    """Moving average over 20 ms, shorter than any wave, against the sample-to-sample jitter of gradients."""
    from scipy.ndimage import uniform_filter1d

    return uniform_filter1d(attribution, 10, axis=-1, mode="nearest")


def draw_attribution(folds: Sequence[FoldAttribution]) -> Figure:
    """One panel per vessel: integrated gradients over 12 leads and time, Grad-CAM over time above them.

    The mean beat of the attributed ECGs is drawn black over the colours, the mean beat it is compared with grey.
    """
    times = folds[0].times
    shown = (times >= SEGMENTS["P"][0] - 0.03) & (times < SEGMENTS["T"][1] + 0.03)
    times = times[shown]
    gradients, _, _ = over_folds(SAMPLING_RATE * np.stack([fold.gradients[..., shown] for fold in folds]))
    activation, low, high = over_folds(np.stack([fold.activation[..., shown] for fold in folds]))
    beat = over_folds(np.stack([fold.beat[..., shown] for fold in folds]))[0]
    mean_beat = np.mean([fold.mean_beat[..., shown] for fold in folds], axis=0)
    ecgs = np.sum([fold.ecgs for fold in folds], axis=0)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 9.4))
        axes = figure.subplots(4, 2, sharex=True, height_ratios=[1, 6, 1, 6])
        for v, vessel in enumerate(VESSELS):
            above, axis = axes[2 * (v // 2), v % 2], axes[2 * (v // 2) + 1, v % 2]
            above.set_title(f"{vessel}, {VESSEL_NAMES[vessel]} ({ecgs[v]} ECGs)", loc="left", fontweight="bold")
            above.set_ylabel("Grad-CAM")
            axis.set_yticks(range(len(LEADS)), LEADS)
            axis.set_ylim(len(LEADS) - 0.4, -0.6)
            axis.set_xlim(times[0], times[-1])
            if not ecgs[v]:
                axis.text(0.5, 0.5, NO_ECG, transform=axis.transAxes, ha="center")
                continue
            above.fill_between(
                times, np.maximum(low[v], 0), high[v], color=METHOD_COLOURS["Grad-CAM"], alpha=0.25, lw=0
            )
            above.plot(times, activation[v], color=METHOD_COLOURS["Grad-CAM"])
            above.axhline(1, color=GREY, lw=0.5)
            above.set_ylim(0, 1.15 * max(activation[v].max(), 1.5))
            density = smooth(gradients[v])
            top = max(float(np.quantile(np.abs(density), 0.998)), 1e-9)
            image = axis.imshow(
                density,
                aspect="auto",
                extent=(times[0], times[-1], len(LEADS) - 0.5, -0.5),
                cmap=DIVERGING,
                vmin=-top,
                vmax=top,
                interpolation="nearest",
            )
            scale = 0.45 / max(np.abs(mean_beat).max(), np.abs(beat[v]).max(), 1e-9)
            for lead in range(len(LEADS)):
                axis.plot(times, lead - mean_beat[lead] * scale, color=GREY, lw=0.6)
                axis.plot(times, lead - beat[v, lead] * scale, color="black", lw=0.7)
            for start, _ in SEGMENTS.values():
                axis.axvline(start, color=GREY, lw=0.4, ls=":")
            bar = figure.colorbar(image, ax=axis, shrink=0.6, pad=0.02)
            bar.set_label("integrated gradients (logits/s)")
            bar.outline.set_visible(False)
        for axis in axes[-1]:
            axis.set_xlabel("time from R peak (s)")
    return figure


def draw_regions(folds: Sequence[FoldAttribution]) -> Figure:
    """Lead by segment, a row per vessel and a column per method; a dot where the interval over folds leaves out 0."""
    ecgs = np.sum([fold.ecgs for fold in folds], axis=0)
    # Grad-CAM has no leads; it is in the figure over time.
    shown = METHODS[:2]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 9.4))
        axes = figure.subplots(len(VESSELS), len(shown), sharex=True, sharey=True)
        for m, method in enumerate(shown):
            mean, lower, upper = over_folds(np.stack([fold.regions[m] for fold in folds]))
            for v, vessel in enumerate(VESSELS):
                axis = axes[v, m]
                axis.set_title(f"{vessel}: {method}", loc="left")
                axis.set_yticks(range(len(LEADS)), LEADS)
                axis.set_xticks(range(len(SEGMENTS)), SEGMENTS)
                if not ecgs[v]:
                    axis.text(0.5, 0.5, NO_ECG, transform=axis.transAxes, ha="center")
                    continue
                top = max(float(np.abs(mean[v]).max()), 1e-9)
                image = axis.imshow(mean[v], aspect="auto", cmap=DIVERGING, vmin=-top, vmax=top)
                steady = np.argwhere((lower[v] > 0) | (upper[v] < 0))
                axis.plot(steady[:, 1], steady[:, 0], ".", color="black", markersize=3)
                bar = figure.colorbar(image, ax=axis, pad=0.02)
                bar.set_label("logits")
                bar.outline.set_visible(False)
    return figure


def draw_faithfulness(folds: Sequence[FoldAttribution]) -> Figure:
    """Deletion above, insertion below, a column per vessel; lines are means over folds, bands their range."""
    curves = np.stack([fold.curves for fold in folds])
    percent = 100 * COUNTS / REGION_COUNT
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 4.4))
        axes = figure.subplots(2, len(VESSELS), sharex=True, sharey=True)
        for v, vessel in enumerate(VESSELS):
            axes[0, v].set_title(f"{vessel}", loc="left", fontweight="bold")
            for c, curve in enumerate(CURVES):
                axis, of_vessel = axes[c, v], curves[:, :, v, c]
                axis.axhline(0, color=GREY, lw=0.4)
                if not np.isfinite(of_vessel).any():
                    axis.text(0.5, 0.5, NO_ECG, transform=axis.transAxes, ha="center", fontsize=6)
                    continue
                for o, order in enumerate([*METHODS, "random"]):
                    low, high = np.nanmin(of_vessel[:, o], axis=0), np.nanmax(of_vessel[:, o], axis=0)
                    axis.fill_between(percent, low, high, color=METHOD_COLOURS[order], alpha=0.15, lw=0)
                    axis.plot(
                        percent, over_folds(of_vessel[:, o])[0], LINES[order], color=METHOD_COLOURS[order], label=order
                    )
                axes[1, v].set_xlabel("regions (%)")
                axes[c, 0].set_ylabel(f"{curve}: rise (logits)")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def draw_randomisation(folds: Sequence[FoldAttribution]) -> Figure:
    """Draw the correlation of maps against re-initialised layers, a panel per vessel; points are folds, lines means."""
    correlation = np.stack([fold.correlation[..., 0] for fold in folds])
    layers = folds[0].layers
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.0))
        axes = figure.subplots(1, len(VESSELS), sharex=True, sharey=True)
        place = np.arange(len(layers) + 1)
        for v, (vessel, axis) in enumerate(zip(VESSELS, axes, strict=True)):
            axis.set_title(vessel, loc="left", fontweight="bold")
            axis.axhline(0, color=GREY, lw=0.4)
            axis.axhline(CORRELATION_LIMIT, color=GREY, lw=0.6, ls="--")
            axis.set_xticks(place, ["none", *layers], rotation=90)
            axis.set_ylim(-1, 1.05)
            for m, method in enumerate(METHODS):
                # Before anything is re-initialised, a map is itself.
                of_folds = np.concatenate([np.ones((len(folds), 1)), correlation[:, :, m, v]], axis=1)
                shift = 0.2 * (m - 1)
                for of_fold in of_folds:
                    axis.plot(
                        place[1:] + shift, of_fold[1:], ".", color=METHOD_COLOURS[method], markersize=2, alpha=0.7
                    )
                axis.plot(place, over_folds(of_folds)[0], LINES[method], color=METHOD_COLOURS[method], label=method)
            axis.set_xlabel("re-initialised, up to")
        axes[0].set_ylabel("rank correlation")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
