"""Foundation checkpoints in the format of ECGFounder, loaded strictly.

A published checkpoint is a torch file holding a mapping with the weights under `state_dict`, beside the state of the
optimiser that made them. Its last layer `dense` belongs to the pre-training task and is the only one that fine-tuning
replaces.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.vessels import LEADS

LAST_LAYER = ("dense.weight", "dense.bias")
FIRST_LAYER = "first_conv.conv.weight"
SHOWN_DIFFERENCES = 10

# Beside tensors and Python's own numbers the published file holds a NumPy number, which torch does not read of itself.
# The function that makes one has moved between NumPy 1 and 2, and runs nothing that the file could choose.
_NUMPY_SCALAR = np.float64(0).__reduce__()[0]
NUMPY_NUMBERS: list[Any] = [
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
    (_NUMPY_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)),
]


def build_network(architecture: Architecture, outputs: int, leads: int = len(LEADS)) -> Net1D:
    """A network of the configured shape with random weights."""
    return Net1D(in_channels=leads, n_classes=outputs, **architecture.model_dump())


def save_checkpoint(network: Net1D, path: str | Path) -> None:
    """Write the weights as ECGFounder's are published, atomically."""
    with replacing(path) as temporary:
        torch.save({"state_dict": network.state_dict()}, temporary)


def load_foundation(path: str | Path, architecture: Architecture, outputs: int, leads: int = len(LEADS)) -> Net1D:
    """A network for ECGs (ECGs, leads, samples) with the checkpoint's weights and a new last layer of `outputs`.

    Raises
    ------
    StudyError
        Where the file is no such checkpoint, or any entry but those of the last layer is missing, unknown, of another
        shape or not finite; the message lists the differences.
    """
    network = build_network(architecture, outputs, leads)
    expected = network.state_dict()
    body = {name: value for name, value in expected.items() if name not in LAST_LAYER}
    found = {name: value for name, value in _read_state_dict(Path(path)).items() if name not in LAST_LAYER}
    if differences := _differences(found, body):
        shown = "".join(f"\n  - {line}" for line in differences[:SHOWN_DIFFERENCES])
        rest = len(differences) - SHOWN_DIFFERENCES
        more = f"\n  - and {rest} more" if rest > 0 else ""
        raise StudyError(
            f"{path}: not the weights of the configured architecture. Fix: correct "
            f"foundation.architecture or take another file:{shown}{more}"
        )
    network.load_state_dict({**expected, **found})
    return network


def _differences(found: dict[str, torch.Tensor], body: dict[str, torch.Tensor]) -> list[str]:
    """What keeps the weights `found` from being those of `body`, a line each."""
    lines = [
        *(f"{name} is missing" for name in body if name not in found),
        *(f"{name} is unknown" for name in found if name not in body),
        *(
            f"{name} has shape {tuple(found[name].shape)}, not {tuple(body[name].shape)}"
            for name in body
            if name in found and found[name].shape != body[name].shape
        ),
        *(f"{name} has values that are not finite" for name in found if not torch.isfinite(found[name]).all()),
    ]
    first, wanted = found.get(FIRST_LAYER), body[FIRST_LAYER]
    if first is not None and first.ndim == wanted.ndim and first.shape[1] != wanted.shape[1]:
        lines.insert(0, f"the weights are for ECGs of {first.shape[1]} leads, not {wanted.shape[1]}")
    return lines


def _read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    content = _read(path)
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if (
        not isinstance(weights, dict)
        or not weights
        or not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in weights.items())
    ):
        names = [str(name) for name in content] if isinstance(content, dict) else []
        holds = (
            f"holds {', '.join(names[:5])}{' ...' * (len(names) > 5)}" if names else f"is a {type(content).__name__}"
        )
        raise StudyError(
            f"{path}: a checkpoint holds its weights, tensors by name, under state_dict; this one {holds}. "
            'Write it with torch.save({"state_dict": network.state_dict()}, path)'
        )
    if all(name.startswith("module.") for name in weights):
        raise StudyError(
            f"{path}: all names begin with module., as torch.nn.DataParallel writes them; save "
            "network.module.state_dict() instead of network.state_dict()"
        )
    return weights


def _read(path: Path) -> Any:
    """The content of a torch file. Nothing but tensors, containers and numbers is made, so no code of the file runs."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise StudyError(f"{path}: no such checkpoint") from None
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        with stream, torch.serialization.safe_globals(NUMPY_NUMBERS):
            return torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # Damaged bytes raise whatever they happen to mean: seek, index, assertion errors ...
        if foreign := re.search(r"GLOBAL (\S+)", str(error)):
            raise StudyError(
                f"{path}: holds {foreign[1]}, which is no tensor and no number, and may be code; it was not loaded. "
                'Save the weights alone, with torch.save({"state_dict": network.state_dict()}, path)'
            ) from None
        raise StudyError(
            f"{path}: not a readable checkpoint ({type(error).__name__}); it is damaged, cut short or no torch file. "
            "Copy or download it again"
        ) from None
