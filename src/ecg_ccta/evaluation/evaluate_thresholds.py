"""What each threshold is worth, and how often events occur in the strata between thresholds.

Thresholds are taken as given: intervals say what other patients of the site would give at the same thresholds, not
what another choice of them would.
"""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.choose_thresholds import (
    STRATA,
    STRATUM_KINDS,
    THRESHOLD_KINDS,
    lack_of,
    strata_of,
    thresholds_of,
)
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.evaluation.scored import is_out_of_fold
from ecg_ccta.figures import GREY, PAGE, STYLE, VESSEL_COLOURS
from ecg_ccta.statistics.bootstrap import percentile_interval
from ecg_ccta.statistics.estimates import CLUSTERED, WILSON, estimate_table, with_condition
from ecg_ccta.statistics.proportions import wilson
from ecg_ccta.vessels import VESSELS

STRATUM_COLOURS = {"low": "#0072B2", "intermediate": "#E69F00", "high": "#D55E00"}
"""Of the Okabe-Ito palette; in the figure each has a shape of its own as well."""

_SHAPES = {"low": "o", "intermediate": "s", "high": "D"}

PROPORTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "sensitivity": (("tp",), ("tp", "fn"), "no events"),
    "specificity": (("tn",), ("tn", "fp"), "no non-events"),
    "PPV": (("tp",), ("tp", "fp"), "no ECG at or above the threshold"),
    "NPV": (("tn",), ("tn", "fn"), "no ECG below the threshold"),
    "proportion positive": (("tp", "fp"), ("tp", "fp", "fn", "tn"), "no ECGs"),
}
"""measure -> (counts of the numerator, counts of the denominator, why there may be none)."""

RATIOS: dict[str, tuple[Callable[..., np.ndarray], str]] = {
    "LR+": (lambda tp, fp, fn, tn: (tp / (tp + fn)) / (fp / (fp + tn)), "no false positive"),
    "LR-": (lambda tp, fp, fn, tn: (fn / (tp + fn)) / (tn / (fp + tn)), "no true negative"),
    "CCTAs per event found": (lambda tp, fp, fn, tn: (tp + fp) / tp, "no event found"),
    "ECGs per event found": (lambda tp, fp, fn, tn: (tp + fp + fn + tn) / tp, "no event found"),
}
"""measure -> (function of the four counts, why it may not exist). CCTAs per event found is the number needed to send
to CCTA, 1/PPV; ECGs per event found the number needed to screen."""

ACCURACY_MEASURES = (*PROPORTIONS, *RATIOS)
STRATUM_MEASURES = ("event rate", "proportion of ECGs", "proportion of events")


def threshold_table(scored: pd.DataFrame, chosen: dict[str, Any], settings: Evaluation, seed: int) -> pd.DataFrame:
    """Accuracy of each kind of threshold, over ECGs with a finding.

    Parameters
    ----------
    scored : from `scored_ecgs`
    chosen : from `choose_thresholds`; each ECG is judged by thresholds that its patient had no part in
    settings : level, replicates, least events
    seed : of the bootstrap; all vessels and kinds share the draws of patients

    Returns
    -------
    vessel, kind, lowest_threshold, highest_threshold (equal unless folds have their own), then
    `estimates.ESTIMATE_COLUMNS`: a row per vessel, kind and measure of `ACCURACY_MEASURES` with a patient-clustered
    percentile interval, and one more with Wilson's for proportions. An interval end that lies at infinity in the
    bootstrap is missing.
    """
    rows: list[dict[str, Any]] = []
    for vessel, findings in findings_by_vessel(scored, settings, seed).items():
        counts = {"vessel": vessel, "level": settings.level, **findings.counts}
        calls: list[tuple[dict[str, Any], np.ndarray]] = []
        for kind in THRESHOLD_KINDS:
            threshold = thresholds_of(findings.rows, chosen, kind)
            row = counts | {"kind": kind}
            note = findings.insufficient or lack_of(findings.rows, chosen, kind)
            if findings.rows.size and not np.isnan(threshold).any():
                row |= {"lowest_threshold": threshold.min(), "highest_threshold": threshold.max()}
            if note:
                rows += [row | {"measure": measure, "note": note} for measure in ACCURACY_MEASURES]
                continue
            calls.append((row, findings.probability >= threshold))
        rows += accuracy_rows(findings, calls)
    order = {key: number for number, key in enumerate((vessel, kind) for vessel in VESSELS for kind in THRESHOLD_KINDS)}
    rows.sort(key=lambda row: order[row["vessel"], row["kind"]])
    table = estimate_table(rows, ["vessel", "kind", "lowest_threshold", "highest_threshold"])
    return with_condition(table, is_out_of_fold(scored)).astype({"lowest_threshold": float, "highest_threshold": float})


