"""Attribution of all folds as tables: regions, maps, deletion and insertion, randomisation of weights.

Intervals are Student's t over folds. The folds' networks share most of their training patients, so that the intervals
say how steady a map is, not how far another hospital's would be from it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from ecg_ccta.attribution.attribute_waveforms import METHODS, FoldAttribution
from ecg_ccta.attribution.faithfulness import COUNTS, REGION_COUNT, area
from ecg_ccta.signals.segments import SEGMENTS
from ecg_ccta.vessels import LEADS, SAMPLING_RATE, VESSELS

NO_ECG = "no ECG could be attributed"
LEVEL = 0.95

CURVES = ("deletion", "insertion")


def over_folds(values: np.ndarray, level: float = LEVEL) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and t interval over the folds that have a value, (folds, ...); NaN without one, no interval with one."""
    known = np.isfinite(values).sum(axis=0)
    mean = np.divide(np.nansum(values, axis=0), known, out=np.full(known.shape, np.nan), where=known > 0)
    squares = np.nansum((values - mean) ** 2, axis=0)
    several = known > 1
    error = np.full(known.shape, np.nan)
    np.sqrt(squares / np.maximum(known * (known - 1), 1), out=error, where=several)
    half = stats.t.ppf((1 + level) / 2, np.maximum(known - 1, 1)) * error
    return mean, mean - half, mean + half


def region_table(folds: Sequence[FoldAttribution]) -> pd.DataFrame:
    """Attribution of every lead and segment by every method.

    Returns
    -------
    A row per method, vessel, lead ("all" for Grad-CAM, which does not tell leads apart) and segment: method, vessel,
    lead, segment, attribution with lower and upper over folds, unit ("logits", positive raises the prediction; for
    Grad-CAM "of the beat's mean", 1 where it is as everywhere in the beat), absolute (mean of the ECGs' absolute
    values), rise (logits by which the ECGs exceed the mean beat), ecgs, folds, note.
    """
    ecgs = np.stack([fold.ecgs for fold in folds])
    rise = over_folds(np.stack([fold.rise for fold in folds]))[0]
    rows = []
    for m, method in enumerate(METHODS):
        told = method != "Grad-CAM"
        mean, lower, upper = over_folds(np.stack([fold.regions[m] for fold in folds]))
        absolute = over_folds(np.stack([fold.absolute[m] for fold in folds]))[0]
        for v, vessel in enumerate(VESSELS):
            for lead, name in enumerate(LEADS if told else ["all"]):
                for s, segment in enumerate(SEGMENTS):
                    rows.append(
                        {
                            "method": method,
                            "vessel": vessel,
                            "lead": name,
                            "segment": segment,
                            "attribution": mean[v, lead, s],
                            "lower": lower[v, lead, s],
                            "upper": upper[v, lead, s],
                            "unit": "logits" if told else "of the beat's mean",
                            "absolute": absolute[v, lead, s],
                            "rise": rise[v],
                            "ecgs": ecgs[:, v].sum(),
                            "folds": (ecgs[:, v] > 0).sum(),
                            "note": "" if ecgs[:, v].any() else NO_ECG,
                        }
                    )
    return pd.DataFrame(rows)


def map_table(folds: Sequence[FoldAttribution]) -> pd.DataFrame:
    """The figure's numbers: a row per vessel, lead and sample.

    Returns
    -------
    DataFrame with vessel, lead, time (seconds from R), gradients (integrated gradients, logits per second of the beat,
    all beats of an ECG together) with lower and upper over folds, activation (Grad-CAM, 1 is the beat's mean; the same
    in all leads), beat_mv (mean beat of the attributed ECGs), mean_beat_mv (mean beat that they are compared with).
    """
    times = folds[0].times
    gradients, lower, upper = over_folds(SAMPLING_RATE * np.stack([fold.gradients for fold in folds]))
    activation = over_folds(np.stack([fold.activation for fold in folds]))[0]
    beat = over_folds(np.stack([fold.beat for fold in folds]))[0]
    mean_beat = np.mean([fold.mean_beat for fold in folds], axis=0)
    parts = [
        pd.DataFrame(
            {
                "vessel": vessel,
                "lead": np.repeat(LEADS, len(times)),
                "time": np.tile(times, len(LEADS)),
                "gradients": gradients[v].ravel(),
                "lower": lower[v].ravel(),
                "upper": upper[v].ravel(),
                "activation": np.tile(activation[v], len(LEADS)),
                "beat_mv": beat[v].ravel(),
                "mean_beat_mv": mean_beat.ravel(),
            }
        )
        for v, vessel in enumerate(VESSELS)
    ]
    return pd.concat(parts, ignore_index=True)


