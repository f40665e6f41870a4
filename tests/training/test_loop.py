"""The loss leaves missing findings out; a resumed training ends with the weights of an uninterrupted one."""

import numpy as np
import pytest
import torch

from ecg_ccta.config import Architecture, Training
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.training.augmentation import Draws, augment
from ecg_ccta.training.criterion import masked_loss
from ecg_ccta.training.fine_tuning import targets
from ecg_ccta.training.inner_validation import macro_auc
from ecg_ccta.training.interruption import copy_of
from ecg_ccta.training.loop import learning_rate_factor, train

TINY = Architecture(
    base_filters=8, ratio=1, filter_list=[8], m_blocks_list=[1], kernel_size=8, stride=2, groups_width=8
)
SETTINGS = Training(epochs=3, patience=3, batch_size=32, learning_rate=1e-3, weight_decay=1e-3, minimum_events=2)


def test_missing_findings_have_no_part_in_the_loss():
    logits = torch.tensor([[1.0, 5.0], [-2.0, -7.0]], requires_grad=True)
    labels = torch.tensor([[1.0, float("nan")], [0.0, float("nan")]])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, 0], labels[:, 0])
    loss = masked_loss(logits, labels)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert torch.equal(logits.grad[:, 1], torch.zeros(2))


def test_each_vessel_weighs_the_same_however_many_findings_it_has():
    logits = torch.zeros(4, 2)
    labels = torch.tensor([[1, 1], [0, float("nan")], [0, float("nan")], [1, float("nan")]])
    torch.testing.assert_close(masked_loss(logits, labels), torch.tensor(np.log(2.0), dtype=torch.float32))


def test_macro_auc_leaves_out_rare_vessels():
    labels = np.array([[1, 0], [0, 0], [1, 0], [0, 1]], dtype=np.float32)
    logits = np.array([[2, 0], [1, 0], [3, 0], [0, 5]], dtype=np.float32)
    assert macro_auc(labels, logits, minimum_events=2) == 1.0
    assert macro_auc(labels, logits, minimum_events=3) is None


def test_learning_rate_rises_then_falls_to_its_floor():
    factors = [learning_rate_factor(step, 1000, SETTINGS) for step in range(1000)]
    assert np.argmax(factors) == 100
    assert factors[0] < 0.02
    assert factors[-1] == pytest.approx(SETTINGS.final_learning_rate_fraction, rel=0.01)


class Interrupted(Exception):
    pass


def test_an_interrupted_training_resumes_bit_for_bit(cohort, store, tmp_path):
    labels, rows = targets(cohort), np.arange(len(cohort))

    def run(**options):
        torch.manual_seed(0)
        network = build_network(TINY, 4)
        history = train(network, store, labels, rows[:120], rows[120:180], SETTINGS, 5, **options)
        return network.state_dict(), history

    plain, history = run()

    def interrupt(epoch):
        if epoch.epoch == 1:
            raise Interrupted

    state = tmp_path / "state.pt"
    with pytest.raises(Interrupted):
        run(state_file=state, on_epoch=interrupt)
    assert state.exists()
    resumed, resumed_history = run(state_file=state)
    assert not state.exists()
    assert resumed_history.best_epoch == history.best_epoch
    assert all(torch.equal(plain[name], resumed[name]) for name in plain)


def test_two_trainings_with_one_seed_are_equal_and_another_differs(cohort, store):
    labels, rows = targets(cohort), np.arange(len(cohort))

    def weights(seed):
        torch.manual_seed(0)
        network = build_network(TINY, 4)
        short = SETTINGS.model_copy(update={"epochs": 1})
        train(network, store, labels, rows[:96], rows[96:140], short, seed)
        return network.state_dict()

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["dense.weight"], other["dense.weight"])


def test_a_fixed_schedule_keeps_its_last_epoch_whatever_the_inner_validation(cohort, store):
    labels, rows = targets(cohort), np.arange(len(cohort))
    torch.manual_seed(0)
    network = build_network(TINY, 4)
    start = copy_of(network)
    # So large a learning rate does harm; the best of all would be the start.
    fixed = SETTINGS.model_copy(update={"monitor": "none", "learning_rate": 0.1, "ema_decay": 0.9})
    history = train(network, store, labels, rows[:96], rows[96:140], fixed, 1)
    assert history.best_epoch == SETTINGS.epochs - 1
    assert "the last" in history.kept
    assert len(history.epochs) == SETTINGS.epochs
    assert not torch.equal(network.state_dict()["first_conv.conv.weight"], start["first_conv.conv.weight"])


def test_why_weights_are_kept_is_said(cohort, store):
    labels, rows = targets(cohort), np.arange(len(cohort))
    harmful = SETTINGS.model_copy(update={"learning_rate": 10.0, "patience": 1})
    torch.manual_seed(0)
    network = build_network(TINY, 4)
    history = train(network, store, labels, rows[:96], rows[96:140], harmful, 1)
    expected = "the start" if history.best_epoch < 0 else f"epoch {history.best_epoch + 1}"
    assert history.kept.startswith(expected)
    assert "inner-validation loss" in history.kept


def test_a_crop_is_a_stretch_of_the_ecg():
    settings = SETTINGS.model_copy(
        update={"crop_fraction": 0.25, "scale_range": 0.0, "noise": 0.0, "mask_fraction": 0.0, "shift_fraction": 0.0}
    )
    x = torch.arange(1000.0).expand(8, 12, 1000)
    cropped = augment(x, settings, 1.0, Draws(torch.device("cpu"), 1), 8)
    assert cropped.shape == (8, 12, 250)
    assert (cropped.diff(dim=2) == 1).all()
    assert len(cropped[:, 0, 0].unique()) > 4
