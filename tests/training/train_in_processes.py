"""Run by torchrun in test_parallel.py: a short training, whose losses and weights the first process writes down."""

import sys
from pathlib import Path

import numpy as np
import torch

from ecg_ccta.config import Architecture, Training
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.training import parallel
from ecg_ccta.training.criterion import make_criterion
from ecg_ccta.training.loop import train
from ecg_ccta.training.pretraining import MemoryStore

TINY = Architecture(
    base_filters=8, ratio=1, filter_list=[8, 16], m_blocks_list=[1, 1], kernel_size=8, stride=4, groups_width=8
)


def main(surgery: str, result: Path) -> None:
    parallel.join()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    store = MemoryStore(rng.normal(0, 200, (186, 12, 5000)).astype(np.int16))
    labels = (rng.random((186, 4)) < 0.4).astype(np.float32)
    labels[rng.random(labels.shape) < 0.2] = np.nan
    # Noise is each process's own: without it the processes do together what one does.
    settings = Training(
        epochs=4,
        patience=4,
        batch_size=32,
        learning_rate=3e-3,
        weight_decay=1e-3,
        minimum_events=2,
        noise=0.0,
        gradient_surgery=surgery,
        task_weighting="uncertainty",
    )
    torch.manual_seed(parallel.rank())
    network = build_network(TINY, 4)
    parallel.copy_from_first(network)
    rows = np.arange(186)
    criterion = make_criterion(labels[:160], settings)
    history = train(network, store, labels, rows[:160], rows[160:], settings, 3, criterion, labels)
    if parallel.rank() == 0:
        torch.save({"history": history.as_json(), "weights": network.state_dict()}, result)
    parallel.leave()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
