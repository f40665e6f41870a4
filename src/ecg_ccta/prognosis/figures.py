"""Figures of the follow-up, each drawn from the tables saved beside it."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ecg_ccta.figures import GREY, GROUP_COLOURS, PAGE, STYLE
from ecg_ccta.prognosis.events import GROUPS, STRATA


def cumulative_events_figure(tables: dict[str, pd.DataFrame]) -> Figure:
    """Cumulative events of low- and high-risk patients, any vessel and each vessel, with the numbers at risk.

    Parameters
    ----------
    tables : from `accumulate`; all panels share the axes of time and events
    """
    curves, at_risk = tables["curves"], tables["at_risk"]
    comparison = tables["comparison"].set_index("vessel")
    ticks = sorted(at_risk["day"].unique())
    top = _top(curves)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 5.0))
        grid = figure.subplots(2, 3).ravel()
        for axes, stratum in zip(grid, STRATA, strict=False):
            axes.set_title("Any vessel" if stratum == "any" else stratum, fontweight="bold")
            axes.set(xlim=(ticks[0], ticks[-1]), ylim=(0, top), xticks=ticks)
            axes.tick_params(axis="x", labelsize=6.5)
            axes.locator_params(axis="y", nbins=5)
            row = comparison.loc[stratum]
            drawn = curves[curves["vessel"] == stratum]
            for group in GROUPS:
                _draw(axes, drawn[drawn["group"] == group], GROUP_COLOURS[group], ticks[-1])
            if drawn.empty:
                axes.text(0.5, 0.5, row["note"], ha="center", va="center", color=GREY, transform=axes.transAxes)
                axes.set_yticks([])
            else:
                axes.text(0.04, 0.97, _result(row), va="top", fontsize=6.5, transform=axes.transAxes)
            _numbers(axes, at_risk[at_risk["vessel"] == stratum], ticks)
        for axes in (grid[0], grid[3]):
            axes.set_ylabel("Cumulative events (%)")
        key = grid[len(STRATA)]
        key.set_axis_off()
        lines = [Line2D([], [], color=GROUP_COLOURS[group], linewidth=1.6) for group in GROUPS]
        key.legend(
            lines, [f"{group.capitalize()} risk" for group in GROUPS], loc="center", fontsize=8, title="ECG model"
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


def _result(row: pd.Series) -> str:
    if np.isnan(row["logrank_p"]):
        return str(row["note"])
    p = row["logrank_p"]
    test = "log-rank p < 0.001" if p < 0.001 else f"log-rank p = {p:.3f}"
    if np.isnan(row["hazard_ratio"]):
        return f"{test}\n{row['note']}"
    return f"{test}\nHR {row['hazard_ratio']:.2f} ({row['hazard_ratio_lower']:.2f}–{row['hazard_ratio_upper']:.2f})"


def _numbers(axes: Axes, at_risk: pd.DataFrame, ticks: list[int]) -> None:
    """Rows of patients at risk under the day axis, in the groups' colours."""
    axes.set_xlabel("Days after CCTA\n\n\n", fontsize=7, labelpad=1)
    beneath = axes.get_xaxis_transform()
    axes.annotate("At risk", (0, -0.235), xycoords="axes fraction", fontsize=6, va="center", ha="left", color=GREY)
    for line, group in enumerate(GROUPS):
        counts = at_risk[at_risk["group"] == group].set_index("day")["at_risk"]
        for day in ticks:
            axes.text(
                day,
                -0.315 - 0.085 * line,
                str(counts[day]),
                transform=beneath,
                ha="center",
                va="center",
                fontsize=6,
                color=GROUP_COLOURS[group],
            )