def accuracy_rows(findings: Findings, calls: Sequence[tuple[dict[str, Any], np.ndarray]]) -> list[dict[str, Any]]:
    """Make the rows of `ACCURACY_MEASURES` of several calls on the same ECGs, which share the draws of patients.

    Parameters
    ----------
    findings : of the ECGs that are called
    calls : of each the columns that its rows have in common, and (n,) of bool whether an ECG is positive
    """
    if not calls:
        return []
    masks = [
        (findings.y == event) & (positive == is_positive) for _, positive in calls for event, is_positive in _CELLS
    ]
    drawn = drawn_counts(np.array(masks), findings)
    rows = []
    for place, (row, _) in enumerate(calls):
        four = slice(4 * place, 4 * place + 4)
        found = dict(zip(_NAMES, (int(mask.sum()) for mask in masks[four]), strict=True))
        replicates = dict(zip(_NAMES, drawn[:, four].T, strict=True))
        rows += _measures(row, found, replicates, findings.bootstrap.level)
    return rows


def stratum_table(scored: pd.DataFrame, chosen: dict[str, Any], settings: Evaluation, seed: int) -> pd.DataFrame:
    """Size and event rate of the low, intermediate and high strata, and where the events are.

    Parameters
    ----------
    scored, chosen, settings, seed : as `threshold_table`

    Returns
    -------
    vessel, stratum, then `estimates.ESTIMATE_COLUMNS`: "event rate" (events among the stratum's ECGs), "proportion of
    ECGs" and "proportion of events", each with a patient-clustered percentile interval and with Wilson's; n and events
    are the stratum's. The lowest stratum's proportion of events is what ruling out would miss.
    """
    rows: list[dict[str, Any]] = []
    for vessel, findings in findings_by_vessel(scored, settings, seed).items():
        named = {"vessel": vessel, "level": settings.level}
        note = findings.insufficient or next(
            filter(None, (lack_of(findings.rows, chosen, kind) for kind in STRATUM_KINDS)), ""
        )
        if note:
            rows += [
                named | findings.counts | {"stratum": stratum, "measure": measure, "note": note}
                for stratum in STRATA
                for measure in STRATUM_MEASURES
            ]
            continue
        rows += stratum_rows(findings, strata_of(findings.rows, chosen).to_numpy(dtype=object), named)
    return with_condition(estimate_table(rows, ["vessel", "stratum"]), is_out_of_fold(scored))


def stratum_rows(findings: Findings, word: np.ndarray, named: dict[str, Any]) -> list[dict[str, Any]]:
    """Make the rows of every stratum: event rate, proportion of the ECGs and of the events.

    Parameters
    ----------
    findings : of the ECGs
    word : (n,) stratum of each ECG
    named : columns that all rows have in common
    """
    y, level = findings.y, findings.bootstrap.level
    masks = np.array([part for stratum in STRATA for part in ((word == stratum) & (y == 1), word == stratum)])
    drawn = drawn_counts(masks, findings)
    events, ecgs = drawn[:, 0::2], drawn[:, 1::2]
    rows = []
    for place, stratum in enumerate(STRATA):
        members = findings.where(word == stratum).counts
        found, size = int(masks[2 * place].sum()), members["n"]
        for measure, count, of, above, below in (
            ("event rate", found, size, events[:, place], ecgs[:, place]),
            ("proportion of ECGs", size, len(y), ecgs[:, place], ecgs.sum(axis=1)),
            ("proportion of events", found, int(y.sum()), events[:, place], events.sum(axis=1)),
        ):
            with np.errstate(invalid="ignore"):
                replicates = above / below
            row = named | members | {"stratum": stratum, "measure": measure}
            rows += proportion_rows(row, count, of, replicates, "no ECG in this stratum", level)
    return rows


