"""Figures of the follow-up, each drawn from the tables saved beside it."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ecg_ccta.evaluation.evaluate_thresholds import STRATUM_COLOURS
from ecg_ccta.figures import GREY, GROUP_COLOURS, PAGE, STYLE
from ecg_ccta.p_values import p_equation
from ecg_ccta.prognosis.comparison import CRUDE, RANK, TREND
from ecg_ccta.prognosis.patients import GROUPINGS, RISK_GROUP, RISK_STRATUM, RISK_TARGETS
from ecg_ccta.statistics.incidence import AALEN_JOHANSEN, KAPLAN_MEIER

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


def event_rates_figure(tables: dict[str, pd.DataFrame]) -> Figure:
    """Cumulative events of low- and high-risk patients at the reading days, as bars with their intervals.

    Parameters
    ----------
    tables : from `accumulate`; all panels share the axis of events
    """
    rates = tables["rates"]
    places = {day: place for place, day in enumerate(sorted(rates["day"].unique()))}
    highest = rates[["percent", "upper"]].max().max()
    top = 1.06 * highest if highest > 0 else 1.0
    with mpl.rc_context(STYLE):
        figure, grid = _panels(2)
        for axes, stratum in zip(grid, RISK_TARGETS, strict=False):
            rows = rates[rates["vessel"] == stratum]
            axes.set(xlim=(-0.6, len(places) - 0.4), ylim=(0, top))
            axes.set_xticks(list(places.values()), [str(day) for day in places])
            axes.tick_params(axis="x", length=0)
            if rows["percent"].isna().all():
                _say(axes, rows["note"].iloc[0])
            else:
                for shift, (group, colour) in zip((-0.19, 0.19), GROUP_COLOURS.items(), strict=True):
                    _bars(axes, rows[rows["group"] == group], places, shift, colour, top)
            _numbers(axes, rows, places, GROUP_COLOURS)
        method = "Aalen-Johansen, death competing" if (rates["method"] == AALEN_JOHANSEN).any() else KAPLAN_MEIER
        patches = [Patch(color=colour, alpha=0.75, linewidth=0) for colour in GROUP_COLOURS.values()]
        _key(grid, patches, list(GROUP_COLOURS), f"{method};\nwhiskers: confidence intervals")
    return figure


def _figure(tables: dict[str, pd.DataFrame], grouping: str, colours: dict[str, str]) -> Figure:
    curves, at_risk, comparison = (
        tables[name][tables[name]["grouping"] == grouping] for name in ("curves", "at_risk", "comparison")
    )
    curves = curves[curves["method"] == KAPLAN_MEIER]
    groups = GROUPINGS[grouping]
    ticks = sorted(at_risk["day"].unique())
    top = _top(curves)
    with mpl.rc_context(STYLE):
        figure, grid = _panels(len(groups))
        for axes, stratum in zip(grid, RISK_TARGETS, strict=False):
            axes.set(xlim=(ticks[0], ticks[-1]), ylim=(0, top), xticks=ticks)
            axes.tick_params(axis="x", labelsize=6.5)
            rows = comparison[comparison["vessel"] == stratum]
            drawn = curves[curves["vessel"] == stratum]
            for group in groups:
                _draw(axes, drawn[drawn["group"] == group], colours[group], ticks[-1])
            if drawn.empty:
                _say(axes, rows["note"].iloc[0])
            else:
                axes.text(0.04, 0.97, _result(rows, grouping), va="top", fontsize=6.5, transform=axes.transAxes)
            _numbers(axes, at_risk[at_risk["vessel"] == stratum], {day: day for day in ticks}, colours)
        lines = [Line2D([], [], color=colours[group], linewidth=1.6) for group in groups]
        _key(grid, lines, groups, f"{KAPLAN_MEIER};\nbands: confidence intervals")
    return figure


def _panels(groups: int) -> tuple[Figure, np.ndarray]:
    """A panel for any vessel and for each, titled, with room below for the numbers of so many groups, and a sixth."""
    figure = Figure(figsize=(PAGE, 5.0 + 0.5 * groups))
    grid = figure.subplots(2, 3).ravel()
    for axes, stratum in zip(grid, RISK_TARGETS, strict=False):
        axes.set_title("Any vessel" if stratum == "any" else stratum, fontweight="bold")
        axes.locator_params(axis="y", nbins=5)
    for axes in (grid[0], grid[3]):
        axes.set_ylabel("Cumulative events (%)")
    return figure, grid


def _key(grid: np.ndarray, handles: list, groups: Sequence[str], says: str) -> None:
    key = grid[len(RISK_TARGETS)]
    key.set_axis_off()
    labels = [f"{group.capitalize()} risk" for group in groups]
    key.legend(handles, labels, loc="center", fontsize=8, title="ECG model")
    key.text(0.5, 0.18, says, ha="center", va="center", fontsize=7, color=GREY, transform=key.transAxes)


def _say(axes: Axes, note: str) -> None:
    axes.text(0.5, 0.5, textwrap.fill(note, 26), ha="center", va="center", color=GREY, transform=axes.transAxes)
    axes.set_yticks([])


def _bars(axes: Axes, rows: pd.DataFrame, places: dict, shift: float, colour: str, top: float) -> None:
    at = rows["day"].map(places).to_numpy() + shift
    percent, lower, upper = (rows[name].to_numpy(dtype=float) for name in ("percent", "lower", "upper"))
    axes.bar(at, percent, width=0.36, color=colour, alpha=0.75, linewidth=0)
    known = np.isfinite(lower)
    whiskers = np.array([percent - lower, upper - percent])[:, known]
    axes.errorbar(at[known], percent[known], whiskers, fmt="none", ecolor="black", elinewidth=0.7, capsize=1.8)
    # What is no bar is said: no event so far, or no estimate.
    for place, value in zip(at, percent, strict=True):
        if not value > 0:
            word = "0" if value == 0 else "n/a"
            axes.text(place, 0.015 * top, word, ha="center", fontsize=6, color=colour)


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
    test = f"{method} {p_equation(p)}"
    if np.isnan(ratio["estimate"]):
        return f"{test}\n{ratio['note']}"
    return f"{test}\n{of} {ratio['estimate']:.2f} ({ratio['lower']:.2f}–{ratio['upper']:.2f})"


def _numbers(axes: Axes, counted: pd.DataFrame, places: Mapping[int, float], colours: dict[str, str]) -> None:
    """Rows of patients at risk, and of those censored or dead so far, under the days at `places` on their axis."""
    beneath = axes.get_xaxis_transform()
    depth = FIRST_ROW
    for title, columns in (("At risk", ["at_risk"]), ("Censored or died", ["censored", "deaths"])):
        _row(axes, title, (0, 0), "axes fraction", depth, "left", GREY)
        for group, colour in colours.items():
            depth += ROW
            counts = counted[counted["group"] == group].set_index("day")[columns].sum(axis=1)
            for day, place in places.items():
                _row(axes, str(counts[day]), (place, 0), beneath, depth, "center", colour)
        depth += ROW
    # The layout makes room for the axis label alone; its empty lines are as high as the rows.
    axes.set_xlabel("Days after CCTA" + "\n" * (2 * len(colours) + 3), fontsize=7, labelpad=1)


def _row(axes: Axes, text: str, at: tuple, coordinates: Any, depth: float, side: str, colour: str) -> None:
    axes.annotate(
        text, at, (0, -depth), xycoords=coordinates, textcoords="offset points", fontsize=6, ha=side, va="center",
        color=colour,
    )  # fmt: skip