def removal_curves_table(folds: Sequence[FoldAttribution]) -> pd.DataFrame:
    """Deletion and insertion curves.

    Returns
    -------
    A row per fold, order (METHODS and "random"), vessel, curve and number of regions: order, vessel, curve, fold,
    regions, proportion (of all 60), rise (logits over the mean beat, mean over the fold's ECGs).
    """
    rows = [
        {"order": order, "vessel": vessel, "curve": curve, "fold": fold.fold, "regions": count,
         "proportion": count / REGION_COUNT, "rise": fold.curves[o, v, c, p]}
        for o, order in enumerate([*METHODS, "random"])
        for v, vessel in enumerate(VESSELS)
        for c, curve in enumerate(CURVES)
        for fold in folds
        for p, count in enumerate(COUNTS)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def faithfulness_table(folds: Sequence[FoldAttribution], events: Mapping[str, int]) -> pd.DataFrame:
    """Areas of deletion and insertion curves against those of random order.

    Parameters
    ----------
    events : vessel -> ECGs with the event at the site.

    Returns
    -------
    A row per method, vessel and curve: method, vessel, curve, area and area_random (logits, mean over folds),
    difference with lower and upper over folds, folds_better (deletion below random, insertion above), folds, events,
    note.
    """
    areas = np.stack([area(fold.curves) for fold in folds])
    rows = []
    for m, method in enumerate(METHODS):
        for v, vessel in enumerate(VESSELS):
            for c, curve in enumerate(CURVES):
                own, chance = areas[:, m, v, c], areas[:, -1, v, c]
                mean, lower, upper = map(float, over_folds(own - chance))
                better = own < chance if curve == "deletion" else own > chance
                rows.append(
                    {
                        "method": method,
                        "vessel": vessel,
                        "curve": curve,
                        "area": float(over_folds(own)[0]),
                        "area_random": float(over_folds(chance)[0]),
                        "difference": mean,
                        "lower": lower,
                        "upper": upper,
                        "folds_better": int(better.sum()),
                        "folds": int(np.isfinite(own).sum()),
                        "events": events[vessel],
                        "note": "" if np.isfinite(own).any() else NO_ECG,
                    }
                )
    return pd.DataFrame(rows)


def randomisation_table(folds: Sequence[FoldAttribution]) -> pd.DataFrame:
    """What is left of the maps when weights are re-initialised.

    Returns
    -------
    A row per method, vessel and layer, the last layer of the network first: method, vessel, layer, reinitialised
    (number of layers so far), of_layers (all), correlation with lower and upper over folds (Spearman's, of an ECG's
    map with that of the learnt network), correlation_absolute (of the absolute values), folds, note.
    """
    correlation = np.stack([fold.correlation for fold in folds])
    mean, lower, upper = over_folds(correlation)
    layers = folds[0].layers
    rows = [
        {
            "method": method,
            "vessel": vessel,
            "layer": str(layer),
            "reinitialised": number + 1,
            "of_layers": len(layers),
            "correlation": mean[number, m, v, 0],
            "lower": lower[number, m, v, 0],
            "upper": upper[number, m, v, 0],
            "correlation_absolute": mean[number, m, v, 1],
            "folds": int(np.isfinite(correlation[:, number, m, v, 0]).sum()),
            "note": "" if np.isfinite(mean[number, m, v, 0]) else NO_ECG,
        }
        for m, method in enumerate(METHODS)
        for v, vessel in enumerate(VESSELS)
        for number, layer in enumerate(layers)
    ]
    return pd.DataFrame(rows)
