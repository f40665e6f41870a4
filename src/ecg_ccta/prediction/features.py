"""What the networks' last layer reads of an ECG."""

from collections.abc import Sequence

import numpy as np

from ecg_ccta.model.fold_models import FoldModel
from ecg_ccta.signals.store import Store
from ecg_ccta.training.inner_validation import predict
from ecg_ccta.training.parallel import device_here


def features_of(models: Sequence[FoldModel], store: Store, ecgs: int) -> list[np.ndarray]:
    """Compute the pooled features (ecgs, d) of the store's first ECGs by each fold's network, in the folds' order."""
    found = []
    for model in sorted(models, key=lambda model: model.fold):
        network = model.network.to(device_here())
        found.append(predict(network.features, network, store, np.arange(ecgs)))
        model.network.cpu()
    return found
