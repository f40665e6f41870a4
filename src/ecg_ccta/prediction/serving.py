"""The ensemble of all folds as one MLflow model that answers raw ECGs, outside this project too.

The folder holds the weights (safetensors), this library's code and the pinned requirements: no pickle. The model cleans
an ECG and judges its quality as clean_signals does, and refuses one that a study would exclude.
"""

import importlib.metadata
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext, save_model
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from scipy.special import expit

import ecg_ccta
from ecg_ccta.config import Quality
from ecg_ccta.files import read_json, replacing, write_json
from ecg_ccta.model.fold_models import load_fold
from ecg_ccta.prediction.predicting import ensemble_logits
from ecg_ccta.signals.recording import clean_or_refuse
from ecg_ccta.signals.store import Batch
from ecg_ccta.vessels import LEADS, SAMPLES, VESSELS

REQUIREMENTS = ["mlflow", "numpy", "pandas", "pandera", "pyarrow", "pydantic", "pyyaml", "safetensors", "scikit-learn",
                "scipy", "torch", "wfdb"]  # fmt: skip
"""What the served code imports."""
SIGNATURE = ModelSignature(
    inputs=Schema([TensorSpec(np.dtype("float64"), (-1, len(LEADS), SAMPLES), "millivolts")]),
    outputs=Schema([ColSpec(DataType.double, vessel) for vessel in VESSELS]),
)
"""In: raw ECGs (n, 12, 5000) in mV at 500 Hz, leads in the order of `vessels.LEADS`. Out: calibrated probabilities."""


class ServedEnsemble(PythonModel):
    """What `mlflow models serve` runs."""

    def load_context(self, context: PythonModelContext) -> None:
        folders = sorted(path for name, path in context.artifacts.items() if name.startswith("fold"))
        self.models = [load_fold(folder) for folder in folders]
        self.quality = Quality(**read_json(context.artifacts["quality"]))

    # Without types: MLflow would take them for the signature.
    def predict(self, context, model_input, params=None):
        """Calibrated probabilities as a DataFrame, a column per vessel and a row per ECG.

        Raises
        ------
        MlflowException
            An error of the request, where an ECG is one that a study would exclude; it names which and why.
        """
        raw = model_input["millivolts"] if isinstance(model_input, dict) else model_input
        cleaned = []
        for number, ecg in enumerate(np.asarray(raw, dtype=np.float64)):
            reason, microvolts, _ = clean_or_refuse(ecg, self.quality)
            if microvolts is None:
                raise MlflowException(f"ECG {number}: {reason}", error_code=INVALID_PARAMETER_VALUE)
            cleaned.append(microvolts)
        logits = ensemble_logits(self.models, Batch(np.stack(cleaned)), len(cleaned))
        return pd.DataFrame(expit(logits.astype(float)), columns=list(VESSELS))


def example_ecg() -> np.ndarray:
    """A simulated ECG of nobody (1, 12, 5000) in mV, always the same."""
    from ecg_ccta.sources.heart_beats import SEGMENT_CENTRES, simulate_hearts, tracings

    rng = np.random.default_rng(0)
    hearts = simulate_hearts(np.array([60.0]), np.array([True]), rng)
    healthy = np.zeros((1, 8, len(SEGMENT_CENTRES)))
    return np.round(tracings(hearts, healthy, rng).astype(np.float64), 3)


def save_ensemble(models: Sequence[str | Path], quality: Quality, folder: str | Path) -> None:
    """Write the MLflow model of the folds' folders `models`, atomically."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Without the build, such as +cpu, which package indices do not have.
    versions = {name: importlib.metadata.version(name).partition("+")[0] for name in REQUIREMENTS}
    with tempfile.TemporaryDirectory() as scratch, replacing(folder) as temporary:
        code = Path(scratch) / "code" / "ecg_ccta"
        shutil.copytree(Path(ecg_ccta.__file__).parent, code, ignore=shutil.ignore_patterns("__pycache__"))
        limits = Path(scratch) / "quality.json"
        write_json(limits, quality.model_dump(mode="json"))
        save_model(
            temporary,
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts={"quality": str(limits), **{f"fold{i}": str(path) for i, path in enumerate(models)}},
            code_paths=[str(code)],
            signature=SIGNATURE,
            input_example=example_ecg(),
            pip_requirements=[f"{name}=={version}" for name, version in versions.items()],
        )
