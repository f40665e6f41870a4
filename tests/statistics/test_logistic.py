"""The logistic regression and its likelihood-ratio test against R and scikit-learn."""

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from ecg_ccta.statistics.logistic import (
    fit_logistic,
    likelihood_ratio,
    likelihood_ratio_out_of_fold,
    out_of_fold_logit,
    predict_logit,
)


@pytest.fixture(scope="module")
def spector():
    """Spector and Mazzeo's data (J Econ Educ 1980;11:37-44): 32 students, GPA, TUCE, PSI, and whether grades rose."""
    data = sm.datasets.spector.load_pandas().data
    return data[["GPA", "TUCE", "PSI"]].to_numpy(), data["GRADE"].to_numpy()


def test_coefficients_as_in_r(spector):
    """glm(GRADE ~ GPA + TUCE + PSI, binomial) in R 4.2.2; the same as in Greene, Econometric Analysis, table 17.1."""
    fit = fit_logistic(*spector)
    assert fit.params == pytest.approx([-13.021346856, 2.826112595, 0.095157661, 2.378687655], rel=1e-6)


def test_likelihood_ratio_as_in_r(spector):
    """anova(glm(GRADE ~ GPA + TUCE), glm(GRADE ~ GPA + TUCE + PSI), test = "LRT") in R 4.2.2."""
    design, y_true = spector
    found = likelihood_ratio(design[:, :2], design, y_true)
    assert found.statistic == pytest.approx(6.20369762153, rel=1e-7)
    assert found.degrees == 1
    assert found.p_value == pytest.approx(0.01274837144, rel=1e-6)


def test_no_patient_is_scored_by_a_fit_that_saw_it(spector):
    """Each fold by scikit-learn without penalty; and a patient's own outcome does not change its score."""
    design, y_true = spector
    fold = np.arange(len(y_true)) % 4
    found = out_of_fold_logit(design, y_true, fold)
    for number in range(4):
        model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(
            design[fold != number], y_true[fold != number]
        )
        assert found[fold == number] == pytest.approx(model.decision_function(design[fold == number]), abs=1e-3)
    changed = y_true.copy()
    changed[5] = 1 - changed[5]
    again = out_of_fold_logit(design, changed, fold)
    assert (again[fold == fold[5]] == found[fold == fold[5]]).all()
    assert (again[fold != fold[5]] != found[fold != fold[5]]).all()


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_fit_that_does_not_exist_is_refused():
    score = np.linspace(-1, 1, 40)
    with pytest.raises(ValueError, match=r"separate|converge"):
        fit_logistic(score[:, None], (score > 0).astype(int))


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
def test_a_column_that_never_varies_changes_nothing(spector):
    design, y_true = spector
    more = np.column_stack([design, np.zeros(len(y_true))])
    assert predict_logit(fit_logistic(more, y_true), more) == pytest.approx(
        predict_logit(fit_logistic(design, y_true), design)
    )
    assert likelihood_ratio(design[:, :2], more, y_true).degrees == 1


def test_a_useless_out_of_fold_score_is_found_once_in_twenty():
    """Two clinical predictors and a ridge regression's out-of-fold score of 20 columns of noise."""
    rng = np.random.default_rng(0)
    repetitions, patients = 300, 200
    halved, plain = [], []
    for _ in range(repetitions):
        y_true = np.arange(patients) % 3 == 0
        noise, clinical = rng.normal(size=(patients, 20)), rng.normal(size=(patients, 2)) + 0.5 * y_true[:, None]
        model = RidgeClassifier(alpha=30.0)
        score = cross_val_predict(model, noise, y_true, cv=StratifiedKFold(5), method="decision_function")
        both = np.column_stack([clinical, score])
        plain.append(likelihood_ratio(clinical, both, y_true).p_value < 0.05)
        halved.append(likelihood_ratio_out_of_fold(clinical, both, y_true).p_value < 0.05)
    error = (0.05 * 0.95 / repetitions) ** 0.5
    assert abs(np.mean(halved) - 0.05) < 3 * error
    assert np.mean(plain) > 0.05 + 3 * error
