"""Every way of training runs, learns what is there to learn, and resumes bit for bit."""

import numpy as np
import pytest
import torch

from ecg_ccta.config import Architecture, Training
from ecg_ccta.errors import StudyError
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.training.batches import read_ahead
from ecg_ccta.training.fine_tuning import fine_tune, fine_tune_labelled, grades, targets
from ecg_ccta.training.inner_validation import macro_auc, predict_logits
from ecg_ccta.training.layers import layers_of, parameter_groups, set_learning_layers
from ecg_ccta.training.loop import train
from ecg_ccta.training.pretraining import MemoryStore
from ecg_ccta.training.splits import patients_fingerprint, roles, split_patients

TINY = Architecture(
    base_filters=8, ratio=1, filter_list=[8, 16], m_blocks_list=[1, 1], kernel_size=8, stride=4, groups_width=8
)
BASE = {
    "folds": 3,
    "epochs": 2,
    "patience": 2,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "weight_decay": 1e-3,
    "minimum_events": 2,
}
OPTIONS = {
    "linear probe": {"method": "linear-probe"},
    "gradual": {"method": "gradual", "unfreeze_epochs": 2, "layer_decay": 0.5},
    "random last layer": {"probe_start": False, "epochs": 6, "patience": 6, "learning_rate": 1e-2},
    "ordinal": {"labels": "ordinal"},
    "positive weight": {"class_balance": "positive-weight"},
    "logit adjustment": {"class_balance": "logit-adjustment"},
    "uncertainty": {"task_weighting": "uncertainty"},
    "pcgrad": {"gradient_surgery": "pcgrad"},
    "pcgrad-features": {"gradient_surgery": "pcgrad-features"},
    "average": {"ema_decay": 0.99},
    "originals": {"keep_originals": True},
    "crop": {"crop_fraction": 0.5},
    "fixed schedule": {"monitor": "none"},
    "macro AUC": {"monitor": "macro-auc"},
    "bfloat16": {"precision": "bfloat16"},
    "all at once": {
        "labels": "ordinal",
        "task_weighting": "uncertainty",
        "gradient_surgery": "pcgrad-features",
        "ema_decay": 0.99,
        "method": "gradual",
        "unfreeze_epochs": 1,
    },
}


@pytest.fixture
def telling_store(cohort):
    """ECGs whose events show: taller in one pair of leads per vessel."""
    rng = np.random.default_rng(1)
    time = np.sin(2 * np.pi * 1.2 * np.arange(5000) / 500)
    signals = rng.normal(0, 60, (len(cohort), 12, 5000)) + 200 * time
    for vessel, column in enumerate(np.nan_to_num(targets(cohort)).T):
        signals[:, 3 * vessel : 3 * vessel + 2] *= 1 + 1.5 * column[:, None, None]
    return MemoryStore(signals.astype(np.int16))


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_learns(name, cohort, telling_store, foundation):
    settings = Training(**{**BASE, **OPTIONS[name]})
    splits = split_patients(cohort, 3, 1)
    model = fine_tune(foundation, TINY, telling_store, cohort, splits, 0, settings, seed=3)
    tested = np.flatnonzero((roles(cohort, splits, 0) == "test").to_numpy())
    logits = predict_logits(model.network, telling_store, tested)
    labels = targets(cohort)[tested]
    assert np.isfinite(logits).all()
    assert macro_auc(labels, logits, 2) > 0.7
    known = ~np.isnan(labels)
    probability = 1 / (1 + np.exp(-logits / model.temperature))
    # The few labels' proportion has a standard error of about 0.05.
    assert abs(probability[known].mean() - labels[known].mean()) < 0.15
    assert all(parameter.requires_grad for parameter in model.network.parameters())


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("name", ["all at once", "pcgrad", "uncertainty"])
def test_every_option_resumes_bit_for_bit(name, cohort, telling_store, foundation, tmp_path):
    settings = Training(**{**BASE, **OPTIONS[name], "epochs": 3, "patience": 3})
    splits = split_patients(cohort, 3, 1)

    def run(**options):
        return fine_tune(foundation, TINY, telling_store, cohort, splits, 0, settings, 3, **options)

    def interrupt(epoch):
        if epoch.epoch == 1:
            raise Interrupted

    plain = run()
    with pytest.raises(Interrupted):
        run(interrupted=tmp_path / "state", on_epoch=interrupt)
    assert len(list((tmp_path / "state").iterdir())) == 1
    resumed = run(interrupted=tmp_path / "state")
    assert not list((tmp_path / "state").iterdir())
    weights = resumed.network.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in plain.network.state_dict().items())
    assert plain.temperature == resumed.temperature


