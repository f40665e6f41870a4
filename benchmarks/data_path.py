"""Memory and speed of the way from disk to device: stores of 2,000 and of 50,000 ECGs.

    python benchmarks/data_path.py            # writes 6 GB of shards into a temporary folder and removes them

For each store a process of its own trains a very small network for one epoch over all ECGs, and another only reads
batches, three times each in turns. Prints the median peak of resident memory, its growth against the small store
(baseline), the loader's ECGs/s on its own, and those of a training step of the default study's network and of
ECGFounder's. One run's peak varies by some 200 MiB at either size, with the moment at which memory is given back.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from ecg_ccta.config import Architecture, Training, load
from ecg_ccta.model.checkpoints import build_network
from ecg_ccta.signals.store import SignalStore
from ecg_ccta.training.batches import read_ahead, split_into_batches
from ecg_ccta.training.loop import train

SHARD = 5000
SMALL, LARGE = 2_000, 50_000
REPEATS = 3
VERY_SMALL = Architecture(
    base_filters=4, ratio=1, filter_list=[4], m_blocks_list=[1], kernel_size=4, stride=8, groups_width=4
)
ROOT = Path(__file__).resolve().parents[1]
DEFAULT = load(base=ROOT / "config.yaml").foundation.architecture
ECGFOUNDER = load(ROOT / "studies/paper.yaml", ROOT / "config.yaml").foundation.architecture


def write_store(folder: Path, ecgs: int) -> None:
    block = np.random.default_rng(0).integers(-900, 900, (500, 12, 5000), dtype=np.int16)
    for shard, start in enumerate(range(0, ecgs, SHARD)):
        count = min(SHARD, ecgs - start)
        signals = np.lib.format.open_memmap(folder / f"{shard}.npy", "w+", np.int16, (count, 12, 5000))
        for row in range(0, count, len(block)):
            signals[row : row + len(block)] = block[: count - row]
        signals.flush()


def open_store(folder: Path, ecgs: int) -> SignalStore:
    number = np.arange(ecgs)
    return SignalStore(folder, pd.DataFrame({"shard": number // SHARD, "row": number % SHARD}))


def settings() -> Training:
    return Training(epochs=1, patience=1, batch_size=64, learning_rate=1e-4, weight_decay=0.0)


def train_once(folder: Path, ecgs: int) -> dict:
    """One epoch over all ECGs; run in a process of its own, whose peak memory it gives."""
    torch.set_num_threads(2)
    labels = (np.random.default_rng(1).random((ecgs, 4)) < 0.3).astype(np.float32)
    rows, inner = np.arange(64, ecgs), np.arange(64)
    train(build_network(VERY_SMALL, 4), open_store(folder, ecgs), labels, rows, inner, settings(), 1)
    return {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def read_once(folder: Path, ecgs: int) -> dict:
    """All batches of one shuffled epoch, read and thrown away."""
    order = np.random.default_rng(2).permutation(ecgs)
    begun = time.perf_counter()
    for _ in read_ahead(open_store(folder, ecgs), split_into_batches(order, 64), torch.device("cpu")):
        pass
    return {"ecgs_per_second": ecgs / (time.perf_counter() - begun)}


def step_speed(architecture: Architecture, ecgs: int) -> float:
    """ECGs/s of training, by the loop itself, from memory."""

    class Store:
        signals = np.random.default_rng(0).integers(-900, 900, (64, 12, 5000), dtype=np.int16)

        def batch(self, rows: np.ndarray) -> np.ndarray:
            return self.signals[rows % 64]

    torch.set_num_threads(2)
    labels = (np.random.default_rng(1).random((ecgs + 8, 4)) < 0.3).astype(np.float32)
    history = train(
        build_network(architecture, 4), Store(), labels, np.arange(ecgs), np.arange(ecgs, ecgs + 8), settings(), 1
    )
    return history.epochs[0].ecgs_per_second


def in_own_process(what: str, folder: Path, ecgs: int) -> dict:
    done = subprocess.run(
        [sys.executable, __file__, what, folder, str(ecgs)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the shards are written; default: the system's temporary one")
    options = parser.parse_args()
    table = Table("store", "peak MiB, training", "/ small", "ECGs/s, loader alone", title="From disk to device")
    sizes = (SMALL, LARGE)
    peaks: dict[int, list[float]] = {ecgs: [] for ecgs in sizes}
    speeds: dict[int, list[float]] = {ecgs: [] for ecgs in sizes}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        # The small store is the beginning of the large one.
        write_store(Path(folder), LARGE)
        for _ in range(REPEATS):
            for ecgs in sizes:
                peaks[ecgs].append(in_own_process("train", Path(folder), ecgs)["peak_mib"])
                speeds[ecgs].append(in_own_process("read", Path(folder), ecgs)["ecgs_per_second"])
    slowest = min(statistics.median(values) for values in speeds.values())
    for ecgs in sizes:
        peak = statistics.median(peaks[ecgs])
        growth = peak / statistics.median(peaks[SMALL])
        spread = f"{peak:.0f} ({min(peaks[ecgs]):.0f}-{max(peaks[ecgs]):.0f})"
        table.add_row(f"{ecgs:,} ECGs", spread, f"{growth:.3f}", f"{statistics.median(speeds[ecgs]):.0f}")
    console = Console(width=100)
    console.print(table)
    table = Table("network", "ECGs/s, training step", "loader / step", title="What the step consumes, two threads")
    for name, architecture, ecgs in (("default study", DEFAULT, 1280), ("ECGFounder", ECGFOUNDER, 64)):
        speed = step_speed(architecture, ecgs)
        table.add_row(name, f"{speed:.0f}", f"{slowest / speed:.1f}")
    console.print(table)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps({"train": train_once, "read": read_once}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
