"""Figures of the evaluation, each drawn from the tables saved beside it."""

from collections.abc import Callable
from typing import Literal

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ecg_ccta.evaluation.recalibrate import AS_PREDICTED, UPDATES
from ecg_ccta.figures import COLUMN, GREY, GROUP_COLOURS, STYLE, VESSEL_COLOURS
from ecg_ccta.statistics.estimates import HONEST, rows_of
from ecg_ccta.vessels import GRADES, VESSELS

_LINES: list[tuple[str, Literal["-", "--", ":"]]] = [("#D55E00", "-"), ("#56B4E9", "--"), ("#000000", ":")]
_KIND_LINES = dict(zip(UPDATES, _LINES, strict=True))

_LEAST_FOR_BOX = 5
"""ECGs that a box of quartiles needs."""


def roc_figure(discrimination: pd.DataFrame, roc: pd.DataFrame) -> Figure:
    """ROC curve of each vessel with the pointwise band of the patient-clustered bootstrap.

    Parameters
    ----------
    discrimination, roc : tables of `validate`
    """

    def panel(axes: Axes, vessel: str, row: pd.Series) -> None:
        curve, colour = roc[roc["vessel"] == vessel], VESSEL_COLOURS[vessel]
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
        axes.fill_between(
            curve["false_positive_rate"], curve["lower"], curve["upper"], color=colour, alpha=0.2, linewidth=0
        )
        # The table's first point is the upper end of the first vertical step; the curve starts below it.
        axes.plot(np.append(0, curve["false_positive_rate"]), np.append(0, curve["estimate"]), color=colour)
        axes.text(
            0.98,
            0.04,
            f"AUC {row['estimate']:.3f}\n({row['lower']:.3f}–{row['upper']:.3f})\n{counted(row)}",
            ha="right",
            va="bottom",
            fontsize=7,
            transform=axes.transAxes,
        )

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 3.75))
        grid = figure.subplots(2, 2, sharex=True, sharey=True)
        for axes in grid.flat:
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
        vessel_panels(grid.ravel(), rows_of(discrimination, "AUC", HONEST), panel)
        figure.supylabel("Sensitivity", fontsize=8)
        figure.supxlabel("1 − specificity", fontsize=8)
    return figure


def calibration_figure(
    scored: pd.DataFrame, groups: pd.DataFrame, curve: pd.DataFrame, summary: pd.DataFrame
) -> Figure:
    """Observed against predicted proportion of events: smoothed with bands, in groups, over a histogram.

    Groups are coloured by their risk group. Both axes end where the groups and their intervals end, each panel on its
    own, because most predictions are small; the few predictions above the mean of the highest group may lie beyond.

    Parameters
    ----------
    scored : from `scored_ecgs`
    groups, curve, summary : tables `calibration`, `calibration_curve` and `calibration_summary` of `validate`
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 4.7))
        axes = figure.subplots(4, 2, sharex=False, height_ratios=[4, 1, 4, 1])
        grid, strips = axes[[0, 2]].ravel(), axes[[1, 3]].ravel()

        def panel(axes: Axes, vessel: str, row: pd.Series) -> None:
            points, line = groups[groups["vessel"] == vessel], curve[curve["vessel"] == vessel]
            predictions = scored[(scored["vessel"] == vessel) & scored["y_true"].notna()]
            end = 1.06 * max(points["upper"].max(), points["predicted"].max())
            axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
            for level, band in line.groupby("level"):
                shade = 0.35 if level == line["level"].min() else 0.18
                axes.fill_between(band["predicted"], band["lower"], band["upper"], color=GREY, alpha=shade, linewidth=0)
            band = line[line["level"] == line["level"].min()]
            axes.plot(band["predicted"], band["estimate"], color="black", linewidth=1)
            for group, members in points.groupby("risk_group"):
                axes.errorbar(
                    members["predicted"],
                    members["estimate"],
                    yerr=np.array([members["estimate"] - members["lower"], members["upper"] - members["estimate"]]),
                    fmt={"low": "o", "high": "D"}[group],
                    markersize=2.6,
                    markeredgewidth=0,
                    elinewidth=0.5,
                    color=GROUP_COLOURS[group],
                )
            axes.set(xlim=(-0.02 * end, end), ylim=(-0.02 * end, end))
            _percent(axes.yaxis)
            axes.tick_params(labelbottom=False)
            of = summary[summary["vessel"] == vessel].set_index("measure")["estimate"]
            slope = "not estimable" if np.isnan(of["slope"]) else f"{of['slope']:.2f}"
            axes.text(
                0.5,
                1.03,
                f"{counted(row)}\nslope {slope}, ICI {of['ICI']:.3f}",
                ha="center",
                va="bottom",
                fontsize=6,
                linespacing=1.2,
                transform=axes.transAxes,
            )
            strip = strips[VESSELS.index(vessel)]
            strip.hist(predictions["probability"], bins=np.linspace(0, end, 41), color=GREY, alpha=0.7)
            strip.set_xlim(-0.02 * end, end)
            _percent(strip.xaxis)

        for strip in strips:
            strip.set_yticks([])
            strip.spines["left"].set_visible(False)
        for vessel in vessel_panels(grid, rows_of(summary, "Brier"), panel, title_pad=22):
            strips[VESSELS.index(vessel)].set_axis_off()
        figure.supylabel("Observed (histogram: ECGs)", fontsize=8)
        figure.supxlabel("Predicted probability (● low risk, ◆ high risk)", fontsize=8)
    return figure


def recalibration_figure(curve: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Smoothed calibration curves of one site as predicted and after either cross-fitted recalibration.

    Parameters
    ----------
    curve, summary : tables of `recalibration.recalibrate`
    """
    curve = curve[curve["level"] == curve["level"].min()]

    def panel(axes: Axes, vessel: str, row: pd.Series) -> None:
        lines = curve[curve["vessel"] == vessel]
        # Beyond this the few highest predictions alone bend the curve.
        end = float(np.quantile(lines["predicted"], 0.9))
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
        for kind, (colour, style) in _KIND_LINES.items():
            line = lines[lines["predictions"] == kind]
            axes.plot(line["predicted"], line["estimate"], style, color=colour, linewidth=1.1)
        axes.set(xlim=(0, end), ylim=(0, end))
        _percent(axes.xaxis)
        _percent(axes.yaxis)
        of = summary[(summary["vessel"] == vessel) & (summary["measure"] == "ICI")].set_index("predictions")
        text = [f"{of.loc[kind, 'estimate']:.3f}" for kind in UPDATES if not np.isnan(of.loc[kind, "estimate"])]
        axes.text(0.5, 1.03, f"ICI {' → '.join(text)}", ha="center", fontsize=6, transform=axes.transAxes)

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 4.1))
        grid = figure.subplots(2, 2)
        rows = rows_of(summary[summary["predictions"] == AS_PREDICTED], "Brier")
        vessel_panels(grid.ravel(), rows, panel, title_pad=14)
        lines = [Line2D([], [], color=colour, linestyle=style, linewidth=1.1) for colour, style in _KIND_LINES.values()]
        words = ["as predicted", "intercept updated", "intercept and slope updated"]
        figure.legend(lines, words, loc="outside upper center", ncols=3, fontsize=6, columnspacing=1)
        figure.supylabel("Observed", fontsize=8)
        figure.supxlabel("Predicted probability", fontsize=8)
    return figure


