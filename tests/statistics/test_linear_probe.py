import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from ecg_ccta.statistics.linear_probe import cross_fitted_probe, patient_folds, probe_of_fold_networks

RNG = np.random.default_rng(3)
CODES = np.repeat(np.arange(200), 2)
LABEL = (RNG.random(200) < 0.4)[CODES]
FEATURES = RNG.normal(size=(400, 5))
FEATURES[:, 2] += 1.5 * LABEL
FOLD = patient_folds(LABEL, CODES, 5, 1)


def test_the_score_is_fishers_discriminant_of_the_other_folds():
    found = cross_fitted_probe([FEATURES], LABEL, FOLD)
    train, test = FOLD != 2, FOLD == 2
    scaler = StandardScaler().fit(FEATURES[train])
    values = scaler.transform(FEATURES[train])
    means = [values[LABEL[train] == label].mean(axis=0) for label in (False, True)]
    priors = [np.mean(LABEL[train] == label) for label in (False, True)]
    # Pooled within-class covariance, each class shrunken.
    covariance = 0
    for label, prior in zip((False, True), priors, strict=True):
        part = values[LABEL[train] == label]
        scale = part.std(axis=0)
        covariance = covariance + prior * scale[:, None] * ledoit_wolf((part - part.mean(axis=0)) / scale)[0] * scale
    weight = np.linalg.solve(covariance, means[1] - means[0])
    expected = (
        scaler.transform(FEATURES[test]) @ weight - 0.5 * (means[0] + means[1]) @ weight + np.log(priors[1] / priors[0])
    )
    np.testing.assert_allclose(found[test], expected, rtol=1e-6)


def test_a_patient_is_in_one_fold_and_labels_are_spread():
    for code in range(200):
        assert len(set(FOLD[code == CODES])) == 1
    assert all(0.2 < LABEL[number == FOLD].mean() < 0.6 for number in range(5))


def test_another_label_of_a_folds_patients_changes_nothing_in_that_fold():
    other = np.where(FOLD == 1, ~LABEL, LABEL)
    before, after = (cross_fitted_probe([FEATURES], label, FOLD) for label in (LABEL, other))
    np.testing.assert_array_equal(before[FOLD == 1], after[FOLD == 1])
    assert not np.allclose(before[FOLD == 0], after[FOLD == 0])


def test_each_fold_is_read_by_its_own_network():
    networks = [FEATURES if number == 3 else RNG.normal(size=(400, 5)) for number in range(5)]
    scores = probe_of_fold_networks(networks, LABEL, FOLD)
    np.testing.assert_array_equal(scores[FOLD == 3], cross_fitted_probe([FEATURES], LABEL, FOLD)[FOLD == 3])
    assert roc_auc_score(LABEL[FOLD == 3], scores[FOLD == 3]) > 0.75
    with pytest.raises(ValueError, match="4 networks for 5 folds"):
        probe_of_fold_networks(networks[:4], LABEL, FOLD)


def test_missing_features_and_one_class():
    gaps = FEATURES.copy()
    gaps[RNG.random(gaps.shape) < 0.1] = np.nan
    assert roc_auc_score(LABEL, cross_fitted_probe([gaps, FEATURES], LABEL, FOLD)) > 0.7
    with pytest.raises(ValueError, match="one class"):
        cross_fitted_probe([FEATURES], LABEL & (FOLD == 1), FOLD)
