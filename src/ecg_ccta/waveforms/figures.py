"""Figure of one vessel's mean beats, all patients above, those matched by age and sex below."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.figures import GREY, GROUP_COLOURS, PAGE, STYLE
from ecg_ccta.vessels import LEADS, VESSEL_NAMES
from ecg_ccta.waveforms.compare_waveforms import ALL, MATCHED, MILLIVOLTS, Comparisons
from ecg_ccta.waveforms.mean_beats import WaveformComparison

TITLES = {ALL: "All patients", MATCHED: "Matched by age and sex"}
_LEVEL = 0.05
_MARGINS = {"left": 0.08, "right": 0.99, "top": 0.85, "bottom": 0.11, "wspace": 0.1, "hspace": 0.28}


def draw_waveforms(compared: Comparisons, vessel: str, scale: str = MILLIVOLTS) -> Figure:
    """Mean beats of high-risk and low-risk ECGs of one vessel with their bands.

    Per comparison 12 panels, 3 rows of 4, columns as on a paper ECG, all on one scale. Shaded windows behind the
    curves are clusters with p_corrected below 0.05.
    """
    shown = [(comparison, compared[comparison, scale]) for comparison, of in compared if of == scale]
    unit = "mV" if scale == MILLIVOLTS else "QRS size"
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.4 + 4.3 * len(shown)))
        # Laid out by hand: constrained layout takes seconds for so many panels.
        figure.set_layout_engine("none")
        blocks = figure.subfigures(len(shown), 1, squeeze=False)[:, 0]
        for block, (comparison, found) in zip(blocks, shown, strict=True):
            axes = block.subplots(3, 4, sharex=True, sharey=True, gridspec_kw=_MARGINS)
            clusters = found.clusters[found.clusters["vessel"] == vessel]
            for lead, name in enumerate(LEADS):
                axis = axes[lead % 3, lead // 3]
                axis.set_title(name, loc="left", fontweight="bold", pad=2)
                _draw_lead(axis, found, vessel, lead, clusters[clusters["lead"] == name])
            for axis in axes[-1]:
                axis.set_xlabel("time from R (s)")
                axis.set_xlim(found.times[0], found.times[-1])
            for axis in axes[:, 0]:
                axis.set_ylabel(unit)
            block.suptitle(
                f"{vessel}, {VESSEL_NAMES[vessel]}. {TITLES[comparison]}", fontsize=8.5, x=0.08, y=0.985, ha="left"
            )
            handles, labels = axes[0, 0].get_legend_handles_labels()
            if handles:
                block.legend(handles, labels, loc="upper left", ncols=2, bbox_to_anchor=(0.07, 0.96))
    return figure


def _draw_lead(axis, found: WaveformComparison, vessel: str, lead: int, clusters: pd.DataFrame) -> None:
    curves = found.curves[vessel]
    axis.axhline(0, color=GREY, linewidth=0.5)
    if curves.note:
        axis.text(0.5, 0.5, curves.note, transform=axis.transAxes, ha="center", va="center", fontsize=6)
        return
    half_ms = 500 * float(np.diff(found.times[:2])[0])
    for _, cluster in clusters[clusters["p_corrected"] < _LEVEL].iterrows():
        start, end = (cluster["from_ms"] - half_ms) / 1000, (cluster["to_ms"] + half_ms) / 1000
        axis.axvspan(start, end, color="0.88", linewidth=0, zorder=0)
    for group, style in (("low", "--"), ("high", "-")):
        label = f"{group} risk ({curves.patients[group]} patients, {curves.ecgs[group]} ECGs)"
        colour = GROUP_COLOURS[group]
        axis.fill_between(
            found.times, curves.lower[group][lead], curves.upper[group][lead], color=colour, alpha=0.3, lw=0
        )
        axis.plot(found.times, curves.mean[group][lead], style, color=colour, lw=0.9, label=label)