@pytest.mark.parametrize("change", ["settings", "labels", "signals", "seed", "code"])
def test_a_changed_config_code_or_input_starts_afresh(change, cohort, telling_store, foundation, tmp_path, monkeypatch):
    splits = split_patients(cohort, 3, 1)

    def interrupt(epoch):
        raise Interrupted

    def run(cohort, on_epoch=lambda epoch: None, seed=3, **more):
        settings = Training(**BASE, **more)
        started = []
        fine_tune(
            foundation, TINY, telling_store, cohort, splits, 0, settings, seed, tmp_path,
            lambda step: started.append(step.epoch), on_epoch,
        )  # fmt: skip
        return started[0]

    with pytest.raises(Interrupted):
        run(cohort, interrupt)
    other = cohort.copy()
    if change == "labels":
        other["target_LAD"] = 1 - other["target_LAD"]
    if change == "signals":
        other["signal_sha256"] = "0" * 64
    more = {"noise": 0.03} if change == "settings" else {}
    with monkeypatch.context() as patched:
        if change == "code":
            patched.setattr("ecg_ccta.training.fine_tuning.library_hash", lambda *_: "another library")
        assert run(other, seed=4 if change == "seed" else 3, **more) == 0
    assert run(cohort) == 1


def test_another_labelled_task(cohort, telling_store, foundation):
    labels = targets(cohort)[:, :1]
    network, made = fine_tune_labelled(foundation, TINY, telling_store, cohort, labels, Training(**BASE), seed=3)
    assert network.dense.out_features == 1
    assert made["ecgs"]["inner_validation"] < made["ecgs"]["train"] / 5
    assert made["patients_sha256"] == patients_fingerprint(cohort["patient_id"][~np.isnan(labels[:, 0])])
    assert macro_auc(labels, predict_logits(network, telling_store, np.arange(len(cohort))), 2) > 0.75
    with pytest.raises(StudyError, match="yes-or-no"):
        fine_tune_labelled(foundation, TINY, telling_store, cohort, labels, Training(**BASE, labels="ordinal"), seed=3)


def test_macro_auc_cannot_choose_without_events(cohort, store, foundation):
    settings = Training(**{**BASE, "minimum_events": 50, "monitor": "macro-auc"})
    with pytest.raises(StudyError, match=r"training\.monitor"):
        fine_tune(foundation, TINY, store, cohort, split_patients(cohort, 3, 1), 0, settings, seed=3)


def test_layers_thaw_from_the_last_and_learn_the_slower_the_earlier():
    network = build_network(TINY, 4)
    settings = Training(**{**BASE, "method": "gradual", "unfreeze_epochs": 3, "layer_decay": 0.5})
    learning = []
    for epoch in range(5):
        set_learning_layers(network, epoch, settings)
        learning.append(
            [all(p.requires_grad for module in layer for p in module.parameters()) for layer in layers_of(network)]
        )
        assert [layer[0].training for layer in layers_of(network)] == learning[-1]
    assert learning[0] == [False, False, False, True]
    assert learning[1] == [False, False, True, True]
    assert learning[3] == learning[4] == [True] * 4
    groups = parameter_groups(network, [], settings)
    assert [group["factor"] for group in groups] == [0.125, 0.25, 0.5, 1.0, 1.0]
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))


def test_frozen_layers_keep_the_foundations_weights(cohort, telling_store, foundation):
    settings = Training(**{**BASE, "epochs": 1, "method": "gradual", "unfreeze_epochs": 5})
    splits = split_patients(cohort, 3, 1)
    start = torch.load(foundation, weights_only=True)["state_dict"]
    weights = fine_tune(foundation, TINY, telling_store, cohort, splits, 0, settings, seed=3).network.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in start.items() if not name.startswith("dense"))


def test_grades_are_numbers_and_missing_ones_missing(cohort):
    found = grades(cohort)
    assert np.array_equal(np.isnan(found), np.isnan(targets(cohort)))
    assert np.array_equal(found[~np.isnan(found)] >= 3, targets(cohort)[~np.isnan(found)] == 1)


def test_the_moving_average_is_what_is_kept(cohort, telling_store):
    labels, rows = targets(cohort), np.arange(len(cohort))

    def weights(**more):
        torch.manual_seed(0)
        network = build_network(TINY, 4)
        train(network, telling_store, labels, rows[:180], rows[180:], Training(**{**BASE, **more}), 1)
        return network.state_dict()["dense.weight"]

    assert not torch.equal(weights(), weights(ema_decay=0.9))


def test_reading_ahead_keeps_the_order_and_shows_errors(store):
    batches = [np.array([i, i + 1]) for i in range(7)]
    for rows, signals in zip(batches, read_ahead(store, batches, torch.device("cpu")), strict=True):
        assert np.array_equal(signals.numpy(), store.signals[rows])
    with pytest.raises(IndexError):
        list(read_ahead(store, [np.array([0]), np.array([10_000])], torch.device("cpu")))
    early = read_ahead(store, batches, torch.device("cpu"))
    next(early)
    early.close()
