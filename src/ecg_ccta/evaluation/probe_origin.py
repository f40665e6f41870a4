"""Can the network's features tell where or with what an ECG was recorded?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.findings import auc_row
from ecg_ccta.statistics.bootstrap import patient_codes
from ecg_ccta.statistics.clustered_auc import TooFewPatients, stratified_auc
from ecg_ccta.statistics.cross_validated_auc import variance_factor
from ecg_ccta.statistics.estimates import CROSS_VALIDATED, estimate_table
from ecg_ccta.statistics.linear_probe import cross_fitted_probe, patient_folds, probe_of_fold_networks
from ecg_ccta.tables import ENSEMBLE
from ecg_ccta.vessels import VESSELS

FEATURES, DEMOGRAPHY = "network's features", "age and sex"
ALL_PAIRS, SAME_FINDINGS = "all", "same findings"
PROBE_FOLDS = 5
"""Parts of the patients over whom a probe is cross-fitted where the study has no folds."""
MOST_ORIGINS = 8
"""Origins that are told from all others; there are fewer ECGs of the rest."""


def probe_origin(
    cohort: pd.DataFrame,
    fold: np.ndarray,
    features: Sequence[np.ndarray],
    column: str,
    settings: Evaluation,
    seed: int,
) -> pd.DataFrame:
    """Compute the AUC by which a linear probe tells each origin from the others, on patients new to it and the network.

    Parameters
    ----------
    cohort : `tables.COHORT`
    fold : (n,) the fold of each ECG of the cohort, or ENSEMBLE at a site that took no part in training
    features : (n, d) of each fold's network, from `prediction.features.features_of`
    column : of the cohort, that names the origin; ECGs without it take no part
    settings : level and minimum_events, here the least patients of an origin
    seed : of the probe's folds where the study has none

    Returns
    -------
    Strata column, origin, predictor, pairs, in the form of `estimate_table`, measure "AUC"; patients are those of the
    site, `events` the ECGs of the origin. Predictors: FEATURES, and DEMOGRAPHY by the same probe, since patients of two
    origins may differ. Pairs: ALL_PAIRS of two ECGs of one fold, or SAME_FINDINGS, of these the pairs whose patients
    both have a severe stenosis of any vessel or both none: what features tell of the origin beyond the findings. With
    two origins only the rarer one is told from the other. One row with a note where there is nothing to tell.
    """
    known = cohort[column].notna().to_numpy() if column in cohort else np.zeros(len(cohort), dtype=bool)
    origin = cohort.loc[known, column].astype(str).to_numpy() if known.any() else np.array([], dtype=str)
    codes, patients = patient_codes(cohort.loc[known, "patient_id"])
    per_origin = pd.Series(codes).groupby(origin).nunique().sort_values(ascending=False, kind="stable")
    enough = list(per_origin.index[per_origin >= max(2 * PROBE_FOLDS, settings.minimum_events)])[:MOST_ORIGINS]
    if len(per_origin) < 2 or not enough:
        note = f"no {column} in the export" if not known.any() else f"only one {column}"
        if len(per_origin) >= 2:
            note = f"too few patients of each {column}"
        return _table([{"column": column, "measure": "AUC", "note": note}])
    told = [per_origin.index[1]] if len(per_origin) == 2 else enough
    fold = np.asarray(fold)[known]
    is_new = bool((fold == ENSEMBLE).all())
    targets = cohort.loc[known, [f"target_{vessel}" for vessel in VESSELS]].astype(float)
    finding = (targets.max(axis=1) == 1).to_numpy(dtype=int)
    own = [values[known] for values in features]
    age_and_sex = cohort.loc[known, ["age"]].astype(float)
    age_and_sex["male"] = (cohort.loc[known, "sex"] == "male").where(cohort.loc[known, "sex"].notna()).astype(float)
    rows: list[dict[str, Any]] = []
    for name in told:
        label = origin == name
        parts = patient_folds(label, codes, PROBE_FOLDS, seed) if is_new else fold
        strata = {"column": column, "origin": name}
        counts = {"n": len(label), "events": int(label.sum()), "patients": patients}
        try:
            scores = {
                FEATURES: cross_fitted_probe(own, label, parts)
                if is_new
                else probe_of_fold_networks(own, label, parts),
                DEMOGRAPHY: cross_fitted_probe([age_and_sex.to_numpy(dtype=float)], label, parts),
            }
        except ValueError as error:
            rows.append(strata | counts | {"measure": "AUC", "note": str(error)})
            continue
        for predictor, score in scores.items():
            for pairs, stratum in ((ALL_PAIRS, parts), (SAME_FINDINGS, 2 * parts + finding)):
                at = strata | counts | {"predictor": predictor, "pairs": pairs}
                rows.append(at | _row(label, score, stratum, parts, codes, patients, settings.level))
    return _table(rows)


def _row(
    label: np.ndarray,
    score: np.ndarray,
    stratum: np.ndarray,
    parts: np.ndarray,
    codes: np.ndarray,
    patients: int,
    level: float,
) -> dict[str, Any]:
    try:
        found = stratified_auc(label.astype(int), score, stratum, codes, patients)
    except TooFewPatients as error:
        return {"measure": "AUC", "method": CROSS_VALIDATED, "note": str(error)}
    spread = variance_factor(np.unique(parts).size) ** 0.5
    return auc_row(found._replace(influence=found.influence * spread), CROSS_VALIDATED, level)


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    strata = ["column", "origin", "predictor", "pairs"]
    return estimate_table(rows, strata).fillna(dict.fromkeys(strata, ""))
