"""A 12-lead ECG drawn as cardiologists read it: 25 mm/s, 10 mm/mV, three rows of four leads and a rhythm strip."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ecg_ccta.vessels import LEADS

MILLIMETRES_PER_SECOND = 25
MILLIMETRES_PER_MILLIVOLT = 10

LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM_LEAD = "II"
ROW_HEIGHT = 26.0
"""Millimetres between the base lines of two rows."""
MARGIN = 8.0
PULSE = 0.2
"""Seconds of the 1 mV calibration pulse."""

PAPER, THIN, THICK, INK = "#FFF8F6", "#F6D3CC", "#E59C90", "#1A1A1A"

WIDTH = 10 * MILLIMETRES_PER_SECOND + 2 * MARGIN + PULSE * MILLIMETRES_PER_SECOND + 4
HEIGHT = (len(LAYOUT) + 1) * ROW_HEIGHT + 2 * MARGIN
"""Millimetres of paper that 10 s take."""

LIGHTEST, STEPS = 0.25, 4
"""Least proportion of the largest attribution that is coloured, and how many depths of colour there are."""
RAISES, LOWERS = ("#FBD3B4", "#F5A873", "#E97B33", "#C04E00"), ("#C6DFF2", "#8FBEE3", "#4A94CB", "#00609C")
"""Orange and blue, told apart with all common colour-vision deficiencies; the deeper, the more."""


def draw_ecg(signal_mv: np.ndarray, fs: float, title: str) -> Figure:
    """Draw `signal_mv` (12, samples) in mV, standard leads, sampled at `fs` Hz.

    Each column shows its own quarter of the first 10 s, as recorders print it; the rhythm strip shows all of it. One
    millimetre of paper is one millimetre at the figure's own size.
    """
    width = WIDTH - max(0.0, 10 - signal_mv.shape[1] / fs) * MILLIMETRES_PER_SECOND
    size = (width / 25.4, HEIGHT / 25.4)
    figure = Figure(figsize=size, layout="none", facecolor=PAPER)  # type: ignore[arg-type]  # not in its types
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, HEIGHT))
    axes.set_axis_off()
    draw_tracing(axes, signal_mv, fs, 0, 0)
    axes.text(MARGIN, HEIGHT - 5.5, title, fontsize=9, color=INK)
    axes.text(width - MARGIN, 2.5, "25 mm/s   10 mm/mV", fontsize=7, color=INK, ha="right")
    return figure


def draw_tracing(
    axes: Axes, signal_mv: np.ndarray, fs: float, left: float, bottom: float, shade: np.ndarray | None = None
) -> None:
    """Draw paper and tracing with their lower left corner at (left, bottom) of axes whose unit is the millimetre.

    `shade` (12, samples), from -1 to 1, colours the trace: RAISES where positive, LOWERS where negative, nothing below
    LIGHTEST.
    """
    seconds = min(10.0, signal_mv.shape[1] / fs)
    samples = int(seconds * fs)
    _draw_grid(axes, left, bottom, WIDTH - (10 - seconds) * MILLIMETRES_PER_SECOND)
    start_of_trace = left + MARGIN + PULSE * MILLIMETRES_PER_SECOND + 4
    signal = signal_mv[:, :samples] - np.nanmedian(signal_mv, axis=1, keepdims=True)
    for row, names in enumerate((*LAYOUT, (RHYTHM_LEAD,))):
        base = bottom + HEIGHT - MARGIN - (row + 0.55) * ROW_HEIGHT
        _draw_pulse(axes, left + MARGIN, base)
        edges = np.linspace(0, samples, len(names) + 1).astype(int)
        for name, start, stop in zip(names, edges[:-1], edges[1:], strict=True):
            lead = LEADS.index(name)
            time = start_of_trace + np.arange(start, stop) / fs * MILLIMETRES_PER_SECOND
            trace = base + MILLIMETRES_PER_MILLIVOLT * signal[lead, start:stop]
            if shade is not None:
                _draw_shade(axes, time, trace, shade[lead, start:stop])
            axes.plot(time, trace, color=INK, linewidth=0.7, solid_joinstyle="round")
            axes.text(time[0] + 1, base + 8.5, name, fontsize=8, color=INK)
            if start:
                axes.plot([time[0]] * 2, [base - 2, base + 2], color=INK, linewidth=0.5)


def _draw_shade(axes: Axes, time: np.ndarray, trace: np.ndarray, shade: np.ndarray) -> None:
    """A broad line under the trace, one piece for each stretch of one colour."""
    depth = np.ceil((np.abs(shade) - LIGHTEST) / (1 - LIGHTEST) * STEPS).clip(0, STEPS).astype(int)
    level = np.sign(shade).astype(int) * depth
    starts = np.flatnonzero(np.diff(level, prepend=level[0] - 1))
    pieces = [(a, b) for a, b in zip(starts, [*starts[1:], len(level)], strict=True) if level[a]]
    # A piece reaches to the first sample of the next, so that no gap shows.
    lines = [np.column_stack([time[a : b + 1], trace[a : b + 1]]) for a, b in pieces]
    colours = [(RAISES if level[a] > 0 else LOWERS)[abs(level[a]) - 1] for a, _ in pieces]
    axes.add_collection(LineCollection(lines, colors=colours, linewidths=5, capstyle="butt", zorder=1.5))


def _draw_grid(axes: Axes, left: float, bottom: float, width: float) -> None:
    axes.add_patch(Rectangle((left, bottom), width, HEIGHT, facecolor=PAPER, edgecolor="none", zorder=0))
    for step, colour, line in ((1, THIN, 0.25), (5, THICK, 0.45)):
        across, up = np.arange(0, width + 1e-6, step), np.arange(0, HEIGHT + 1e-6, step)
        axes.vlines(left + across, bottom, bottom + HEIGHT, color=colour, linewidth=line, zorder=0.5)
        axes.hlines(bottom + up, left, left + width, color=colour, linewidth=line, zorder=0.5)


def _draw_pulse(axes: Axes, left: float, base: float) -> None:
    right = left + PULSE * MILLIMETRES_PER_SECOND
    top = base + MILLIMETRES_PER_MILLIVOLT
    axes.plot(
        [left - 1, left, left, right, right, right + 1], [base, base, top, top, base, base], color=INK, linewidth=0.7
    )