def stratum_figure(table: pd.DataFrame) -> Figure:
    """Event rate in each stratum with its interval over patients, the stratum's proportion of the ECGs below.

    Where all draws of patients agree, as where a stratum has no event, Wilson's interval stands in.

    Parameters
    ----------
    table : from `stratum_table`
    """
    flat = (table["lower"] == table["upper"]) & (table["method"] == CLUSTERED)
    key = ["vessel", "stratum", "measure"]
    replaced = table[flat][key].merge(table[table["method"] == WILSON], on=key)
    shown = pd.concat([table[~flat & (table["method"] != WILSON)], replaced], ignore_index=True)
    highest = shown.loc[shown["measure"] == "event rate", ["estimate", "upper"]].max().max()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 2.3))
        grid = figure.subplots(1, len(VESSELS), sharey=True)
        for axes, vessel in zip(grid, VESSELS, strict=True):
            axes.set_title(vessel, fontweight="bold", color=VESSEL_COLOURS[vessel])
            cells = shown[shown["vessel"] == vessel].set_index(["measure", "stratum"])
            rates, shares = cells.loc["event rate"], cells.loc["proportion of ECGs"]
            labels = []
            for place, stratum in enumerate(STRATA):
                rate = rates.loc[stratum]
                share = shares.loc[stratum, "estimate"]
                labels.append(stratum if np.isnan(share) else f"{stratum}\n{100 * share:.0f}%")
                if np.isnan(rate["estimate"]):
                    continue
                colour = STRATUM_COLOURS[stratum]
                axes.plot([place, place], 100 * rate[["lower", "upper"]].to_numpy(dtype=float), color=colour)
                axes.plot(place, 100 * rate["estimate"], _SHAPES[stratum], color=colour, markersize=5)
                axes.annotate(
                    f"{rate['events']}/{rate['n']}",
                    (place, 100 * (rate["upper"] if rate["upper"] == rate["upper"] else rate["estimate"])),
                    xytext=(0, 3),
                    textcoords="offset points",
                    ha="center",
                    va="bottom",
                    fontsize=6,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3},
                )
            if rates["estimate"].isna().all():
                note = rates["note"].iloc[0].replace(": ", ":\n").replace(" at site", "\nat site")
                axes.text(0.5, 0.5, note, ha="center", va="center", color=GREY, fontsize=7, transform=axes.transAxes)
                axes.set_xticks([])
            else:
                total = rates["events"].sum() / rates["n"].sum()
                axes.axhline(100 * total, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
                axes.set_xticks(range(len(STRATA)), labels, fontsize=6.5)
            axes.set_xlim(-0.6, len(STRATA) - 0.4)
        grid[0].set_ylim(*((0, 1) if np.isnan(highest) else (-3 * highest, 114 * highest)))
        grid[0].set_ylabel("Event rate (%)")
        figure.supxlabel(
            "Stratum and its proportion of the ECGs (above each point: events/ECGs; dashed: all ECGs)", fontsize=7
        )
    return figure


_CELLS = ((1, True), (0, True), (1, False), (0, False))
_NAMES = ("tp", "fp", "fn", "tn")


def drawn_counts(masks: np.ndarray, findings: Findings) -> np.ndarray:
    """Count the ECGs of each mask (masks, n) in every draw of patients: (replicates, masks)."""
    patients = findings.bootstrap.patients
    of_patient = np.array([np.bincount(findings.codes[mask], minlength=patients) for mask in masks], dtype=float)
    return np.concatenate([counts @ of_patient.T for counts in findings.bootstrap.draws()])


def _measures(
    row: dict[str, Any], found: dict[str, int], replicates: dict[str, np.ndarray], level: float
) -> list[dict[str, Any]]:
    rows = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for measure, (count, of, lack) in PROPORTIONS.items():
            above = np.sum([replicates[name] for name in count], axis=0)
            below = np.sum([replicates[name] for name in of], axis=0)
            sums = sum(found[name] for name in count), sum(found[name] for name in of)
            rows += proportion_rows(row | {"measure": measure}, *sums, above / below, lack, level)
        for measure, (ratio, lack) in RATIOS.items():
            estimate = float(ratio(**{name: np.float64(value) for name, value in found.items()}))
            cell = row | {"measure": measure, "method": CLUSTERED}
            if not np.isfinite(estimate):
                rows.append(cell | {"note": lack})
                continue
            rows.append(cell | {"estimate": estimate} | _interval(ratio(**replicates), level, lack))
    return rows


def proportion_rows(
    row: dict[str, Any], count: int, of: int, replicates: np.ndarray, lack: str, level: float
) -> list[dict[str, Any]]:
    """Make the rows of a proportion: by clustered bootstrap and by Wilson.

    Parameters
    ----------
    row : what both say
    count, of : the proportion's numerator and denominator
    replicates : (draws,) the proportion in each draw of patients; 0/0 where there is none
    lack : why the denominator may be 0
    """
    if of == 0:
        return [row | {"method": method, "note": lack} for method in (CLUSTERED, WILSON)]
    lower, upper = wilson(count, of, level)
    estimate = {"estimate": count / of}
    return [
        row | estimate | {"method": CLUSTERED} | _interval(replicates, level, lack),
        row | estimate | {"method": WILSON, "lower": lower, "upper": upper},
    ]


def _interval(replicates: np.ndarray, level: float, lack: str) -> dict[str, Any]:
    """Percentile interval; without an upper end where that is infinite. Draws that give 0/0 are left out."""
    lower, upper, _ = percentile_interval(np.where(np.isinf(replicates), _HUGE, replicates), level)
    if upper > _HUGE * _EPSILON:
        return {"lower": lower, "note": f"no upper bound: {lack} in {100 * np.isinf(replicates).mean():.1f} % of draws"}
    return {"lower": lower, "upper": upper, "note": "" if upper > lower else "no width: the same in every draw"}


_HUGE, _EPSILON = 1e300, 1e-12
"""Stands for infinity, so that quantiles can be interpolated; what is within _EPSILON of it is infinite too."""
