"""Proportions and calibration of groups, and their differences, against statsmodels and published intervals."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from ecg_ccta.statistics.calibration import calibration_line
from ecg_ccta.statistics.clustered_groups import (
    NEWCOMBE_CLUSTERED,
    Value,
    calibration_values,
    clustered_proportion,
    difference_of,
)
from ecg_ccta.statistics.proportions import wilson


def ecgs(seed: int, patients: int = 200, repeats: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, log-odds and patient of ECGs; a patient's share the outcome."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(patients), rng.integers(1, repeats + 1, patients))
    true = rng.normal(-1, 1, patients)
    y = (rng.random(patients) < 1 / (1 + np.exp(-true))).astype(int)[codes]
    return y, true[codes] + rng.normal(0, 0.5, codes.size), codes


def test_single_ecgs_have_wilsons_interval():
    """The variance is about m/(m - 1) of the binomial one, and n and m are the same."""
    counted = np.arange(400) < 64
    found = clustered_proportion(counted, np.ones(400, dtype=bool), np.arange(400), 400)
    lower, upper = wilson(64, 400)
    assert found.estimate == 0.16
    assert (found.lower, found.upper) == (pytest.approx(lower, abs=2e-4), pytest.approx(upper, abs=2e-4))


@pytest.mark.parametrize(
    ("first", "second", "lower", "upper"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_differences_of_single_ecgs_are_newcombes(first, second, lower, upper):
    """Table II of Newcombe, Stat Med 17:873, 1998, method 10; the effective size is off by one ECG at most."""
    values = [
        clustered_proportion(np.arange(n) < count, np.ones(n, dtype=bool), np.arange(n) + offset, 200)
        for (count, n), offset in ((first, 0), (second, 100))
    ]
    found = difference_of(*values)
    assert found.method == NEWCOMBE_CLUSTERED
    tolerance = 0.03 if min(first[1], second[1]) <= 10 else 0.003
    assert (found.lower, found.upper) == (pytest.approx(lower, abs=tolerance), pytest.approx(upper, abs=tolerance))


def test_a_proportions_variance_is_statsmodels_clustered_one():
    y, logit, codes = ecgs(1)
    counted, among = logit > -1, y == 1
    found = clustered_proportion(counted, among, codes, 200)
    rows = pd.DataFrame({"counted": counted[among].astype(float), "patient": codes[among]})
    fit = smf.ols("counted ~ 1", rows).fit(cov_type="cluster", cov_kwds={"groups": rows["patient"]})
    assert found.estimate == pytest.approx(fit.params.iloc[0])
    assert (found.influence @ found.influence) ** 0.5 == pytest.approx(fit.bse.iloc[0], rel=1e-6)


def test_copies_of_ecgs_change_no_interval():
    """Three copies of each ECG of a patient tell no more than one."""
    y, logit, codes = ecgs(2, repeats=1)
    once = clustered_proportion(logit > -1, y == 0, codes, 200)
    copied = (np.repeat(of, 3) for of in (logit > -1, y == 0, codes))
    thrice = clustered_proportion(*copied, 200)
    assert (thrice.lower, thrice.upper) == (pytest.approx(once.lower, abs=1e-3), pytest.approx(once.upper, abs=1e-3))


def test_calibration_is_that_of_the_validation():
    y, logit, codes = ecgs(3)
    found, line = calibration_values(y, logit, codes, 200), calibration_line(y, logit, codes)
    for name in ("intercept", "slope"):
        value = found[name]
        assert isinstance(value, Value)
        assert value.estimate == pytest.approx(line[name])
        error = (line[f"{name}_upper"] - line[f"{name}_lower"]) / 2 / 1.959964
        assert (value.influence @ value.influence) ** 0.5 == pytest.approx(error, rel=1e-4)
        # Student's t is wider than the normal quantile.
        assert value.upper - value.lower > line[f"{name}_upper"] - line[f"{name}_lower"]


def test_no_slope_where_classes_are_separated():
    y, _, codes = ecgs(4)
    found = calibration_values(y, np.where(y == 1, 1.0, -1.0), codes, 200)
    assert found["slope"] == "no slope: the predictions separate the classes perfectly"
    assert isinstance(found["intercept"], Value)


def test_a_slopes_difference_is_statsmodels_interaction():
    y, logit, codes = ecgs(5, patients=600)
    group = codes % 2
    sides = [calibration_values(y[group == g], logit[group == g], codes[group == g], 600)["slope"] for g in (1, 0)]
    found = difference_of(*sides)
    rows = pd.DataFrame({"y": y, "logit": logit, "group": group, "patient": codes})
    fit = smf.logit("y ~ logit * group", rows).fit(disp=0, cov_type="cluster", cov_kwds={"groups": codes})
    assert found.estimate == pytest.approx(fit.params["logit:group"], rel=1e-5)
    half = (found.upper - found.lower) / 2
    assert half == pytest.approx(1.97 * fit.bse["logit:group"], rel=0.02)


def test_patients_in_both_groups_narrow_the_difference():
    """The same patients' ECGs, alike in both groups: much of the chance is common."""
    y, logit, codes = ecgs(6, repeats=1)
    one = clustered_proportion(logit > -1, y == 0, codes, 400)
    apart = clustered_proportion(logit > -1, y == 0, codes + 200, 400)
    both, separate = difference_of(one, one), difference_of(one, apart)
    assert both.estimate == separate.estimate == 0
    assert both.upper - both.lower < 0.05 * (separate.upper - separate.lower)
    slopes = calibration_values(y, logit, codes, 400)["slope"]
    again = calibration_values(y, logit, codes + 200, 400)["slope"]
    assert difference_of(slopes, slopes).upper == pytest.approx(0)
    assert difference_of(slopes, again).upper > 0.1


def test_a_proportion_without_variance_counts_patients():
    """All events are found; and half of each patient's ECGs, the same in all."""
    codes = np.repeat(np.arange(20), 2)
    for counted, expected in ((np.ones(40, dtype=bool), 20), (np.tile([True, False], 20), 10)):
        found = clustered_proportion(counted, np.ones(40, dtype=bool), codes, 20)
        lower, upper = wilson(expected, 20)
        assert (found.lower, found.upper) == (pytest.approx(lower), pytest.approx(upper))


def test_one_patient_is_too_few():
    with pytest.raises(ValueError, match="fewer than two patients"):
        clustered_proportion(np.ones(3, dtype=bool), np.ones(3, dtype=bool), np.zeros(3, dtype=int), 5)
