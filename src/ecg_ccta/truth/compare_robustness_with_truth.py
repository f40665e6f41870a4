"""How much of the planted effect is still recovered from perturbed recordings."""

from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation, EventFrom
from ecg_ccta.errors import StudyError
from ecg_ccta.evaluation.analyse_robustness import KINDS, STRATA, findings_of_perturbed
from ecg_ccta.evaluation.findings import Findings
from ecg_ccta.signals.perturbations import WITHOUT
from ecg_ccta.statistics.auc import auc_and_pr_auc, auc_delong, auc_replicates
from ecg_ccta.statistics.estimates import estimate_table
from ecg_ccta.truth.compare_with_truth import oracle_by_ecg

RECOVERED, LOST = "recovered", "lost"
ALL_VESSELS = "all"

_SEVERE = EventFrom()


def compare_robustness_with_truth(
    perturbed: pd.DataFrame,
    cohort: pd.DataFrame,
    truth: pd.DataFrame,
    key: bytes,
    settings: Evaluation,
    seed: int,
    event_from: EventFrom = _SEVERE,
) -> pd.DataFrame:
    """Compute the proportion of the oracle's AUC above chance that perturbed ECGs still give.

    Parameters
    ----------
    perturbed : `tables.PERTURBED` of all parts of the sample
    cohort : `tables.COHORT`
    truth : a row per exported ECG: ecg_id (the export's own) and oracle_<vessel>
    key : the site's pseudonym key
    settings : level, replicates and least events
    seed : of the bootstrap of patients, whose draws all perturbations share
    event_from : the grade from which a stenosis is an event, per vessel

    Returns
    -------
    Strata kind, perturbation, vessel, in the form of `estimate_table`: RECOVERED, (AUC - 0.5) / (oracle's AUC - 0.5) as
    in `compare_with_truth`, and of all perturbations but WITHOUT also LOST, what was recovered without perturbation
    minus this. ALL_VESSELS is the ratio of the sums over the vessels whose oracle exceeds chance in this sample.

    Raises
    ------
    StudyError
        Where a sampled ECG has no truth.
    """
    oracle = oracle_by_ecg(truth, key, event_from)
    absent = ~perturbed["ecg_id"].isin(oracle.index)
    if absent.any():
        raise StudyError(
            f"truth table: {perturbed.loc[absent, 'ecg_id'].nunique()} perturbed ECGs have no planted truth; it is of "
            "another export or the pseudonym key has changed: simulate the site again"
        )
    found = findings_of_perturbed(perturbed, cohort, settings, seed)
    above: dict[str, tuple[float, np.ndarray]] = {}
    notes: dict[str, str] = {}
    for vessel, findings in found[WITHOUT].items():
        notes[vessel] = findings.insufficient
        if notes[vessel]:
            continue
        logit = oracle.loc[findings.rows["ecg_id"], vessel].to_numpy(dtype=float)
        best = auc_delong(findings.y, logit, settings.level)
        if best.lower <= 0.5:
            notes[vessel] = "the oracle itself does not exceed chance"
        else:
            drawn = auc_replicates(findings.y, logit, findings.codes, findings.bootstrap)
            above[vessel] = best.auc - 0.5, drawn - 0.5
    rows: list[dict[str, Any]] = []
    before: dict[str, tuple[float, np.ndarray]] = {}
    for name, of_vessel in found.items():
        strata = {"kind": KINDS.get(name, ""), "perturbation": name}
        fractions = {vessel: _above_chance(of_vessel[vessel]) for vessel in above}
        shown = {vessel: _ratio([fractions[vessel]], [above[vessel]]) for vessel in above}
        if above:
            shown[ALL_VESSELS] = _ratio(list(fractions.values()), list(above.values()))
        if name == WITHOUT:
            before = shown
        for vessel, findings in of_vessel.items():
            if notes[vessel]:
                row = {"vessel": vessel, "measure": RECOVERED, "note": notes[vessel]}
                rows.append(strata | findings.counts | row)
        for vessel, (estimate, drawn) in shown.items():
            bootstrap = found[WITHOUT][next(iter(above))].bootstrap
            counts = of_vessel[vessel].counts if vessel in of_vessel else {}
            note = f"of {', '.join(above)}" if vessel == ALL_VESSELS else ""
            at = strata | counts | {"vessel": vessel}
            rows.append(at | bootstrap.estimate(RECOVERED, estimate, drawn, note))
            if name != WITHOUT:
                first, of_first = before[vessel]
                rows.append(at | bootstrap.estimate(LOST, first - estimate, of_first - drawn, note))
    return estimate_table(rows, STRATA)


def _above_chance(findings: Findings) -> tuple[float, np.ndarray]:
    auc, _ = auc_and_pr_auc(findings.y, findings.logit)
    return auc - 0.5, findings.drawn_areas[0] - 0.5


def _ratio(model: list[tuple[float, np.ndarray]], oracle: list[tuple[float, np.ndarray]]) -> tuple[float, np.ndarray]:
    """Sum over vessels of the model's AUC above chance, relative to the oracle's; and of each draw."""
    estimates = sum(one for one, _ in model) / sum(one for one, _ in oracle)
    return estimates, np.sum([drawn for _, drawn in model], axis=0) / np.sum([drawn for _, drawn in oracle], axis=0)
