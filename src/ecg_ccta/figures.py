"""The look of every figure, and saving it as vector and PNG.

Colours are the Okabe-Ito palette, distinguishable with the common colour-vision deficiencies; widths are those of a
journal column (89 mm) and page (183 mm).
"""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from ecg_ccta.files import replacing

mpl.use("Agg")

COLUMN = 3.5
"""Inches: one journal column."""
PAGE = 7.2
"""Inches: two journal columns."""

VESSEL_COLOURS = {"RCA": "#0072B2", "LM": "#CC79A7", "LAD": "#D55E00", "LCX": "#009E73"}
GROUP_COLOURS = {"low": "#0072B2", "high": "#D55E00"}
GREY = "#6E6E6E"

STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.2,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "svg.hashsalt": "ecg-ccta",
    "svg.fonttype": "path",
    "figure.constrained_layout.use": True,
}


def save(figure: Figure, svg: str | Path) -> None:
    """Write `figure` as SVG at `svg` and as PNG (300 dpi) beside it; both without a date, so that reruns are equal."""
    svg = Path(svg)
    # Salt, text as paths and resolution are read when a figure is saved, not when it is drawn.
    with mpl.rc_context(STYLE):
        # Laid out once for both files: the layout takes longer than the drawing.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        with replacing(svg) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
        with replacing(svg.with_suffix(".png")) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


PAGE_SUFFIXES = (".pdf", ".svg", ".png")


def save_page(figure: Figure, path: str | Path) -> None:
    """Write one file in the format of its suffix, one of PAGE_SUFFIXES (.png: 300 dpi), without date and program."""
    metadata = {
        ".svg": {"Date": None, "Creator": None},
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        ".png": {"Software": None},
    }[Path(path).suffix]
    with mpl.rc_context(STYLE), replacing(path) as temporary:
        figure.savefig(temporary, metadata=metadata)
