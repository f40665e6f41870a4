"""Abstention: prediction sets that hold what CCTA finds as often as promised, and how often they say nothing.

The sets of a vessel hold "stenosis", "no stenosis", both or neither (`statistics.prediction_sets`). They are calibrated
on out-of-fold predictions of the development site: for its own ECGs those of the other folds, for other sites all.
Nobody is judged by sets that the patient's finding calibrated. The promise is for patients like those who calibrated;
at another site it is put to the test.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.config import Abstention, Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.evaluate_thresholds import drawn_counts, proportion_rows
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.evaluation.scored import insufficient_events, with_finding
from ecg_ccta.figures import GREY, PAGE, STYLE, VESSEL_COLOURS
from ecg_ccta.statistics.estimates import CLUSTERED, WILSON, estimate_table, rows_of
from ecg_ccta.statistics.prediction_sets import conformal_cutoffs
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import VESSELS

BY_OUTCOME, ALL = "by outcome", "all ECGs"
"""How sets are calibrated: either answer by the patients who have it, or both by all."""
CALIBRATIONS = (BY_OUTCOME, ALL)

COVERAGE = ("coverage", "coverage, stenosis", "coverage, no stenosis")
KINDS = ("only no stenosis", "both", "neither", "only stenosis")
"""Sets, as proportions of the ECGs."""
VALUES = ("NPV", "PPV")
"""Proportions of the sets "only no stenosis" and "only stenosis" that are right."""
MEASURES = (*COVERAGE, *KINDS, *VALUES)

KIND_COLOURS = dict(zip(KINDS, ("#0072B2", "#C8C8C8", "#F0E442", "#D55E00"), strict=True))


def build_prediction_sets(
    scored: pd.DataFrame, development: pd.DataFrame, settings: Evaluation, abstention: Abstention, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Calibrate the sets of every vessel, and count what they are worth.

    Parameters
    ----------
    scored : of `scored_ecgs`, the ECGs that are judged
    development : the same of the development site, out of fold; calibrates
    settings : level of the intervals, draws, least events to calibrate and to judge
    abstention : the coverage that is promised
    seed : of the bootstrap over patients

    Returns
    -------
    sets : strata vessel and calibration (`CALIBRATIONS`), in the form of `estimate_table`: a row per measure of
        MEASURES by draws of patients, and one by Wilson
    cutoffs : vessel, calibration, fold (that is judged; -1: the ensemble), no_to, yes_from, and n, events and patients
        that calibrated; a note where there were too few

    Raises
    ------
    StudyError
        Where the development site's predictions are not out of fold.
    """
    if (development["fold"] == ENSEMBLE).any():
        raise StudyError(
            "prediction sets are calibrated out of fold, and some predictions of the development site are of the "
            "ensemble. Fix: run predict again"
        )
    rows: list[dict[str, Any]] = []
    cuts: list[dict[str, Any]] = []
    for vessel, findings in findings_by_vessel(scored, settings, seed).items():
        calibrating = with_finding(development, vessel)
        for calibration in CALIBRATIONS:
            named = {"vessel": vessel, "calibration": calibration}
            found, lack = _cutoffs(findings, calibrating, calibration == BY_OUTCOME, settings, abstention.level)
            cuts += [named | cut for cut in found]
            counts = named | {"level": settings.level} | findings.counts
            if findings.insufficient or lack:
                rows += [counts | {"measure": measure, "note": findings.insufficient or lack} for measure in MEASURES]
            else:
                rows += _judged(findings, pd.DataFrame(found).set_index("fold"), counts)
    order = {name: place for place, name in enumerate(MEASURES)}
    table = estimate_table(rows, ["vessel", "calibration"])
    table = table.sort_values(
        ["vessel", "calibration", "measure"], key=lambda of: of.map({**_PLACES, **order}), kind="stable"
    )
    return table.reset_index(drop=True), pd.DataFrame(cuts, columns=_CUTOFF_COLUMNS)


_PLACES = {name: place for names in (VESSELS, CALIBRATIONS) for place, name in enumerate(names)}
_CUTOFF_COLUMNS = ["vessel", "calibration", "fold", "no_to", "yes_from", "n", "events", "patients", "note"]


def _cutoffs(
    findings: Findings, calibrating: pd.DataFrame, by_outcome: bool, settings: Evaluation, level: float
) -> tuple[list[dict[str, Any]], str]:
    """Calibrate for each fold that is judged, and say why one could not be."""
    found, lack = [], ""
    for fold in sorted(findings.rows["fold"].unique()):
        others = calibrating[calibrating["fold"] != fold]
        counts = {"n": len(others), "events": int(others["y_true"].sum()), "patients": others["patient_id"].nunique()}
        note = insufficient_events(others, settings.minimum_events)
        row = {"fold": int(fold), **counts, "note": note and f"{note} to calibrate"}
        lack = lack or row["note"]
        if not note:
            cut = conformal_cutoffs(
                others["y_true"].to_numpy(dtype=np.int64),
                others["probability"].to_numpy(dtype=float),
                others["patient_id"].to_numpy(),
                level,
                by_outcome,
            )
            row |= {"no_to": min(cut.no_to, 1.0), "yes_from": max(cut.yes_from, 0.0)}
        found.append(row)
    return found, lack