def grade_figure(scored: pd.DataFrame, severity: pd.DataFrame) -> Figure:
    """Predicted probability by CCTA grade: median, quartiles, and whiskers from the 5th to the 95th percentile.

    A grade with fewer than five ECGs shows them as points.

    Parameters
    ----------
    scored : from `scored_ecgs`
    severity : from `severity.severity_table`
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 4.4))
        grid = figure.subplots(2, 2).ravel()

        def panel(axes: Axes, vessel: str, row: pd.Series) -> None:
            rows, colour = scored[scored["vessel"] == vessel], VESSEL_COLOURS[vessel]
            values = [rows.loc[(rows["grade"] == grade).fillna(False), "probability"] for grade in GRADES]
            boxed = [part.to_numpy(dtype=float) if len(part) >= _LEAST_FOR_BOX else [] for part in values]
            for place, part in enumerate(values, start=1):
                if len(part) < _LEAST_FOR_BOX:
                    axes.plot([place] * len(part), part, "o", color=colour, markersize=3, markeredgewidth=0)
            boxes = axes.boxplot(
                boxed,
                whis=(5, 95),
                showfliers=False,
                widths=0.6,
                patch_artist=True,
                medianprops={"color": "black", "linewidth": 1},
                whiskerprops={"linewidth": 0.7},
                capprops={"linewidth": 0},
                boxprops={"linewidth": 0.7},
            )
            outcome = set(rows.loc[(rows["y_true"] == 1).fillna(False), "grade"])
            for grade, box in zip(GRADES, boxes["boxes"], strict=True):
                box.set_facecolor((*mpl.colors.to_rgb(colour), 0.75 if grade in outcome else 0.25))
            axes.set_xticks(
                range(1, 1 + len(GRADES)),
                [f"{grade} ({len(part)})" for grade, part in zip(GRADES, values, strict=True)],
                fontsize=6,
                rotation=40,
                ha="right",
                rotation_mode="anchor",
            )
            axes.tick_params(axis="x", length=0)
            axes.set_ylim(bottom=0)
            _percent(axes.yaxis)
            trend = "not estimable" if np.isnan(row["estimate"]) else f"{row['estimate']:.2f}"
            if not np.isnan(row["lower"]):
                trend += f" ({row['lower']:.2f}–{row['upper']:.2f})"
            axes.text(0.04, 0.98, f"ρ {trend}", va="top", fontsize=7, transform=axes.transAxes)
            axes.set_ylim(top=1.15 * axes.get_ylim()[1])

        vessel_panels(grid, rows_of(severity, "Spearman correlation"), panel)
        figure.supylabel("Predicted probability", fontsize=8)
        figure.supxlabel("Stenosis on CCTA (ECGs)", fontsize=8)
    return figure


def vessel_panels(
    grid: np.ndarray, table: pd.DataFrame, draw: Callable[[Axes, str, pd.Series], None], title_pad: float = 6
) -> list[str]:
    """One panel per vessel, or in its place the reason why there is none; returns the vessels without one.

    `table` has a row per vessel with an estimate and a note; a note without a number means that there is nothing to
    draw. The title stands `title_pad` points above the panel.
    """
    empty = []
    by_vessel = table.set_index("vessel")
    for axes, vessel in zip(grid, VESSELS, strict=True):
        axes.set_title(vessel, fontweight="bold", color=VESSEL_COLOURS[vessel], pad=title_pad)
        row = by_vessel.loc[vessel]
        if row["note"] and pd.isna(row["estimate"]):
            axes.text(0.5, 0.5, row["note"], ha="center", va="center", color=GREY, transform=axes.transAxes)
            axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
            empty.append(vessel)
        else:
            draw(axes, vessel, row)
    return empty


def counted(row: pd.Series) -> str:
    return f"{row['events']} events in {row['n']}"


def _percent(axis: Axis) -> None:
    """Labels in per cent with as many decimals as the ticks need."""
    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%".replace("-", "−"))
