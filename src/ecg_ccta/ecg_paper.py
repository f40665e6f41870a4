"""A 12-lead ECG drawn as cardiologists read it: 25 mm/s, 10 mm/mV, three rows of four leads and a rhythm strip."""

import numpy as np
from matplotlib.figure import Figure

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


def draw_ecg(signal_mv: np.ndarray, fs: float, title: str) -> Figure:
    """Draw `signal_mv` (12, samples) in mV, standard leads, sampled at `fs` Hz.

    Each column shows its own quarter of the first 10 s, as recorders print it; the rhythm strip shows all of it. One
    millimetre of paper is one millimetre at the figure's own size.
    """
    seconds = min(10.0, signal_mv.shape[1] / fs)
    samples = int(seconds * fs)
    width = seconds * MILLIMETRES_PER_SECOND + 2 * MARGIN + PULSE * MILLIMETRES_PER_SECOND + 4
    height = (len(LAYOUT) + 1) * ROW_HEIGHT + 2 * MARGIN
    figure = Figure(figsize=(width / 25.4, height / 25.4), layout="none", facecolor=PAPER)
    axes = figure.add_axes((0, 0, 1, 1))
    _draw_grid(axes, width, height)
    left = MARGIN + PULSE * MILLIMETRES_PER_SECOND + 4
    signal = signal_mv[:, :samples] - np.nanmedian(signal_mv, axis=1, keepdims=True)
    for row, names in enumerate((*LAYOUT, (RHYTHM_LEAD,))):
        base = height - MARGIN - (row + 0.55) * ROW_HEIGHT
        _draw_pulse(axes, MARGIN, base)
        edges = np.linspace(0, samples, len(names) + 1).astype(int)
        for name, start, stop in zip(names, edges[:-1], edges[1:], strict=True):
            time = left + np.arange(start, stop) / fs * MILLIMETRES_PER_SECOND
            trace = base + MILLIMETRES_PER_MILLIVOLT * signal[LEADS.index(name), start:stop]
            axes.plot(time, trace, color=INK, linewidth=0.7, solid_joinstyle="round")
            axes.text(time[0] + 1, base + 8.5, name, fontsize=8, color=INK)
            if start:
                axes.plot([time[0]] * 2, [base - 2, base + 2], color=INK, linewidth=0.5)
    axes.text(MARGIN, height - 5.5, title, fontsize=9, color=INK)
    axes.text(width - MARGIN, 2.5, "25 mm/s   10 mm/mV", fontsize=7, color=INK, ha="right")
    return figure


def _draw_grid(axes, width: float, height: float) -> None:
    for step, colour, line in ((1, THIN, 0.25), (5, THICK, 0.45)):
        axes.vlines(np.arange(0, width, step), 0, height, color=colour, linewidth=line, zorder=0)
        axes.hlines(np.arange(0, height, step), 0, width, color=colour, linewidth=line, zorder=0)
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()


def _draw_pulse(axes, left: float, base: float) -> None:
    right = left + PULSE * MILLIMETRES_PER_SECOND
    top = base + MILLIMETRES_PER_MILLIVOLT
    axes.plot(
        [left - 1, left, left, right, right, right + 1], [base, base, top, top, base, base], color=INK, linewidth=0.7
    )
