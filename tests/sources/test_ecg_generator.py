"""The generating network: what is said where it is missing or another one, and that it generates."""

import importlib.util
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.sources import ecg_generator
from ecg_ccta.sources.ecg_generator import draw_noise, load_generator


def test_without_the_package_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match=r"needs the package deepfake-ecg.*Fix: pip install .*\[learnt\]"):
        load_generator()


def test_weights_other_than_the_known_ones_are_never_loaded(monkeypatch, tmp_path):
    weights = tmp_path / ecg_generator.WEIGHTS
    weights.parent.mkdir()
    weights.write_bytes(b"a pickle that would run anything")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: ModuleSpec(name, None, origin=f"{tmp_path}/x.py"))
    monkeypatch.setattr(ecg_generator, "_network", lambda weights: pytest.fail("loaded"))
    with pytest.raises(StudyError, match="not the weights of deepfake-ecg"):
        load_generator()


def test_the_network_gives_the_same_ecgs_for_the_same_noise():
    pytest.importorskip("deepfakeecg", reason="the optional package deepfake-ecg is not installed")
    generate = load_generator()
    noise = draw_noise(2, np.random.default_rng(1))
    one, again = generate(noise), generate(noise.copy())
    np.testing.assert_array_equal(one, again)
    assert one.shape == (2, 8, 5000)
    assert np.abs(one[0] - one[1]).max() > 100
