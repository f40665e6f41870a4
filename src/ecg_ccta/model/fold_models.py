"""A fine-tuned fold on disk: model.safetensors and model.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """Write both files into `folder`, whole or not at all."""
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
    folder = Path(folder)
    try:
        description = read_json(folder / "model.json")
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise StudyError(f"{folder}: not a fine-tuned fold ({error})") from None
    require_preprocessing(description.pop("preprocessing", None), str(folder / "model.json"))
    if description.pop("outputs", None) != list(VESSELS):
        raise StudyError(f"{folder / 'model.json'}: outputs are not {', '.join(VESSELS)}")
    architecture = Architecture(**description.pop("architecture"))
    network = build_network(architecture, len(VESSELS))
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise StudyError(f"{folder / 'model.safetensors'}: {str(error).splitlines()[0]}") from None
    network.eval()
    return FoldModel(description.pop("fold"), network, description.pop("temperature"), architecture, description)
