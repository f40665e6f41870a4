"""Cleaned signals on disk, read by position."""

import mmap
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import pandas as pd

from ecg_ccta.errors import StudyError
from ecg_ccta.vessels import LEADS, SAMPLES


class Store(Protocol):
    """Where ECGs lie: rows in, int16 microvolts (ECGs, 12, 5000) out."""

    def batch(self, rows: np.ndarray) -> np.ndarray: ...


class Batch:
    """ECGs in memory, read by row as a `SignalStore` is: int16 microvolts (ECGs, 12, 5000)."""

    def __init__(self, microvolts: np.ndarray) -> None:
        self._microvolts = microvolts

    def batch(self, rows: np.ndarray) -> np.ndarray:
        return self._microvolts[rows]


class SignalStore:
    """The signals of a table's rows, memory-mapped: nothing is read before it is asked for.

    `folder` holds `<shard>.npy`, int16 microvolts (ECGs, 12, 5000); `table` has the columns shard and row, and its
    row i (by position) is ECG i of the store.
    """

    def __init__(self, folder: str | Path, table: pd.DataFrame) -> None:
        self._folder = Path(folder)
        self._shard = table["shard"].to_numpy(dtype=np.int64)
        self._row = table["row"].to_numpy(dtype=np.int64)
        self._maps: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._shard)

    def __getstate__(self) -> dict:
        # A worker process maps the files itself instead of being sent their content.
        return {**self.__dict__, "_maps": {}}

    def batch(self, indices: np.ndarray) -> np.ndarray:
        """The ECGs at `indices` (n,), in that order: int16 microvolts (n, 12, 5000).

        Raises StudyError where a shard's file is missing or is not of this shape.
        """
        indices = np.asarray(indices, dtype=np.int64)
        shards, rows = self._shard[indices], self._row[indices]
        signals = np.empty((len(indices), len(LEADS), SAMPLES), dtype=np.int16)
        for shard in np.unique(shards):
            here = shards == shard
            mapped = self._map(int(shard))
            signals[here] = mapped[rows[here]]
            # Read pages stay in the system's cache, but no longer count as this process's memory: without this a
            # training's memory would grow to the size of its store.
            cast(mmap.mmap, mapped.base).madvise(mmap.MADV_DONTNEED)
        return signals

    def _map(self, shard: int) -> np.ndarray:
        if shard not in self._maps:
            path = self._folder / f"{shard}.npy"
            try:
                mapped = np.load(path, mmap_mode="r")
            except (OSError, ValueError) as error:
                raise StudyError(f"{path}: cannot be read ({error}); run clean_signals again") from None
            if mapped.dtype != np.int16 or mapped.shape[1:] != (len(LEADS), SAMPLES):
                raise StudyError(
                    f"{path}: holds {mapped.dtype} {mapped.shape}, not int16 (ECGs, {len(LEADS)}, {SAMPLES}); "
                    "run clean_signals again"
                )
            self._maps[shard] = mapped
        return self._maps[shard]
