"""Learning curve: what a model is worth that was trained on fewer patients, evaluated on the same other patients."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ecg_ccta import tables
from ecg_ccta.config import Evaluation
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.build_ladder import FINE_TUNED, PROBE
from ecg_ccta.evaluation.findings import Findings, findings_by_vessel
from ecg_ccta.evaluation.scored import scored_ecgs
from ecg_ccta.figures import COLUMN, STYLE
from ecg_ccta.statistics.clustered_auc import AucInfluence, auc_interval, mean_auc
from ecg_ccta.statistics.estimates import PATIENTS, estimate_table, rows_of
from ecg_ccta.statistics.repeated_trainings import average_trainings, difference_of, symmetric_interval

RANDOM = "random weights"
STARTS = {"": FINE_TUNED, "probe_": PROBE, "random_": RANDOM}
COLOURS = {FINE_TUNED: "#0072B2", PROBE: "#E69F00", RANDOM: "#CC79A7"}
ONE_TRAINING = "one training: the interval is conditional on it"


@dataclass(frozen=True)
class Training:
    """One point's training: how it started, on how many patients, which of their subsets, and what it predicted."""

    start: str
    patients: int
    repeat: int
    predictions: pd.DataFrame


def read_trainings(points: Sequence[Mapping[str, Any]], paths: Sequence[str]) -> list[Training]:
    """Read what each training predicted; `points` are start ("", "probe_" or "random_"), patients and repeat."""
    return [
        Training(
            STARTS[point["start"]], int(point["patients"]), int(point["repeat"]), tables.read(tables.PREDICTIONS, path)
        )
        for point, path in zip(points, paths, strict=True)
    ]


def held_out(cohort: pd.DataFrame, splits: pd.DataFrame) -> pd.DataFrame:
    """Take the ECGs of the first fold's patients, who evaluate every training of the learning curve."""
    patients = splits.loc[splits["fold"] == 0, "patient_id"]
    return cohort[cohort["patient_id"].isin(patients)].reset_index(drop=True)


def findings_of(training: Training, cohort: pd.DataFrame, settings: Evaluation) -> Mapping[str, Findings]:
    """Lay a training's predictions beside what CCTA found; `cohort` is of `held_out`.

    Raises
    ------
    StudyError
        Where the predictions are not of these ECGs.
    """
    if len(training.predictions) != 4 * len(cohort):
        raise StudyError(
            f"predictions of {training.start} on {training.patients} patients are of {len(training.predictions) // 4} "
            f"ECGs, and {len(cohort)} are held out. Fix: run predict_held_out again"
        )
    return findings_by_vessel(scored_ecgs(cohort, training.predictions), settings, None)


def build_learning_curve(cohort: pd.DataFrame, trainings: Sequence[Training], settings: Evaluation) -> pd.DataFrame:
    """Estimate the AUC by start and patients, and by how much fine-tuning exceeds the others with as many patients.

    Parameters
    ----------
    cohort : `tables.COHORT` of the patients whom no training saw, of `held_out`
    trainings : each start with the same patients and repeats
    settings : level and least events

    Returns
    -------
    Strata start, training_patients, trainings and vessel ("macro": mean over the vessels with enough events), in the
    form of `estimate_table`: "AUC", and of every start but fine-tuning "AUC difference", fine-tuned minus it, paired
    over evaluated patients and trainings. A single training says in its note what its interval does not hold.
    """
    rows: list[dict[str, Any]] = []
    found = {(one.start, one.patients, one.repeat): findings_of(one, cohort, settings) for one in trainings}
    for start, patients in dict.fromkeys((one.start, one.patients) for one in trainings):
        repeats = sorted(one.repeat for one in trainings if (one.start, one.patients) == (start, patients))
        own = [found[start, patients, repeat] for repeat in repeats]
        aucs = aucs_by_vessel(own)
        stratum = {"start": start, "training_patients": patients, "trainings": len(repeats), "method": PATIENTS}
        stratum |= {"note": ONE_TRAINING if len(repeats) == 1 else ""}
        for vessel, note in insufficient(own[0]).items():
            rows.append({**stratum, "vessel": vessel, "measure": "AUC", **own[0][vessel].counts, "note": note})
        against = [found[FINE_TUNED, patients, repeat] for repeat in repeats] if start != FINE_TUNED else None
        others = aucs_by_vessel(against) if against else {}
        for vessel, each in aucs.items():
            common = stratum | {"vessel": vessel, **_counts(own[0], vessel), "level": settings.level}
            mean = average_trainings(each)
            lower, upper = auc_interval(mean, settings.level)
            rows.append({**common, "measure": "AUC", "estimate": mean.estimate, "lower": lower, "upper": upper})
            if others:
                gain = average_trainings([difference_of(a, b) for a, b in zip(others[vessel], each, strict=True)])
                lower, upper = symmetric_interval(gain, settings.level)
                rows.append(
                    {**common, "measure": "AUC difference", "estimate": gain.estimate, "lower": lower, "upper": upper}
                )
    return estimate_table(rows, ["start", "training_patients", "trainings", "vessel"])


