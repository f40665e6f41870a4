"""Figures of the evaluation, each drawn from the tables saved beside it."""

from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ecg_ccta.evaluation.risk_groups import grade_table
from ecg_ccta.figures import GREY, PAGE, STYLE, VESSEL_COLOURS
from ecg_ccta.vessels import EVENT_GRADES, GRADES, VESSELS

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
        axes.plot(np.append(0, curve["false_positive_rate"]), np.append(0, curve["sensitivity"]), color=colour)
        axes.text(
            0.97,
            0.05,
            f"AUC {row['auc']:.3f}\n({row['bootstrap_lower']:.3f}–{row['bootstrap_upper']:.3f})\n{_counts(row)}",
            ha="right",
            va="bottom",
            fontsize=7,
            transform=axes.transAxes,
        )

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.15))
        grid = figure.subplots(1, len(VESSELS), sharey=True)
        for axes in grid:
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
        _panels(grid, discrimination, panel)
        grid[0].set_ylabel("Sensitivity")
        figure.supxlabel("1 − specificity", fontsize=8)
    return figure


def calibration_figure(scored: pd.DataFrame, calibration: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Observed against predicted share of events in groups of equal size, over the distribution of predictions.

    Both axes end where the groups and their intervals end, each panel on its own, because most predictions are small;
    the few predictions above the mean of the highest group may lie beyond.

    Parameters
    ----------
    scored : from `scored_ecgs`
    calibration, summary : tables `calibration` and `calibration_summary` of `validate`
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.9))
        grid, strips = figure.subplots(2, len(VESSELS), sharex="col", height_ratios=[4, 1])

        def panel(axes: Axes, vessel: str, row: pd.Series) -> None:
            groups, colour = calibration[calibration["vessel"] == vessel], VESSEL_COLOURS[vessel]
            predictions = scored[(scored["vessel"] == vessel) & scored["y_true"].notna()]
            end = 1.06 * max(groups["upper"].max(), groups["predicted"].max())
            axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
            axes.errorbar(
                groups["predicted"],
                groups["observed"],
                yerr=[groups["observed"] - groups["lower"], groups["upper"] - groups["observed"]],
                fmt="o",
                markersize=3,
                markeredgewidth=0,
                elinewidth=0.7,
                color=colour,
            )
            axes.set(xlim=(-0.02 * end, end), ylim=(-0.02 * end, end))
            _percent(axes.yaxis)
            slope = "not estimable" if np.isnan(row["slope"]) else f"{row['slope']:.2f}"
            axes.text(
                0.5,
                1.03,
                f"{_counts(row)}, Brier {row['brier']:.3f}\nintercept {_signed(row['intercept'])}, slope {slope}",
                ha="center",
                va="bottom",
                fontsize=6,
                linespacing=1.25,
                transform=axes.transAxes,
            )
            strip = strips[VESSELS.index(vessel)]
            strip.hist(predictions["probability"], bins=np.linspace(0, end, 41), color=colour, alpha=0.55)
            _percent(strip.xaxis)

        for strip in strips:
            strip.set_yticks([])
            strip.spines["left"].set_visible(False)
        for vessel in _panels(grid, summary, panel, title_pad=24):
            strips[VESSELS.index(vessel)].set_axis_off()
        grid[0].set_ylabel("Observed")
        strips[0].set_ylabel("ECGs", color="black")
        figure.supxlabel("Predicted probability", fontsize=8)
    return figure


def forest_figure(subgroups: pd.DataFrame) -> Figure:
    """AUC of each vessel in every subgroup with clustered bootstrap intervals, events and ECGs beside it.

    Parameters
    ----------
    subgroups : from `subgroup_auc`
    """
    lines = subgroups[["subgroup", "level"]].drop_duplicates().reset_index(drop=True)
    place, rows = 0.0, {}
    headings = []
    for subgroup, levels in lines.groupby("subgroup", sort=False):
        if len(levels) > 1:
            headings.append((place, str(subgroup)))
            place += 1
        for level in levels["level"]:
            rows[subgroup, level] = place
            place += 1
        place += 0.35
    known = subgroups[["bootstrap_lower", "bootstrap_upper"]].to_numpy()
    lowest, highest = (np.nanmin(known), np.nanmax(known)) if np.isfinite(known).any() else (0.4, 1.0)
    # Chance is always in the picture.
    limits = (max(0.0, min(0.5, np.floor(lowest * 10) / 10)), min(1.0, np.ceil(highest * 10) / 10))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.62 + 0.142 * place))
        grid = figure.subplots(1, 1 + len(VESSELS), sharey=True, width_ratios=[0.92, *[1] * len(VESSELS)])
        labels = grid[0]
        labels.set_axis_off()
        labels.set(xlim=(0, 1), ylim=(place, -1.6))
        for y, subgroup in headings:
            labels.text(0, y, _heading(subgroup), va="center", fontsize=7, fontweight="bold")
        for (_, level), y in rows.items():
            alone = level == "all"
            labels.text(
                0 if alone else 0.08,
                y,
                "All ECGs" if alone else level,
                va="center",
                fontsize=7,
                fontweight="bold" if alone else "normal",
            )
        for vessel, axes in zip(VESSELS, grid[1:], strict=True):
            _forest(axes, subgroups[subgroups["vessel"] == vessel], rows, vessel, limits)
        figure.supxlabel("AUC with interval over patients (dotted: chance; solid line: all ECGs)", fontsize=7)
    return figure


