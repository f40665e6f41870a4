"""How predicted probabilities are distributed among ECGs with and without the outcome.

One of the four displays that a validation should show, beside ROC curve, calibration curve and net benefit (Van Calster
et al., Lancet Digit Health 7:100916, 2025): it shows how far the two overlap, where thresholds lie, and whether any
prediction is large at all.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import expit, logit

from ecg_ccta.evaluation.figures import counted, vessel_panels
from ecg_ccta.evaluation.findings import Findings
from ecg_ccta.figures import COLUMN, GREY, STYLE, VESSEL_COLOURS
from ecg_ccta.statistics.estimates import rows_of

OUTCOMES = {1: "with the outcome", 0: "without it"}
PROPORTION = "proportion of ECGs"
QUANTILES = {"5th percentile": 0.05, "lower quartile": 0.25, "median": 0.5, "upper quartile": 0.75,
             "95th percentile": 0.95}  # fmt: skip
BIN_LOGITS = 0.5
"""Width of a bin on the log-odds scale, which shows small probabilities too; edges are the same at all sites."""

_TICKS = np.array([0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99])


def probability_rows(findings: Findings) -> list[dict[str, Any]]:
    """Tabulate the predicted probabilities of one vessel by outcome.

    Returns
    -------
    Rows of estimates with `outcome`, one of `OUTCOMES`: the quantiles, and for each bin from `lowest` up to but not
    including `highest` the proportion of the outcome's ECGs that lie in it, with their number in `ecgs`. With too few
    events one row with a note.
    """
    if findings.insufficient:
        return [{"vessel": findings.vessel, "measure": PROPORTION, **findings.counts, "note": findings.insufficient}]
    place = np.floor(findings.logit / BIN_LOGITS).astype(int)
    edges = np.arange(place.min(), place.max() + 2) * BIN_LOGITS
    rows: list[dict[str, Any]] = []
    for outcome, name in OUTCOMES.items():
        chosen = findings.y == outcome
        shared = {
            "vessel": findings.vessel,
            "outcome": name,
            "n": int(chosen.sum()),
            "events": int(findings.y[chosen].sum()),
            "patients": findings.rows["patient_id"][chosen].nunique(),
        }
        of_outcome = findings.probability[chosen]
        rows += [
            shared | {"measure": measure, "estimate": float(np.quantile(of_outcome, part))}
            for measure, part in QUANTILES.items()
        ]
        found = np.bincount(place[chosen] - place.min(), minlength=len(edges) - 1)
        rows += [
            shared
            | {
                "measure": PROPORTION,
                "lowest": low,
                "highest": high,
                "ecgs": int(ecgs),
                "estimate": ecgs / chosen.sum(),
            }
            for low, high, ecgs in zip(expit(edges[:-1]), expit(edges[1:]), found, strict=True)
        ]
    return rows


def probability_figure(probabilities: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Histograms of the predicted probability: ECGs with the outcome upwards, those without downwards.

    Parameters
    ----------
    probabilities, summary : tables `probabilities` and `calibration_summary` of `validate`
    """
    bins = rows_of(probabilities, PROPORTION)
    medians = rows_of(probabilities, "median").set_index(["vessel", "outcome"])["estimate"]
    ends = logit(bins["lowest"].min()), logit(bins["highest"].max())

    def panel(axes: Axes, vessel: str, row: pd.Series) -> None:
        for outcome, colour, sign in ((OUTCOMES[1], VESSEL_COLOURS[vessel], 1), (OUTCOMES[0], GREY, -1)):
            of = bins[(bins["vessel"] == vessel) & (bins["outcome"] == outcome)]
            edges = logit(np.append(of["lowest"], of["highest"].iloc[-1]))
            axes.stairs(sign * of["estimate"], edges, fill=True, color=colour, alpha=0.55, linewidth=0)
            middle = logit(medians[vessel, outcome])
            axes.plot([middle, middle], [0, sign * of["estimate"].max()], color="black", linewidth=1)
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_xlim(ends)
        highest = 1.3 * bins.loc[bins["vessel"] == vessel, "estimate"].max()
        axes.set_ylim(-highest, highest)
        shown = _TICKS[(logit(_TICKS) >= ends[0]) & (logit(_TICKS) <= ends[1])]
        axes.set_xticks(logit(shown), [f"{100 * tick:g}%" for tick in shown], fontsize=6)
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * abs(value):.3g}%")
        axes.text(0.5, 1.03, counted(row), ha="center", va="bottom", fontsize=6, transform=axes.transAxes)
        for height, words in ((0.98, OUTCOMES[1]), (0.02, OUTCOMES[0])):
            axes.text(0.02, height, words, va="top" if height > 0.5 else "bottom", fontsize=6, transform=axes.transAxes)

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 3.9))
        vessel_panels(figure.subplots(2, 2).ravel(), rows_of(summary, "Brier"), panel, title_pad=14)
        figure.supylabel("Proportion of ECGs with, and without, stenosis", fontsize=8)
        figure.supxlabel("Predicted probability, log-odds scale (line: median)", fontsize=8)
    return figure
