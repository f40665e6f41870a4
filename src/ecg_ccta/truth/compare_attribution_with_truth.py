"""Whether attribution finds what was planted: by region, and drawn beside it in twelve leads."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats
from sklearn.metrics import roc_auc_score

from ecg_ccta.attribution.attribute_waveforms import METHODS, FoldAttribution
from ecg_ccta.attribution.figures import DIVERGING, smooth
from ecg_ccta.attribution.summarise_attribution import LEVEL, NO_ECG, over_folds
from ecg_ccta.figures import GREY, PAGE, STYLE
from ecg_ccta.signals.segments import SEGMENTS, segment_mask
from ecg_ccta.vessels import LEADS, SAMPLING_RATE, VESSEL_NAMES, VESSELS

_PLANTED = "#F2C14E"

FLAT = 1e-9
"""Jackknife error below which the area is the same without any fold, but for rounding."""

ATTRIBUTION_MEASURES = (
    *METHODS,
    "integrated gradients, absolute",
    "occlusion, absolute",
    "integrated gradients, random weights",
    "occlusion, random weights",
)
"""What regions are ranked by; the last two are what the same ECGs give a network that has learnt nothing."""


def attributed_regions(truth: Mapping[str, Any], folds: Sequence[FoldAttribution]) -> pd.DataFrame:
    """Attribution of every planted or spared region, on the truth's own segments.

    A region's integrated gradients are the mean over its window, its occlusion and Grad-CAM those of the segment of
    the beat (SEGMENTS) that holds the window's middle: two of the truth's windows may lie in one.

    Parameters
    ----------
    truth : what the simulator's record holds under "planted": leads, segments, mask (vessel -> leads x segments),
        windows_seconds (segment -> from, to, relative_to "R peak" or "T peak").
    folds : attribution of each fold.

    Returns
    -------
    A row per fold, vessel, lead and segment: fold, vessel, lead, segment, planted (bool), from_s, to_s (the window,
    from R), and ATTRIBUTION_MEASURES; missing where a fold has attributed no ECG.
    """
    windows = windows_from_r(truth, folds)
    rows = []
    for fold in folds:
        for segment, (start, end) in windows.items():
            inside = (fold.times >= start) & (fold.times <= end)
            cell = _segment_of((start + end) / 2)
            found = {
                "integrated gradients": fold.gradients[..., inside].mean(axis=-1),
                "occlusion": fold.regions[METHODS.index("occlusion"), ..., cell],
                "Grad-CAM": fold.regions[METHODS.index("Grad-CAM"), ..., cell],
                "integrated gradients, absolute": fold.absolute[0, ..., cell],
                "occlusion, absolute": fold.absolute[METHODS.index("occlusion"), ..., cell],
                "integrated gradients, random weights": fold.randomised_gradients[..., inside].mean(axis=-1),
                "occlusion, random weights": fold.randomised_occlusion[..., cell],
            }
            rows += [
                {
                    "fold": fold.fold,
                    "vessel": vessel,
                    "lead": name,
                    "segment": segment,
                    "planted": bool(
                        truth["mask"][vessel][truth["leads"].index(name)][truth["segments"].index(segment)]
                    ),
                    "from_s": start,
                    "to_s": end,
                    **{measure: values[v, lead] for measure, values in found.items()},
                }
                for v, vessel in enumerate(VESSELS)
                for lead, name in enumerate(LEADS)
            ]
    return pd.DataFrame(rows)


def windows_from_r(truth: Mapping[str, Any], folds: Sequence[FoldAttribution]) -> dict[str, tuple[float, float]]:
    """Truth's segment -> (from, to) in seconds from R; the T peak is that of the mean beat, by RMS over leads."""
    times = folds[0].times
    power = np.square(np.mean([fold.mean_beat for fold in folds], axis=0)).sum(axis=0)
    peak = float(times[np.argmax(np.where(segment_mask("T", times), power, -1))])
    shift = {"R peak": 0.0, "T peak": peak}
    return {
        segment: (window["from"] + shift[window["relative_to"]], window["to"] + shift[window["relative_to"]])
        for segment, window in truth["windows_seconds"].items()
    }


