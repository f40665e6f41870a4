"""The file that MLflow keeps with the packaged ensemble and runs to load it: code rather than a pickle."""

from mlflow.models import set_model

from ecg_ccta.prediction.serving import ServedEnsemble

set_model(ServedEnsemble())
