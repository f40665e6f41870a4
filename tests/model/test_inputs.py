"""The network's input equals the reference's z-score, and another preprocessing is refused."""

import numpy as np
import pytest
import torch

from ecg_ccta.errors import StudyError
from ecg_ccta.model.inputs import PREPROCESSING, require_preprocessing, standardise
from ecg_ccta.signals.cleaning import zscore_global


def test_standardise_is_the_global_z_score():
    ecgs = np.random.default_rng(0).normal(30, 250, (3, 12, 5000)).astype(np.int16)
    found = standardise(torch.from_numpy(ecgs)).numpy()
    for ecg, scored in zip(ecgs, found, strict=True):
        np.testing.assert_allclose(scored, zscore_global(ecg / 1000), atol=2e-5)


def test_another_preprocessing_is_refused():
    require_preprocessing(dict(PREPROCESSING), "model.json")
    with pytest.raises(StudyError, match=r"model.json: .*sampling_rate: 250 instead of 500"):
        require_preprocessing({**PREPROCESSING, "sampling_rate": 250}, "model.json")
    with pytest.raises(StudyError, match="no preprocessing contract"):
        require_preprocessing(None, "model.json")
