"""Instability plots: predictions, and calibration curves, of every re-development against the original."""

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.evaluation.measure_instability import MODELS
from ecg_ccta.figures import GREY, PAGE, STYLE, VESSEL_COLOURS
from ecg_ccta.vessels import VESSELS


def instability_figure(bands: pd.DataFrame) -> Figure:
    """Draw re-developed against original probabilities, as bands over ECGs and re-developments.

    Parameters
    ----------
    bands : of `measure_instability`
    """

    def draw(axes: mpl.axes.Axes, cells: pd.DataFrame, colour: str) -> float:
        at = 100 * cells["predicted"]
        for low, high, shade in (("lower", "upper", 0.2), ("lower_quartile", "upper_quartile", 0.35)):
            axes.fill_between(at, 100 * cells[low], 100 * cells[high], color=colour, alpha=shade, linewidth=0)
        axes.plot(at, 100 * cells["median"], color=colour)
        return float(100 * max(cells["predicted"].max(), cells["upper"].max()))

    return _grid(bands, draw, "Original probability (%)", "Re-developed (%)")


def instability_calibration_figure(curves: pd.DataFrame) -> Figure:
    """Draw the smoothed calibration curve of the original over those of the re-developments.

    Parameters
    ----------
    curves : of `measure_instability`
    """

    def draw(axes: mpl.axes.Axes, cells: pd.DataFrame, colour: str) -> float:
        again = cells[cells["redevelopment"] > 0]
        few = again["redevelopment"].nunique() < 10
        for _, curve in again.groupby("redevelopment"):
            axes.plot(100 * curve["predicted"], 100 * curve["observed"], color=colour, alpha=0.8 if few else 0.25,
                      linewidth=0.8 if few else 0.5)  # fmt: skip
        original = cells[cells["redevelopment"] == 0]
        axes.plot(100 * original["predicted"], 100 * original["observed"], color="black", linewidth=1.2)
        return float(100 * max(cells["predicted"].max(), cells["observed"].max()))

    return _grid(curves, draw, "Predicted probability (%)", "Observed (%)")


def _grid(table: pd.DataFrame, draw, across: str, up: str) -> Figure:
    """A row of panels per model, a column per vessel; both models of a vessel on one scale, with the diagonal."""
    models = [model for model in MODELS if (table["model"] == model).any()] or [MODELS[0]]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.5 + 1.75 * len(models)))
        grid = figure.subplots(len(models), len(VESSELS), squeeze=False)
        for column, vessel in enumerate(VESSELS):
            tops = []
            for axes, model in zip(grid[:, column], models, strict=True):
                cells = table[(table["model"] == model) & (table["vessel"] == vessel)]
                axes.set_title(f"{vessel}, {model}", color=VESSEL_COLOURS[vessel], fontsize=7)
                if cells.empty:
                    axes.text(0.5, 0.5, "too few events", ha="center", color=GREY, transform=axes.transAxes)
                    continue
                tops.append(draw(axes, cells, VESSEL_COLOURS[vessel]))
            for axes in grid[:, column]:
                top = 1.03 * max(tops, default=100.0)
                axes.plot([0, top], [0, top], color=GREY, linewidth=0.6, linestyle=":", zorder=0)
                axes.set_xlim(0, top)
                axes.set_ylim(0, top)
                axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
                axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        for axes in grid[:, 0]:
            axes.set_ylabel(up)
        figure.supxlabel(across, fontsize=8)
    return figure
