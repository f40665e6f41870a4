"""Small pilots are split, or told why they cannot be."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.training.splits import split_patients
from ecg_ccta.vessels import VESSELS


@pytest.mark.parametrize("patients", range(4, 47, 3))
@pytest.mark.parametrize("folds", [2, 3, 5])
def test_a_pilot_runs_or_names_the_fix(patients, folds):
    rng = np.random.default_rng(patients)
    cohort = pd.DataFrame({"patient_id": [f"{i:020x}" for i in range(patients)]})
    for vessel in VESSELS:
        cohort[f"target_{vessel}"] = pd.array(rng.choice([0, 1], patients, p=[0.8, 0.2]), dtype="Int8")
    refused = ""
    try:
        splits = split_patients(cohort, folds, seed=1)
    except StudyError as error:
        refused = str(error)
    if refused:
        assert "training.folds" in refused
        return
    assert splits["fold"].nunique() == folds
    assert (splits.groupby("fold")["inner"].sum() > 0).all()
