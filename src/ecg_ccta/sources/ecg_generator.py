"""The network that generates ECGs of `simulation.morphology: learnt`: Pulse2Pulse, of the package deepfake-ecg.

A generative adversarial network, trained on 7,233 real ECGs that were read as normal (Thambawita et al., Sci Rep
11:21896, 2021; MIT licence). The package is optional and is imported here alone. It would load its weights by pickle,
which may run any code; here they are read as plain tensors, after their SHA-256.
"""

import importlib.util
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ecg_ccta.errors import StudyError
from ecg_ccta.files import sha256
from ecg_ccta.sources.heart_beats import MEASURED_LEADS
from ecg_ccta.vessels import SAMPLES

PACKAGE, WEIGHTS = "deepfakeecg", "checkpoints/g_stat.pt"
WEIGHTS_SHA256 = "676619cb3b81ed637e5ef93fabd591220d047bc4f5e199ffce930a3affb05cba"
"""Of the weights in deepfake-ecg 1.1.2."""

FULL_SCALE = 6000
"""Microvolts that the network's output of 1 stands for. The package names no unit: its `generate` multiplies by 6000,
and in microvolts the waves have the size of real ones (tests/signals/test_generate_ecgs.py)."""

Generator = Callable[[np.ndarray], np.ndarray]
"""Noise, uniform from -1 to 1, float32 (n, 8, 5000) -> ECGs of the leads I, II, V1 to V6 in microvolts, same shape."""

_FIX = "Fix: pip install --constraint envs/constraints.txt --editable '.[learnt]'"


def load_generator() -> Generator:
    """Load the network of the installed package.

    Raises
    ------
    StudyError
        Where the package is not installed or has other weights.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise StudyError(
            "simulation.morphology: learnt needs the package deepfake-ecg, which is not installed in the environment "
            f"that runs the rules. {_FIX} (with --software-deployment-method conda: add it, in the version of "
            "envs/constraints.txt, to envs/study.yaml), or set morphology: parametric"
        )
    weights = Path(found.origin).parent / WEIGHTS
    if not weights.is_file() or sha256(weights) != WEIGHTS_SHA256:
        raise StudyError(f"{weights}: not the weights of deepfake-ecg 1.1.2 (by SHA-256). {_FIX}")
    return _network(weights)


def _network(weights: Path) -> Generator:
    import torch

    with warnings.catch_warnings():
        # It initialises its layers by a name that torch has deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        from deepfakeecg.models.pulse2pulse import Pulse2pulseGenerator

        network = Pulse2pulseGenerator()
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["stat_dict"])
    network.eval()

    def generate(noise: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return FULL_SCALE * network(torch.from_numpy(noise)).numpy()

    return generate


def draw_noise(ecgs: int, rng: np.random.Generator) -> np.ndarray:
    """Noise for this many ECGs, float32 (ecgs, 8, 5000)."""
    return rng.uniform(-1, 1, (ecgs, len(MEASURED_LEADS), SAMPLES)).astype(np.float32)
