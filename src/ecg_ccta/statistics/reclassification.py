"""Net reclassification and integrated discrimination improvement of one prediction over another.

Sources: Pencina et al., Stat Med 2008;27:157-172 (NRI by categories, IDI); Pencina et al., Stat Med 2011;30:11-21
(NRI without categories). Both are given with their parts for events and non-events, because their sum hides which of
the two moved (Kerr et al., Epidemiology 2014;25:114-121). The NRI can be positive for a useless marker where risks
are not calibrated, without categories most of all (Hilden and Gerds, Stat Med 2014;33:3405-3414); that one never stands
alone here.
"""

from typing import NamedTuple

import numpy as np

from ecg_ccta.statistics.bootstrap import Bootstrap


class Improvement(NamedTuple):
    """An index and its parts; arrays with a value per set of weights, NaN where a set has no events, or no others."""

    total: np.ndarray
    events: np.ndarray
    others: np.ndarray


def net_reclassification(
    y_true: np.ndarray, old: np.ndarray, new: np.ndarray, weights: np.ndarray | None = None
) -> Improvement:
    """NRI: the net proportion of events that move up plus the net proportion of non-events that move down.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    old, new : (n,) ranks of ordered categories for the categorical NRI; risks for the one without categories, where
        any change counts
    weights : (sets, n) how often each patient counts; default one set that counts everybody once

    Examples
    --------
    >>> found = net_reclassification(np.array([1, 1, 0, 0, 0]), np.array([0, 1, 1, 0, 1]), np.array([1, 1, 0, 0, 1]))
    >>> [round(float(part[0]), 3) for part in found]
    [0.833, 0.5, 0.333]
    """
    moved = np.sign(np.asarray(new) - np.asarray(old)).astype(float)
    return _improvement(y_true, moved, weights)


def integrated_discrimination(
    y_true: np.ndarray, old: np.ndarray, new: np.ndarray, weights: np.ndarray | None = None
) -> Improvement:
    """IDI: by how much the mean risk rises among events plus by how much it falls among non-events.

    Parameters
    ----------
    y_true : (n,) 0 and 1
    old, new : (n,) risks, 0 to 1
    weights : as in `net_reclassification`
    """
    return _improvement(y_true, np.asarray(new, dtype=float) - np.asarray(old, dtype=float), weights)


def improvement_replicates(
    measure, y_true: np.ndarray, old: np.ndarray, new: np.ndarray, bootstrap: Bootstrap
) -> Improvement:
    """`measure`, one of the two above, in every draw of the patients, who have one row each."""
    parts = [measure(y_true, old, new, counts) for counts in bootstrap.draws()]
    return Improvement(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _improvement(y_true: np.ndarray, change: np.ndarray, weights: np.ndarray | None) -> Improvement:
    event = np.asarray(y_true) == 1
    weights = np.ones((1, event.size)) if weights is None else weights
    with np.errstate(invalid="ignore", divide="ignore"):
        events = weights[:, event] @ change[event] / weights[:, event].sum(axis=1)
        others = -(weights[:, ~event] @ change[~event]) / weights[:, ~event].sum(axis=1)
    return Improvement(events + others, events, others)
