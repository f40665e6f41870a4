"""Drawing patients: draws, pairs of them, and intervals."""

import numpy as np
import pytest

from ecg_ccta.statistics.bootstrap import Bootstrap, patient_codes, percentile_interval, resample_patients
from ecg_ccta.statistics.estimates import CLUSTERED


def test_a_draw_has_as_many_patients_as_there_are_and_equal_bootstraps_are_paired():
    drawn = np.concatenate(list(Bootstrap(50, 200, 0.95, 7).draws()))
    assert drawn.shape == (200, 50)
    assert (drawn.sum(axis=1) == 50).all()
    assert np.array_equal(drawn, np.concatenate(list(resample_patients(50, 200, 7))))
    assert not np.array_equal(drawn, np.concatenate(list(resample_patients(50, 200, 8))))
    # A patient is drawn once on average, with the variance of a binomial proportion of 1/50.
    assert drawn.mean(axis=0) == pytest.approx(np.ones(50), abs=0.35)
    assert drawn.var() == pytest.approx(1 - 1 / 50, abs=0.1)


def test_an_estimate_has_the_percentiles_of_the_draws_that_exist():
    values = np.append(np.arange(1, 101, dtype=float), np.nan)
    row = Bootstrap(50, 101, 0.9, 7).estimate("AUC", 50.0, values, "note")
    assert (row["lower"], row["upper"]) == pytest.approx(np.quantile(np.arange(1, 101), [0.05, 0.95]))
    assert (row["method"], row["level"], row["note"]) == (CLUSTERED, 0.9, "note")
    with pytest.raises(ValueError, match="no bootstrap replicate"):
        percentile_interval(np.full(3, np.nan), 0.9)


def test_patients_are_coded_in_the_order_of_their_appearance():
    codes, patients = patient_codes(["b", "a", "b", "c"])
    assert codes.tolist() == [0, 1, 0, 2]
    assert patients == 3
    with pytest.raises(ValueError, match="every ECG needs a patient"):
        patient_codes(["a", None])
