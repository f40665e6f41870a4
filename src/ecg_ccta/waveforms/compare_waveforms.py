"""Waveforms and measurements compared twice over: of all and of matched patients, in millivolts and normalised.

In millivolts a difference may be of size alone: voltage depends on sex, build and where the electrodes lie. Normalised
beats are divided by their own QRS complex's size, the greatest root mean square over the twelve leads, and leave
differences of shape. One factor for all leads keeps what the leads are to one another; a factor for each lead, its own
R, would make noise large in leads with a small R and is none where there is no R.
"""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ecg_ccta.signals.segments import segment_mask
from ecg_ccta.statistics.cluster_permutation import PERMUTATIONS
from ecg_ccta.statistics.clustered_means import MINIMUM_PATIENTS
from ecg_ccta.waveforms.mean_beats import WaveformComparison, beat_curves, compare_waveforms, from_isoelectric
from ecg_ccta.waveforms.measurements import compare_measurements

ALL, MATCHED = "all", "matched"
MILLIVOLTS, NORMALISED = "mV", "normalised"

Comparisons = dict[tuple[str, str], WaveformComparison]
"""By comparison (ALL, MATCHED) and scale (MILLIVOLTS, NORMALISED)."""


def normalised(beats: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Beats (n, 12, L) in units of their own QRS size, relative to their PQ level; NaN where a beat has no size.

    The size is the greatest root mean square over the leads within the QRS segment.
    """
    levelled = from_isoelectric(beats, times)
    size = np.sqrt((levelled[:, :, segment_mask("QRS", times)] ** 2).mean(axis=1)).max(axis=1)
    return levelled / np.where(size > 0, size, np.nan)[:, None, None]


def at_half_the_rate(beats: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every second sample, that of the R peak among them: cleaned ECGs hold nothing above 40 Hz, so 250 Hz tell all."""
    kept = slice(int(np.argmin(np.abs(times))) % 2, None, 2)
    return beats[:, :, kept], times[kept]


def compare_all_waveforms(
    beats: np.ndarray,
    times: np.ndarray,
    ecg_ids: pd.Series,
    risk: dict[str, pd.DataFrame],
    level: float = 0.95,
    minimum_patients: int = MINIMUM_PATIENTS,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    jobs: int = 1,
) -> Comparisons:
    """`compare_waveforms` of each comparison in `risk` (ALL: `tables.RISK_GROUPS`; MATCHED: with pairs) on both scales.

    The clusters' p_corrected holds the chance of any false cluster of a comparison at the level: Bonferroni over the
    vessels tested and the two scales. The matched comparison asks again what the one of all patients has answered,
    and is corrected by itself. `jobs` : processes.
    """
    scales = {MILLIVOLTS: beats, NORMALISED: normalised(beats, times)}
    keys = [(comparison, scale) for comparison in risk for scale in scales]
    found = Parallel(n_jobs=jobs)(
        delayed(compare_waveforms)(
            scales[scale], times, ecg_ids, risk[comparison], level, minimum_patients, seed, permutations
        )
        for comparison, scale in keys
    )
    compared = dict(zip(keys, found, strict=True))
    for comparison in risk:
        clusters = [compared[comparison, scale].clusters for scale in scales]
        tests = sum(table.loc[table["permutations"].notna(), "vessel"].nunique() for table in clusters)
        for table in clusters:
            table["p_corrected"] = np.minimum(1, table["p_value"] * tests)
    return compared


def compare_all_measurements(
    measurements: pd.DataFrame, risk: dict[str, pd.DataFrame], level: float, minimum_patients: int = MINIMUM_PATIENTS
) -> pd.DataFrame:
    """`compare_measurements` of each comparison, with the column comparison in front."""
    parts = [
        compare_measurements(measurements, groups, level, minimum_patients).assign(comparison=comparison)
        for comparison, groups in risk.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[["comparison", *table.columns.drop("comparison")]]


def segment_table(compared: Comparisons) -> pd.DataFrame:
    """`segments` of all, with the columns comparison and scale in front."""
    return _stacked({key: found.segments for key, found in compared.items()})


def cluster_table(compared: Comparisons) -> pd.DataFrame:
    """`clusters` of all, with the columns comparison and scale in front."""
    return _stacked({key: found.clusters for key, found in compared.items()})


def all_curves(compared: Comparisons) -> pd.DataFrame:
    """`waveforms.curve_table` of all, with the columns comparison and scale in front."""
    return _stacked({key: beat_curves(found) for key, found in compared.items()})


def comparison_rows(table: pd.DataFrame, comparison: str, scale: str = MILLIVOLTS) -> pd.DataFrame:
    """The rows of one comparison and, where the table has scales, one scale."""
    table = table[table["comparison"] == comparison]
    return table[table["scale"] == scale] if "scale" in table else table


def _stacked(tables: dict[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    names = ["comparison", "scale"]
    return pd.concat(tables, names=names).reset_index(level=names).reset_index(drop=True)
