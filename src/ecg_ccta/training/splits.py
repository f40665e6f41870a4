"""Outer folds and inner validation, with a patient in one place only."""

import hashlib
import warnings
from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import VESSELS


def label_pattern(cohort: pd.DataFrame) -> np.ndarray:
    """The four findings of each ECG as one label (ECGs,): `1`, `0` or `-` for a missing one."""
    columns = [cohort[f"target_{vessel}"].astype("string").fillna("-") for vessel in VESSELS]
    return columns[0].str.cat(columns[1:]).to_numpy(dtype=str)


def split_patients(cohort: pd.DataFrame, folds: int, seed: int) -> pd.DataFrame:
    """Patients over `folds` folds, stratified by the four-vessel pattern; half of each fold is marked `inner`.

    Fold k is predicted by model k. Model k stops early and is calibrated on the inner patients of fold k + 1 (cyclic),
    and learns from every other patient outside fold k: so scoring, choosing and learning never share a patient, and
    most of the models are trained on every patient.

    Returns
    -------
    tables.SPLITS, one row per patient, ordered by patient_id.
    """
    if cohort["patient_id"].nunique() < 2 * folds:
        raise StudyError(
            f"{cohort['patient_id'].nunique()} patients cannot be split over {folds} folds; lower training.folds"
        )
    groups = cohort["patient_id"].to_numpy()
    pattern = label_pattern(cohort)
    fold = _grouped_folds(pattern, groups, folds, seed)
    inner = np.zeros(len(cohort), dtype=bool)
    for k in range(folds):
        rows = np.flatnonzero(fold == k)
        inner[rows] = _grouped_folds(pattern[rows], groups[rows], 2, seed + 1 + k) == 0
    table = pd.DataFrame({"patient_id": groups, "fold": fold, "inner": inner})
    return table.drop_duplicates("patient_id").sort_values("patient_id", ignore_index=True)


def roles(cohort: pd.DataFrame, splits: pd.DataFrame, fold: int) -> pd.Series:
    """`train`, `inner` (inner validation) or `test` for each ECG of the cohort, as model `fold` sees it."""
    folds = int(splits["fold"].max()) + 1
    by_patient = splits.set_index("patient_id")
    if not set(cohort["patient_id"]) <= set(by_patient.index):
        raise StudyError("the split table lacks patients of the cohort: run split_patients again")
    of_ecg = by_patient.loc[cohort["patient_id"]]
    is_test = of_ecg["fold"].to_numpy() == fold
    is_inner = (of_ecg["fold"].to_numpy() == (fold + 1) % folds) & of_ecg["inner"].to_numpy()
    return pd.Series(np.select([is_test, is_inner], ["test", "inner"], "train"), index=cohort.index)


def draw_subset(splits: pd.DataFrame, patients: int, repeat: int, seed: int) -> pd.DataFrame:
    """Draw so many of the patients outside fold 0; subsets of one size and another `repeat` have no patient in common.

    One order of the patients serves every size, so that a larger subset holds the smaller one of the same repeat 0.

    Parameters
    ----------
    splits : tables.SPLITS
    patients : how many
    repeat : from 0

    Returns
    -------
    tables.SPLITS of the subset, ordered by patient_id.

    Raises
    ------
    StudyError
        Where there are not so many patients.
    """
    others = splits[splits["fold"] != 0].sort_values("patient_id", ignore_index=True)
    if len(others) < (repeat + 1) * patients:
        raise StudyError(
            f"learning_curve.patients: {repeat + 1} x {patients} patients are asked for, and {len(others)} are outside "
            "the first fold. Fix: lower the number, or its trainings"
        )
    order = np.random.default_rng([seed, 0x5B5E7]).permutation(len(others))
    drawn = others.iloc[order[repeat * patients : (repeat + 1) * patients]]
    return drawn.sort_values("patient_id", ignore_index=True)


def patients_fingerprint(patient_ids: Iterable[str]) -> str:
    """SHA-256 of the distinct pseudonyms, sorted, one per line: the same for the same patients alone."""
    return hashlib.sha256("".join(f"{patient}\n" for patient in sorted(set(patient_ids))).encode()).hexdigest()


def _grouped_folds(pattern: np.ndarray, groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    fold = np.empty(len(pattern), dtype=int)
    # Rare label patterns have fewer ECGs than folds; scikit-learn warns, and spreading them as evenly as possible is
    # just what is wanted.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        try:
            for k, (_, rows) in enumerate(splitter.split(pattern, pattern, groups)):
                fold[rows] = k
        except ValueError:
            raise StudyError(
                f"{len(np.unique(groups))} patients cannot be split over {folds} parts with findings of each kind. "
                "Fix: lower training.folds, or include more patients"
            ) from None
    return fold
