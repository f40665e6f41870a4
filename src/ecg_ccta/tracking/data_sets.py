"""The data sets of a run, as MLflow shows them: whose ECGs a job learnt from, was tuned on or was tested with.

Names, hashes and counts alone; no row of a table is read.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecg_ccta.files import read_json

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

COHORT = re.compile(r"results/[^/]+/cohort/([a-z0-9-]+)\.parquet")
CONTEXTS = {
    "split_patients": "split",
    "choose_thresholds": "validation",
    "finetune_intermediate": "training",
    "audit_leakage": "audit",
    "recalibrate": "recalibration and test",
}
"""What a rule does with a cohort; training has its own parts, and every other rule tests or describes."""
PARTS = {"train": "training", "inner_validation": "validation"}
DIGEST = 36
"""Characters that MLflow keeps of a digest; the whole SHA-256 is in the profile."""


def data_sets(content: Mapping[str, Any], contents: Sequence[Mapping[str, Any]]) -> list[Any]:
    """`mlflow.entities.DatasetInput` of every cohort that a job read.

    Parameters
    ----------
    content : the job's record
    contents : the records of all jobs, where the cohorts' sizes stand
    """
    found = []
    for path, digest in content["inputs"].items():
        match = COHORT.fullmatch(path)
        if match is None or not digest:
            continue
        site = match[1]
        if content["rule"] == "finetune":
            found += _parts(content, site, path)
        else:
            size = _size(path, digest, contents)
            found.append(_input(f"cohort of {site}", path, digest, size, CONTEXTS.get(content["rule"], "test")))
    return found


def log_data_sets(client: "MlflowClient", run_id: str, found: list[Any]) -> None:
    """Log them as inputs of a run.

    An experiment holds a data set once, and MLflow fails where two processes add the same one at the same moment; a
    moment later it is there.
    """
    from mlflow.exceptions import MlflowException

    for pause in (0.2, 1, 3, None):
        try:
            if found:
                client.log_inputs(run_id, found)
            return
        except MlflowException as error:
            if pause is None or ("IntegrityError" not in str(error) and "UniqueViolation" not in str(error)):
                raise
            time.sleep(pause)


def _size(path: str, digest: str, contents: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    for content in contents:
        if content["rule"] == "admit_ecgs" and content["outputs"].get(path) == digest:
            return {name: int(content["metrics"][name]) for name in ("ecgs", "patients") if name in content["metrics"]}
    return {}


def _parts(content: Mapping[str, Any], site: str, path: str) -> list[Any]:
    """Training and inner-validation patients of a fold, which its model names by hash."""
    found = []
    for folder in content["outputs"]:
        description = Path(folder) / "model.json"
        if not description.exists():
            continue
        model = read_json(description)
        for part, context in PARTS.items():
            digest = model.get("patients_sha256", {}).get(part)
            if digest is None:
                continue
            size = {kind: model[kind][part] for kind in ("ecgs", "patients") if part in model.get(kind, {})}
            name = f"cohort of {site}, {context} of fold {model['fold']}"
            found.append(_input(name, path, digest, size, context))
    return found


def _input(name: str, path: str, digest: str, size: dict[str, int], context: str) -> Any:
    from mlflow.data.dataset import Dataset
    from mlflow.data.sources import LocalArtifactDatasetSource  # type: ignore[attr-defined]  # made at import
    from mlflow.entities import DatasetInput, InputTag

    class Cohort(Dataset):
        """A table of ECGs of which nothing but its size is told."""

        profile = schema = None  # abstract in MLflow, which reads them from `to_dict`

        def to_dict(self) -> dict[str, str]:
            profile = {"num_rows": size.get("ecgs"), **size, "sha256": digest}
            return {**super().to_dict(), "profile": json.dumps(profile)}

        def _compute_digest(self) -> str:
            return digest[:DIGEST]

    cohort = Cohort(LocalArtifactDatasetSource(path), name=name, digest=digest[:DIGEST])
    return DatasetInput(cohort._to_mlflow_entity(), [InputTag("mlflow.data.context", context)])
