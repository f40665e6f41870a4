"""A fine-tuned fold on disk: model.safetensors and model.json."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.files import read_json, replacing, write_json
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.model.inputs import PREPROCESSING, require_preprocessing
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.vessels import VESSELS


@dataclass
class FoldModel:
    """A network with the temperature of its calibration and what is known of its making."""

    fold: int
    network: Net1D
    temperature: float
    architecture: Architecture
    provenance: dict[str, Any]


def save_fold(model: FoldModel, folder: str | Path) -> None:
    """Write both files into `folder`, atomically."""
    with replacing(folder) as temporary:
        temporary.mkdir()
        save_file(model.network.state_dict(), temporary / "model.safetensors")
        write_json(
            temporary / "model.json",
            {
                "fold": model.fold,
                "outputs": list(VESSELS),
                "architecture": model.architecture.model_dump(),
                "preprocessing": PREPROCESSING,
                "temperature": model.temperature,
                **model.provenance,
            },
        )


def load_fold(folder: str | Path) -> FoldModel:
    """Read a fold, in eval mode.

    Raises
    ------
    StudyError
        Where a file is missing or damaged, or was made for other outputs or another preprocessing.
    """
    description_file, weights_file = Path(folder) / "model.json", Path(folder) / "model.safetensors"
    try:
        description = dict(read_json(description_file))
    except (OSError, ValueError, TypeError) as error:
        raise StudyError(f"{description_file}: not the description of a fine-tuned fold ({error})") from None
    require_preprocessing(description.pop("preprocessing", None), str(description_file))
    if description.pop("outputs", None) != list(VESSELS):
        raise StudyError(f"{description_file}: outputs are not {', '.join(VESSELS)}")
    try:
        fold, temperature = int(description.pop("fold")), float(description.pop("temperature"))
        architecture = Architecture(**description.pop("architecture"))
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise StudyError(f"{description_file}: not the description of a fine-tuned fold ({error})") from None
    if not (math.isfinite(temperature) and temperature > 0):
        raise StudyError(f"{description_file}: temperature is {temperature}, not a positive number")
    try:
        weights = load_file(weights_file)
    except (OSError, SafetensorError) as error:
        raise StudyError(f"{weights_file}: not the weights of a fine-tuned fold ({error})") from None
    network = build_network(architecture, len(VESSELS))
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise StudyError(f"{weights_file}: {' '.join(str(error).split())}") from None
    network.eval()
    return FoldModel(fold, network, temperature, architecture, description)
