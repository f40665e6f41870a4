"""Fine-tuning starts from a linear probe, never sees the scored fold, and says what it lacks."""

import hashlib

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from ecg_ccta.config import Architecture, Training
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import build_network, load_foundation
from ecg_ccta.training.criterion import BinaryCriterion
from ecg_ccta.training.fine_tuning import fine_tune, start_from_probe, targets
from ecg_ccta.training.inner_validation import predict, predict_logits
from ecg_ccta.training.pretraining import MemoryStore
from ecg_ccta.training.probe import PENALTIES
from ecg_ccta.training.splits import roles, split_patients
from ecg_ccta.vessels import VESSELS

TINY = Architecture(
    base_filters=8, ratio=1, filter_list=[8, 16], m_blocks_list=[1, 1], kernel_size=8, stride=4, groups_width=8
)
SETTINGS = Training(epochs=1, patience=1, batch_size=32, learning_rate=1e-3, weight_decay=1e-3)


def test_the_probe_is_scikit_learns_regression_on_the_networks_features(cohort, store):
    torch.manual_seed(0)
    network = build_network(TINY, 4)
    labels, rows = targets(cohort), np.arange(len(cohort))
    start_from_probe(network, store, labels, labels, rows[:180], rows[180:], BinaryCriterion(labels[:180], "none"), 2)
    features = predict(network.features, network, store, rows)
    scaled = (features - features[:180].mean(0)) / (features[:180].std(0) + 1e-6)
    known = ~np.isnan(labels[:180, 0])
    candidates = [
        LogisticRegression(C=1 / penalty, max_iter=1000, tol=1e-8)
        .fit(scaled[:180][known], labels[:180, 0][known])
        .decision_function(scaled)
        for penalty in PENALTIES
    ]
    logits = predict_logits(network, store, rows)[:, 0]
    assert min(np.abs(logits - candidate).max() for candidate in candidates) < 1e-3


def test_a_vessel_without_events_starts_at_its_prevalence(cohort, store):
    labels = targets(cohort)
    labels[:, 1] = 0
    network = build_network(TINY, 4)
    rows = np.arange(len(cohort))
    start_from_probe(network, store, labels, labels, rows[:180], rows[180:], BinaryCriterion(labels[:180], "none"), 2)
    probability = 1 / (1 + np.exp(-predict_logits(network, store, rows)[:, 1]))
    np.testing.assert_allclose(probability, 0.5 / 181, rtol=1e-4)


def test_labels_and_signals_of_the_scored_fold_change_nothing(cohort, store, foundation):
    splits = split_patients(cohort, 3, 1)
    tested = (roles(cohort, splits, 0) == "test").to_numpy()
    first = fine_tune(foundation, TINY, store, cohort, splits, 0, SETTINGS, seed=3)

    other = cohort.copy()
    for vessel in VESSELS:
        other.loc[tested, f"target_{vessel}"] = 1
    signals = store.signals.copy()
    signals[tested] = 1000
    second = fine_tune(foundation, TINY, MemoryStore(signals), other, splits, 0, SETTINGS, seed=3)
    weights = second.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in first.network.state_dict().items())
    assert first.temperature == second.temperature


def test_a_model_says_by_hash_who_taught_it_and_who_chose_its_epoch(cohort, store, foundation):
    splits = split_patients(cohort, 3, 1)
    made = fine_tune(foundation, TINY, store, cohort, splits, 0, SETTINGS, seed=3).provenance["patients_sha256"]
    role = roles(cohort, splits, 0)
    judged = ~np.isnan(targets(cohort)).all(axis=1)
    for name, meant in (("train", "train"), ("inner_validation", "inner")):
        patients = sorted(set(cohort["patient_id"][(role == meant) & judged]))
        assert made[name] == hashlib.sha256("".join(f"{patient}\n" for patient in patients).encode()).hexdigest()


def test_no_event_to_learn_from_is_refused(cohort, store, foundation):
    empty = cohort.assign(**{f"target_{vessel}": cohort[f"target_{vessel}"] * 0 for vessel in VESSELS})
    splits = split_patients(cohort, 3, 1)
    with pytest.raises(StudyError, match="no event to learn from"):
        fine_tune(foundation, TINY, store, empty, splits, 0, SETTINGS, seed=3)


def test_another_preprocessing_contract_is_refused(cohort, store, foundation):
    contract = foundation.with_name("contract.json")
    contract.write_text(contract.read_text().replace("0.67-40 Hz", "0.5-40 Hz"))
    with pytest.raises(StudyError, match=r"0\.5-40 Hz"):
        fine_tune(foundation, TINY, store, cohort, split_patients(cohort, 3, 1), 0, SETTINGS, seed=3)
    contract.unlink()
    with pytest.raises(StudyError, match="contract"):
        fine_tune(foundation, TINY, store, cohort, split_patients(cohort, 3, 1), 0, SETTINGS, seed=3)


def test_the_description_holds_the_probes_score_beside_the_epochs(cohort, store, foundation):
    fixed = SETTINGS.model_copy(update={"monitor": "none"})
    made = fine_tune(foundation, TINY, store, cohort, split_patients(cohort, 3, 1), 0, fixed, seed=3)
    probe, epoch = made.provenance["probe"], made.provenance["epochs"][0]
    assert probe["penalty"] in PENALTIES
    assert 0 < probe["validation_loss"] != epoch["validation_loss"]
    assert probe["validation_auc"] != epoch["validation_auc"]
    assert made.provenance["kept"].startswith("epoch 1")


def test_a_fixed_schedule_leaves_no_fold_with_the_foundations_weights(cohort, store, foundation):
    splits = split_patients(cohort, 3, 1)
    fixed = SETTINGS.model_copy(update={"monitor": "none", "ema_decay": 0.99})
    start = load_foundation(foundation, TINY, 4).state_dict()
    for fold in range(3):
        weights = fine_tune(foundation, TINY, store, cohort, splits, fold, fixed, seed=3).network.state_dict()
        learnt = [name for name, value in start.items() if name.endswith("conv.weight")]
        assert learnt
        assert not any(torch.equal(start[name], weights[name]) for name in learnt)
