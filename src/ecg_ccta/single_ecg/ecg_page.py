"""One ECG explained on a sheet of A4: the tracing to scale, the four probabilities, and what raised one of them."""

from dataclasses import dataclass, field

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import ndimage
from scipy.special import logit

from ecg_ccta.ecg_paper import LOWERS, RAISES, WIDTH, draw_tracing
from ecg_ccta.figures import GREY, GROUP_COLOURS, STYLE
from ecg_ccta.vessels import SAMPLING_RATE, VESSEL_NAMES

PAGE_MM = (297.0, 210.0)
"""A4, landscape: printed at 100 %, a millimetre of paper is a millimetre."""
SMOOTHING_S = 0.01
"""Standard deviation, in seconds, of the Gaussian that the attribution is smoothed with: gradients jump from sample to
sample, and the network's first layer alone looks at more than this."""
FULL_QUANTILE = 0.995
"""Of the smoothed attribution's absolute values: what has the deepest colour."""

THRESHOLD_MARKS = {"guideline": ("|", "guideline"), "rule-out": ("<", "rule-out"), "rule-in": (">", "rule-in"),
         "screening": ("d", "screening")}  # fmt: skip
SCALE = (0.001, 0.9)
"""Probabilities between which the scale of the page runs, logistic."""
_LEFT, _TOP = (PAGE_MM[0] - WIDTH) / 2, 200.0
_COLUMNS = {"Artery": 0.0, "Probability": 62.0, "Risk group": 83.0, "Stratum": 112.0, "CCTA": 135.0}
_SCALE_MM = (165.0, WIDTH - 4)


@dataclass(frozen=True)
class ExplainedEcg:
    """What a page shows."""

    title: str
    facts: list[str]
    """Lines under the title."""
    vessel: str
    """Whose logit is attributed."""
    signal_mv: np.ndarray
    """(12, 5000) mV at 500 Hz, as recorded."""
    attribution: np.ndarray
    """(12, 5000) logits; positive raises the prediction. Zero everywhere where there is none."""
    risks: pd.DataFrame
    """A row per vessel: vessel, probability, group, stratum and finding (CCTA grade), which may be missing, and a
    column for each of THRESHOLD_MARKS, the threshold as a probability, which may be missing."""
    notes: list[str] = field(default_factory=list)
    """Lines at the foot."""


def shade_of(attribution: np.ndarray) -> np.ndarray:
    """(12, samples) logits to -1 to 1: smoothed, over the FULL_QUANTILE of the ECG's absolute values."""
    smooth = ndimage.gaussian_filter1d(attribution.astype(float), SMOOTHING_S * SAMPLING_RATE, axis=1)
    sizes = np.abs(smooth[smooth != 0])
    return np.zeros_like(smooth) if sizes.size == 0 else (smooth / np.quantile(sizes, FULL_QUANTILE)).clip(-1, 1)


def draw_page(ecg: ExplainedEcg) -> Figure:
    """The sheet; its axes' unit is the millimetre."""
    with mpl.rc_context(STYLE):
        size = (PAGE_MM[0] / 25.4, PAGE_MM[1] / 25.4)
        figure = Figure(figsize=size, layout="none", facecolor="white")  # type: ignore[arg-type]  # not in its types
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, PAGE_MM[0]), ylim=(0, PAGE_MM[1]))
        axes.set_axis_off()
        axes.text(_LEFT, _TOP, ecg.title, fontsize=13, fontweight="bold", va="center")
        for line, fact in enumerate(ecg.facts):
            axes.text(_LEFT, _TOP - 6.5 - 4.5 * line, fact, fontsize=8, va="center")
        _draw_risks(axes, ecg.risks, ecg.vessel, _TOP - 26)
        bottom = 22.0
        draw_tracing(axes, ecg.signal_mv, SAMPLING_RATE, _LEFT, bottom, shade_of(ecg.attribution))
        axes.text(_LEFT + WIDTH, bottom - 3, "25 mm/s   10 mm/mV", fontsize=7, ha="right", va="center")
        _draw_legend(axes, ecg, bottom - 3)
        for line, note in enumerate(ecg.notes):
            axes.text(_LEFT, bottom - 8 - 3.5 * line, note, fontsize=6.5, color=GREY, va="center")
        return figure


