"""Conformal sets against crepes, and their coverage where patients have several ECGs."""

import numpy as np
import pytest
from crepes import ConformalClassifier

from ecg_ccta.statistics.prediction_sets import Cutoffs, conformal_cutoffs, conformal_quantile


def simulate(rng, patients, prevalence=0.2, several=0.3):
    """Outcome, probability and patient of every ECG; a patient's ECGs are nearly alike."""
    ecgs = np.where(rng.random(patients) < several, 5, 1)
    yes = rng.random(patients) < prevalence
    state = rng.normal(size=patients) + 1.2 * yes
    codes = np.repeat(np.arange(patients), ecgs)
    logit = state[codes] + 0.3 * rng.normal(size=codes.size) - 2
    return yes[codes].astype(int), 1 / (1 + np.exp(-logit)), codes


@pytest.mark.parametrize("by_outcome", [False, True])
@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_sets_are_those_of_crepes_where_each_patient_has_one_ecg(level, by_outcome):
    rng = np.random.default_rng(1)
    # Rounded, so that scores are tied within and across the two samples.
    y, p, codes = (values[:300] for values in simulate(rng, 300, several=0))
    p, new = np.round(p, 2), np.round(simulate(rng, 200, several=0)[1], 2)
    conformity = np.where(y == 1, 1 - p, p)
    classifier = ConformalClassifier()
    if by_outcome:
        classifier.fit(conformity, bins=y)
        columns = [
            classifier.predict_set(np.column_stack([new, 1 - new])[:, [answer]], bins=np.full(len(new), answer),
                                   confidence=level, smoothing=False)[:, 0]
            for answer in (0, 1)
        ]  # fmt: skip
        expected = np.column_stack(columns)
    else:
        classifier.fit(conformity)
        expected = classifier.predict_set(np.column_stack([new, 1 - new]), confidence=level, smoothing=False)
    found = conformal_cutoffs(y, p, codes, level, by_outcome)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(np.column_stack([found.holds_no(new), found.holds_yes(new)]), expected.astype(bool))


def test_a_patient_counts_once_whatever_the_number_of_ecgs():
    scores, codes = np.array([0.1, 0.2, 0.3, 0.9]), np.arange(4)
    repeated = conformal_quantile(np.repeat(scores, [1, 1, 1, 7]), np.repeat(codes, [1, 1, 1, 7]), 0.6)
    assert repeated == conformal_quantile(scores, codes, 0.6) == 0.3
    # Half of the last patient's weight lies at 0.25.
    assert conformal_quantile(np.array([0.1, 0.2, 0.3, 0.9, 0.25]), np.array([0, 1, 2, 3, 3]), 0.5) == 0.25


def test_too_few_patients_keep_every_answer():
    y, p, codes = np.r_[np.zeros(50), np.ones(8)], np.linspace(0.01, 0.9, 58), np.arange(58)
    found = conformal_cutoffs(y, p, codes, 0.9, by_outcome=True)
    assert found.yes_from == -np.inf
    assert found.holds_yes(np.array([0.0])).all()
    assert found.no_to < 0.9


def test_neither_answer_is_left_between_crossed_cut_offs():
    sets = Cutoffs(no_to=0.2, yes_from=0.4)
    at = np.array([0.1, 0.3, 0.5])
    np.testing.assert_array_equal(sets.holds_no(at), [True, False, False])
    np.testing.assert_array_equal(sets.holds_yes(at), [False, False, True])


@pytest.mark.parametrize("by_outcome", [False, True])
def test_coverage_of_clustered_patients(by_outcome):
    """One ECG of each new patient is held as often as promised, and at most 1/(patients + 1) more often."""
    rng = np.random.default_rng(2)
    held, held_yes = [], []
    for _ in range(300):
        found = conformal_cutoffs(*simulate(rng, 200), 0.9, by_outcome)
        y, p, codes = simulate(rng, 400)
        is_held = np.where(y == 1, found.holds_yes(p), found.holds_no(p))
        ecg = 1 / np.bincount(codes)[codes]
        held.append(np.average(is_held, weights=ecg))
        held_yes.append(np.average(is_held[y == 1], weights=ecg[y == 1]))
    error = np.std(held) / len(held) ** 0.5
    assert 0.9 - 3 * error < np.mean(held) < 0.9 + 1 / 30 + 3 * error
    assert (np.mean(held_yes) > 0.89) == by_outcome, "marginal sets do not hold the rare answer as often"
