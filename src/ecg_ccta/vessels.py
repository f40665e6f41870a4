"""The four coronary arteries, CCTA stenosis grades and the constants of the field that every stage shares.

Sources: grades, event definition and risk thresholds follow Xiao et al., arXiv 2512.05136; lead order and the
500 Hz, 10 s window are those of ECGFounder (Li et al., NEJM AI 2025).
"""

from typing import Final

VESSELS: Final = ("RCA", "LM", "LAD", "LCX")
"""Coronary arteries in the order of every (..., 4) array of this project."""

VESSEL_NAMES: Final = {
    "RCA": "right coronary artery",
    "LM": "left main coronary artery",
    "LAD": "left anterior descending artery",
    "LCX": "left circumflex artery",
}

GRADES: Final = ("none", "mild", "moderate", "severe", "complete")
"""Stenosis grades in rising order."""

EVENT_GRADES: Final = ("severe", "complete")
"""A vessel counts as an event at a stenosis of 70 % or more, unless `cohort.event_from` says otherwise."""

GRADE_CUTS: Final = {"moderate": 50, "severe": 70, "complete": 99}
"""Per cent from which a grade begins, of those that an outcome may begin at."""

HIGH_RISK_THRESHOLDS: Final = {"RCA": 0.15, "LM": 0.01, "LAD": 0.15, "LCX": 0.15}
"""Probability at which a vessel is high risk: ESC 15 % pre-test probability; LM ten times its prevalence of 0.1 %."""

SCREENING_SPECIFICITY: Final = {"RCA": 0.95, "LM": 0.87, "LAD": 0.95, "LCX": 0.95}
"""Specificity of the opportunistic-screening point."""

LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""Standard lead order of every signal array."""

SAMPLING_RATE: Final = 500
"""Hz of every stored signal."""

SAMPLES: Final = 5000
"""Samples of every stored signal: 10 s at 500 Hz."""

PAPER_AUC: Final = {
    "internal": {"RCA": 0.794, "LM": 0.818, "LAD": 0.744, "LCX": 0.755},
    "external": {"RCA": 0.749, "LM": 0.971, "LAD": 0.667, "LCX": 0.727},
    "normal ECG": {"RCA": 0.793, "LM": 0.896, "LAD": 0.707, "LCX": 0.765},
}
"""AUCs of arXiv 2512.05136, version 1, shown beside this study's own."""

PAPER_AUC_REPOSITORY: Final = {
    "internal": {"RCA": 0.744, "LM": 0.706, "LAD": 0.716, "LCX": 0.736},
    "external": {"RCA": 0.714, "LM": 0.713, "LAD": 0.700, "LCX": 0.673},
    "normal ECG": {"RCA": 0.693, "LM": 0.659, "LAD": 0.673, "LCX": 0.716},
}
"""AUCs of the repository that the paper's authors released later: other data and a new training."""

PAPER_ABSTRACT_RANGE: Final = (0.683, 0.744)
"""Smallest and largest internal AUC of a vessel in the newest abstract of arXiv 2512.05136, as of November 2026."""
