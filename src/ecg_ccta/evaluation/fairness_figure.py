"""Calibration and accuracy of the groups of patients of one vessel, for a printed page."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_ccta.evaluation.analyse_fairness import ACCURACY, FAIRNESS_MEASURES, NO_THRESHOLD, WITHOUT
from ecg_ccta.evaluation.analyse_subgroups import ALL_ECGS
from ecg_ccta.figures import GREY, PAGE, STYLE, VESSEL_COLOURS

_LINE_INCHES = 0.16
KIND = "guideline"
"""The threshold of the figure: a constant, fixed before the data were seen."""
_TITLES = {"intercept": "Calibration\nintercept", "slope": "Calibration\nslope"}
_IDEAL = {"intercept": 0.0, "slope": 1.0}


def fairness_figure(values: pd.DataFrame, vessel: str) -> Figure:
    """Each group's values with their intervals; dotted: perfect calibration; line: the value of all ECGs.

    Parameters
    ----------
    values : of `analyse_fairness`
    vessel : whose rows are drawn
    """
    shown = values[(values["vessel"] == vessel) & values["kind"].isin([NO_THRESHOLD, KIND])]
    places, headings, end = _places(shown)
    colour = VESSEL_COLOURS[vessel]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.85 + _LINE_INCHES * end))
        words, *panels = figure.subplots(1, 7, sharey=True, width_ratios=[1.75, 1, 1, 1, 1, 1, 1])
        words.set_axis_off()
        words.set(xlim=(0, 1), ylim=(end - 0.3, -1.4))
        words.set_title(vessel, fontweight="bold", color=colour, loc="left")
        words.text(1, -0.9, "events/ECGs", ha="right", va="center", fontsize=6, color=GREY)
        for text, place in headings.items():
            words.text(0, place, text, va="center", fontsize=6.5, fontweight="bold")
        for (attribute, group), rows in shown[shown["measure"] != WITHOUT].groupby(["attribute", "group"], sort=False):
            place, first = places[attribute, group], rows.iloc[0]
            is_whole = attribute == ALL_ECGS
            label, weight = ("All ECGs", "bold") if is_whole else (group, "normal")
            words.text(0 if is_whole else 0.05, place, label, va="center", fontsize=6.5, fontweight=weight)
            words.text(1, place, f"{first['events']}/{first['n']}", ha="right", va="center", fontsize=6)
        for axes, measure in zip(panels, FAIRNESS_MEASURES, strict=True):
            _draw(axes, shown[shown["measure"] == measure], places, colour, end)
            axes.set_title(_TITLES.get(measure, measure[0].upper() + measure[1:] + "\n(%)"), fontsize=7)
            if measure in _IDEAL:
                axes.plot([_IDEAL[measure]] * 2, [-0.5, end], color=GREY, linewidth=0.6, linestyle=":", zorder=0)
            else:
                axes.set(xlim=(-3, 103), xticks=(0, 50, 100))
            axes.tick_params(labelsize=6)
    return figure


def _places(shown: pd.DataFrame) -> tuple[dict[tuple[str, str], float], dict[str, float], float]:
    """Line of every group and of every heading, and the first line after them."""
    places: dict[tuple[str, str], float] = {}
    headings: dict[str, float] = {}
    line = 0.0
    for attribute, rows in shown.groupby("attribute", sort=False):
        groups = rows.loc[rows["measure"] != WITHOUT, "group"].unique()
        if attribute != ALL_ECGS:
            name = f"{attribute[0].upper()}{attribute[1:]}"
            headings[name if len(groups) else f"{name}: {rows['note'].iloc[0]}"] = line
            line += 1
        for group in groups:
            places[attribute, group] = line
            line += 1
        line += 0.3
    return places, headings, line


def _draw(axes: Axes, rows: pd.DataFrame, places: dict[tuple[str, str], float], colour: str, end: float) -> None:
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False, labelleft=False)
    for row in rows.itertuples():
        place, is_whole = places[row.attribute, row.group], row.attribute == ALL_ECGS
        scale = 100 if row.measure in ACCURACY else 1
        if np.isnan(row.estimate):
            note = "too few" if row.note.startswith("too few") else "–"
            where = axes.get_yaxis_transform()
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
            axes.text(0.02, place, note, va="center", fontsize=5.5, color=GREY, transform=where, bbox=box)
            continue
        if is_whole:
            axes.plot([scale * row.estimate] * 2, [place, end], color=colour, linewidth=0.6, alpha=0.6)
        axes.plot([scale * row.lower, scale * row.upper], [place, place], color=colour, linewidth=1)
        marker = "D" if is_whole else "s"
        axes.plot(scale * row.estimate, place, marker, color=colour, markersize=4 if is_whole else 3, markeredgewidth=0)
