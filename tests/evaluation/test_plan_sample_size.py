"""Sample sizes of external validation against pmvalsampsize (R) and sampsizeval (R)."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ecg_ccta.config import Evaluation
from ecg_ccta.evaluation.plan_sample_size import (
    auc_patients,
    auc_variance,
    observed_expected_error,
    observed_expected_patients,
    plan_sample_size,
    slope_information,
    slope_patients,
)
from ecg_ccta.evaluation.scored import scored_ecgs, with_finding


def normal(mean: float, deviation: float) -> np.ndarray:
    """Quantiles of a normal linear predictor, in place of pmvalsampsize's million random draws."""
    return stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000, mean, deviation)


def test_pmvalsampsizes_own_test():
    """tests/testthat/test_bin.R of pmvalsampsize 0.1.0, test 4.1: prevalence 0.018, C 0.8, O/E width 1: 905, C 4252.

    pmvalsampsize looks for the standard error of O/E in steps of 0.0001 and stops beyond it; solved, it is one more.
    """
    assert auc_patients(0.8, 0.018, 0.1) == 4252
    assert observed_expected_patients(0.018, 1.0) == pytest.approx(905, abs=1)
    # 4501 there from 1,000 random draws of the linear predictor, whose information varies by some per cent.
    assert slope_patients(slope_information(normal(-5, 2.5)), 0.2) == pytest.approx(4501, rel=0.05)


def test_pmvalsampsize_with_a_million_draws():
    """pmvalsampsize 0.1.0 with prevalence 0.2, C 0.78 and lpnormal = c(-1.75, 1.22): slope 2958, O/E 1538, C 511.

    Output as documented by its users; O/E differs by the step of its search, the slope by its random draws.
    """
    assert auc_patients(0.78, 0.2, 0.1) == 511
    assert observed_expected_patients(0.2, 0.2) == pytest.approx(1538, abs=5)
    assert slope_patients(slope_information(normal(-1.75, 1.22)), 0.2) == pytest.approx(2958, abs=3)


def test_pmvalsampsize_of_python():
    """pmvalsampsize 0.2.1 (PyPI): pmvalsampsize(type="b", prevalence=0.1, cstatistic=0.75, lpnormal=(-2.5, 1.0)).

    C 1008, O/E 3461, slope 5604. Its search for the standard error of O/E stops a step of 0.0001 beyond it, which is
    0.2 % of the patients; its slope is of random draws.
    """
    assert auc_patients(0.75, 0.1, 0.1) == 1008
    assert observed_expected_patients(0.1, 0.2) == pytest.approx(3461, rel=0.003)
    assert slope_patients(slope_information(normal(-2.5, 1.0)), 0.2) == pytest.approx(5604, rel=0.003)


def test_sampsizevals_own_test_of_the_slope():
    """tests/testthat/test-sampsizeval.R of sampsizeval: p 0.057, C 0.77, standard error 0.15: slope 934.

    Its normal linear predictor by equations (7) and (8) of Pavlou et al., Stat Methods Med Res 30:2187, 2021.
    """
    p, common = 0.057, 2 * stats.norm.ppf(0.77) ** 2
    mean = 0.5 * (2 * p - 1) * common + np.log(p / (1 - p))
    deviation = np.sqrt(common * (1 + p * (1 - p) * common))
    width = 2 * stats.norm.ppf(0.975) * 0.15
    assert slope_patients(slope_information(normal(mean, deviation)), width) == pytest.approx(934, abs=2)


def test_the_variance_lies_beside_hanley_and_mcneils():
    """Their formula (Radiology 143:29, 1982) has the two classes' sizes where this has half the sample."""
    auc, events, others = 0.8, 300, 300
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    expected = auc * (1 - auc) + (events - 1) * (q1 - auc**2) + (others - 1) * (q2 - auc**2)
    assert auc_variance(auc, 600, 0.5) == pytest.approx(expected / (events * others), rel=1e-12)


@pytest.mark.parametrize(("auc", "prevalence"), [(0.55, 0.02), (0.7, 0.2), (0.95, 0.5)])
def test_the_least_n_reaches_the_width_and_one_less_does_not(auc, prevalence):
    n = auc_patients(auc, prevalence, 0.1)
    for patients, reached in ((n, True), (n - 1, False)):
        assert (2 * 1.959964 * auc_variance(auc, patients, prevalence) ** 0.5 <= 0.1) == reached
    n = observed_expected_patients(prevalence, 0.3)
    for patients, reached in ((n, True), (n - 1, False)):
        half = 1.959964 * observed_expected_error(patients, prevalence)
        assert (np.exp(half) - np.exp(-half) <= 0.3) == reached


def test_the_slopes_error_is_that_of_a_logistic_regression():
    import statsmodels.api as sm

    rng = np.random.default_rng(5)
    logit = rng.normal(-1.5, 1, 40_000)
    y = rng.random(logit.size) < 1 / (1 + np.exp(-logit))
    fit = sm.GLM(y.astype(int), sm.add_constant(logit), family=sm.families.Binomial()).fit()
    assert (logit.size * slope_information(logit)) ** -0.5 == pytest.approx(fit.bse[1], rel=0.02)


def test_the_plan_of_a_cohort(cohort_and_predictions):
    scored = scored_ecgs(*cohort_and_predictions)
    table = plan_sample_size(scored, Evaluation())
    assert table["measure"].tolist() == ["AUC", "observed/expected", "calibration slope"] * 4
    found = table[table["vessel"] == "LAD"].set_index("measure")
    rows = with_finding(scored, "LAD")
    patients = rows["patient_id"].nunique()
    events = rows.groupby("patient_id")["y_true"].max().sum()
    auc = found.loc["AUC"]
    assert (auc["n"], auc["patients"]) == (len(rows), patients)
    assert auc["width"] == pytest.approx(
        2 * 1.959964 * auc_variance(auc["estimate"], patients, events / patients) ** 0.5
    )
    assert auc["width"] == pytest.approx(auc["upper"] - auc["lower"])
    assert auc["patients_needed"] == auc_patients(auc["estimate"], events / patients, 0.1)
    assert auc["events_needed"] == np.ceil(auc["patients_needed"] * events / patients)
    assert found.loc["calibration slope", "target_width"] == 0.2
    assert (found.loc["calibration slope", "patients_needed"] > patients) == (
        found.loc["calibration slope", "width"] > 0.2
    )
    few = table[table["vessel"] == "LM"]
    assert few["note"].str.startswith("too few events").all()
    assert few[["estimate", "width", "patients_needed"]].isna().all(axis=None)


def test_ecgs_of_one_patient_are_one_patient(cohort_and_predictions):
    scored = scored_ecgs(*cohort_and_predictions)
    twice = pd.concat([scored, scored], ignore_index=True)
    columns = ["vessel", "measure", "estimate", "lower", "upper", "patients_needed"]
    pd.testing.assert_frame_equal(
        plan_sample_size(scored, Evaluation())[columns], plan_sample_size(twice, Evaluation())[columns]
    )


def test_a_site_without_findings(unjudged):
    table = plan_sample_size(scored_ecgs(*unjudged), Evaluation())
    assert (table["note"] == "no findings").all()
