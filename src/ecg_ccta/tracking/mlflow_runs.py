"""Records to MLflow: one parent run per study and configuration, one child run per job.

Sending is idempotent: a child carries the hash of its record as a tag and is not sent again. A job that ran again has a
new record; its older run is kept and tagged as superseded. A run that broke off half-way, or that the server made
although its answer was lost, has no such tag and is deleted (MLflow keeps it under "Deleted").
"""

import json
import logging
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecg_ccta.files import read_json, sha256_json
from ecg_ccta.tracking.data_sets import data_sets, log_data_sets
from ecg_ccta.tracking.lineage import edited, hash_tags, lineage_tags
from ecg_ccta.tracking.registry import register_ensemble
from ecg_ccta.tracking.sent import Tracking
from ecg_ccta.tracking.store import connect, experiment_of, sending, tracking_uri, without_password

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run, RunTag
    from mlflow.tracking import MlflowClient

log = logging.getLogger(__name__)

LOGGED_SUFFIXES = {".csv", ".html", ".json", ".png", ".svg"}
"""Results without patient rows; Parquet tables, signals and weights stay where they are and are logged by hash."""
PATIENT_LEVEL = {
    *("sites", "truth", "cohort", "signals", "splits", "predictions", "probe_predictions", "random_predictions"),
    *("features", "centre_predictions", "learning_curve", "risk", "ecgs", "instability"),
}
"""Folders of a study whose files hold one row per patient or ECG; of these only the flow counts are logged."""
ENSEMBLE_RULE = "package_ensemble"
REPORT_RULE = "build_report"


def send_records(parameters: dict[str, Any], records: Sequence[Path], results: Path) -> Tracking:
    """Send every record that MLflow does not hold yet.

    Parameters
    ----------
    parameters : the study's whole configuration; the parent run is its
    records : the records' files
    results : folder of the default tracking store, used where MLFLOW_TRACKING_URI is not set

    Raises
    ------
    mlflow.exceptions.MlflowException
        Where the server does not answer; what was sent stays sent.
    """
    study = parameters["study"]
    uri = tracking_uri(results)
    with sending(results, study):
        client = connect(results)
        experiment_id = experiment_of(client, results)
        # A job's record names its inputs' makers, which ended before it.
        contents = sorted((read_json(path) for path in records), key=lambda content: content["finished_at"])
        parent_id = _parent(client, experiment_id, study, parameters, contents)
        present = _children(client, experiment_id, parent_id)
        runs, sent = {}, 0
        for content in contents:
            digest = sha256_json(content)
            of_job = [run for run in present if run.data.tags.get("ecg_ccta.job") == content["job"]]
            current = next((run.info.run_id for run in of_job if run.data.tags.get("ecg_ccta.record") == digest), None)
            if current is None:
                current = _send(client, experiment_id, parent_id, content, contents, digest)
                sent += 1
            for run in of_job:
                superseded = str(run.info.run_id != current).lower()
                if "ecg_ccta.record" in run.data.tags and run.data.tags.get("ecg_ccta.superseded") != superseded:
                    client.set_tag(run.info.run_id, "ecg_ccta.superseded", superseded)
            runs[content["job"]] = current
        present = _without_fragments(client, _children(client, experiment_id, parent_id))
        _link(client, experiment_id, parent_id, contents, runs, present)
        _finish_parent(client, parent_id, parameters, contents)
    log.info("sent %d of %d runs to %s", sent, len(contents), without_password(uri, uri))
    return Tracking.of(
        records,
        results,
        {
            "status": "sent",
            "tracking_uri": without_password(uri, uri),
            "experiment_id": experiment_id,
            "parent_run_id": parent_id,
            "runs": runs,
        },
        sent,
    )


def send_or_postpone(parameters: dict[str, Any], records: Sequence[Path], results: Path) -> Tracking:
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
        reason = without_password((str(error) or type(error).__name__).splitlines()[0], uri)
        log.warning("records are kept and can be sent with `ecg-ccta sync %s`: %s", parameters["study"], reason)
        facts = {"status": "pending", "tracking_uri": without_password(uri, uri), "reason": reason}
        return Tracking.of(records, results, facts, 0)


def _parent(client: "MlflowClient", experiment_id: str, study: str, parameters: dict, contents: list[dict]) -> str:
    """Find or make the study's own run; delete a duplicate whose answer was lost. Returns its id."""
    digest = sha256_json(parameters)
    query = f"tags.`ecg_ccta.study` = '{study}' and tags.`ecg_ccta.config_sha256` = '{digest}'"
    found = client.search_runs([experiment_id], query)
    if not found:
        tags = {
            "mlflow.runName": study,
            "ecg_ccta.study": study,
            "ecg_ccta.config_sha256": digest,
            "git_commit": str(contents[-1]["git_commit"]),
        }
        started = min(_milliseconds(content["started_at"]) for content in contents)
        client.create_run(experiment_id, start_time=started, tags=tags)
        found = client.search_runs([experiment_id], query)
    ids = sorted(run.info.run_id for run in found)
    if len(ids) > 1:
        ids.sort(key=lambda run_id: not _children(client, experiment_id, run_id))
        for run_id in ids[1:]:
            if not _children(client, experiment_id, run_id):
                client.delete_run(run_id)
    return ids[0]


