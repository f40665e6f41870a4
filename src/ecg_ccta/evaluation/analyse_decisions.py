"""Decision curves: the net benefit of sending to CCTA whoever reaches a threshold probability.

Sources: `statistics.net_benefit`; Vickers et al., Diagn Progn Res 3:18, 2019 (net interventions avoided).
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.evaluation.scored import is_out_of_fold
from ecg_ccta.figures import GREY, PAGE, STYLE, VESSEL_COLOURS
from ecg_ccta.statistics.estimates import CLUSTERED, estimate_table, with_condition
from ecg_ccta.statistics.net_benefit import net_benefit
from ecg_ccta.vessels import VESSELS

_COMMON = np.arange(1, 61) / 100
GRID = {"RCA": _COMMON, "LM": np.arange(1, 101) / 1000, "LAD": _COMMON, "LCX": _COMMON}
"""Threshold probabilities of each vessel: 0.01 to 0.60, LM 0.001 to 0.10 (Xiao et al., arXiv 2512.05136)."""

NET_BENEFIT = "net benefit"
AVOIDED = "net interventions avoided"
ADVANTAGE = "advantage"
"""Net benefit of the model above the better of treating all and treating none."""


def decision_curves(scored: pd.DataFrame, settings: Evaluation, seed: int) -> pd.DataFrame:
    """Net benefit of the model, of treating all and none, at every threshold probability of `GRID`.

    Parameters
    ----------
    scored : from `scored_ecgs`; calibrated probabilities
    settings : level, replicates, least events
    seed : of the bootstrap; all vessels share the draws of patients

    Returns
    -------
    vessel, strategy, threshold, then `estimates.ESTIMATE_COLUMNS`, with pointwise patient-clustered percentile
    intervals: "net benefit" of strategies model, all and none; "net interventions avoided" by the model, per 100 ECGs,
    at equal sensitivity, against treating all; "advantage" of the model over the better of all and none. A vessel with
    too few events has one row with a note.
    """
    rows: list[dict[str, Any]] = []
    for vessel, findings in findings_by_vessel(scored, settings, seed).items():
        counts = {"vessel": vessel, "strategy": "model", "level": settings.level, **findings.counts}
        if findings.insufficient:
            rows.append(counts | {"measure": NET_BENEFIT, "note": findings.insufficient})
        else:
            rows += [counts | row for row in _curves(findings, GRID[vessel])]
    table = estimate_table(rows, ["vessel", "strategy", "threshold"])
    return with_condition(table, is_out_of_fold(scored) & (table["strategy"] == "model")).astype({"threshold": float})


def useful_range(table: pd.DataFrame, vessel: str, sure: bool = False) -> list[tuple[float, float]]:
    """Stretches of threshold probabilities over which the model beats both treating all and none.

    Parameters
    ----------
    table : from `decision_curves`
    sure : only where the interval of the advantage lies above 0 as well

    Returns
    -------
    (from, to) of every stretch of neighbouring thresholds, in order
    """
    rows = table[(table["vessel"] == vessel) & (table["measure"] == ADVANTAGE)].sort_values("threshold")
    better = (rows["lower" if sure else "estimate"] > 0).to_numpy()
    thresholds = rows["threshold"].to_numpy()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], better.astype(int), [0]])))
    return [
        (float(thresholds[start]), float(thresholds[end - 1]))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def decision_figure(table: pd.DataFrame) -> Figure:
    """Net benefit against threshold probability, and below it the interventions avoided; a column per vessel.

    Parameters
    ----------
    table : from `decision_curves`
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 3.9))
        grid = figure.subplots(2, len(VESSELS), sharex="col", height_ratios=[1.35, 1])
        for (upper, lower), vessel in zip(grid.T, VESSELS, strict=True):
            rows, colour = table[table["vessel"] == vessel], VESSEL_COLOURS[vessel]
            upper.set_title(vessel, fontweight="bold", color=colour)
            if rows["estimate"].isna().all():
                note = {"ha": "center", "va": "center", "color": GREY}
                upper.text(0.5, 0.5, rows["note"].iloc[0], transform=upper.transAxes, **note)
                for axes in (upper, lower):
                    axes.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
                continue
            _net_benefit_panel(upper, rows[rows["measure"] == NET_BENEFIT], colour)
            avoided = rows[rows["measure"] == AVOIDED]
            _band(lower, avoided, colour)
            lower.axhline(0, color="black", linewidth=0.6)
            # At small thresholds the odds divide by almost nothing; what lies far below 0 is not worth the room.
            lower.set_ylim(max(-30, min(-5, avoided["lower"].min())), max(10, 1.08 * avoided["upper"].max()))
            lower.set_xlim(0, 100 * rows["threshold"].max())
        grid[0, 0].set_ylabel("Net benefit")
        grid[1, 0].set_ylabel("Net CCTAs avoided\nper 100 ECGs")
        handles = [
            mpl.lines.Line2D([], [], color="black", linewidth=1.4, label="model (in the vessel's colour)"),
            mpl.lines.Line2D([], [], color=GREY, linewidth=1, linestyle=(0, (4, 2)), label="CCTA for all"),
            mpl.lines.Line2D([], [], color="black", linewidth=0.6, label="CCTA for none"),
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=7)
        figure.supxlabel("Threshold probability (%)", fontsize=8)
    return figure


