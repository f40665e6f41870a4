"""The atlas: every perturbation in a row, with what it costs, how far it moves predictions, and if it is refused."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.evaluation.analyse_robustness import ANY_REASON, CHANGE, MACRO, REFUSED
from ecg_ccta.figures import GREY, PAGE, STYLE
from ecg_ccta.signals.perturbations import WITHOUT
from ecg_ccta.statistics.estimates import rows_of

_COST, _MOVE, _SEEN = "#D55E00", "#0072B2", "#009E73"


def robustness_figure(predictions: pd.DataFrame, quality: pd.DataFrame) -> Figure:
    """Draw both tables of `analyse_robustness`: three panels of dots with intervals, a row per perturbation."""
    macro, for_any = predictions[predictions["vessel"] == MACRO], quality[quality["reason"] == ANY_REASON]
    panels = [
        (rows_of(macro, "AUC difference"), "Difference of mean AUC", _COST),
        (rows_of(macro, CHANGE), "Mean absolute change\nof probability", _MOVE),
        (rows_of(for_any, REFUSED), "Proportion refused", _SEEN),
    ]
    named = quality[quality["perturbation"] != WITHOUT].drop_duplicates("perturbation")
    places, labels, headings, at = {}, [], [], 0.0
    for kind, rows in named.groupby("kind", sort=False):
        headings.append((at, kind))
        at += 1.0
        for name in rows["perturbation"]:
            places[name] = at
            labels.append(name)
            at += 1.0
        at += 0.4
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.9 + 0.112 * at))
        axes = figure.subplots(1, 3, sharey=True)
        for axis, (rows, title, colour) in zip(axes, panels, strict=True):
            shown = rows[rows["perturbation"].isin(places)].dropna(subset=["estimate"])
            y = shown["perturbation"].map(places)
            axis.hlines(y, shown["lower"], shown["upper"], color=colour, linewidth=0.9)
            axis.plot(shown["estimate"], y, "o", color=colour, markersize=2.6)
            axis.axvline(0, color=GREY, linewidth=0.6)
            for place, _ in headings:
                axis.axhline(place - 0.1, color="#DDDDDD", linewidth=0.5)
            axis.set_xlabel(title)
            axis.tick_params(axis="y", length=0)
            if shown.empty:
                axis.text(0.5, 0.5, "too few events", transform=axis.transAxes, ha="center")
        axes[2].set_xlim(-0.04, 1.04)
        axes[0].set_yticks(
            [*places.values(), *(place for place, _ in headings)],
            [*labels, *(kind for _, kind in headings)],
            fontsize=5.5,
        )
        for label in axes[0].get_yticklabels()[len(labels) :]:
            label.set_fontweight("bold")
        axes[0].set_ylim(at, -1)
    return figure
