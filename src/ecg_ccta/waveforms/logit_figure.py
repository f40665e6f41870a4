"""The measurements that explain the logits, as bars."""

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_ccta.figures import GREY, PAGE, STYLE, VESSEL_COLOURS
from ecg_ccta.vessels import VESSELS
from ecg_ccta.waveforms.explain_logits import BOTH, LogitExplanation

SHOWN_MEASUREMENTS = 8
"""Measurements per vessel."""


def strongest(coefficients: pd.DataFrame, count: int = SHOWN_MEASUREMENTS) -> pd.DataFrame:
    """The rows of a vessel with the largest coefficients, of either sign, largest first; none zero or missing."""
    sizes = coefficients["coefficient"].abs()
    return coefficients.loc[sizes[sizes > 0].nlargest(count).index]


def draw_logit_explanation(found: LogitExplanation) -> Figure:
    """A row per vessel: its strongest standardised coefficients, and the R2 lost without each group of columns."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 8.4))
        panels = figure.subplots(len(VESSELS), 2, width_ratios=(1.15, 1), sharex="col")
        for row, (vessel, (left, right)) in enumerate(zip(VESSELS, panels, strict=True)):
            tables = (table[table["vessel"] == vessel] for table in found)
            r2, groups, coefficients = tables
            left.set_title(f"{vessel}: {_r2(r2)}", loc="left", color=VESSEL_COLOURS[vessel], fontweight="bold")
            if r2["note"].iloc[0]:
                for axes in (left, right):
                    axes.set(yticks=[])
                    axes.text(0.02, 0.5, r2["note"].iloc[0], transform=axes.transAxes, color=GREY)
                continue
            top = strongest(coefficients)
            _bars(left, top["label"], top, "coefficient", VESSEL_COLOURS[vessel])
            largest = groups.sort_values("r2_lost", ascending=False)
            _bars(right, largest["group"], largest, "r2_lost", GREY)
            if row == 0:
                right.set_title("R² lost without one group of predictors", loc="left", fontweight="bold")
        panels[-1, 0].set_xlabel("SD of the logit per SD of the measurement")
        panels[-1, 1].set_xlabel("R² lost")
        return figure


def _r2(rows: pd.DataFrame) -> str:
    row = rows[rows["predictors"] == BOTH].iloc[0]
    if row["note"]:
        return "no estimate"
    return f"R² = {row['r2']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})".replace("-", "−")


def _bars(axes: Axes, labels: pd.Series, rows: pd.DataFrame, column: str, colour: str) -> None:
    places = range(len(rows))
    axes.barh(places, rows[column], color=colour, alpha=0.75, height=0.7)
    # The interval of a penalised coefficient need not hold the coefficient, so it is drawn as a line of its own.
    axes.hlines(places, rows["lower"], rows["upper"], color="black", linewidth=0.9)
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_yticks(places, labels, fontsize=6.5)
    axes.invert_yaxis()
    axes.tick_params("y", length=0)
    axes.tick_params("x", labelbottom=True)
