"""Figures of the follow-up, each drawn from the tables saved beside it."""

import textwrap
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ecg_ccta.evaluation.operating_points import STRATUM_COLOURS
from ecg_ccta.figures import GREY, GROUP_COLOURS, PAGE, STYLE
from ecg_ccta.prognosis.events import CRUDE, GROUPINGS, RANK, RISK_GROUP, RISK_STRATUM, STRATA, TREND
from ecg_ccta.prognosis.incidence import KAPLAN_MEIER

FIRST_ROW, ROW = 32.0, 8.0
"""Points below the day axis of the first row of numbers, and from row to row."""


def cumulative_events_figure(tables: dict[str, pd.DataFrame]) -> Figure:
    """Cumulative events of low- and high-risk patients, any vessel and each vessel, with the numbers at risk.

    Parameters
    ----------
    tables : from `accumulate`; all panels share the axes of time and events
    """
    return _figure(tables, RISK_GROUP, GROUP_COLOURS)


def strata_events_figure(tables: dict[str, pd.DataFrame]) -> Figure:
    """The same of the low, intermediate and high stratum."""
    return _figure(tables, RISK_STRATUM, STRATUM_COLOURS)


def _figure(tables: dict[str, pd.DataFrame], grouping: str, colours: dict[str, str]) -> Figure:
    curves, at_risk, comparison = (
        tables[name][tables[name]["grouping"] == grouping] for name in ("curves", "at_risk", "comparison")
    )
    curves = curves[curves["method"] == KAPLAN_MEIER]
    groups = GROUPINGS[grouping]
    ticks = sorted(at_risk["day"].unique())
    top = _top(curves)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 5.0 + 0.5 * len(groups)))
        grid = figure.subplots(2, 3).ravel()
        for axes, stratum in zip(grid, STRATA, strict=False):
            axes.set_title("Any vessel" if stratum == "any" else stratum, fontweight="bold")
            axes.set(xlim=(ticks[0], ticks[-1]), ylim=(0, top), xticks=ticks)
            axes.tick_params(axis="x", labelsize=6.5)
            axes.locator_params(axis="y", nbins=5)
            rows = comparison[comparison["vessel"] == stratum]
            drawn = curves[curves["vessel"] == stratum]
            for group in groups:
                _draw(axes, drawn[drawn["group"] == group], colours[group], ticks[-1])
            if drawn.empty:
                note = textwrap.fill(rows["note"].iloc[0], 26)
                axes.text(0.5, 0.5, note, ha="center", va="center", color=GREY, transform=axes.transAxes)
                axes.set_yticks([])
            else:
                axes.text(0.04, 0.97, _result(rows, grouping), va="top", fontsize=6.5, transform=axes.transAxes)
            _numbers(axes, at_risk[at_risk["vessel"] == stratum], ticks, colours)
        for axes in (grid[0], grid[3]):
            axes.set_ylabel("Cumulative events (%)")
        key = grid[len(STRATA)]
        key.set_axis_off()
        lines = [Line2D([], [], color=colours[group], linewidth=1.6) for group in groups]
        key.legend(
            lines, [f"{group.capitalize()} risk" for group in groups], loc="center", fontsize=8, title="ECG model"
        )
    return figure


def _draw(axes: Axes, curve: pd.DataFrame, colour: str, horizon: float) -> None:
    if curve.empty:
        return
    # The last step lasts until the group's last day under observation, which is the curve's last row.
    days, percent = curve["day"].to_numpy(), 100 * curve["cumulative"].to_numpy()
    axes.step(np.minimum(days, horizon), percent, where="post", color=colour)
    axes.fill_between(
        days, 100 * curve["lower"], 100 * curve["upper"], step="post", color=colour, alpha=0.18, linewidth=0
    )


def _top(curves: pd.DataFrame) -> float:
    """Upper end of the event axis in per cent: the highest curve and some room, and its band where that is near."""
    if curves.empty:
        return 1.0
    highest = 100 * curves["cumulative"].max()
    return float(min(100.0, 1.3 * max(highest, min(100 * curves["upper"].max(), 1.25 * highest))))


def _result(rows: pd.DataFrame, grouping: str) -> str:
    """Test and hazard ratio of a panel: of trend and per stratum where there are three."""
    method, of = (RANK, "HR") if grouping == RISK_GROUP else (TREND, "HR per stratum")
    tested = rows[(rows["measure"] == "p") & (rows["method"] == method)].iloc[0]
    ratio = rows[(rows["measure"] == "hazard ratio") & (rows["method"] == CRUDE)].iloc[0]
    p = tested["estimate"]
    if np.isnan(p):
        return str(tested["note"])
    test = f"{method} p < 0.001" if p < 0.001 else f"{method} p = {p:.3f}"
    if np.isnan(ratio["estimate"]):
        return f"{test}\n{ratio['note']}"
    return f"{test}\n{of} {ratio['estimate']:.2f} ({ratio['lower']:.2f}–{ratio['upper']:.2f})"


def _numbers(axes: Axes, at_risk: pd.DataFrame, ticks: list[int], colours: dict[str, str]) -> None:
    """Rows of patients at risk, and of those censored so far (deaths among them), under the day axis."""
    beneath = axes.get_xaxis_transform()
    depth = FIRST_ROW
    for title, columns in (("At risk", ["at_risk"]), ("Censored or died", ["censored", "deaths"])):
        _row(axes, title, (0, 0), "axes fraction", depth, "left", GREY)
        for group, colour in colours.items():
            depth += ROW
            counts = at_risk[at_risk["group"] == group].set_index("day")[columns].sum(axis=1)
            for day in ticks:
                _row(axes, str(counts[day]), (day, 0), beneath, depth, "center", colour)
        depth += ROW
    # The layout makes room for the axis label alone; its empty lines are as high as the rows.
    axes.set_xlabel("Days after CCTA" + "\n" * (2 * len(colours) + 3), fontsize=7, labelpad=1)


def _row(axes: Axes, text: str, at: tuple, coordinates: Any, depth: float, side: str, colour: str) -> None:
    axes.annotate(
        text, at, (0, -depth), xycoords=coordinates, textcoords="offset points", fontsize=6, ha=side, va="center",
        color=colour,
    )  # fmt: skip
