"""A small cohort with signals in memory."""

import numpy as np
import pandas as pd
import pytest
import torch

from ecg_ccta.config import Architecture
from ecg_ccta.model.checkpoints import build_network, save_checkpoint
from ecg_ccta.model.contracts import write_contract
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


@pytest.fixture(scope="session")
def tiny() -> Architecture:
    return Architecture(
        base_filters=8, ratio=1, filter_list=[8, 16], m_blocks_list=[1, 1], kernel_size=8, stride=4, groups_width=8
    )


@pytest.fixture
def foundation(tmp_path, tiny):
    """A checkpoint of random weights with its contract."""
    torch.manual_seed(0)
    folder = tmp_path / "foundation"
    save_checkpoint(build_network(tiny, 7), folder / "checkpoint.pth")
    write_contract(folder / "checkpoint.pth", tiny, {})
    return folder / "checkpoint.pth"
