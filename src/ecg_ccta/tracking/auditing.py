"""MLflow's pages for the local database."""

import os
import subprocess
import sys
from pathlib import Path

from ecg_ccta.errors import StudyError
from ecg_ccta.tracking.store import local_uri, relocate


def serve_local(results: Path, port: int) -> subprocess.Popen:
    """Start `mlflow server` for results/mlflow.db on 127.0.0.1.

    Raises
    ------
    StudyError
        Where there is no database yet.
    """
    results = results.resolve()
    if not (results / "mlflow.db").exists():
        raise StudyError(f"{results / 'mlflow.db'}: missing; run a study first")
    relocate(results)
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning", "--backend-store-uri", local_uri(results)]
    command += ["--artifacts-destination", (results / "mlflow-artifacts").as_uri()]
    # Without helper processes for language models it starts sooner; nobody is told of its use.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return subprocess.Popen(command, env={**os.environ, **quiet})
