"""The same training from random weights."""

from ecg_ccta.config import RandomStart, Recipe


def random_start_settings(training: Recipe, start: RandomStart) -> Recipe:
    """Settings of a training from random weights: those from the foundation, with what gives it a fair chance.

    Beside the epochs and the learning rate of `start`, every layer learns at the full rate, because there is nothing
    in the first ones to keep; and epochs of its own are all run, because the patience is chosen for a start that is
    good already. The best epoch is kept as ever.
    """
    changes: dict = {"method": "full", "layer_decay": 1.0}
    if start.epochs is not None:
        changes |= {"epochs": start.epochs, "patience": start.epochs}
    if start.learning_rate is not None:
        changes["learning_rate"] = start.learning_rate
    return training.model_copy(update=changes)
