"""How often intervals over re-developments of the model hold the true risk, where it is known.

Such an interval says how far a prediction would have moved with other patients of the same kind. It knows nothing of
what all re-developments have in common: what the network does not read in the ECG, and what penalties and early stops
hold back. Its coverage of the true risk is therefore no promise, but a question, answered here where the risk is
planted: the probability of a severe stenosis given everything the ECG shows.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ecg_ccta.config import Evaluation, EventFrom
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.build_ladder import PROBE
from ecg_ccta.evaluation.evaluate_thresholds import proportion_rows
from ecg_ccta.figures import COLUMN, GREY, STYLE, VESSEL_COLOURS
from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes
from ecg_ccta.statistics.estimates import CLUSTERED, WILSON, estimate_table, rows_of
from ecg_ccta.truth.compare_with_truth import oracle_by_ecg
from ecg_ccta.vessels import VESSELS

GROUPS = 5
"""Groups of ECGs of equal size by predicted probability."""
EVERY = "all"
HELD, ABOVE, BELOW = "coverage", "true risk above", "true risk below"
ERROR, MOVED = "RMS error", "RMS deviation over re-developments"

_SEVERE = EventFrom()


def compare_instability_with_truth(
    cohort: pd.DataFrame,
    ecgs: pd.DataFrame,
    truth: pd.DataFrame,
    key: bytes,
    settings: Evaluation,
    seed: int,
    event_from: EventFrom = _SEVERE,
) -> pd.DataFrame:
    """Count the intervals that hold the true risk, and set what moves a prediction against its whole error.

    Parameters
    ----------
    cohort : `tables.COHORT`
    ecgs : `tables.INSTABILITY` of its ECGs
    truth : a row per exported ECG: ecg_id (the export's own) and oracle_<vessel> (probability)
    key : the site's pseudonym key, which joins the two
    settings : level of the intervals of proportions, draws of patients
    seed : of the draws
    event_from : the grade from which a stenosis is an event, per vessel

    Returns
    -------
    Strata model, vessel and group (EVERY, or 1 to GROUPS by predicted probability, whose mean is `predicted`), in the
    form of `estimate_table`: HELD, ABOVE and BELOW (proportions of ECGs, by draws of patients and by Wilson), and of
    every ECG ERROR (root mean square distance of the original prediction from the true risk) and MOVED (that of
    re-developments from their mean). ECGs count whether or not CCTA judged the vessel: they have a risk all the same.

    Raises
    ------
    StudyError
        Where an ECG has no truth: the truth is of another export.
    """
    oracle = oracle_by_ecg(truth, key, event_from)
    absent = ~ecgs["ecg_id"].isin(oracle.index)
    if absent.any():
        raise StudyError(
            f"truth table: {ecgs.loc[absent, 'ecg_id'].nunique()} re-predicted ECGs have no planted truth; it is of "
            "another export or the pseudonym key has changed. Fix: simulate the site again"
        )
    codes, patients = patient_codes(cohort["patient_id"])
    code = pd.Series(codes, index=cohort["ecg_id"])
    counts = np.concatenate(list(Bootstrap(patients, settings.bootstrap_replicates, settings.level, seed).draws()))
    rows: list[dict[str, Any]] = []
    for (model, vessel), cells in ecgs.groupby(["model", "vessel"], sort=False):
        known = cells.assign(
            risk=oracle[vessel].loc[cells["ecg_id"]].to_numpy(), code=code.loc[cells["ecg_id"]].to_numpy()
        )
        group = np.empty(len(known), dtype=object)
        order = np.argsort(known["probability"].to_numpy(), kind="stable")
        for number, members in enumerate(np.array_split(order, GROUPS), 1):
            group[members] = str(number)
        for name in (EVERY, *(str(number) for number in range(1, GROUPS + 1))):
            members = known if name == EVERY else known[group == name]
            named = {"model": model, "vessel": vessel, "group": name}
            rows += [named | row for row in _of_group(members, counts, settings.level, name == EVERY)]
    return estimate_table(rows, ["model", "vessel", "group", "predicted"]).astype({"predicted": float})


def _of_group(ecgs: pd.DataFrame, counts: np.ndarray, level: float, is_whole: bool) -> list[dict[str, Any]]:
    """Measure a group of ECGs; `counts` (draws, patients) says how often each patient was drawn."""
    row = {
        "predicted": ecgs["probability"].mean(),
        "n": len(ecgs),
        "patients": ecgs["patient_id"].nunique(),
        "level": level,
    }
    rows: list[dict[str, Any]] = []
    if is_whole:
        error = ((ecgs["probability"] - ecgs["risk"]) ** 2).mean() ** 0.5
        moved = (ecgs["sd"] ** 2).mean() ** 0.5
        rows.append(row | {"measure": ERROR, "estimate": error})
        rows.append(
            row | {"measure": MOVED, "estimate": moved, "note": "one re-development" if np.isnan(moved) else ""}
        )
    masks = {
        HELD: ecgs["risk"].between(ecgs["lower"], ecgs["upper"]),
        ABOVE: ecgs["risk"] > ecgs["upper"],
        BELOW: ecgs["risk"] < ecgs["lower"],
    }
    if ecgs["lower"].isna().any():
        note = "too few re-developments for an interval"
        return rows + [row | {"measure": measure, "note": note} for measure in masks]
    of_patient = {name: np.bincount(ecgs["code"], mask, counts.shape[1]) for name, mask in masks.items()}
    drawn = counts @ np.bincount(ecgs["code"], minlength=counts.shape[1])
    for measure, mask in masks.items():
        replicates = counts @ of_patient[measure] / drawn
        rows += proportion_rows(row | {"measure": measure}, int(mask.sum()), len(ecgs), replicates, "no ECGs", level)
    return rows


def instability_truth_figure(coverage: pd.DataFrame, level: float) -> Figure:
    """Draw how often intervals of the linear probe hold the true risk, by predicted probability.

    Parameters
    ----------
    coverage : of `compare_instability_with_truth`
    level : of the intervals
    """
    shown = rows_of(coverage, HELD).dropna(subset=["estimate"])
    shown = shown[(shown["group"] != EVERY) & (shown["model"] == PROBE)]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN, 2.6))
        axes = figure.subplots()
        if shown.empty:
            axes.text(0.5, 0.5, "too few re-developments for an interval", ha="center", transform=axes.transAxes)
        for place, vessel in enumerate(VESSELS):
            cells = shown[shown["vessel"] == vessel]
            own, wilson = (cells[cells["method"] == method].set_index("group") for method in (CLUSTERED, WILSON))
            if own.empty:
                continue
            flat = own["lower"] == own["upper"]
            low, high = (own[end].mask(flat, wilson[end]) for end in ("lower", "upper"))
            at = own.index.astype(int) + 0.12 * (place - 1.5)
            colour = VESSEL_COLOURS[vessel]
            axes.vlines(at, 100 * low, 100 * high, color=colour)
            axes.plot(at, 100 * own["estimate"], marker="os^D"[place], color=colour, markersize=3.5, label=vessel,
                      linewidth=0.5)  # fmt: skip
        axes.axhline(100 * level, color=GREY, linewidth=0.6, linestyle=":")
        axes.set_ylim(0, 100)
        axes.set_xticks(range(1, GROUPS + 1))
        axes.set_xlabel(f"Fifth of the ECGs by prediction (dotted: {100 * level:g} %)")
        axes.set_ylabel("Intervals that hold the true risk (%)")
        if not shown.empty:
            axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    return figure
