from ecg_ccta.config import RandomStart, Training
from ecg_ccta.training.random_start import random_start_settings

TRAINING = Training(
    method="gradual", layer_decay=0.8, epochs=3, patience=1, batch_size=16, learning_rate=1e-4, weight_decay=1e-3
)


def test_only_what_a_random_start_needs_is_changed():
    found = random_start_settings(TRAINING, RandomStart(epochs=20, learning_rate=1e-2))
    changed = {name for name, value in found.model_dump().items() if value != TRAINING.model_dump()[name]}
    assert changed == {"method", "layer_decay", "epochs", "patience", "learning_rate"}
    assert (found.epochs, found.patience, found.learning_rate) == (20, 20, 1e-2)
    assert (found.method, found.layer_decay) == ("full", 1.0)


def test_what_is_not_given_stays():
    found = random_start_settings(TRAINING, RandomStart())
    assert (found.epochs, found.patience, found.learning_rate) == (3, 1, 1e-4)
