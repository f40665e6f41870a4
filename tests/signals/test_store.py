import pickle

import numpy as np
import pandas as pd
import pytest

from ecg_ccta.errors import StudyError
from ecg_ccta.signals.store import SignalStore


@pytest.fixture
def folder(tmp_path):
    for shard in range(3):
        ecgs = np.zeros((4, 12, 5000), dtype=np.int16)
        ecgs[:] = (100 * shard + np.arange(4))[:, np.newaxis, np.newaxis]
        np.save(tmp_path / f"{shard}.npy", ecgs)
    return tmp_path


@pytest.fixture
def table() -> pd.DataFrame:
    """Rows in no order, with an index that is not their position."""
    return pd.DataFrame({"shard": [2, 0, 1, 0, 2], "row": [3, 1, 0, 2, 0]}, index=[9, 8, 7, 6, 5])


def test_batches_come_in_the_order_asked_for(folder, table):
    store = SignalStore(folder, table)
    assert len(store) == 5
    batch = store.batch(np.array([4, 0, 2, 2, 1, 3]))
    assert (batch.dtype, batch.shape) == (np.int16, (6, 12, 5000))
    assert batch[:, 5, 77].tolist() == [200, 203, 100, 100, 1, 2]
    assert store.batch([]).shape == (0, 12, 5000)
    assert pickle.loads(pickle.dumps(store)).batch([1])[0, 0, 0] == 1


def test_only_the_shards_asked_for_are_opened(folder, table):
    (folder / "1.npy").unlink()
    store = SignalStore(folder, table)
    assert store.batch([0, 1])[:, 0, 0].tolist() == [203, 1]
    with pytest.raises(StudyError, match=r"1\.npy: cannot be read.*run clean_signals again"):
        store.batch([2])


def test_a_file_of_another_shape_is_refused(folder, table):
    np.save(folder / "0.npy", np.zeros((4, 12, 2500), dtype=np.int16))
    with pytest.raises(StudyError, match="not int16"):
        SignalStore(folder, table).batch([1])
