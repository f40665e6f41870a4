"""The foundation against random weights: what pre-training is worth."""

import pandas as pd

from ecg_ccta.config import Recipe
from ecg_ccta.report.blocks import Section, Text
from ecg_ccta.report.columns import bounded, capital, equal_p, value, words
from ecg_ccta.report.formatting import is_missing, number, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.training.random_start import random_start_settings

ORDER = 180

COLUMNS = {
    "Fold": words("fold", capital),
    "Vessels": words("vessels", lambda names: "" if is_missing(names) else ", ".join(names.split())),
    "Foundation": value("macro_auc_foundation", number),
    "Random weights": value("macro_auc_random", number),
    "Difference": bounded("difference"),
}


def initialisations(results: ResultsFolder) -> Section | None:
    study = results.study
    if study.random_start is None or not results.has("initialisations"):
        return None
    found = results.table("initialisations")
    random = random_start_settings(study.training, study.random_start)
    kept = (
        "Each keeps its last epoch"
        if study.training.monitor == "none"
        else "Each keeps its best epoch on the inner-validation patients"
    )
    introduction = Text(
        "The same folds and seed, started once from the foundation and once from random weights. From the "
        f"foundation: {_schedule(study.training)}. From random weights: {_schedule(random)}, all layers learning. "
        f"{kept}; everything else is alike."
    )
    figures = results.drawn(
        "initialisations",
        None,
        "Macro AUC by fold, from random weights and from the foundation",
        "For each fold two dots joined by a line: macro AUC from random weights and from the foundation.",
        sentence(found[found["fold"] == "mean"].iloc[0], study.evaluation.level),
        "initialisations",
    )
    table = results.tabulated(
        "initialisations",
        None,
        "Macro AUC by fold and start",
        found,
        COLUMNS,
        notes=[
            "Macro AUC: mean over the vessels with at least "
            f"{study.evaluation.minimum_events} patients with, and without, an event among the fold's test "
            "patients, the same vessels for both. The last row is of all folds, paired over patients; its "
            "interval allows for the training patients that folds have in common."
        ],
    )
    return Section("initialisations", "Foundation against random weights", [introduction, *figures, table])


def sentence(mean: pd.Series, level: float) -> str:
    if is_missing(mean["difference"]):
        return "No fold has a vessel with enough events to compare the two."
    by = (
        f"{number(mean['macro_auc_foundation'])} from the foundation and {number(mean['macro_auc_random'])} from random"
    )
    said = f"The mean macro AUC over folds is {by} weights, a difference of "
    if is_missing(mean["lower"]):
        return f"{said}{number(mean['difference'])} ({mean['note']})."
    bounds = f"{number(mean['lower'])} to {number(mean['upper'])}"
    p = equal_p(mean["p_value"])
    return f"{said}{number(mean['difference'])} ({percent(level)} interval {bounds}; p {p}, {mean['note']})."


def _schedule(training: Recipe) -> str:
    epochs = "1 epoch" if training.epochs == 1 else f"{training.epochs} epochs"
    most = epochs if training.monitor == "none" else f"at most {epochs} (patience {training.patience})"
    return f"{most}, learning rate {training.learning_rate:g}"
