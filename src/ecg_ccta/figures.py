"""The look of every figure, and saving it as vector and PNG.

Colours are the Okabe-Ito palette, distinguishable with the common colour-vision deficiencies; widths are those of a
journal column (89 mm) and page (183 mm).
"""

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from ecg_ccta.files import replacing, write_text

mpl.use("Agg")

COLUMN = 3.5
"""Inches: one journal column."""
PAGE = 7.2
"""Inches: two journal columns."""

VESSEL_COLOURS = {"RCA": "#0072B2", "LM": "#CC79A7", "LAD": "#D55E00", "LCX": "#009E73"}
GROUP_COLOURS = {"low": "#0072B2", "high": "#D55E00"}
GREY = "#6E6E6E"

STYLE: dict[Any, Any] = {
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
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
        write_text(svg, compact(drawn.getvalue()))
        with replacing(svg.with_suffix(".png")) as temporary:
            figure.savefig(temporary, format="png", metadata={"Software": None})


PAGE_SUFFIXES = (".pdf", ".svg", ".png")


def save_page(figure: Figure, path: str | Path) -> None:
    """Write one file in the format of its suffix, one of PAGE_SUFFIXES (.png: 300 dpi), without date and program."""
    with mpl.rc_context(STYLE), replacing(path) as temporary:
        figure.set_layout_engine("none")
        if temporary.suffix == ".svg":
            drawn = io.StringIO()
            figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
            temporary.write_text(compact(drawn.getvalue()), encoding="utf-8")
        else:
            unnamed = ("CreationDate", "Creator", "Producer") if temporary.suffix == ".pdf" else ("Software",)
            figure.savefig(temporary, metadata=dict.fromkeys(unnamed))


_PATH = re.compile(r'(?<= d=")[^"]+')
_POSITION = re.compile(r'(?<= [xy]=")-?\d+\.\d+(?=")')
_COMMAND = re.compile(r"([MLz])([^A-Za-z]*)")


def compact(svg: str) -> str:
    """The same drawing in fewer bytes: positions to 0.01 point (3.5 micrometres), lines by relative steps.

    Matplotlib writes six decimals, so that a figure with many points is three times as large as it looks.
    """
    svg = _PATH.sub(lambda found: _compact_path(found[0]), svg)
    svg = _POSITION.sub(lambda found: _decimal(_hundredths(found[0])), svg)
    return re.sub(r"\n\s+", "\n", svg)


def _compact_path(path: str) -> str:
    if set(re.findall("[A-Za-z]", path)) - set("MLz"):
        # Curves are glyphs and markers, which are short and drawn once.
        return " ".join(path.split())
    written, x, y, start = [], 0, 0, (0, 0)
    for command, numbers in _COMMAND.findall(path):
        if command == "z":
            written.append("z")
            x, y = start
            continue
        # Steps between rounded positions, so that their errors do not add up.
        at = [_hundredths(number) for number in numbers.split()]
        step = at if command == "M" else [at[0] - x, at[1] - y]
        written.append(("M" if command == "M" else "l") + " ".join(map(_decimal, step)))
        x, y = at
        if command == "M":
            start = x, y
    return "".join(written).replace(" -", "-")


def _hundredths(number: str) -> int:
    return round(100 * float(number))


def _decimal(hundredths: int) -> str:
    return f"{hundredths / 100:.2f}".rstrip("0").rstrip(".")
