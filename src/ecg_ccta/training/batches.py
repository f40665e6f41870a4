"""Batches from disk to device, read ahead of the step that needs them."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ecg_ccta.signals.store import Store

AHEAD = 3
"""Batches that are read before they are needed."""


def split_into_batches(order: np.ndarray, batch_size: int, processes: int = 1) -> list[np.ndarray]:
    """The rows of `order`, `batch_size` at a time, each batch sorted for the disk's sake.

    The last batch may be smaller, but not below one row per process: fewer go into the batch before it.
    """
    starts = list(range(0, len(order), batch_size))
    if len(starts) > 1 and len(order) - starts[-1] < processes:
        starts.pop()
    return [np.sort(part) for part in np.split(order, starts[1:])]


def read_ahead(store: Store, batches: Sequence[np.ndarray], device: torch.device) -> Iterator[Tensor]:
    """The ECGs of each batch on `device`, int16 (ECGs, 12, 5000); a thread reads while the device computes."""

    def read(rows: np.ndarray) -> Tensor:
        signals = torch.from_numpy(store.batch(rows))
        return signals.pin_memory() if device.type == "cuda" else signals

    waiting: deque = deque()
    with ThreadPoolExecutor(max_workers=1) as reader:
        try:
            for rows in batches:
                waiting.append(reader.submit(read, rows))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result().to(device, non_blocking=True)
            while waiting:
                yield waiting.popleft().result().to(device, non_blocking=True)
        finally:
            for future in waiting:
                future.cancel()
