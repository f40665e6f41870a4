"""Foundation checkpoints in the format of ECGFounder, loaded strictly.

A published checkpoint is a torch file holding a mapping with the weights under `state_dict`. Its last layer `dense`
belongs to the pre-training task and is the only one that fine-tuning replaces.
"""

import pickle
from pathlib import Path

import torch

from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.vessels import LEADS

LAST_LAYER = ("dense.weight", "dense.bias")


def build_network(architecture: Architecture, outputs: int, leads: int = len(LEADS)) -> Net1D:
    """A network of the configured shape with random weights."""
    return Net1D(in_channels=leads, n_classes=outputs, **architecture.model_dump())


def save_checkpoint(network: Net1D, path: str | Path) -> None:
    """Write the weights as ECGFounder's are published, whole or not at all."""
    with replacing(path) as temporary:
        torch.save({"state_dict": network.state_dict()}, temporary)


def load_foundation(path: str | Path, architecture: Architecture, outputs: int) -> Net1D:
    """A network with the checkpoint's weights and a new last layer of `outputs` outputs.

    Raises
    ------
    StudyError
        Where the file is no such checkpoint, or any entry but those of the last layer is missing, unknown or of
        another shape; the message lists the differences.
    """
    network = build_network(architecture, outputs)
    weights = _read_state_dict(Path(path))
    expected = network.state_dict()
    body = {name: value for name, value in expected.items() if name not in LAST_LAYER}
    found = {name: value for name, value in weights.items() if name not in LAST_LAYER}
    differences = [
        *(f"{name} is missing" for name in body if name not in found),
        *(f"{name} is unknown" for name in found if name not in body),
        *(
            f"{name} has shape {tuple(found[name].shape)}, not {tuple(body[name].shape)}"
            for name in body
            if name in found and found[name].shape != body[name].shape
        ),
        *(f"{name} has values that are not finite" for name in found if not torch.isfinite(found[name]).all()),
    ]
    if differences:
        shown = "".join(f"\n  - {line}" for line in differences[:10])
        more = f"\n  - and {len(differences) - 10} more" if len(differences) > 10 else ""
        raise StudyError(f"{path}: not the weights of the configured architecture:{shown}{more}")
    network.load_state_dict({**expected, **found})
    return network


def _read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise StudyError(f"{path}: no such checkpoint") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StudyError(f"{path}: not a readable checkpoint ({reason})") from None
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise StudyError(f"{path}: a checkpoint holds its weights under state_dict; this one does not")
    return weights
