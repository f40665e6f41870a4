"""A small cohort with signals in memory."""

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.training.pretraining import MemoryStore
from ecg_ccta.vessels import GRADES, VESSELS


def _make_cohort(patients: int, ecgs: int, seed: int = 0, missing: float = 0.1) -> pd.DataFrame:
    """ECGs of patients, at least one each; findings belong to the patient and some are missing."""
    rng = np.random.default_rng(seed)
    patient = np.concatenate([np.arange(patients), rng.integers(0, patients, ecgs - patients)])
    findings = (rng.random((patients, 4)) < [0.2, 0.05, 0.3, 0.2]).astype(float)
    findings[rng.random((patients, 4)) < missing] = np.nan
    table = pd.DataFrame(
        {
            "ecg_id": [f"{i:020x}" for i in range(ecgs)],
            "patient_id": [f"{p:020x}" for p in patient],
            "signal_sha256": [f"{i:064x}" for i in range(ecgs)],
        }
    )
    for column, vessel in enumerate(VESSELS):
        table[f"target_{vessel}"] = pd.array(findings[patient, column], dtype="Float64").astype("Int8")
        level = np.where(findings == 1, rng.integers(3, 5, findings.shape), rng.integers(0, 3, findings.shape))
        words = np.where(np.isnan(findings), None, np.array(GRADES, dtype=object)[level])
        table[f"grade_{vessel}"] = pd.Categorical(words[patient, column], GRADES, ordered=True)
    return table


@pytest.fixture(scope="session")
def make_cohort():
    """Function (patients, ecgs, seed) -> cohort."""
    return _make_cohort


@pytest.fixture
def cohort() -> pd.DataFrame:
    return _make_cohort(200, 260)


@pytest.fixture
def store(cohort) -> MemoryStore:
    rng = np.random.default_rng(1)
    return MemoryStore(rng.normal(0, 200, (len(cohort), 12, 5000)).astype(np.int16))
