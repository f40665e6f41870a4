"""A block of a site's recordings, read, judged and cleaned: the unit of parallel work."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from ecg_ccta import tables
from ecg_ccta.cohort.pseudonyms import pseudonyms, site_key
from ecg_ccta.cohort.site_tables import read_ecg_index
from ecg_ccta.config import Export, Quality
from ecg_ccta.errors import StudyError
from ecg_ccta.files import replacing
from ecg_ccta.signals.reading import read_recording
from ecg_ccta.signals.recording import SECONDS, clean_recording
from ecg_ccta.signals.resampling import resample
from ecg_ccta.vessels import LEADS, SAMPLES, SAMPLING_RATE


def clean_shard(
    eligible: pd.DataFrame,
    export: Path,
    site: Export,
    site_name: str,
    study_seed: int,
    quality: Quality,
    shard: int,
    shards: int,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, pd.DataFrame]:
    """Clean block `shard` (from 0) of the `shards` contiguous blocks of `eligible` (`tables.ELIGIBLE`).

    Returns the cleaned signals of the usable ECGs, int16 microvolts (n, 12, 5000) at 500 Hz (120 kB per ECG in
    memory), and the table (`tables.SHARD`) of all ECGs of the block. Each ECG's path is found by reading the
    export's ecg_index again and hashing its ids, so that paths and ids never go through results.

    `signal_sha256` is that of the raw first 10 s at 500 Hz as int16 microvolts: equal for one recording exported
    twice. `progress` is called with (ECGs done, ECGs in the block). One bad recording never raises: it has a reason
    and no row. Raises StudyError where the export no longer holds an eligible ECG or its tables are at fault.
    """
    if not 0 <= shard < shards:
        raise ValueError(f"shard {shard} is not among 0 to {shards - 1}")
    ids = eligible["ecg_id"].iloc[shard * len(eligible) // shards : (shard + 1) * len(eligible) // shards]
    paths = recording_paths(ids, export, site, site_name, study_seed)
    signals = np.empty((len(ids), len(LEADS), SAMPLES), dtype=np.int16)
    rows = []
    usable = 0
    for done, ecg_id in enumerate(ids, start=1):
        found = clean_recording(export / paths[ecg_id] if paths[ecg_id] else None, quality, export)
        row = None
        if found.microvolts is not None:
            signals[usable], row = found.microvolts, usable
            usable += 1
        rows.append((ecg_id, found.reason, shard, row, _sha256(found.raw_mv), found.noisy_leads, found.source_rate))
        if progress is not None:
            progress(done, len(ids))
    table = pd.DataFrame(rows, columns=list(tables.SHARD.columns))
    return signals[:usable], tables.check(_typed(table), tables.SHARD, f"site {site_name}, shard {shard}")


def recording_paths(ids: pd.Series, export: Path, site: Export, site_name: str, study_seed: int) -> dict[str, str]:
    """Path of each of these pseudonymous ECG ids, by reading the export's ecg_index again and hashing its ids.

    Raises
    ------
    StudyError
        Where the export no longer holds one of the ECGs, or its tables are at fault.
    """
    index = read_ecg_index(site_name, site, export)
    key = site_key(site_name, site, study_seed)
    paths = dict(zip(pseudonyms(key, "ecg", index["ecg_id"]), index["path"], strict=True))
    unknown = int((~ids.isin(list(paths))).sum())
    if unknown:
        raise StudyError(
            f"site {site_name}: {unknown} of {len(ids)} eligible ECGs are not in {site.tables.ecg_index} under this "
            "pseudonym key; the export or the key changed since build_cohort: run build_cohort again"
        )
    return {ecg_id: paths[ecg_id] for ecg_id in ids}


def raw_ecgs(ids: pd.Series, export: Path, site: Export, site_name: str, study_seed: int) -> dict[str, np.ndarray]:
    """The first 10 s of these ECGs as recorded, (12, 5000) mV at 500 Hz, read again from the export.

    Raises
    ------
    StudyError
        As `recording_paths`.
    """
    paths = recording_paths(ids, export, site, site_name, study_seed)
    read = {ecg_id: read_recording(export / path, seconds=SECONDS, folder=export) for ecg_id, path in paths.items()}
    return {ecg_id: resample(ecg, rate, SAMPLING_RATE)[:, :SAMPLES] for ecg_id, (ecg, rate) in read.items()}


def write_shard(signals: np.ndarray, table: pd.DataFrame, signals_path: str | Path, table_path: str | Path) -> None:
    """Write the two results of `clean_shard`, each atomically, the signals first."""
    with replacing(signals_path) as temporary, temporary.open("wb") as stream:
        np.save(stream, signals)
    tables.write(table, tables.SHARD, table_path)


def _sha256(raw_mv: np.ndarray | None) -> str | None:
    if raw_mv is None:
        return None
    return hashlib.sha256(np.ascontiguousarray(np.rint(raw_mv * 1000), dtype="<i2").tobytes()).hexdigest()


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Nullable types, which an all-missing or empty column would otherwise lose."""
    return table.astype(
        {
            "reason": "string",
            "row": "Int64",
            "signal_sha256": "string",
            "noisy_leads": "string",
            "source_rate": "float64",
            "shard": "int64",
        }
    )
