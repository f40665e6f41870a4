"""Learning curve at a simulated site, as proportion of what was planted, and the patients needed for most of it."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.config import Evaluation, EventFrom, LearningCurve
from ecg_ccta.evaluation.build_learning_curve import (
    ONE_TRAINING,
    Training,
    aucs_by_vessel,
    curve_axes,
    findings_of,
)
from ecg_ccta.figures import GREY, STYLE
from ecg_ccta.statistics.clustered_auc import AucInfluence
from ecg_ccta.statistics.estimates import PATIENTS, estimate_table, rows_of
from ecg_ccta.statistics.repeated_trainings import (
    average_trainings,
    patients_needed,
    proportion_of,
    symmetric_interval,
)
from ecg_ccta.truth.compare_with_truth import oracle_by_ecg

RECOVERED = "recovered proportion"

_SEVERE = EventFrom()


def compare_learning_curve_with_truth(
    cohort: pd.DataFrame,
    trainings: Sequence[Training],
    truth: pd.DataFrame,
    key: bytes,
    settings: Evaluation,
    curve: LearningCurve,
    seed: int,
    event_from: EventFrom = _SEVERE,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide each training's AUC above 0.5 by that of the true probabilities, on the same ECGs.

    Parameters
    ----------
    cohort : of the patients whom no training saw
    trainings : as for `build_learning_curve`
    truth, key : as for `compare_with_truth`
    curve : its target
    seed : of the curves that are drawn for the patients needed
    event_from : the grade from which a stenosis is an event, per vessel

    Returns
    -------
    Strata start, training_patients, trainings and vessel ("macro": of the means over vessels with enough events), in
    the form of `estimate_table`; and of each start the patients needed for the target: start, target, patients,
    lower, upper, note.
    """
    # Probabilities, not logits: an AUC is of ranks alone.
    oracle = oracle_by_ecg(truth, key, event_from)
    rows: list[dict[str, Any]] = []
    macro: dict[str, dict[int, AucInfluence]] = {}
    for start, patients in dict.fromkeys((one.start, one.patients) for one in trainings):
        own = [
            findings_of(one, cohort, settings) for one in trainings if (one.start, one.patients) == (start, patients)
        ]
        reached = aucs_by_vessel(own)
        ceiling = aucs_by_vessel(
            own[:1], lambda findings: findings.with_logit(findings.rows["ecg_id"].map(oracle[findings.vessel])).fixed
        )
        stratum = {"start": start, "training_patients": patients, "trainings": len(own), "method": PATIENTS}
        note = ONE_TRAINING if len(own) == 1 else ""
        for vessel, aucs in reached.items():
            common = {**stratum, "vessel": vessel, "measure": RECOVERED}
            if vessel != "macro":
                common |= own[0][vessel].counts
            if ceiling[vessel][0].estimate <= 0.5:
                rows.append({**common, "note": "the truth itself does not exceed chance"})
                continue
            mean = average_trainings([proportion_of(auc, ceiling[vessel][0]) for auc in aucs])
            lower, upper = symmetric_interval(mean, settings.level)
            rows.append(
                {
                    **common, "estimate": mean.estimate, "lower": lower, "upper": upper, "level": settings.level,
                    "note": note,
                }
            )  # fmt: skip
            if vessel == "macro":
                macro.setdefault(start, {})[patients] = mean
    table = estimate_table(rows, ["start", "training_patients", "trainings", "vessel"])
    needed = [_needed(start, of, curve.target, settings.level, seed) for start, of in macro.items()]
    columns = ["start", "target", "patients", "lower", "upper", "note"]
    return table, pd.DataFrame(needed, columns=columns)


def _needed(start: str, found: dict[int, AucInfluence], target: float, level: float, seed: int) -> dict[str, Any]:
    sizes = sorted(found)
    needed = patients_needed(sizes, [found[size] for size in sizes], target, level, seed)
    notes = []
    if needed.patients == np.inf:
        notes.append(f"not reached with {sizes[-1]:,} patients")
    elif needed.patients == 0:
        notes.append(f"reached with {sizes[0]:,} patients, the fewest")
    if needed.upper == np.inf:
        notes.append(f"upper limit beyond {sizes[-1]:,}")
    if needed.lower == np.inf:
        notes.append(f"lower limit beyond {sizes[-1]:,}")
    if needed.lower == 0 < needed.patients:
        notes.append(f"lower limit below {sizes[0]:,}")
    values = {name: np.ceil(value) if 0 < value < np.inf else np.nan for name, value in needed._asdict().items()}
    return {"start": start, "target": target, **values, "note": "; ".join(notes)}


def recovered_curve_figure(recovered: pd.DataFrame, target: float) -> Figure:
    """Draw the recovered proportion by patients trained on, a line for each start; dotted: the target."""
    rows = rows_of(recovered, RECOVERED).query("vessel == 'macro'").dropna(subset=["estimate"])
    with mpl.rc_context(STYLE):
        figure, axis = curve_axes(rows, "Proportion of the planted effect recovered")
        axis.axhline(target, color=GREY, linewidth=0.8, linestyle=":", label=f"target {target:.0%}")
        axis.yaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
        axis.legend(fontsize=6)
    return figure
