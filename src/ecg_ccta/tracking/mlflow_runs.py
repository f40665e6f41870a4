"""Records to MLflow: one parent run per study and configuration, one child run per job.

Sending is idempotent: a child carries the hash of its record as a tag and is not sent again. A job that ran anew has a
new record; its older run is kept and tagged as superseded. A run that broke off half-way has no such tag and is deleted
(MLflow keeps it under "Deleted") when its record is sent anew.
"""

import json
import logging
import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ecg_ccta.files import read_json, sha256_json

log = logging.getLogger(__name__)

EXPERIMENT = "ecg-ccta"
LOGGED_SUFFIXES = {".csv", ".html", ".json", ".png", ".svg"}
"""Results without patient rows; Parquet tables, signals and weights stay where they are and are logged by hash."""
PATIENT_LEVEL = {"sites", "truth", "cohort", "signals", "splits", "predictions", "risk", "ecgs"}
"""Folders of a study whose files hold one row per patient or ECG; of these only the flow counts are logged."""


def send_records(parameters: dict[str, Any], records: Sequence[Path], results: Path) -> dict[str, Any]:
    """Send every record that MLflow does not hold yet.

    Parameters
    ----------
    parameters : the study's whole configuration; the parent run is its
    records : the records' files
    results : folder of the default tracking store, used where MLFLOW_TRACKING_URI is not set

    Returns
    -------
    tracking URI, experiment and run ids, how many runs were sent now, and the records relative to `results`.

    Raises
    ------
    mlflow.exceptions.MlflowException
        Where the server does not answer; what was sent stays sent.
    """
    # Without these a server that is down holds the study up for many minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    # A hospital's runs report to nobody unless the hospital wants it.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.tracking import MlflowClient

    study = parameters["study"]
    uri = tracking_uri(results)
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri)
    experiment_id = _experiment(client, results)
    contents = [read_json(path) for path in records]
    parent_id = _parent(client, experiment_id, study, parameters, contents)
    present = _children(client, experiment_id, parent_id)
    children, sent = {}, 0
    for content in contents:
        digest = sha256_json(content)
        of_job = {
            run.info.run_id: run.data.tags for run in present if run.data.tags.get("ecg_ccta.job") == content["job"]
        }
        current = next((run_id for run_id, tags in of_job.items() if tags.get("ecg_ccta.record") == digest), None)
        if current is None:
            current = _send(client, experiment_id, parent_id, content, digest)
            sent += 1
        for run_id, tags in of_job.items():
            if "ecg_ccta.record" not in tags:
                client.delete_run(run_id)
            else:
                client.set_tag(run_id, "ecg_ccta.superseded", str(run_id != current).lower())
        children[content["job"]] = current
    finished = max(_milliseconds(content["finished_at"]) for content in contents)
    client.set_terminated(parent_id, "FINISHED", end_time=finished)
    log.info("sent %d of %d runs to %s", sent, len(contents), _without_password(uri, uri))
    return {
        "status": "sent",
        "tracking_uri": _without_password(uri, uri),
        "experiment_id": experiment_id,
        "parent_run_id": parent_id,
        "sent": sent,
        "runs": children,
        "records": _relative(records, results),
    }


def send_or_postpone(parameters: dict[str, Any], records: Sequence[Path], results: Path) -> dict[str, Any]:
    """As `send_records`, but a server that does not answer costs no result: the records wait where they lie.

    Returns
    -------
    what `send_records` returns, or status "pending" with the reason; `ecg-ccta sync` sends the same records later.
    """
    try:
        return send_records(parameters, records, results)
    except Exception as error:
        # Whatever the tracking store's trouble is, the study's results stand without it.
        uri = tracking_uri(results)
        reason = _without_password((str(error) or type(error).__name__).splitlines()[0], uri)
        log.warning("records are kept and can be sent with `ecg-ccta sync %s`: %s", parameters["study"], reason)
        return {
            "status": "pending",
            "tracking_uri": _without_password(uri, uri),
            "reason": reason,
            "records": _relative(records, results),
        }


