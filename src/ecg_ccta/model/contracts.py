"""The contract of a foundation checkpoint: a contract.json beside it that says what the network must be fed.

Weights are worth nothing, and show no error, behind another preprocessing or in a network that runs them differently
(stride and use_bn leave no trace in the weights' shapes). So the contract is written with the checkpoint and required
before anything is trained from it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecg_ccta.config import Architecture
from ecg_ccta.errors import StudyError
from ecg_ccta.files import read_json, sha256, write_json
from ecg_ccta.model.inputs import PREPROCESSING, require_preprocessing

CONTRACT = "contract.json"


def write_contract(checkpoint: str | Path, architecture: Architecture, origin: Mapping[str, Any]) -> None:
    """Write the contract beside the checkpoint; `origin` tells where the weights are from."""
    checkpoint = Path(checkpoint)
    write_json(
        checkpoint.with_name(CONTRACT),
        {
            "sha256": sha256(checkpoint),
            "preprocessing": PREPROCESSING,
            "architecture": architecture.model_dump(mode="json"),
            **origin,
        },
    )


def require_contract(checkpoint: str | Path, architecture: Architecture) -> dict[str, Any]:
    """The contract beside the checkpoint, checked against the file, the preprocessing and the architecture.

    Raises
    ------
    StudyError
        Where there is no contract or it is of another file, another preprocessing or another architecture; the message
        names what differs.
    """
    checkpoint = Path(checkpoint)
    path = checkpoint.with_name(CONTRACT)
    rebuild = f"delete {checkpoint.parent} and run again"
    try:
        contract = dict(read_json(path))
    except FileNotFoundError:
        raise StudyError(f"{path}: no such file; weights without a contract cannot be used safely, {rebuild}") from None
    except (OSError, ValueError, TypeError) as error:
        raise StudyError(f"{path}: not the contract of a checkpoint ({error}); {rebuild}") from None
    try:
        found = sha256(checkpoint)
    except OSError as error:
        raise StudyError(f"{checkpoint}: cannot be read ({error.strerror}); {rebuild}") from None
    if found != contract.get("sha256"):
        raise StudyError(
            f"{checkpoint}: not the file of its contract: its sha256 is {found}, {path} says "
            f"{contract.get('sha256')}; {rebuild}"
        )
    require_preprocessing(contract.get("preprocessing"), str(path))
    _require_architecture(contract.get("architecture"), architecture.model_dump(mode="json"), path)
    return contract


def _require_architecture(found: object, expected: dict[str, Any], path: Path) -> None:
    if not isinstance(found, dict):
        raise StudyError(f"{path}: no architecture; weights without one cannot be used safely")
    keys = [key for key in expected | found if found.get(key) != expected.get(key)]
    if keys:
        differences = "; ".join(f"{key}: {found.get(key)!r} instead of {expected.get(key)!r}" for key in keys)
        raise StudyError(
            f"{path}: these weights are for another architecture ({differences}). Fix: correct "
            "foundation.architecture or give foundation another name"
        )
