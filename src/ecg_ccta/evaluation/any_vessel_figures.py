"""Decision curves of any vessel, drawn."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_ccta.evaluation.analyse_any_vessel import (
    ALL,
    AVOIDED,
    BASES,
    CLINICAL,
    ECG,
    NET_BENEFIT,
    PUBLISHED,
    RANGE,
    WITH,
    WITHOUT,
)
from ecg_ccta.evaluation.pretest_probability import CUTS
from ecg_ccta.figures import GREY, PAGE, STYLE

LINES: dict[str, tuple[str, Any]] = {
    ECG: ("#D55E00", "-"),
    WITHOUT: ("#0072B2", (0, (5, 1.5))),
    WITH: ("#009E73", (0, (3, 1, 1, 1))),
    PUBLISHED: ("#CC79A7", (0, (1, 1))),
}
"""Colour of the Okabe-Ito palette and dashes of each strategy."""
BANDED = (ECG, WITHOUT)
_ROOM = 30
"""CCTAs per 100 patients below 0 that the lower panel shows at most."""


def any_vessel_figure(table: pd.DataFrame) -> Figure:
    """Net benefit against threshold probability, and below it the CCTAs avoided; a column per competitor.

    Parameters
    ----------
    table : any_vessel_decisions of `analyse_any_vessel`
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 4.6))
        grid = figure.subplots(2, len(BASES), sharex="col", height_ratios=[1.35, 1])
        for (upper, lower), basis in zip(grid.T, BASES, strict=True):
            rows = table[table["basis"] == basis]
            known = rows.dropna(subset=["estimate"])
            counts = rows.iloc[0]
            upper.set_title(f"Against {_named(basis)}\n{counts['n']} patients, {counts['events']} with a stenosis")
            if known.empty:
                for axes in (upper, lower):
                    axes.set_axis_off()
                upper.text(0.5, 0.5, counts["note"], ha="center", va="center", color=GREY, transform=upper.transAxes)
                continue
            _net_benefit(upper, known[known["measure"] == NET_BENEFIT])
            _avoided(lower, known[known["measure"] == AVOIDED])
            for axes in (upper, lower):
                axes.axhline(0, color="black", linewidth=0.6)
                for cut in CUTS:
                    axes.axvline(100 * cut, color=GREY, linewidth=0.6, linestyle=":", zorder=0)
                axes.set_xlim(100 * RANGE[0] - 1, 100 * RANGE[-1])
                axes.set_xticks([5, 15, 30, 50])
        grid[0, 0].set_ylabel("Net benefit")
        grid[1, 0].set_ylabel("Net CCTAs avoided\nper 100 patients")
        figure.legend(handles=_legend(), loc="outside upper center", ncols=3, fontsize=7)
        figure.supxlabel("Threshold probability of a stenosis in any vessel (%; dotted: 5 and 15 %)", fontsize=8)
    return figure


def _named(basis: str) -> str:
    return f"the {basis}" if basis == CLINICAL else basis


def _net_benefit(axes: Axes, rows: pd.DataFrame) -> None:
    everyone = rows[rows["strategy"] == ALL]
    axes.plot(100 * everyone["threshold"], everyone["estimate"], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    _strategies(axes, rows)
    top = max(rows["upper"].max(), 0.01)
    axes.set_ylim(max(-0.15 * top, rows["lower"].min() - 0.02), 1.05 * top)


def _avoided(axes: Axes, rows: pd.DataFrame) -> None:
    _strategies(axes, rows)
    shown = rows[rows["strategy"].isin(BANDED)]
    axes.set_ylim(max(-_ROOM, min(-5, 1.1 * shown["lower"].min())), max(10, 1.08 * rows["upper"].max()))


def _strategies(axes: Axes, rows: pd.DataFrame) -> None:
    for strategy, (colour, dashes) in LINES.items():
        own = rows[rows["strategy"] == strategy]
        if own.empty:
            continue
        threshold = 100 * own["threshold"]
        if strategy in BANDED:
            axes.fill_between(threshold, own["lower"], own["upper"], color=colour, alpha=0.15, linewidth=0)
        axes.plot(threshold, own["estimate"], color=colour, linestyle=dashes, linewidth=1.4)


def _legend() -> list[mpl.lines.Line2D]:
    named = {
        ECG: "ECG",
        WITHOUT: "competitor, fitted at the development site",
        WITH: "competitor with ECG",
        PUBLISHED: "RF-CL as published",
    }
    lines = [
        mpl.lines.Line2D([], [], color=colour, linestyle=dashes, linewidth=1.4, label=named[strategy])
        for strategy, (colour, dashes) in LINES.items()
    ]
    lines.append(mpl.lines.Line2D([], [], color=GREY, linewidth=1, linestyle=(0, (4, 2)), label="CCTA for all"))
    lines.append(mpl.lines.Line2D([], [], color="black", linewidth=0.6, label="CCTA for none"))
    return lines
