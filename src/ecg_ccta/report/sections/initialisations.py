"""The foundation against random weights: what pre-training is worth."""

import pandas as pd

from ecg_ccta.config import Training
from ecg_ccta.report.blocks import Section, Table, Text
from ecg_ccta.report.formatting import interval, is_missing, number, p_value, percent
from ecg_ccta.report.results_folder import ResultsFolder
from ecg_ccta.training.random_start import random_start_settings

COLUMNS = (
    "fold", "vessels", "macro_auc_foundation", "macro_auc_random", "difference", "lower", "upper", "p_value", "note",
)  # fmt: skip


def initialisations(results: ResultsFolder) -> Section | None:
    study = results.study
    if study.random_start is None or not results.has("initialisations"):
        return None
    found = results.table("initialisations", columns=COLUMNS)
    folds, mean = found[found["fold"] != "mean"], found[found["fold"] == "mean"].iloc[0]
    random = random_start_settings(study.training, study.random_start)
    blocks: list = [
        Text(
            "The same folds and seed, started once from the foundation and once from random weights. From the "
            f"foundation: {_schedule(study.training)}. From random weights: {_schedule(random)}, all layers learning. "
            "Each keeps its best epoch on the inner-validation patients; everything else is alike."
        )
    ]
    blocks += results.drawn(
        "initialisations",
        "Macro AUC by fold, from random weights and from the foundation",
        "For each fold two dots joined by a line: macro AUC from random weights and from the foundation.",
        sentence(mean, study.evaluation.level),
        [results.download("initialisations")],
    )
    rows = [_row(row["fold"], row) for _, row in folds.iterrows()]
    blocks.append(
        Table(
            "Macro AUC by fold and start",
            ["Fold", "Vessels", "Foundation", "Random weights", "Difference"],
            [("", [*rows, _row("Mean", mean)])],
            downloads=[results.download("initialisations")],
            notes=[
                "Macro AUC: mean over the vessels with at least "
                f"{study.evaluation.minimum_events} patients with, and without, an event among the fold's test "
                "patients, the same vessels for both. Interval of the mean difference: paired t over folds; it is "
                "rather too narrow, because folds share training patients."
            ],
        )
    )
    return Section("initialisations", "Foundation against random weights", blocks)


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
    p = p_value(mean["p_value"])
    return (
        f"{said}{number(mean['difference'])} ({percent(level)} interval {bounds}; p {p if p[0] == '<' else f'= {p}'}, "
        f"{mean['note']})."
    )


def _schedule(training: Training) -> str:
    epochs = "1 epoch" if training.epochs == 1 else f"{training.epochs} epochs"
    return f"at most {epochs} (patience {training.patience}), learning rate {training.learning_rate:g}"


def _row(label: str, row: pd.Series) -> list[str]:
    return [
        label,
        "" if is_missing(row["vessels"]) else ", ".join(row["vessels"].split()),
        number(row["macro_auc_foundation"], note=row["note"]),
        number(row["macro_auc_random"], note=row["note"]),
        interval(row["difference"], row["lower"], row["upper"], note=row["note"]),
    ]