def _draw_risks(axes: Axes, risks: pd.DataFrame, shown: str, top: float) -> None:
    for name, left in _COLUMNS.items():
        axes.text(_LEFT + left, top, name, fontsize=8, fontweight="bold", va="center")
    low, high = (_LEFT + place for place in _SCALE_MM)
    for tick in (0.001, 0.01, 0.05, 0.15, 0.5, 0.9):
        place = _on_scale(tick, low, high)
        axes.plot([place] * 2, [top - 3, top - 26], color="#DDDDDD", linewidth=0.5, zorder=0)
        axes.text(place, top, f"{100 * tick:g} %", fontsize=7, ha="center", va="center", color=GREY)
    for line, (_, row) in enumerate(risks.iterrows()):
        height = top - 6 - 5.6 * line
        bold = "bold" if row["vessel"] == shown else "normal"
        colour = GROUP_COLOURS[row["group"]]
        sign = "≥" if row["group"] == "high" else "<"
        cells = {
            "Artery": f"{row['vessel']}, {VESSEL_NAMES[row['vessel']]}",
            "Probability": _percent(row["probability"]),
            "Risk group": f"{row['group']} ({sign} {_percent(row['guideline'])})",
            "Stratum": "–" if pd.isna(row["stratum"]) else row["stratum"],
            "CCTA": "–" if pd.isna(row["finding"]) else row["finding"],
        }
        for name, cell in cells.items():
            coloured = colour if name == "Risk group" else "black"
            axes.text(_LEFT + _COLUMNS[name], height, cell, fontsize=8, va="center", fontweight=bold, color=coloured)
        axes.plot([low, high], [height] * 2, color=GREY, linewidth=0.6)
        for kind, (marker, _) in THRESHOLD_MARKS.items():
            if not pd.isna(row[kind]):
                place = _on_scale(row[kind], low, high)
                axes.plot(place, height, marker, color=GREY, markersize=9 if marker == "|" else 4.5, mew=1.2)
        axes.plot(_on_scale(row["probability"], low, high), height, "o", color=colour, markersize=6.5, zorder=4)
    place = low
    for marker, word, colour in [("o", "this ECG", "black"), *((*kind, GREY) for kind in THRESHOLD_MARKS.values())]:
        axes.plot(place, top - 29, marker, color=colour, markersize=7 if marker == "|" else 4.5, mew=1.2)
        axes.text(place + 2, top - 29, word, fontsize=7, va="center", color=GREY)
        place += 9 + 1.6 * len(word)


def _draw_legend(axes: Axes, ecg: ExplainedEcg, height: float) -> None:
    if not ecg.attribution.any():
        axes.text(_LEFT, height, "No colour: too few similar beats to compare.", fontsize=7.5, va="center")
        return
    swatches = [*reversed(LOWERS), *RAISES]
    left = _LEFT + 17
    axes.text(_LEFT, height, f"lowers {ecg.vessel}", fontsize=7.5, va="center")
    for place, colour in enumerate(swatches):
        axes.add_patch(Rectangle((left + 5 * place, height - 1.4), 5, 2.8, facecolor=colour, edgecolor="none"))
    axes.text(left + 5 * len(swatches) + 2, height, f"raises the probability of {ecg.vessel} stenosis against the mean "
              "beat of other patients", fontsize=7.5, va="center")  # fmt: skip


def _on_scale(probability: float, low: float, high: float) -> float:
    first, last = logit(SCALE)
    share = (logit(np.clip(probability, *SCALE)) - first) / (last - first)
    return float(low + share * (high - low))


def _percent(probability: float) -> str:
    return f"{100 * probability:.{1 if probability >= 0.0095 else 2}f} %".replace(".0 %", " %")
