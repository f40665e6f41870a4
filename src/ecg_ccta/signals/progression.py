"""R-wave progression over the chest: how R grows from V1 to V6, and where it overtakes S."""

import numpy as np

from ecg_ccta.vessels import LEADS

CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")

BEFORE_V1, AFTER_V6 = 0.5, 6.5
"""Transition where R outweighs S from V1 on, and where it does not even in V6: half a lead beyond the border."""

_ROWS = [LEADS.index(lead) for lead in CHEST]


def r_and_s(qrs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Heights of R and depths of S (or QS) in V1 to V6.

    Parameters
    ----------
    qrs : (12, samples) mV, the QRS complex against its PR segment.

    Returns
    -------
    r, s : (6,) mV, both from 0 on. A lead without an R wave has an R of 0 mV: that is measured, not missing.
    """
    chest = qrs[_ROWS]
    return np.maximum(chest.max(axis=1), 0), np.maximum(-chest.min(axis=1), 0)


def transition(r: np.ndarray, s: np.ndarray) -> float:
    """Place in V1 to V6 (1 to 6, between leads by the line through R - S) from which on R is at least as large as S.

    Usually 3 to 4; later is poor progression, earlier counterclockwise rotation (Surawicz and Knilans, Chou's
    Electrocardiography in Clinical Practice, 6th ed., 2008, chapter 1). BEFORE_V1 or AFTER_V6 where it lies outside.
    """
    net = r - s
    if net[-1] < 0:
        return AFTER_V6
    negative = np.flatnonzero(net < 0)
    if negative.size == 0:
        return BEFORE_V1
    last = int(negative[-1])
    return last + 1 + float(-net[last] / (net[last + 1] - net[last]))