def _judged(findings: Findings, cutoffs: pd.DataFrame, counts: dict[str, Any]) -> list[dict[str, Any]]:
    """Count the sets of each kind, and those that hold the finding."""
    own = cutoffs.loc[findings.rows["fold"]]
    no = findings.probability <= own["no_to"].to_numpy()
    yes = findings.probability >= own["yes_from"].to_numpy()
    event = findings.y == 1
    held = np.where(event, yes, no)
    everybody = np.ones(len(event), dtype=bool)
    only_no, only_yes = no & ~yes, yes & ~no
    parts = {
        "coverage": (held, everybody, "no ECGs"),
        "coverage, stenosis": (held & event, event, "no events"),
        "coverage, no stenosis": (held & ~event, ~event, "no non-events"),
        "only no stenosis": (only_no, everybody, "no ECGs"),
        "both": (no & yes, everybody, "no ECGs"),
        "neither": (~no & ~yes, everybody, "no ECGs"),
        "only stenosis": (only_yes, everybody, "no ECGs"),
        "NPV": (only_no & ~event, only_no, "no set of this kind"),
        "PPV": (only_yes & event, only_yes, "no set of this kind"),
    }
    drawn = drawn_counts(np.array([mask for part in parts.values() for mask in part[:2]]), findings)
    rows = []
    for place, (measure, (members, of, lack)) in enumerate(parts.items()):
        with np.errstate(invalid="ignore"):
            replicates = drawn[:, 2 * place] / drawn[:, 2 * place + 1]
        row = counts | findings.where(of).counts | {"measure": measure}
        rows += proportion_rows(row, int(members.sum()), int(of.sum()), replicates, lack, counts["level"])
    return rows


def prediction_sets_figure(sets: pd.DataFrame, promised: float) -> Figure:
    """Draw how many ECGs get which set, and how often the sets hold the finding.

    Where all draws of patients agree Wilson's interval stands in.

    Parameters
    ----------
    sets : of `build_prediction_sets`
    promised : the level of the sets
    """
    shown = rows_of(sets, "coverage", CLUSTERED).dropna(subset=["estimate"])[["vessel", "calibration"]]
    places = list(shown.itertuples(index=False, name=None))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(PAGE, 1.1 + 0.3 * max(2, len(places))))
        kinds, coverage = figure.subplots(1, 2, sharey=True, width_ratios=[1.1, 1])
        if not places:
            kinds.text(0.5, 0.5, "no vessel with enough events", ha="center", transform=kinds.transAxes)
        for place, (vessel, calibration) in enumerate(places):
            cells = sets[(sets["vessel"] == vessel) & (sets["calibration"] == calibration)]
            wilson = cells[cells["method"] == WILSON].set_index("measure")
            cells = cells[cells["method"] == CLUSTERED].set_index("measure")
            start = 0.0
            for kind in KINDS:
                width = 100 * cells.loc[kind, "estimate"]
                kinds.barh(
                    place, width, left=start, height=0.7, color=KIND_COLOURS[kind], edgecolor="white", linewidth=0.5
                )
                start += width
            for shift, (measure, colour, marker) in zip((-0.24, 0, 0.24), _MARKERS, strict=True):
                row = cells.loc[measure]
                if np.isnan(row["estimate"]):
                    continue
                if row["lower"] == row["upper"]:
                    row = wilson.loc[measure]
                ends = 100 * row[["lower", "upper"]].to_numpy(dtype=float)
                coverage.plot(ends, [place + shift] * 2, color=colour)
                coverage.plot(100 * row["estimate"], place + shift, marker, color=colour, markersize=3.5)
        kinds.set_yticks(range(len(places)), [f"{vessel}, {calibration}" for vessel, calibration in places])
        for label, (vessel, _) in zip(kinds.get_yticklabels(), places, strict=True):
            label.set_color(VESSEL_COLOURS[vessel])
        kinds.set_ylim(max(1, len(places)) - 0.5, -0.5)
        kinds.set_xlim(0, 100)
        kinds.set_xlabel("ECGs (%)")
        kinds.legend(
            handles=[mpl.patches.Patch(color=colour, label=kind) for kind, colour in KIND_COLOURS.items()],
            title="The set holds", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=6.5,
        )  # fmt: skip
        coverage.axvline(100 * promised, color=GREY, linewidth=0.6, linestyle=":")
        coverage.set_xlim(-2, 102)
        coverage.set_xlabel(f"Sets that hold the finding (%; dotted: {100 * promised:g} % promised)")
        coverage.legend(
            handles=[
                mpl.lines.Line2D([], [], color=colour, marker=marker, markersize=3.5, label=_OF[measure])
                for measure, colour, marker in _MARKERS
            ],
            loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=6.5,
        )  # fmt: skip
    return figure


_MARKERS = (
    ("coverage", "black", "o"), ("coverage, stenosis", "#D55E00", "D"), ("coverage, no stenosis", "#0072B2", "s"),
)  # fmt: skip
_OF = {"coverage": "all ECGs", "coverage, stenosis": "with stenosis", "coverage, no stenosis": "without stenosis"}