def _net_benefit_panel(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    everyone = rows[rows["strategy"] == "all"]
    model = rows[rows["strategy"] == "model"]
    axes.plot(100 * everyone["threshold"], everyone["estimate"], color=GREY, linewidth=1, linestyle=(0, (4, 2)))
    axes.axhline(0, color="black", linewidth=0.6)
    _band(axes, model, colour)
    top = max(model["upper"].max(), everyone["estimate"].max())
    axes.set_ylim(-0.25 * top, 1.08 * top)


def _band(axes: Axes, rows: pd.DataFrame, colour: str) -> None:
    threshold = 100 * rows["threshold"]
    axes.fill_between(threshold, rows["lower"], rows["upper"], color=colour, alpha=0.2, linewidth=0)
    axes.plot(threshold, rows["estimate"], color=colour, linewidth=1.4)


def _curves(findings: Findings, thresholds: np.ndarray) -> list[dict[str, Any]]:
    y, probability, level = findings.y, findings.probability, findings.bootstrap.level
    parts = [
        net_benefit(y, probability, thresholds, drawn.take(findings.codes, axis=1))
        for drawn in findings.bootstrap.draws()
    ]
    estimates = _strategies(*net_benefit(y, probability, thresholds), thresholds)
    model, treat_all = (np.concatenate(part) for part in zip(*parts, strict=True))
    replicates = _strategies(model, treat_all, thresholds)
    rows = []
    for (strategy, measure), estimate in estimates.items():
        lower, upper = np.nanquantile(replicates[strategy, measure], [(1 - level) / 2, (1 + level) / 2], axis=0)
        for place, threshold in enumerate(thresholds):
            rows.append(
                {
                    "strategy": strategy,
                    "threshold": threshold,
                    "measure": measure,
                    "estimate": estimate[0, place],
                    "lower": lower[place],
                    "upper": upper[place],
                    "method": CLUSTERED,
                }
            )
    rows += [
        {"strategy": "none", "threshold": threshold, "measure": NET_BENEFIT, "estimate": 0.0, "method": "0"}
        for threshold in thresholds
    ]
    return rows


def _strategies(model: np.ndarray, treat_all: np.ndarray, thresholds: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    return {
        ("model", NET_BENEFIT): model,
        ("all", NET_BENEFIT): treat_all,
        ("model", AVOIDED): 100 * (model - treat_all) * (1 - thresholds) / thresholds,
        ("model", ADVANTAGE): model - np.maximum(treat_all, 0),
    }