def tracking_uri(results: Path) -> str:
    """What MLFLOW_TRACKING_URI names, or a SQLite database among the results."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(results / 'mlflow.db').as_posix()}"


def _relative(records: Sequence[Path], results: Path) -> list[str]:
    return [Path(os.path.relpath(path, results)).as_posix() for path in records]


def _without_password(text: str, uri: str) -> str:
    """`text` without the user and password that a tracking URI may carry."""
    before, at, _ = urlsplit(uri).netloc.rpartition("@")
    return text.replace(before + at, "") if at else text


def _experiment(client: Any, results: Path) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return found.experiment_id
    # Without a server the artefacts lie beside the database; a server has a place of its own for them.
    local = None if os.environ.get("MLFLOW_TRACKING_URI") else (results / "mlflow-artifacts").resolve().as_uri()
    return client.create_experiment(EXPERIMENT, artifact_location=local)


def _parent(client: Any, experiment_id: str, study: str, parameters: dict, contents: list[dict]) -> str:
    digest = sha256_json(parameters)
    found = client.search_runs(
        [experiment_id], f"tags.`ecg_ccta.study` = '{study}' and tags.`ecg_ccta.config_sha256` = '{digest}'"
    )
    if found:
        parent_id = found[0].info.run_id
        _describe_parent(client, parent_id, parameters)
        return parent_id
    tags = {
        "mlflow.runName": study,
        "ecg_ccta.study": study,
        "ecg_ccta.config_sha256": digest,
        "git_commit": str(contents[-1]["git_commit"]),
    }
    started = min(_milliseconds(content["started_at"]) for content in contents)
    parent_id = client.create_run(experiment_id, start_time=started, tags=tags).info.run_id
    _describe_parent(client, parent_id, parameters)
    return parent_id


def _describe_parent(client: Any, parent_id: str, parameters: dict) -> None:
    """Safe to repeat, and repeated with every sending: an earlier one may have broken off in the middle."""
    _log_parameters(client, parent_id, parameters)
    client.log_dict(parent_id, parameters, "config.json")


def _children(client: Any, experiment_id: str, parent_id: str) -> list[Any]:
    found, token = [], None
    while True:
        page = client.search_runs(
            [experiment_id], f"tags.`mlflow.parentRunId` = '{parent_id}'", max_results=1000, page_token=token
        )
        found += page
        token = page.token
        if not token:
            return found


def _send(client: Any, experiment_id: str, parent_id: str, content: dict[str, Any], digest: str) -> str:
    from mlflow.entities import Metric

    tags = {
        "mlflow.runName": content["job"],
        "mlflow.parentRunId": parent_id,
        "mlflow.source.name": f"workflow/scripts/{content['rule']}.py",
        "mlflow.source.git.commit": str(content["git_commit"]),
        "rule": content["rule"],
        "git_commit": str(content["git_commit"]),
        "parameters_sha256": content["parameters_sha256"],
        "host": content["host"],
        "seed": str(content["seed"]),
        "ecg_ccta.job": content["job"],
        **{f"wildcard.{name}": str(value) for name, value in content["wildcards"].items()},
    }
    run_id = client.create_run(experiment_id, start_time=_milliseconds(content["started_at"]), tags=tags).info.run_id
    _log_parameters(client, run_id, content["parameters"])
    at = _milliseconds(content["finished_at"])
    values = {**content["metrics"], "seconds": content["seconds"]}
    metrics = [Metric(name, value, at, 0) for name, value in values.items()]
    metrics += [Metric(name, value, at, step) for name, steps in content["series"].items() for step, value in steps]
    for i in range(0, len(metrics), 1000):
        client.log_batch(run_id, metrics=metrics[i : i + 1000])
    client.log_dict(run_id, content, "record.json")
    for path in map(Path, content["outputs"]):
        if not path.exists():
            log.warning("%s: not logged, because %s is missing", content["job"], path)
        elif _is_result(path):
            client.log_artifact(run_id, str(path))
    if Path(content["log"]).exists():
        client.log_artifact(run_id, content["log"])
    client.set_terminated(run_id, "FINISHED", end_time=at)
    # The tag that marks a run as sent comes last: a run that broke off half-way is sent anew.
    client.set_tag(run_id, "ecg_ccta.record", digest)
    return run_id


def _is_result(path: Path) -> bool:
    if path.suffix not in LOGGED_SUFFIXES or not path.is_file():
        return False
    # The first two parts are `results` and the study, whose name is free.
    return path.name.endswith(".flow.json") or not PATIENT_LEVEL & set(path.parts[2:])


def _log_parameters(client: Any, run_id: str, parameters: dict[str, Any]) -> None:
    from mlflow.entities import Param

    flat = [Param(name, str(value)[:6000]) for name, value in _flattened(parameters)]
    for i in range(0, len(flat), 100):
        client.log_batch(run_id, params=flat[i : i + 100])


def _flattened(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict) and value:
            if all(re.fullmatch(r"[\w-]+", str(key)) for key in value):
                flat += _flattened(value, f"{prefix}{name}.")
            else:
                # A hospital's own words, such as "< 50 %", are no parameter names to MLflow.
                flat.append((f"{prefix}{name}", json.dumps(value, ensure_ascii=False)))
        else:
            flat.append((f"{prefix}{name}", value))
    return flat


def _milliseconds(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp() * 1000)