def insufficient(found: Mapping[str, Findings]) -> dict[str, str]:
    """Say of the vessels without an estimate why."""
    return {vessel: findings.insufficient for vessel, findings in found.items() if findings.insufficient}


def aucs_by_vessel(
    found: Sequence[Mapping[str, Findings]], of: Callable[[Findings], AucInfluence] = lambda findings: findings.fixed
) -> dict[str, list[AucInfluence]]:
    """What each training reaches in each vessel with enough events, and, first, in the mean over these ("macro")."""
    vessels = [vessel for vessel, findings in found[0].items() if not findings.insufficient]
    each = {vessel: [of(one[vessel]) for one in found] for vessel in vessels}
    if not vessels:
        return {}
    return {"macro": [mean_auc([each[vessel][i] for vessel in vessels]) for i in range(len(found))], **each}


def _counts(found: Mapping[str, Findings], vessel: str) -> dict[str, Any]:
    if vessel != "macro":
        return found[vessel].counts
    rows = pd.concat([findings.rows for findings in found.values() if not findings.insufficient])
    return {"n": rows["ecg_id"].nunique(), "patients": rows["patient_id"].nunique()}


def learning_curve_figure(curve: pd.DataFrame) -> Figure:
    """Draw the mean AUC over vessels by patients trained on, a line for each start, from `build_learning_curve`."""
    aucs = rows_of(curve, "AUC").query("vessel == 'macro'").dropna(subset=["estimate"])
    with mpl.rc_context(STYLE):
        figure, axis = curve_axes(aucs, "Mean AUC over vessels")
        if len(aucs):
            axis.legend(fontsize=6)
    return figure


def curve_axes(rows: pd.DataFrame, label: str) -> tuple[Figure, Axes]:
    """Draw estimates with intervals by training_patients, a line for each start; no row: an axis that says so."""
    figure = Figure(figsize=(COLUMN, 2.7))
    axis = figure.subplots()
    starts = [start for start in COLOURS if (rows["start"] == start).any()]
    for place, start in enumerate(starts):
        of = rows[rows["start"] == start].sort_values("training_patients")
        # Lines of one number of patients lie side by side.
        x = of["training_patients"].to_numpy(dtype=float) * 1.03 ** (place - (len(starts) - 1) / 2)
        bars = np.abs(of[["lower", "upper"]].to_numpy(dtype=float).T - of["estimate"].to_numpy(dtype=float))
        style: dict[str, Any] = {"marker": "os^"[place], "markersize": 3.5, "elinewidth": 0.8}
        axis.errorbar(x, of["estimate"], bars, color=COLOURS[start], label=start, **style)
    if not starts:
        axis.text(0.5, 0.5, "no vessel with enough events", ha="center", transform=axis.transAxes)
    axis.set_xscale("log")
    sizes = sorted(set(rows["training_patients"]))
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=40, ha="right")
    axis.minorticks_off()
    axis.set_xlabel("Patients trained on")
    axis.set_ylabel(label)
    return figure, axis
