"""Forest plot of the sensitivity analyses, all vessels side by side, on a printed page."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_ccta.evaluation.analyse_sensitivity import LEFT_OUT, MAIN
from ecg_ccta.evaluation.sensitivity_centres import CENTRES, PREDICTION
from ecg_ccta.figures import GREY, PAGE, STYLE, VESSEL_COLOURS
from ecg_ccta.statistics.estimates import rows_of

_LINE_INCHES = 0.15
_NARROWEST = 0.3
"""The AUC axis is at least this wide."""
_SHORT = {
    "too few": "too few",
    "fewer than": "too few centres",
    **{note: note for note in ("no findings", "no model", "no centre column", "only one centre", "no recording times")},
}
"""Part of a note -> what the figure says of it."""


def sensitivity_figure(found: pd.DataFrame, centres: pd.DataFrame) -> Figure:
    """AUC with its interval in each analysis, and at each centre; dotted lines: chance and the main analysis.

    Parameters
    ----------
    found : of `analyse_sensitivity`
    centres : of `sensitivity_centres.centre_table`
    """
    aucs, of_centres = rows_of(found, "AUC"), rows_of(centres[centres["centre"] != CENTRES], "AUC")
    kind = "Left out" if (aucs["analysis"] == LEFT_OUT).any() else "Centre"
    drawn = pd.concat(
        [aucs.assign(line=aucs["analysis"]), of_centres.assign(line=f"{kind}: " + of_centres["centre"].astype(str))]
    )
    # The mean over centres stands below the centres that it summarises.
    last = drawn["line"].isin([CENTRES, LEFT_OUT])
    drawn = pd.concat([drawn[~last], drawn[last]])
    names = list(dict.fromkeys(drawn["line"]))
    known = drawn[["lower", "upper"]].dropna().to_numpy()
    lowest, highest = (known.min(), known.max()) if known.size else (0.5, 1.0)
    low = min(0.5, np.floor(10 * lowest) / 10)
    high = min(1.0, max(low + _NARROWEST, np.ceil(10 * highest) / 10))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.75 + _LINE_INCHES * len(names)))
        words, *panels = figure.subplots(1, 1 + len(VESSEL_COLOURS), sharey=True, width_ratios=[1.7, 1, 1, 1, 1])
        words.set_axis_off()
        words.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.7))
        for place, name in enumerate(names):
            weight = "bold" if name == MAIN else "normal"
            words.text(0, place, _label(name), va="center", fontsize=6.2, fontweight=weight)
        for axes, (vessel, colour) in zip(panels, VESSEL_COLOURS.items(), strict=True):
            _draw(axes, drawn[drawn["vessel"] == vessel], names, colour, (low, high))
            axes.set_title(vessel, fontweight="bold", color=colour)
            _draw_prediction(axes, centres[centres["vessel"] == vessel], names, colour)
        figure.supxlabel("AUC (dotted: chance; solid line: main analysis; thin: prediction interval)", fontsize=7)
    return figure


def _label(name: str) -> str:
    return name[0].upper() + name[1:]


def _draw(axes: Axes, aucs: pd.DataFrame, names: list[str], colour: str, limits: tuple[float, float]) -> None:
    span, end = limits[1] - limits[0], len(names) - 0.5
    axes.set_xlim(limits[0] - 0.02 * span, limits[1] + 0.02 * span)
    axes.set_xticks(np.round(np.arange(limits[0], limits[1] + 0.01, 0.1 if span < 0.35 else 0.2), 1))
    axes.spines["left"].set_visible(False)
    axes.tick_params(left=False, labelleft=False)
    axes.plot([0.5, 0.5], [-0.5, end], color=GREY, linewidth=0.6, linestyle=":")
    for row in aucs.itertuples():
        place, is_main = names.index(row.line), row.line == MAIN
        if np.isnan(row.estimate):
            said = next((short for words, short in _SHORT.items() if words in row.note), "–")
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
            axes.text(limits[0] + 0.02 * span, place, said, va="center", fontsize=5.5, color=GREY, bbox=box)
            continue
        if is_main:
            axes.plot([row.estimate, row.estimate], [place, end], color=colour, linewidth=0.6, alpha=0.6)
        axes.plot([row.lower, row.upper], [place, place], color=colour, linewidth=1)
        mean = row.line in (CENTRES, LEFT_OUT)
        marker = "D" if is_main or mean else "s"
        axes.plot(row.estimate, place, marker, color=colour, markersize=4 if marker == "D" else 3, markeredgewidth=0)


def _draw_prediction(axes: Axes, centres: pd.DataFrame, names: list[str], colour: str) -> None:
    """A thin line behind the mean over centres, from the lower to the upper end of its prediction interval."""
    place = next(place for place, name in enumerate(names) if name in (CENTRES, LEFT_OUT))
    for row in rows_of(centres, f"AUC, {PREDICTION}").dropna(subset=["estimate"]).itertuples():
        axes.plot([row.lower, row.upper], [place, place], color=colour, linewidth=0.4)