def _finish_parent(client: "MlflowClient", parent_id: str, parameters: dict, contents: list[dict]) -> None:
    """Safe to repeat, and repeated with every sending: an earlier one may have broken off in the middle."""
    run = client.get_run(parent_id)
    finished = max(_milliseconds(content["finished_at"]) for content in contents)
    if "ecg_ccta.described" not in run.data.tags:
        _log_values(client, parent_id, parameters)
        client.log_dict(parent_id, parameters, "config.json")
        client.set_tag(parent_id, "ecg_ccta.described", "true")
    for content in contents:
        digest = sha256_json(content)
        if content["rule"] == REPORT_RULE and run.data.tags.get("ecg_ccta.report") != digest:
            _log_files(client, parent_id, content)
            client.set_tag(parent_id, "ecg_ccta.report", digest)
    if run.info.status != "FINISHED" or run.info.end_time != finished:
        client.set_terminated(parent_id, "FINISHED", end_time=finished)


def _children(client: "MlflowClient", experiment_id: str, parent_id: str) -> list["Run"]:
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], f"tags.`mlflow.parentRunId` = '{parent_id}'", max_results=1000, page_token=token
        )
        found += page
        token = page.token
        if not token:
            return found


def _without_fragments(client: "MlflowClient", runs: list["Run"]) -> list["Run"]:
    """The whole runs; the others are deleted."""
    for run in runs:
        if "ecg_ccta.record" not in run.data.tags:
            client.delete_run(run.info.run_id)
    return [run for run in runs if "ecg_ccta.record" in run.data.tags]


def _link(
    client: "MlflowClient",
    experiment_id: str,
    parent_id: str,
    contents: list[dict],
    runs: dict[str, str],
    present: list["Run"],
) -> None:
    """Name in each run those before and after it, where that changed."""
    from mlflow.entities import RunTag

    before = {run.info.run_id: run.data.tags for run in present}
    for job, tags in lineage_tags(contents, runs, experiment_id, parent_id).items():
        known = before.get(runs[job], {})
        if edited(known):
            del tags["mlflow.note.content"]
        else:
            tags["ecg_ccta.note"] = sha256_json(tags["mlflow.note.content"])
        changed = [RunTag(name, value) for name, value in tags.items() if known.get(name) != value]
        if changed:
            client.log_batch(runs[job], tags=changed)


def _send(
    client: "MlflowClient",
    experiment_id: str,
    parent_id: str,
    content: dict[str, Any],
    contents: list[dict[str, Any]],
    digest: str,
) -> str:
    from mlflow.entities import Metric, RunTag

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
    run = client.create_run(experiment_id, start_time=_milliseconds(content["started_at"]), tags=tags)
    run_id = run.info.run_id
    hashes = [RunTag(re.sub(r"[^\w\-. /]", "_", name), value) for name, value in hash_tags(content).items()]
    at = _milliseconds(content["finished_at"])
    values = {**content["metrics"], "seconds": content["seconds"]}
    metrics = [Metric(name, value, at, 0) for name, value in values.items()]
    metrics += [Metric(name, value, at, step) for name, steps in content["series"].items() for step, value in steps]
    _log_values(client, run_id, content["parameters"], hashes, metrics)
    log_data_sets(client, run_id, data_sets(content, contents))
    client.log_dict(run_id, content, "record.json")
    if "code" in content:
        client.log_text(run_id, content["code"], f"{content['rule']}.py")
    _log_files(client, run_id, content)
    if Path(content["log"]).exists():
        client.log_artifact(run_id, content["log"])
    if content["rule"] == ENSEMBLE_RULE:
        register_ensemble(client, run, content, digest)
    client.set_terminated(run_id, "FINISHED", end_time=at)
    # The tag that marks a run as sent comes last: a run that broke off half-way is sent again.
    client.set_tag(run_id, "ecg_ccta.record", digest)
    return run_id


def _log_files(client: "MlflowClient", run_id: str, content: dict[str, Any]) -> None:
    for path in map(Path, content["outputs"]):
        if not path.exists():
            log.warning("%s: not logged, because %s is missing", content["job"], path)
        elif _is_result(path):
            # Tables have their site as name and lie in a folder each: results/<study>/tables/<name>/<site>.csv.
            client.log_artifact(run_id, str(path), path.parent.name if len(path.parts) > 4 else None)


def _is_result(path: Path) -> bool:
    if path.suffix not in LOGGED_SUFFIXES or not path.is_file():
        return False
    # The first two parts are `results` and the study, whose name is free.
    return path.name.endswith(".flow.json") or not PATIENT_LEVEL & set(path.parts[2:])


def _log_values(
    client: "MlflowClient",
    run_id: str,
    parameters: dict[str, Any],
    tags: Sequence["RunTag"] = (),
    metrics: Sequence["Metric"] = (),
) -> None:
    """In as few calls as MLflow allows, because each waits for the disk."""
    from mlflow.entities import Param

    flat = [Param(name, str(value)[:6000]) for name, value in _flattened(parameters)]
    for i in range(max(-(-len(flat) // 100), -(-len(tags) // 100), -(-len(metrics) // 800))):
        some, many = slice(100 * i, 100 * (i + 1)), slice(800 * i, 800 * (i + 1))
        client.log_batch(run_id, metrics=metrics[many], params=flat[some], tags=tags[some])


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