def _segment_of(time: float) -> int:
    return next(s for s, (start, end) in enumerate(SEGMENTS.values()) if start <= time < end)


def attribution_agreement(regions: pd.DataFrame) -> pd.DataFrame:
    """How well attribution ranks planted regions above others.

    Parameters
    ----------
    regions : from `attributed_regions`.

    Returns
    -------
    A row per measure and vessel, and one for "mean", their mean: measure, vessel, auroc (area under the ROC curve over
    regions, ranked by the mean over folds), lower and upper (delete-one-fold jackknife, Student's t, within 0 and 1;
    missing where every fold left out gives the same), regions, planted, folds, note. Where random weights drive the
    network, ranked by each fold's own network and averaged, because random networks have nothing in common.
    """
    rows = []
    for measure in ATTRIBUTION_MEASURES:
        known = regions.dropna(subset=[measure])
        estimates, left_out = {}, {}
        for vessel in VESSELS:
            cells = known[known["vessel"] == vessel]
            counted = regions[(regions["vessel"] == vessel) & (regions["fold"] == regions["fold"].iloc[0])]
            row = {
                "measure": measure,
                "vessel": vessel,
                "regions": len(counted),
                "planted": int(counted["planted"].sum()),
                "folds": cells["fold"].nunique(),
            }
            if counted["planted"].nunique() < 2:
                rows.append(row | {"note": "nothing planted"})
            elif cells.empty:
                rows.append(row | {"note": NO_ECG})
            else:
                random = measure.endswith("random weights")
                estimates[vessel] = _auroc(cells, measure, random)
                known_folds = list(cells["fold"].unique()) if row["folds"] > 1 else []
                left_out[vessel] = [_auroc(cells[cells["fold"] != fold], measure, random) for fold in known_folds]
                rows.append(row | _jackknife(estimates[vessel], left_out[vessel]))
        mean = {"measure": measure, "vessel": "mean", "note": f"mean of {', '.join(estimates)}"}
        if not estimates:
            rows.append(mean | {"note": "no vessel with an estimate"})
            continue
        same = len({len(values) for values in left_out.values()}) == 1
        replicates = list(np.mean(list(left_out.values()), axis=0)) if same else []
        rows.append(mean | _jackknife(float(np.mean(list(estimates.values()))), replicates))
    columns = ["measure", "vessel", "auroc", "lower", "upper", "regions", "planted", "folds", "note"]
    return pd.DataFrame(rows).reindex(columns=columns).fillna({"note": ""})


def _auroc(cells: pd.DataFrame, measure: str, by_fold: bool) -> float:
    if by_fold:
        return float(np.mean([roc_auc_score(c["planted"], c[measure]) for _, c in cells.groupby("fold")]))
    mean = cells.groupby(["lead", "segment"])[["planted", measure]].mean()
    return float(roc_auc_score(mean["planted"] > 0, mean[measure]))


def _jackknife(estimate: float, left_out: Sequence[float]) -> dict[str, float]:
    """Efron and Stein, Ann Stat 9:586, 1981."""
    row = {"auroc": estimate}
    n = len(left_out)
    error = np.sqrt((n - 1) * np.var(left_out)) if n > 1 else 0.0
    # An area of ranks may well be the same without any fold; an interval of no width would promise certainty.
    if error > FLAT:
        half = stats.t.ppf((1 + LEVEL) / 2, n - 1) * error
        row |= {"lower": max(estimate - half, 0.0), "upper": min(estimate + half, 1.0)}
    return row


