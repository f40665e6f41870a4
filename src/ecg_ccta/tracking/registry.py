"""The fine-tuned ensemble in MLflow's model registry, so that it can be found by name and served."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

ARTEFACT = "ensemble"


def registered_name(study: str) -> str:
    return f"ecg-ccta-{study}"


def register_ensemble(client: "MlflowClient", run: "Run", content: Mapping[str, Any], digest: str) -> None:
    """Log the packaged ensemble of a record as artefact of its run, and the newest version of the study's model.

    A version carries the record's hash, so that one whose sending broke off is replaced.
    """
    from mlflow.exceptions import MlflowException

    (folder,) = content["outputs"]
    client.log_artifacts(run.info.run_id, folder, ARTEFACT)
    name = registered_name(content["study"])
    try:
        client.create_registered_model(
            name,
            tags={"study": content["study"]},
            description="Probability of a stenosis (cohort.event_from; 70 % or more if not named) of RCA, LM, LAD and "
            "LCX from a raw resting 12-lead ECG: (ECGs, 12, 5000) in millivolts at 500 Hz, 10 s, leads I to "
            "V6. For research only.",
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{ARTEFACT}",
        run_id=run.info.run_id,
        tags={"ecg_ccta.record": digest, "sha256": content["outputs"][folder]},
    )
    versions = client.search_model_versions(f"name = '{name}'")
    same = [version for version in versions if version.tags.get("ecg_ccta.record") == digest]
    for version in sorted(same, key=lambda version: int(version.version))[:-1]:
        client.delete_model_version(name, version.version)
