"""Where runs go: a SQLite database among the results, or the store that MLFLOW_TRACKING_URI names.

Several processes may send at once. A lock beside the results lets one at a time send a study, and one at a time write
to a local database, which also means that one alone sets up its tables.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "ecg-ccta"
AUDIT_ADDRESS = "http://127.0.0.1:5000"
"""Where `make audit` shows a local database unless told otherwise."""
PATIENCE = 5
"""Seconds for a server's first sign of life."""
FIRST_CONTACTS = 5
"""Attempts to set up the tables of a database server, which fails where another process is doing the same."""


def tracking_uri(results: Path) -> str:
    """What MLFLOW_TRACKING_URI names, or a SQLite database among the results."""
    return os.environ.get("MLFLOW_TRACKING_URI") or local_uri(results)


def local_uri(results: Path) -> str:
    return f"sqlite:///{(results / 'mlflow.db').as_posix()}"


def without_password(text: str, uri: str) -> str:
    """`text` without the user and password that a tracking URI may carry."""
    before, at, _ = urlsplit(uri).netloc.rpartition("@")
    return text.replace(before + at, "") if at else text


def page_of_run(tracking: dict, run_id: str) -> str | None:
    """Address of a run's page, or None where nothing was sent or nobody serves pages.

    `tracking` is a study's tracking.json. The pages of a local database are served by `make audit`.
    """
    if tracking.get("status") != "sent":
        return None
    uri = tracking["tracking_uri"]
    base = AUDIT_ADDRESS if uri.startswith("sqlite:") else uri.rstrip("/")
    return f"{base}/#/experiments/{tracking['experiment_id']}/runs/{run_id}" if base.startswith("http") else None


def connect(results: Path) -> "MlflowClient":
    """A client of the store, whose tables are there.

    Raises
    ------
    requests.exceptions.RequestException, mlflow.exceptions.MlflowException
        Where the server does not answer: after seconds, not after MLflow's own minutes.
    """
    defaults = {"MAX_RETRIES": "2", "BACKOFF_FACTOR": "1", "TIMEOUT": "20"}
    for name, value in defaults.items():
        os.environ.setdefault(f"MLFLOW_HTTP_REQUEST_{name}", value)
    # A hospital's runs report to nobody unless the hospital wants it.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow.tracking import MlflowClient

    uri = tracking_uri(results)
    if uri == local_uri(results):
        relocate(results)
    if uri.startswith("http"):
        _require_answer(without_password(uri, uri))
    for attempt in range(1, FIRST_CONTACTS + 1):
        try:
            client = MlflowClient(uri)
            client.search_experiments(max_results=1)
            return client
        except Exception:
            # Through a server the tables are the server's own affair.
            if uri.startswith("http") or attempt == FIRST_CONTACTS:
                raise
            time.sleep(attempt)
    raise AssertionError("unreachable")


def _require_answer(address: str) -> None:
    """Fail fast where the server is unreachable or does not respond."""
    import requests

    # Whether it is trusted is a matter of MLflow's own settings: a certificate is an answer.
    with suppress(requests.exceptions.SSLError):
        requests.get(f"{address.rstrip('/')}/health", timeout=PATIENCE)


def experiment_of(client: "MlflowClient", results: Path) -> str:
    """Id of the one experiment of all studies, created where it is missing."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        # Without a server the artefacts lie beside the database; a server has a place of its own for them.
        is_local = tracking_uri(results) == local_uri(results)
        try:
            return client.create_experiment(
                EXPERIMENT,
                artifact_location=_artifacts(results) if is_local else None,
                # MLflow's pages then show runs of trained models rather than of language models.
                tags={"mlflow.experimentKind": "custom_model_development"},
            )
        except MlflowException:
            # Another process may have been first.
            found = client.get_experiment_by_name(EXPERIMENT)
            if found is None:
                raise
    return found.experiment_id


def relocate(results: Path) -> None:
    """Let a local database find its artefacts where the results lie now.

    MLflow notes artefacts by absolute path, so a project folder that was moved, renamed or copied would show none.
    """
    database, here = results / "mlflow.db", _artifacts(results)
    if not database.exists():
        return
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "experiments" not in tables:
            return
        query = "SELECT artifact_location FROM experiments WHERE name = ?"
        (before,) = connection.execute(query, (EXPERIMENT,)).fetchone() or (here,)
        if before == here or not before.endswith("/mlflow-artifacts"):
            return
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("logged_models", "artifact_location"),
            ("model_versions", "source"),
            ("model_versions", "storage_location"),
        ):
            if table in tables:
                # The names are those above; values are bound.
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                    (here, len(before) + 1, len(before) + 1, f"{before}/"),
                )
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE name = ?", (here, EXPERIMENT))


@contextmanager
def sending(results: Path, study: str) -> Iterator[None]:
    """Hold what no two processes may do at once: send one study, or write to one local database."""
    local = tracking_uri(results).startswith("sqlite:")
    with _locked(results / study / ".sending.lock"), _locked(results / ".mlflow.lock", needed=local):
        yield


@contextmanager
def _locked(path: Path, needed: bool = True) -> Iterator[None]:
    if not needed:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        # Ends with the process, however it ends.
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _artifacts(results: Path) -> str:
    return (results / "mlflow-artifacts").resolve().as_uri()