def draw_planted_attribution(truth: Mapping[str, Any], folds: Sequence[FoldAttribution], vessel: str) -> Figure:
    """One vessel in three panels of twelve leads: planted, integrated gradients, occlusion.

    The mean beat is grey. Planted: windows in which the vessel alters the lead. Recovered: colour is attribution behind
    the mean beat of the attributed ECGs (black); red raises the prediction.
    """
    v = VESSELS.index(vessel)
    ecgs = sum(int(fold.ecgs[v]) for fold in folds)
    times = folds[0].times
    shown = (times >= SEGMENTS["P"][0]) & (times < SEGMENTS["T"][1])
    times = times[shown]
    mean_beat = np.mean([fold.mean_beat for fold in folds], axis=0)[:, shown]
    beat = over_folds(np.stack([fold.beat[v] for fold in folds]))[0][:, shown]
    gradients = smooth(over_folds(SAMPLING_RATE * np.stack([fold.gradients[v] for fold in folds]))[0])[:, shown]
    lost = over_folds(np.stack([fold.regions[METHODS.index("occlusion"), v] for fold in folds]))[0]
    of_sample = np.array([_segment_of(time) for time in times])
    colours = {"integrated gradients": gradients, "occlusion": lost[:, of_sample]}
    if not ecgs:
        colours = {title: np.zeros_like(values) for title, values in colours.items()}
    units = {"integrated gradients": "logits/s", "occlusion": "logits"}
    limit = 1.1 * np.nanmax(np.abs(np.concatenate([mean_beat, beat])))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 6.6))
        figure.suptitle(f"{vessel}, {VESSEL_NAMES[vessel]}", fontsize=9, fontweight="bold")
        # Narrow columns keep the three panels apart; the last row holds their keys.
        grid = figure.add_gridspec(7, 8, height_ratios=[1] * 6 + [0.12], width_ratios=[1, 1, 0.06, 1, 1, 0.06, 1, 1])
        for panel, title in enumerate(("planted", *colours)):
            key = figure.add_subplot(grid[6, 3 * panel : 3 * panel + 2])
            values = colours.get(title)
            top = 1.0 if values is None else max(float(np.nanquantile(np.abs(values), 0.998)), 1e-9)
            norm = mpl.colors.Normalize(-top, top)
            for lead, name in enumerate(LEADS):
                # Limb leads left, chest leads right, as on paper with six rows.
                axis = figure.add_subplot(grid[lead % 6, 3 * panel + lead // 6])
                axis.set_xlim(times[0], times[-1])
                axis.set_ylim(-limit, limit)
                axis.set_xticks([0, 0.25])
                axis.tick_params(labelsize=6, labelbottom=lead % 6 == 5, labelleft=panel == 0 and lead < 6)
                axis.text(0.03, 0.96, name, transform=axis.transAxes, va="top", fontweight="bold", fontsize=7)
                if lead == 0:
                    axis.set_title(title, loc="left")
                if panel == 0 and lead < 6:
                    axis.set_ylabel("mV", fontsize=7)
                if lead % 6 == 5:
                    axis.set_xlabel("s from R", fontsize=7)
                axis.plot(times, mean_beat[lead], color=GREY, lw=0.7)
                if values is None:
                    for start, end in _planted_windows(truth, folds, vessel, name):
                        axis.axvspan(start, end, color=_PLANTED, lw=0)
                    continue
                extent = (times[0], times[-1], -limit, limit)
                axis.imshow(values[lead : lead + 1], aspect="auto", extent=extent, cmap=DIVERGING, norm=norm)
                axis.plot(times, beat[lead], color="black", lw=0.7)
            if values is None:
                key.axis("off")
                marks = [mpl.patches.Patch(color=_PLANTED), mpl.lines.Line2D([], [], color=GREY, lw=0.7),
                         mpl.lines.Line2D([], [], color="black", lw=0.7)]  # fmt: skip
                key.legend(marks, ["altered", "mean beat", "attributed ECGs"], loc="center", ncols=3, fontsize=6,
                           handlelength=1, columnspacing=0.8)  # fmt: skip
            else:
                bar = figure.colorbar(mpl.cm.ScalarMappable(norm, DIVERGING), cax=key, orientation="horizontal")
                bar.set_label(units[title] if ecgs else NO_ECG, fontsize=7)
                bar.ax.tick_params(labelsize=6)
                bar.outline.set_visible(False)
    return figure


def _planted_windows(
    truth: Mapping[str, Any], folds: Sequence[FoldAttribution], vessel: str, lead: str
) -> list[tuple[float, float]]:
    altered = truth["mask"][vessel][truth["leads"].index(lead)]
    windows = windows_from_r(truth, folds)
    return [windows[segment] for segment, is_altered in zip(truth["segments"], altered, strict=True) if is_altered]
