"""Forest plot of one vessel's AUC in subgroups, for one printed column."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_ccta.evaluation.analyse_subgroups import ALL_ECGS
from ecg_ccta.figures import COLUMN, GREY, STYLE, VESSEL_COLOURS
from ecg_ccta.p_values import p_text
from ecg_ccta.statistics.estimates import HONEST, rows_of

_LINE_INCHES = 0.128
_NARROWEST = 0.3
"""The AUC axis is at least this wide."""


def forest_figure(subgroups: pd.DataFrame, vessel: str) -> Figure:
    """AUC with its clustered bootstrap interval in every category, events and ECGs before it, p of interaction behind.

    Parameters
    ----------
    subgroups : from `subgroup_auc`
    vessel : whose rows are drawn
    """
    of_vessel = subgroups[subgroups["vessel"] == vessel]
    aucs = rows_of(of_vessel, "AUC", HONEST)
    tests = {
        measure: of_vessel[of_vessel["measure"] == measure].set_index("subgroup")["estimate"]
        for measure in ("interaction p", "interaction q")
    }
    places, headings, end = _places(aucs)
    known = aucs[["lower", "upper"]].dropna().to_numpy()
    lowest, highest = (known.min(), known.max()) if known.size else (0.5, 1.0)
    # Chance is always in the picture.
    low = min(0.5, np.floor(10 * lowest) / 10)
    high = min(1.0, max(low + _NARROWEST, np.ceil(10 * highest) / 10))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 0.62 + _LINE_INCHES * end))
        words, axes = figure.subplots(1, 2, sharey=True, width_ratios=[1.28, 1])
        words.set_axis_off()
        words.set(xlim=(0, 1), ylim=(end, -1.5))
        words.text(1, -0.9, "events/ECGs", ha="right", va="center", fontsize=6, color=GREY)
        for subgroup, y in headings.items():
            words.text(0, y, _heading(subgroup), va="center", fontsize=6.5, fontweight="bold")
            p_value = tests["interaction p"].get(subgroup, np.nan)
            if np.isfinite(p_value):
                said = f"p {p_text(p_value)}, q {p_text(tests['interaction q'][subgroup])}"
                words.text(1, y, said, ha="right", va="center", fontsize=6, color=GREY)
        for row in aucs.itertuples():
            y, whole = places[row.subgroup, row.category], row.subgroup == ALL_ECGS
            label = "All ECGs" if whole else row.category
            words.text(
                0 if whole else 0.05, y, label, va="center", fontsize=6.5, fontweight="bold" if whole else "normal"
            )
            words.text(1, y, f"{row.events}/{row.n}", ha="right", va="center", fontsize=6)
        _draw(axes, aucs, places, VESSEL_COLOURS[vessel], (low, high), end)
        axes.set_title(vessel, fontweight="bold", color=VESSEL_COLOURS[vessel])
        axes.set_xlabel("AUC (dotted: chance)", fontsize=7)
    return figure


def _places(aucs: pd.DataFrame) -> tuple[dict[tuple[str, str], float], dict[str, float], float]:
    """Line of every category and of every heading, and the first line after them."""
    places, headings, line = {}, {}, 0.0
    for subgroup, rows in aucs.groupby("subgroup", sort=False):
        if subgroup != ALL_ECGS:
            headings[subgroup] = line
            line += 1
        for category in rows["category"]:
            places[subgroup, category] = line
            line += 1
        line += 0.3
    return places, headings, line


def _draw(
    axes: Axes,
    aucs: pd.DataFrame,
    places: dict[tuple[str, str], float],
    colour: str,
    limits: tuple[float, float],
    end: float,
) -> None:
    span = limits[1] - limits[0]
    axes.set_xlim(limits[0] - 0.02 * span, limits[1] + 0.02 * span)
    axes.set_xticks(np.round(np.arange(limits[0], limits[1] + 0.01, 0.1 if span < 0.55 else 0.2), 1))
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False, labelleft=False)
    axes.plot([0.5, 0.5], [-0.5, end], color=GREY, linewidth=0.6, linestyle=":")
    for row in aucs.itertuples():
        y, whole = places[row.subgroup, row.category], row.subgroup == ALL_ECGS
        if np.isnan(row.estimate):
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
            axes.text(limits[0] + 0.02 * span, y, row.note, va="center", fontsize=5.5, color=GREY, bbox=box)
            continue
        if whole:
            axes.plot([row.estimate, row.estimate], [y, end], color=colour, linewidth=0.6, alpha=0.6)
        axes.plot([row.lower, row.upper], [y, y], color=colour, linewidth=1)
        axes.plot(row.estimate, y, "D" if whole else "s", color=colour, markersize=4 if whole else 3, markeredgewidth=0)


def _heading(subgroup: str) -> str:
    return subgroup if subgroup.startswith("ECG") else subgroup[0].upper() + subgroup[1:]
