"""What the foundation is worth: macro AUC of the same training started from it and from random weights, by fold."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats
from sklearn.metrics import roc_auc_score

from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.findings import findings_by_vessel
from ecg_ccta.figures import COLUMN, GREY, STYLE

INITIALISATION_COLUMNS = [
    "fold", "vessels", "macro_auc_foundation", "macro_auc_random", "difference", "lower", "upper", "p_value", "note",
]  # fmt: skip
START_COLOURS = {"random": "#E69F00", "foundation": "#0072B2"}
"""Of the Okabe-Ito palette, and far apart in lightness."""


def compare_initialisations(foundation: pd.DataFrame, random: pd.DataFrame, settings: Evaluation) -> pd.DataFrame:
    """Macro AUC of each fold's test patients by both starts, and the mean difference with a paired t interval.

    The macro AUC of a fold is the mean over the vessels with at least `settings.minimum_events` patients with, and
    without, an event among its test patients: the same vessels for both starts. The interval and the two-sided p value
    are those of the paired t test over folds (Student, Biometrika 6:1-25, 1908). Folds share training patients, so
    their differences are not independent and the interval is rather too narrow (Nadeau and Bengio, Machine Learning
    52:239-281, 2003).

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
    key = ["ecg_id", "vessel", "fold"]
    both = foundation.merge(
        random[[*key, "logit"]].rename(columns={"logit": "logit_random"}), on=key, validate="one_to_one"
    )
    if not len(both) == len(foundation) == len(random):
        raise StudyError(
            "the two starts were not evaluated on the same ECGs in the same folds; run both predictions again"
        )
    rows = [_fold_row(fold, ecgs, settings) for fold, ecgs in both.groupby("fold")]
    table = pd.DataFrame(rows, columns=INITIALISATION_COLUMNS)
    mean = pd.DataFrame([_mean_row(table, settings.level)], columns=INITIALISATION_COLUMNS)
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


def _mean_row(folds: pd.DataFrame, level: float) -> dict:
    known = folds.dropna(subset=["difference"])
    row = {
        "fold": "mean",
        "vessels": "",
        **known[["macro_auc_foundation", "macro_auc_random", "difference"]].astype(float).mean(),
    }
    if len(known) < 2:
        return row | {"note": f"no interval: {len(known)} fold(s) with enough events"}
    differences = known["difference"].to_numpy(dtype=float)
    error = stats.sem(differences)
    if error == 0:
        return row | {"note": "no interval: the difference is the same in every fold"}
    half = stats.t.ppf((1 + level) / 2, len(differences) - 1) * error
    p_value = 2 * stats.t.sf(abs(differences.mean()) / error, len(differences) - 1)
    bounds = {"lower": differences.mean() - half, "upper": differences.mean() + half, "p_value": p_value}
    return row | bounds | {"note": f"paired t test over {len(differences)} folds"}


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
