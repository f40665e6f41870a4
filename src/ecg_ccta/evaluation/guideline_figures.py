"""Figures of the added value: how the ECG moves patients between the guideline's categories, and three ROC curves."""

from typing import Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_ccta.evaluation.compare_with_guidelines import CLINICAL, MODELS, MODIFIERS
from ecg_ccta.evaluation.pretest_probability import CATEGORIES, GUIDELINES
from ecg_ccta.figures import COLUMN, GREY, PAGE, STYLE
from ecg_ccta.statistics.estimates import rows_of

RIGHT, WRONG, STAYED = "#0072B2", "#D55E00", "#C8C8C8"
"""Of the Okabe-Ito palette: towards the truth, away from it; and neither."""
_CATEGORY_SHADES: Final = ("#F0F0F0", "#C4C4C4", "#6E6E6E")
_CURVES: Final = {"without ECG": ("#E69F00", (0, (4, 2))), "ECG": ("#0072B2", (0, (1, 1))), "with ECG": ("black", "-")}
_BAR = 0.42


def shown_modifier(reclassification: pd.DataFrame) -> str:
    """The modifier that the figure shows: the rule-out and rule-in strata, or the risk groups where none exist."""
    found = reclassification.groupby("modifier")["n"].sum()
    return MODIFIERS["stratum"] if found.get(MODIFIERS["stratum"], 0) > 0 else MODIFIERS["group"]


def reclassification_figure(reclassification: pd.DataFrame) -> Figure:
    """Proportion of events and of non-events in each category, by the guideline alone and after the ECG, and who moved.

    Parameters
    ----------
    reclassification : table of `compare_with_guidelines`
    """
    modifier = shown_modifier(reclassification)
    table = reclassification[reclassification["modifier"] == modifier]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.1))
        grid = figure.subplots(1, 2 * len(GUIDELINES), sharey=True)
        for column, (guideline, outcome) in enumerate(
            (guideline, outcome) for guideline in GUIDELINES.values() for outcome in ("events", "non-events")
        ):
            cells = table[table["basis"] == guideline]
            count = cells["events"] if outcome == "events" else cells["n"] - cells["events"]
            axes = grid[column]
            axes.set_title(f"{guideline}\n{count.sum()} {outcome}", fontsize=7)
            _flows(axes, cells.assign(count=count), better_up=outcome == "events")
        grid[0].set_ylabel("Patients")
        handles = [mpl.patches.Patch(color=colour) for colour in (RIGHT, WRONG, STAYED)]
        labels = ["moved towards the finding", "moved away from it", "stayed"]
        figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _flows(axes: Axes, cells: pd.DataFrame, better_up: bool) -> None:
    """One panel: a bar before, a bar after, and a ribbon for each move between categories."""
    axes.set(xlim=(-0.08, 1.08 + 2 * _BAR), ylim=(0, 1))
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.set_xticks([_BAR / 2, 1 + 1.5 * _BAR], ["guideline", "with ECG"])
    axes.tick_params(axis="x", length=0)
    axes.spines["bottom"].set_visible(False)
    total = cells["count"].sum()
    if not total:
        axes.text(0.5, 0.5, "no patients", ha="center", color=GREY, transform=axes.transAxes)
        return
    # Both the table's order and the bars' go from the lowest category up.
    flows = cells.groupby(["before", "after"])["count"].sum() / total
    size = {(old, new): flows.get((old, new), 0.0) for old in CATEGORIES for new in CATEGORIES}
    left = _starts([(old, new) for old in CATEGORIES for new in CATEGORIES], size)
    right = _starts([(old, new) for new in CATEGORIES for old in CATEGORIES], size)
    for place, ends in ((0.0, 0), (1 + _BAR, 1)):
        bottom = 0.0
        for number, category in enumerate(CATEGORIES):
            height = sum(share for pair, share in size.items() if pair[ends] == category)
            axes.bar(place, height, _BAR, bottom, align="edge", color=_CATEGORY_SHADES[number], edgecolor="white",
                     linewidth=0.8)  # fmt: skip
            if height > 0.045:
                label = f"{category.replace(' ', '').replace('-', '–')}"
                axes.text(
                    place + _BAR / 2,
                    bottom + height / 2,
                    f"{label}\n{100 * height:.0f}%" if height > 0.12 else f"{100 * height:.0f}%",
                    ha="center",
                    va="center",
                    fontsize=6,
                    color="white" if number == 2 else "black",
                )
            bottom += height
    ramp = np.linspace(0, 1, 40)
    bend = 3 * ramp**2 - 2 * ramp**3
    for (old, new), share in size.items():
        if share == 0:
            continue
        start, end = left[old, new], right[old, new]
        step = CATEGORIES.index(new) - CATEGORIES.index(old)
        colour = STAYED if step == 0 else RIGHT if (step > 0) == better_up else WRONG
        low = start + (end - start) * bend
        axes.fill_between(_BAR + ramp, low, low + share, color=colour, alpha=0.55 if step else 0.35, linewidth=0)


def _starts(order: list[tuple[str, str]], size: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """Where each ribbon begins on a bar that stacks them in this order."""
    starts, at = {}, 0.0
    for pair in order:
        starts[pair] = at
        at += size[pair]
    return starts


def added_value_roc_figure(added_value: pd.DataFrame, roc: pd.DataFrame) -> Figure:
    """ROC curves of the clinical model, the ECG and both.

    Parameters
    ----------
    added_value, roc : tables `added_value` and `added_value_roc` of `compare_with_guidelines`
    """
    aucs = rows_of(added_value[added_value["basis"] == CLINICAL], "AUC")
    names = {"without ECG": CLINICAL, "ECG": "ECG", "with ECG": "both"}
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, COLUMN))
        axes = figure.subplots()
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1], aspect="equal")
        axes.set(xlabel="1 − specificity", ylabel="Sensitivity")
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
        for model in MODELS:
            curve = roc[(roc["basis"] == CLINICAL) & (roc["model"] == model)]
            found = aucs[aucs["comparison"] == model]
            if curve.empty:
                continue
            row = found.iloc[0]
            colour, dashes = _CURVES[model]
            axes.plot(
                curve["false_positive_rate"],
                curve["sensitivity"],
                color=colour,
                linestyle=dashes,
                label=f"{names[model]}: AUC {row['estimate']:.3f} ({row['lower']:.3f}–{row['upper']:.3f})",
            )
        if axes.get_legend_handles_labels()[1]:
            row = aucs.iloc[0]
            axes.legend(loc="lower right", title=f"{row['events']} events in {row['n']} patients", title_fontsize=7,
                        fontsize=6.5)  # fmt: skip
        else:
            note = aucs["note"].iloc[0]
            axes.text(0.5, 0.5, note, ha="center", color=GREY, fontsize=7, wrap=True, transform=axes.transAxes)
    return figure
