"""Mean beats of high-risk against low-risk ECGs, per vessel and lead; patients count as `clustered_means` says."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.errors import StudyError
from ecg_ccta.signals.segments import ISOELECTRIC, SEGMENTS, segment_mask
from ecg_ccta.statistics.cluster_permutation import PERMUTATIONS, permuted_clusters
from ecg_ccta.statistics.clustered_means import (
    MINIMUM_PATIENTS,
    patient_averages,
    pooled_deviation,
    too_few_patients,
    with_clusters,
    with_rows,
)
from ecg_ccta.statistics.clustered_means import difference as group_difference
from ecg_ccta.statistics.heterogeneity import adjusted
from ecg_ccta.vessels import LEADS, VESSELS

COMPARED_SEGMENTS = tuple(segment for segment in SEGMENTS if segment != ISOELECTRIC)
"""The isoelectric segment is zero volts by definition, so it is not compared."""


@dataclass(frozen=True)
class VesselCurves:
    """Curves of one vessel, each (12, L) in the unit of the beats over `times`; all NaN where `note` says why."""

    mean: dict[str, np.ndarray]
    lower: dict[str, np.ndarray]
    upper: dict[str, np.ndarray]
    t_statistic: np.ndarray
    """Difference high minus low over its standard error, (12, L)."""
    patients: dict[str, int]
    ecgs: dict[str, int]
    note: str


@dataclass(frozen=True)
class WaveformComparison:
    times: np.ndarray
    curves: dict[str, VesselCurves]
    segments: pd.DataFrame
    """One row per vessel, lead and compared segment; see `compare_waveforms`."""
    clusters: pd.DataFrame
    """One row per vessel and cluster of samples that differ, most significant first; see `compare_waveforms`."""
    ecgs_without_beat: int
    """ECGs left out because they have too few usable beats."""


def compare_waveforms(
    beats: np.ndarray,
    times: np.ndarray,
    ecg_ids: pd.Series,
    risk: pd.DataFrame,
    level: float = 0.95,
    minimum_patients: int = MINIMUM_PATIENTS,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> WaveformComparison:
    """Compare the beats of high-risk and low-risk ECGs.

    Parameters
    ----------
    beats : (n, 12, L), as `median_beats` (mV) or `comparisons.normalised` gives them; NaN for an ECG without one.
    times : (L,) seconds from the R peak.
    ecg_ids : (n,) the ECG of each row of `beats`.
    risk : `tables.RISK_GROUPS` of the same ECGs; with the column pair of matched patients, as `match_risk_groups` gives
        it, the tests are paired, of the pairs that both have a beat.
    level : level of bands and intervals.
    minimum_patients : patients that each group needs.
    seed, permutations : of the cluster test.

    Returns
    -------
    WaveformComparison whose `segments` has the columns vessel, lead, segment, low, high, difference, lower,
    upper (of the difference), standardised_difference (over the pooled standard deviation between patients), t,
    p_value (Student's t with Welch-Satterthwaite degrees of freedom; of pairs, one less than pairs), q_value
    (Benjamini-Hochberg within the vessel),
    patients_low, patients_high, ecgs_low, ecgs_high, note.

    Its `clusters` has vessel, lead, from_ms, to_ms (from the R peak, of the first and the last sample), mass (sum of
    t, negative where high risk is lower), difference (mean within the cluster, high minus low), p_value
    (corrected for all leads and samples of the vessel, `clusters.permuted_clusters`), permutations, patients_low,
    patients_high, note; a vessel without any cluster has a row whose note says so.

    Raises
    ------
    StudyError
        Where `risk` names an ECG that has no row in `beats`.
    """
    usable = np.isfinite(beats[:, 0, 0])
    levelled = from_isoelectric(beats, times)
    curves, rows, clusters = {}, [], []
    for vessel in VESSELS:
        of_vessel = risk[risk["vessel"] == vessel]
        of_vessel = with_rows(of_vessel, ecg_ids, "median beats")
        of_vessel = with_clusters(of_vessel[usable[of_vessel["row"]]])
        averages = {
            group: patient_averages(levelled, of_vessel[of_vessel["group"] == group]) for group in ("low", "high")
        }
        note = too_few_patients({group: len(patients) for group, (_, patients) in averages.items()}, minimum_patients)
        curves[vessel] = _curves(averages, of_vessel["group"].value_counts(), note, level)
        rows += _segment_rows(vessel, averages, curves[vessel], times, level)
        clusters += _cluster_rows(vessel, averages, curves[vessel], times, seed, permutations)
    return WaveformComparison(
        times,
        curves,
        _with_q_values(pd.DataFrame(rows)),
        pd.DataFrame(clusters, columns=_CLUSTER_COLUMNS),
        int((~usable).sum()),
    )


def from_isoelectric(beats: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Beats relative to their own isoelectric level, lead by lead.

    The high-pass filter gives every lead a mean of zero, so that a taller T wave lowers all other segments; taking
    the PQ level as zero undoes this.
    """
    level = beats[:, :, segment_mask(ISOELECTRIC, times)]
    if level.shape[2] == 0:
        raise StudyError("the beat window does not reach the PQ segment; use 0.08 s or more before R")
    return beats - np.median(level, axis=2, keepdims=True)


def _curves(averages: dict, ecgs: pd.Series, note: str, level: float) -> VesselCurves:
    mean, lower, upper = {}, {}, {}
    for group, (beats, patients) in averages.items():
        n = len(patients)
        if note:
            mean[group] = lower[group] = upper[group] = np.full(beats.shape[1:], np.nan)
            continue
        mean[group] = beats.mean(axis=0)
        half = stats.t.ppf((1 + level) / 2, n - 1) * beats.std(axis=0, ddof=1) / np.sqrt(n)
        lower[group], upper[group] = mean[group] - half, mean[group] + half
    if note:
        t_statistic = np.full(mean["low"].shape, np.nan)
    else:
        difference, error, _ = group_difference(averages["low"], averages["high"])
        t_statistic = np.divide(difference, error, out=np.zeros_like(difference), where=error > 0)
    return VesselCurves(
        mean,
        lower,
        upper,
        t_statistic,
        {group: len(patients) for group, (_, patients) in averages.items()},
        {group: int(ecgs.get(group, 0)) for group in ("low", "high")},
        note,
    )


def _segment_rows(vessel: str, averages: dict, curves: VesselCurves, times: np.ndarray, level: float) -> list[dict]:
    rows = []
    for segment in COMPARED_SEGMENTS:
        inside = segment_mask(segment, times)
        note = curves.note or ("" if inside.any() else "outside the beat window")
        if not note:
            low, high = ((beats[:, :, inside].mean(axis=2), ids) for beats, ids in averages.values())
            difference, error, freedom = group_difference(low, high)
            half = stats.t.ppf((1 + level) / 2, freedom) * error
            pooled = pooled_deviation(low[0], high[0])
        for lead, name in enumerate(LEADS):
            row: dict = {"vessel": vessel, "lead": name, "segment": segment}
            if note:
                row |= dict.fromkeys(_NUMBERS, np.nan)
            else:
                t = difference[lead] / error[lead] if error[lead] > 0 else 0.0
                row |= {
                    "low": low[0][:, lead].mean(),
                    "high": high[0][:, lead].mean(),
                    "difference": difference[lead],
                    "lower": difference[lead] - half[lead],
                    "upper": difference[lead] + half[lead],
                    "standardised_difference": difference[lead] / pooled[lead] if pooled[lead] > 0 else 0.0,
                    "t": t,
                    "p_value": 2 * stats.t.sf(abs(t), freedom[lead]),
                }
            row |= {f"patients_{group}": curves.patients[group] for group in ("low", "high")}
            row |= {f"ecgs_{group}": curves.ecgs[group] for group in ("low", "high")}
            rows.append(row | {"note": note})
    return rows


_CLUSTER_COLUMNS = [
    "vessel", "lead", "from_ms", "to_ms", "mass", "difference", "p_value", "permutations", "patients_low",
    "patients_high", "note",
]  # fmt: skip


def _cluster_rows(
    vessel: str, averages: dict, curves: VesselCurves, times: np.ndarray, seed: int, permutations: int
) -> list[dict]:
    common: dict = {"vessel": vessel} | {f"patients_{group}": curves.patients[group] for group in ("low", "high")}
    if curves.note:
        return [common | {"note": curves.note}]
    difference = curves.mean["high"] - curves.mean["low"]
    rows = [
        common
        | {
            "lead": LEADS[cluster.lead],
            "from_ms": 1000 * times[cluster.start],
            "to_ms": 1000 * times[cluster.stop - 1],
            "mass": cluster.mass,
            "difference": difference[cluster.lead, cluster.start : cluster.stop].mean(),
            "p_value": cluster.p_value,
            "permutations": permutations,
            "note": "",
        }
        for cluster in permuted_clusters(averages["low"], averages["high"], seed, permutations)
    ]
    rows.sort(key=lambda row: -abs(row["mass"]))
    return rows or [common | {"permutations": permutations, "note": "no sample beyond the cluster threshold"}]


_NUMBERS = ("low", "high", "difference", "lower", "upper", "standardised_difference", "t", "p_value")


def _with_q_values(segments: pd.DataFrame) -> pd.DataFrame:
    """`segments` in reading order with Benjamini-Hochberg q-values over the cells of each vessel."""
    q_values = segments.groupby("vessel", sort=False)["p_value"].transform(adjusted)
    segments.insert(segments.columns.get_loc("p_value") + 1, "q_value", q_values)
    order = [segments["vessel"].map(VESSELS.index), segments["lead"].map(LEADS.index)]
    return segments.iloc[np.lexsort([*order[::-1]])].reset_index(drop=True)


def beat_curves(comparison: WaveformComparison) -> pd.DataFrame:
    """The figures' numbers: a row per vessel, lead and sample.

    Returns
    -------
    DataFrame with vessel, lead, time (seconds from R), low, low_lower, low_upper, high, high_lower, high_upper,
    t, note.
    """
    parts = []
    for vessel, curves in comparison.curves.items():
        samples = len(comparison.times)
        columns = {"vessel": vessel, "lead": np.repeat(LEADS, samples), "time": np.tile(comparison.times, len(LEADS))}
        for group in ("low", "high"):
            columns[f"{group}"] = curves.mean[group].ravel()
            columns[f"{group}_lower"] = curves.lower[group].ravel()
            columns[f"{group}_upper"] = curves.upper[group].ravel()
        parts.append(pd.DataFrame({**columns, "t": curves.t_statistic.ravel(), "note": curves.note}))
    return pd.concat(parts, ignore_index=True)
