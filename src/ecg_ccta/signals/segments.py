"""Named windows of the heart beat, in seconds from the R peak.

The windows are those of an average resting adult beat: QRS 70-110 ms with the R peak of lead II about 40-50 ms after
its onset, PR 120-200 ms, end of T at a QT of about 360-450 ms (Surawicz et al. and Rautaharju et al., AHA/ACCF/HRS
recommendations for the standardization and interpretation of the electrocardiogram, parts III and IV, Circulation
2009). They are one set for every ECG, so the borders between neighbouring segments are soft.
"""

from typing import Final

import numpy as np

from ecg_ccta.vessels import SAMPLING_RATE

SEGMENTS: Final = {
    "P": (-0.22, -0.08),
    "PQ": (-0.08, -0.05),
    "QRS": (-0.05, 0.06),
    "ST": (0.06, 0.16),
    "T": (0.16, 0.45),
}
"""Segment -> (start, end) in seconds from the R peak; the start belongs to the segment, the end to the next one."""

BEFORE_R_S: Final = 0.25
AFTER_R_S: Final = 0.65
"""Window of a beat that is averaged and explained: it holds all segments at any resting rate."""

ISOELECTRIC: Final = "PQ"
"""The segment whose level counts as zero volts, as when ST deviation is measured by hand."""


def beat_times(before_s: float, after_s: float) -> np.ndarray:
    """Seconds from the R peak of each sample of a beat window, shape (L,), float64."""
    return np.arange(-round(before_s * SAMPLING_RATE), round(after_s * SAMPLING_RATE)) / SAMPLING_RATE


def segment_mask(segment: str, times: np.ndarray) -> np.ndarray:
    """Which samples of a beat belong to a segment.

    Parameters
    ----------
    segment : a key of SEGMENTS.
    times : (L,) seconds from the R peak, as `beat_times` gives them.

    Returns
    -------
    (L,) bool; all False where the beat window does not reach the segment.
    """
    start, end = SEGMENTS[segment]
    # A quarter sample of slack keeps borders such as -0.08 s where decimal arithmetic puts them.
    slack = 0.25 / SAMPLING_RATE
    return (times >= start - slack) & (times < end - slack)
