"""What the foundation is worth: macro AUC of the same training started from it and from random weights, by fold."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import findings_by_vessel
from ecg_ccta.evaluation.scored import with_other_logit
from ecg_ccta.figures import COLUMN, GREY, STYLE
from ecg_ccta.statistics.clustered_auc import compare_paired, mean_auc
from ecg_ccta.statistics.estimates import CROSS_VALIDATED

INITIALISATION_COLUMNS = [
    "fold", "vessels", "macro_auc_foundation", "macro_auc_random", "difference", "lower", "upper", "p_value", "note",
]  # fmt: skip
START_COLOURS = {"random": "#E69F00", "foundation": "#0072B2"}
"""Of the Okabe-Ito palette, and far apart in lightness."""


def compare_initialisations(foundation: pd.DataFrame, random: pd.DataFrame, settings: Evaluation) -> pd.DataFrame:
    """Macro AUC of each fold's test patients by both starts, and the difference of the means over folds.

    The macro AUC of a fold is the mean over the vessels with at least `settings.minimum_events` patients with, and
    without, an event among its test patients: the same vessels for both starts. The means over folds are of the vessels
    with as many among all patients; interval and two-sided p value of their difference are paired over patients and
    allow for the training patients that folds have in common (`Findings.expected`).

    Parameters
    ----------
    foundation, random : from `scored_ecgs`, out-of-fold predictions of the same ECGs in the same folds

    Returns
    -------
    A row per fold, then one with fold "mean"; columns `INITIALISATION_COLUMNS`. A fold without such a vessel has no
    numbers and a note, and no part in the mean.

    Raises
    ------
    StudyError
        Where the two are not of the same ECGs and folds.
    """
    both = with_other_logit(foundation, random, "logit_random")
    rows = [_fold_row(fold, ecgs, settings) for fold, ecgs in both.groupby("fold")]
    table = pd.DataFrame(rows, columns=INITIALISATION_COLUMNS)
    mean = pd.DataFrame([_mean_row(both, settings)], columns=INITIALISATION_COLUMNS)
    numbers = INITIALISATION_COLUMNS[2:-1]
    return pd.concat([part.astype(dict.fromkeys(numbers, float)) for part in (table, mean)], ignore_index=True)


def mean_difference(table: pd.DataFrame) -> dict[str, float | None]:
    """The numbers of the row of means of `compare_initialisations`'s table; None where there is none."""
    row = table[table["fold"] == "mean"].iloc[0]
    return {name: None if pd.isna(row[name]) else float(row[name]) for name in INITIALISATION_COLUMNS[2:-1]}


def _fold_row(fold: int, ecgs: pd.DataFrame, settings: Evaluation) -> dict:
    aucs = {
        vessel: [roc_auc_score(findings.y, findings.rows[score]) for score in ("logit", "logit_random")]
        for vessel, findings in findings_by_vessel(ecgs, settings, None).items()
        if not findings.insufficient
    }
    if not aucs:
        return {"fold": str(fold), "vessels": "", "note": "no vessel with enough events"}
    by_foundation, by_random = np.mean(list(aucs.values()), axis=0)
    return {
        "fold": str(fold),
        "vessels": " ".join(aucs),
        "macro_auc_foundation": by_foundation,
        "macro_auc_random": by_random,
        "difference": by_foundation - by_random,
        "note": "",
    }


def _mean_row(both: pd.DataFrame, settings: Evaluation) -> dict:
    enough = {
        vessel: findings
        for vessel, findings in findings_by_vessel(both, settings, None).items()
        if not findings.insufficient
    }
    row = {"fold": "mean", "vessels": " ".join(enough)}
    if not enough:
        return row | {"note": "no vessel with enough events"}
    foundation, random = (
        mean_auc([of.with_logit(of.rows[score]).expected for of in enough.values()])
        for score in ("logit", "logit_random")
    )
    found = compare_paired(foundation, random, settings.level)
    return row | {
        "macro_auc_foundation": foundation.estimate, "macro_auc_random": random.estimate,
        "difference": found.difference, "lower": found.lower, "upper": found.upper, "p_value": found.p_value,
        "note": CROSS_VALIDATED,
    }  # fmt: skip


def initialisations_figure(table: pd.DataFrame) -> Figure:
    """Macro AUC of each fold from random weights and from the foundation, joined by a line; `table` of
    `compare_initialisations`.
    """
    folds = table[table["fold"] != "mean"].dropna(subset=["difference"])
    mean = table[table["fold"] == "mean"].iloc[0]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.6))
        axes = figure.subplots()
        columns = {"random": "macro_auc_random", "foundation": "macro_auc_foundation"}
        for _, row in folds.iterrows():
            ends = [row[column] for column in columns.values()]
            axes.plot([0, 1], ends, color=GREY, linewidth=0.7, zorder=1)
        for place, (name, column) in enumerate(columns.items()):
            # Another shape beside another colour, for whoever sees no colours.
            shape = "o" if name == "foundation" else "s"
            axes.plot([place] * len(folds), folds[column], shape, color=START_COLOURS[name], markersize=4, zorder=2)
            if len(folds):
                side = 2 * place - 1
                left, right = sorted([place + side * 0.06, place + side * 0.18])
                axes.hlines(mean[column], left, right, color="black", linewidth=1.4)
                axes.annotate(
                    f"mean {mean[column]:.3f}",
                    (place + side * 0.21, mean[column]),
                    ha="left" if side > 0 else "right",
                    va="center",
                    fontsize=7,
                )
        axes.axhline(0.5, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)), zorder=0)
        axes.set_xticks([0, 1], ["random weights", "foundation"])
        axes.set_xlim(-0.8, 1.8)
        axes.set_ylabel("Macro AUC of the fold's test patients")
        if folds.empty:
            axes.set_yticks([])
            axes.text(0.5, 0.5, "no vessel with enough events", ha="center", color=GREY, transform=axes.transAxes)
    return figure
