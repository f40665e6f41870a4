"""Quality-control sheet: of many ECGs, the lead in which beats were detected, with the R peaks, and the median beat."""

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.figures import GREY, PAGE, STYLE
from ecg_ccta.signals.beats import MINIMUM_BEATS, SAME_BEAT_S, Beats, find_beats, windows
from ecg_ccta.signals.segments import AFTER_R_S, BEFORE_R_S
from ecg_ccta.vessels import LEADS, SAMPLING_RATE

SHEETS_ABREAST = 3
_CHEST = [LEADS.index(lead) for lead in ("V1", "V2", "V3", "V4", "V5", "V6")]
_LIMB = [LEADS.index(lead) for lead in ("I", "II", "III", "aVR", "aVL", "aVF")]
_LIMB_COLOUR, _CHEST_COLOUR = "#0072B2", "#D55E00"
"""Of Okabe and Ito's colours, which colour-blind readers tell apart."""


def beat_table(signals: np.ndarray) -> pd.DataFrame:
    """What was detected in each ECG.

    Parameters
    ----------
    signals : (n, 12, samples) millivolts at 500 Hz, cleaned.

    Returns
    -------
    DataFrame with ecg (1 to n), lead (of the detection), beats (of the rhythm), usable, heart_rate (per minute, from
    the median RR interval; missing with fewer than two beats), median_beat (whether there is one).
    """
    return pd.DataFrame(
        [
            {
                "ecg": number,
                "lead": beats.lead,
                "beats": len(beats.rhythm),
                "usable": len(beats.usable),
                "heart_rate": _rate(beats),
                "median_beat": len(beats.usable) >= MINIMUM_BEATS,
            }
            for number, beats in enumerate(map(_found, signals), start=1)
        ]
    )


def draw_quality_sheet(signals: np.ndarray, labels: list[str] | None = None) -> Figure:
    """All ECGs of a batch, SHEETS_ABREAST beside one another.

    Per ECG: ten seconds of the lead in which its beats were detected, full marks at the R peaks of usable beats, empty
    ones at those of beats that do not enter the median beat; at its right the median beat, limb and chest leads.

    Parameters
    ----------
    signals : (n, 12, samples) millivolts at 500 Hz, cleaned.
    labels : (n,) a name of each; 1 to n without.
    """
    labels = labels or [str(number) for number in range(1, len(signals) + 1)]
    rows = math.ceil(len(signals) / SHEETS_ABREAST)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 0.3 + 0.92 * rows))
        axes = figure.subplots(rows, 2 * SHEETS_ABREAST, width_ratios=[3.2, 1] * SHEETS_ABREAST, squeeze=False)
        for axis in axes.flat:
            axis.set_axis_off()
        for place, (ecg, label) in enumerate(zip(signals, labels, strict=True)):
            beats = _found(ecg)
            row, column = divmod(place, SHEETS_ABREAST)
            _draw_strip(axes[row, 2 * column], ecg, beats, label)
            _draw_beat(axes[row, 2 * column + 1], ecg, beats)
        for colour, text in ((_LIMB_COLOUR, "limb leads"), (_CHEST_COLOUR, "chest leads")):
            axes[0, 1].plot([], [], color=colour, lw=1, label=f"median beat, {text}")
        handles, names = axes[0, 1].get_legend_handles_labels()
        marks, words = axes[0, 0].get_legend_handles_labels()
        figure.legend(marks + handles, words + names, loc="outside lower center", ncols=4, fontsize=6)
    return figure


def _found(ecg: np.ndarray) -> Beats:
    return find_beats(ecg, round(BEFORE_R_S * SAMPLING_RATE), round(AFTER_R_S * SAMPLING_RATE))


def _rate(beats: Beats) -> float:
    return 60 * SAMPLING_RATE / np.median(np.diff(beats.rhythm)) if len(beats.rhythm) > 1 else np.nan


def _draw_strip(axis, ecg: np.ndarray, beats: Beats, label: str) -> None:
    lead = LEADS.index(beats.lead) if beats.lead else LEADS.index("II")
    trace = ecg[lead]
    time = np.arange(len(trace)) / SAMPLING_RATE
    axis.plot(time, trace, color="black", lw=0.35)
    low, high = np.quantile(trace, [0.001, 0.999])
    # A flat lead has no range of its own.
    high = max(high, low + 0.01)
    height = high + 0.16 * (high - low)
    distance = np.abs(beats.detected[:, None] - beats.usable[None, :]).min(axis=1, initial=len(trace))
    left_out = beats.detected[distance > SAME_BEAT_S * SAMPLING_RATE]
    for peaks, filled, name in ((beats.usable, True, "usable beat"), (left_out, False, "beat left out")):
        axis.plot(
            peaks / SAMPLING_RATE,
            np.full(len(peaks), height),
            "v",
            ms=2.4,
            mfc="black" if filled else "white",
            mec="black",
            mew=0.5,
            label=name,
        )
    axis.set(xlim=(0, time[-1]), ylim=(low - 0.1 * (high - low), high + 0.3 * (high - low)))
    rate = f"{_rate(beats):.0f}/min" if len(beats.rhythm) > 1 else "no beats"
    axis.set_title(f"{label}  {LEADS[lead]}  {rate}, {len(beats.usable)} usable", fontsize=5.5, loc="left", pad=1)


def _draw_beat(axis, ecg: np.ndarray, beats: Beats) -> None:
    if len(beats.usable) < MINIMUM_BEATS:
        return
    before, after = round(BEFORE_R_S * SAMPLING_RATE), round(AFTER_R_S * SAMPLING_RATE)
    beat = np.median(windows(ecg, beats.usable, before, after), axis=0)
    time = np.arange(-before, after) / SAMPLING_RATE
    axis.axvline(0, color=GREY, lw=0.4, zorder=0)
    for leads, colour in ((_LIMB, _LIMB_COLOUR), (_CHEST, _CHEST_COLOUR)):
        axis.plot(time, beat[leads].T, color=colour, lw=0.45)
    axis.set_xlim(time[0], time[-1])
