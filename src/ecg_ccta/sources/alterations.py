"""What a diseased coronary artery is planted to do to the ECG.

Each vessel alters the segments and leads of its territory (Surawicz and Knilans, Chou's Electrocardiography, 6th ed.;
for the left main: ST elevation in aVR with diffuse ST depression, Yamaji et al., J Am Coll Cardiol 2001). Sizes are
chosen so that the alterations are of the size of natural variation, not taken from a source.
"""

import numpy as np

from ecg_ccta.sources.heart_beats import DERIVE, MEASURED_LEADS, SEGMENT_CENTRES, SEGMENT_WIDTHS, SEGMENTS
from ecg_ccta.vessels import LEADS, VESSELS

# Millivolts per unit of expression, by segment and measured lead; III, aVR, aVL and aVF follow.
PLANTED: dict[str, dict[str, dict[str, float]]] = {
    "RCA": {"early QRS": {"II": -0.06}, "T peak": {"II": -0.20}},
    "LM": {"early ST": {"I": -0.08, "II": -0.12, "V1": 0.06, "V4": -0.10, "V5": -0.12, "V6": -0.10}},
    "LAD": {"late ST": {"V2": -0.22, "V3": -0.27, "V4": -0.22}},
    "LCX": {"terminal QRS": {"I": -0.08, "V5": -0.10, "V6": -0.09}},
}

PATTERNS = np.zeros((len(VESSELS), len(MEASURED_LEADS), len(SEGMENTS)), dtype=np.float32)
"""(4, 8, segments): `PLANTED` as an array."""
for _vessel, _segments in PLANTED.items():
    for _segment, _leads in _segments.items():
        for _lead, _millivolts in _leads.items():
            PATTERNS[VESSELS.index(_vessel), MEASURED_LEADS.index(_lead), SEGMENTS.index(_segment)] = _millivolts


NEGLIGIBLE = 0.25
"""Proportion of a vessel's largest alteration below which a lead's segment does not count as altered."""


def altered_by(expression: np.ndarray) -> np.ndarray:
    """Alterations in mV, (n, 8, segments), of `expression` (n, 4), the disease's size in each vessel's territory."""
    return np.einsum("nv,vls->nls", expression.astype(np.float32), PATTERNS)


def in_twelve_leads(alterations: np.ndarray) -> np.ndarray:
    """(..., 12, segments) from (..., 8, segments)."""
    return np.matmul(DERIVE, alterations)


def planted_truth(effect: float) -> dict:
    """The alterations planted with this effect, for the record: amplitudes, mask and time windows, plain numbers.

    `mask` is true where a vessel alters a lead's segment by at least a quarter of its largest alteration, derived
    leads included. Windows are the centre plus
    and minus two widths, in seconds after R; for the T peak, after the T peak (`relative_to`).
    """
    amplitudes, mask = {}, {}
    for vessel, pattern in zip(VESSELS, in_twelve_leads(effect * PATTERNS), strict=True):
        amplitudes[vessel] = {
            lead: {
                segment: round(float(pattern[row, column]), 4)
                for column, segment in enumerate(SEGMENTS)
                if abs(pattern[row, column]) > 1e-6
            }
            for row, lead in enumerate(LEADS)
            if np.abs(pattern[row]).max() > 1e-6
        }
        size = np.abs(pattern)
        mask[vessel] = ((size > 1e-6) & (size >= NEGLIGIBLE * size.max() - 1e-6)).tolist()
    windows = {
        segment: {
            "from": round(float(centre - 2 * width), 4),
            "to": round(float(centre + 2 * width), 4),
            "relative_to": "T peak" if segment == "T peak" else "R peak",
        }
        for segment, centre, width in zip(SEGMENTS, SEGMENT_CENTRES, SEGMENT_WIDTHS, strict=True)
    }
    return {
        "millivolts_per_unit": amplitudes,
        "leads": list(LEADS),
        "segments": list(SEGMENTS),
        "mask": mask,
        "windows_seconds": windows,
    }