def _forest(
    axes: Axes, table: pd.DataFrame, rows: dict[tuple[str, str], float], vessel: str, limits: tuple[float, float]
) -> None:
    colour = VESSEL_COLOURS[vessel]
    span = limits[1] - limits[0]
    # The left half of the panel is the text column, so that numbers and intervals stand in one line.
    axes.set_xlim(limits[0] - 0.72 * span, limits[1] + 0.03 * span)
    axes.set_xticks([tick for tick in (0.1, 0.3, 0.5, 0.7, 0.9) if limits[0] <= tick <= limits[1]])
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_bounds(*limits)
    axes.tick_params(left=False, labelleft=False)
    axes.set_title(vessel, fontweight="bold", color=colour)
    text = limits[0] - 0.06 * span
    axes.text(text, -0.85, "events/ECGs", ha="right", va="center", fontsize=6, color=GREY)
    bottom, top = max(rows.values()) + 0.6, -0.5
    axes.plot([0.5, 0.5], [top, bottom], color=GREY, linewidth=0.6, linestyle=":")
    for row in table.itertuples():
        y = rows[row.subgroup, row.level]
        axes.text(text, y, f"{row.events}/{row.n}", ha="right", va="center", fontsize=6)
        if np.isnan(row.auc):
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            axes.text(limits[0] + 0.04 * span, y, row.note, va="center", fontsize=5.5, color=GREY, bbox=box)
            continue
        whole = row.level == "all"
        if whole:
            axes.plot([row.auc, row.auc], [y, bottom], color=colour, linewidth=0.6, alpha=0.6)
        axes.plot([row.bootstrap_lower, row.bootstrap_upper], [y, y], color=colour, linewidth=1)
        axes.plot(row.auc, y, "D" if whole else "s", color=colour, markersize=4 if whole else 3.2, markeredgewidth=0)


def grade_figure(scored: pd.DataFrame) -> Figure:
    """Predicted probability by CCTA grade: median, quartiles, and whiskers from the 5th to the 95th percentile.

    A grade with fewer than five ECGs shows them as points.

    Parameters
    ----------
    scored : from `scored_ecgs`
    """
    table = grade_table(scored)
    graded = table.groupby("vessel").agg(n=("n", "sum"), spearman=("spearman", "first"))
    graded["note"] = np.where(graded["n"] > 0, "", "no findings")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.5))
        grid = figure.subplots(1, len(VESSELS))

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
            for grade, box in zip(GRADES, boxes["boxes"], strict=True):
                box.set_facecolor((*mpl.colors.to_rgb(colour), 0.75 if grade in EVENT_GRADES else 0.25))
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
            trend = "not estimable" if np.isnan(row["spearman"]) else f"{row['spearman']:.2f}"
            axes.text(0.04, 0.98, f"Spearman ρ {trend}", va="top", fontsize=7, transform=axes.transAxes)
            axes.set_ylim(top=1.12 * axes.get_ylim()[1])

        _panels(grid, graded.reset_index(), panel)
        grid[0].set_ylabel("Predicted probability")
        figure.supxlabel("Stenosis on CCTA (ECGs)", fontsize=8)
    return figure


def _panels(
    grid: np.ndarray, table: pd.DataFrame, draw: Callable[[Axes, str, pd.Series], None], title_pad: float = 6
) -> list[str]:
    """One panel per vessel, or in its place the reason why there is none; returns the vessels without one.

    `table` has a row per vessel with a note; a note without a number means that there is nothing to draw. The title
    stands `title_pad` points above the panel.
    """
    empty = []
    by_vessel = table.set_index("vessel")
    for axes, vessel in zip(grid, VESSELS, strict=True):
        axes.set_title(vessel, fontweight="bold", color=VESSEL_COLOURS[vessel], pad=title_pad)
        row = by_vessel.loc[vessel]
        numbers = [name for name in ("auc", "brier", "spearman") if name in row.index]
        if row["note"] and row[numbers].isna().all():
            axes.text(0.5, 0.5, row["note"], ha="center", va="center", color=GREY, transform=axes.transAxes)
            axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
            empty.append(vessel)
        else:
            draw(axes, vessel, row)
    return empty


def _counts(row: pd.Series) -> str:
    return f"{row['events']} events in {row['n']}"


def _percent(axis: Axis) -> None:
    """Labels in per cent with as many decimals as the ticks need."""
    axis.set_major_locator(MaxNLocator(4))
    axis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%".replace("-", "−"))


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _heading(subgroup: str) -> str:
    return subgroup if subgroup.startswith("ECG") else subgroup.capitalize()
