"""Temperature against a logistic regression with an offset and no intercept (statsmodels), of which it is a case."""

import numpy as np
import pytest
import statsmodels.api as sm

from ecg_ccta.training.temperature import fit_temperature, prevalence_logit


def drawn(mean: float, factor: float):
    """Logits (2000, 4), `factor` times as far from the prevalence as the true ones, and labels, a fifth missing."""
    rng = np.random.default_rng(0)
    true = rng.normal(mean, 1, (2000, 4))
    labels = (rng.random(true.shape) < 1 / (1 + np.exp(-true))).astype(float)
    labels[rng.random(labels.shape) < 0.2] = np.nan
    centre = prevalence_logit(labels)
    return centre + factor * (true - centre), labels, centre


def test_equals_a_logistic_slope_about_the_prevalence():
    logits, labels, centre = drawn(-1, 2.5)
    known = ~np.isnan(labels)
    middle = np.broadcast_to(centre, labels.shape)[known]
    model = sm.GLM(labels[known], logits[known] - middle, family=sm.families.Binomial(), offset=middle).fit()
    temperature = fit_temperature(logits, labels, centre)
    assert temperature == pytest.approx(1 / model.params[0], rel=1e-3)
    assert temperature == pytest.approx(2.5, rel=0.1)


def test_overconfident_logits_of_a_rare_finding_get_their_slope_and_keep_their_mean():
    logits, labels, centre = drawn(-3, 1.5)
    known = ~np.isnan(labels)

    def slope_and_ratio(calibrated):
        slope = sm.Logit(labels[known], sm.add_constant(calibrated[known])).fit(disp=0).params[1]
        return slope, labels[known].mean() / (1 / (1 + np.exp(-calibrated[known]))).mean()

    slope, ratio = slope_and_ratio(centre + (logits - centre) / fit_temperature(logits, labels, centre))
    assert slope == pytest.approx(1, abs=0.1)
    assert ratio == pytest.approx(1, abs=0.15)
    about_zero, _ = slope_and_ratio(logits / fit_temperature(logits, labels, np.zeros(4)))
    assert about_zero < 0.75


def test_prevalence_logit_counts_known_labels_and_survives_none():
    labels = np.array([[1, 0, np.nan], [0, 0, np.nan], [0, 0, np.nan], [np.nan, 0, np.nan]])
    assert prevalence_logit(labels) == pytest.approx(np.log([1.5 / 2.5, 0.5 / 4.5, 1]))


def test_needs_a_known_label():
    with pytest.raises(ValueError, match="known label"):
        fit_temperature(np.zeros((3, 4)), np.full((3, 4), np.nan), np.zeros(4))
