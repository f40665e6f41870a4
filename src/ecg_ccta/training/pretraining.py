"""Pre-training the small foundation network on simulated ECG statements.

It stands in for ECGFounder where a study must run in minutes on a laptop: the same architecture in small, the same
checkpoint format, the same kind of task (many statements a cardiologist reads from the tracing), never a CCTA finding.
"""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from joblib import Parallel, delayed

from ecg_ccta.config import Architecture, Pretraining, Recipe
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.model.net1d import Net1D
from ecg_ccta.signals.cleaning import clean_microvolts
from ecg_ccta.sources.statement_corpus import STATEMENTS, simulate_corpus
from ecg_ccta.training.loop import History, train
from ecg_ccta.vessels import SAMPLING_RATE

log = logging.getLogger(__name__)

CORPUS_INNER_FRACTION = 0.1
"""Proportion of the corpus by which the best epoch is chosen."""


class MemoryStore:
    """ECGs held in memory, for corpora that no later stage needs."""

    def __init__(self, signals: np.ndarray):
        self.signals = signals

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self.signals[rows]


def cleaned_corpus(ecgs: int, seed: int, processes: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulated ECGs, cleaned as the study's are, int16 microvolts (ECGs, 12, 5000), and statements (ECGs, L) int8."""
    signals, labels = [], []
    with Parallel(n_jobs=processes) as workers:
        for raw, statements in simulate_corpus(ecgs, seed):
            signals += workers(delayed(clean_microvolts)(ecg, SAMPLING_RATE) for ecg in raw)
            labels.append(statements)
            log.info("cleaned %d of %d ECGs", len(signals), ecgs)
    return np.stack(signals), np.concatenate(labels)


def pretrain(settings: Pretraining, architecture: Architecture, threads: int) -> tuple[Net1D, History, Sequence[str]]:
    """Pre-train a network on simulated statements, by so many threads.

    Returns
    -------
    the network (one output per statement), its history and the statements' names.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(settings.seed)
    signals, labels = cleaned_corpus(settings.ecgs, settings.seed, threads)
    network = build_network(architecture, len(STATEMENTS))
    order = np.random.default_rng(settings.seed).permutation(len(signals))
    inner = round(CORPUS_INNER_FRACTION * len(signals))
    schedule = Recipe(
        epochs=settings.epochs,
        patience=settings.epochs,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        crop_fraction=settings.crop_fraction,
    )
    history = train(
        network,
        MemoryStore(signals),
        labels.astype(np.float32),
        order[inner:],
        order[:inner],
        schedule,
        settings.seed,
    )
    return network, history, STATEMENTS
