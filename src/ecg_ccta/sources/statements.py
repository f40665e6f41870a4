"""Statements that a reader could write under a simulated tracing.

They depend on the tracing alone: rate, intervals, axis, voltages and the visible size of alterations of ST, T and QRS,
never on a finding of the coronary arteries.
"""

import numpy as np

from ecg_ccta.sources.alterations import in_twelve_leads
from ecg_ccta.sources.generated_ecgs import GeneratedECGs
from ecg_ccta.sources.heart_beats import DOWER, QRS_DURATION, QRS_WIDTHS, SEGMENTS, Hearts
from ecg_ccta.vessels import LEADS

TERRITORIES = {
    "inferior": ("II", "III", "aVF"),
    "septal": ("V1", "V2"),
    "anterior": ("V2", "V3", "V4"),
    "lateral": ("I", "aVL", "V5", "V6"),
}

RHYTHM_STATEMENTS = (
    "sinus bradycardia",
    "sinus tachycardia",
    "sinus arrhythmia",
    "atrial fibrillation",
    "first-degree AV block",
    "left axis deviation",
    "right axis deviation",
    "wide QRS",
    "LV hypertrophy by voltage",
    "low limb lead voltage",
    "prolonged QT",
    "noisy recording",
)

# Segment(s) -> the words for a negative and for a positive alteration.
ALTERATION_WORDS: dict[tuple[str, ...], tuple[str, str]] = {
    ("early QRS",): ("Q waves", "slurred QRS onset"),
    ("terminal QRS",): ("late QRS notch", "J waves"),
    ("early ST",): ("J point depression", "J point elevation"),
    ("late ST",): ("ST depression", "ST elevation"),
    ("T peak",): ("T wave flattening", "T wave peaking"),
}


def alteration_statements(words: dict[tuple[str, ...], tuple[str, str]]) -> tuple[str, ...]:
    """Statements of alterations in these words, in the order of the columns of `read_tracings`."""
    return (
        *(f"{word}, {territory}" for territory in TERRITORIES for pair in words.values() for word in pair),
        "ST depression, aVR",
        "ST elevation, aVR",
    )


STATEMENTS = RHYTHM_STATEMENTS + alteration_statements(ALTERATION_WORDS)
"""Every statement, in the order of the columns of `read_tracings`."""


def read_tracings(
    hearts: Hearts,
    alterations: np.ndarray,
    ecgs: np.ndarray,
    visible_millivolts: float,
    words: dict[tuple[str, ...], tuple[str, str]] = ALTERATION_WORDS,
) -> np.ndarray:
    """(n, statements) bool: what each tracing shows.

    `alterations` (n, 8, segments) in mV count where their mean over a territory's leads, summed over the segments of
    one of `words`, reaches `visible_millivolts`; `ecgs` (n, 12, samples) in mV are the tracings, for the voltages.
    Criteria: rate 60 and 100 per minute, PR above 200 ms, QRS 120 ms or more, Fridericia QTc above 450
    (AHA/ACCF/HRS 2009 recommendations), Sokolow-Lyon 3.5 mV (Sokolow and Lyon, Am Heart J 1949), all limb leads below
    0.5 mV (0.6 with the noise), axis outside -30 to 90 degrees.
    """
    axis = frontal_axis(hearts)
    sinus = ~hearts.fibrillating
    columns = {
        "sinus bradycardia": sinus & (hearts.rate < 60),
        "sinus tachycardia": sinus & (hearts.rate > 100),
        "sinus arrhythmia": sinus & (hearts.sinus_arrhythmia > 0.07),
        "atrial fibrillation": hearts.fibrillating,
        "first-degree AV block": sinus & (hearts.pr > 0.200),
        "left axis deviation": axis < -30,
        "right axis deviation": axis > 90,
        "wide QRS": hearts.qrs * QRS_DURATION >= 0.120,
        "prolonged QT": hearts.qtc > 0.450,
        "noisy recording": hearts.muscle_noise > 0.030,
    }
    return _found(columns | _voltages(ecgs), alterations, visible_millivolts, words)


def read_generated_tracings(
    healthy: GeneratedECGs, alterations: np.ndarray, ecgs: np.ndarray, visible_millivolts: float
) -> np.ndarray:
    """As `read_tracings`, where intervals and axis are those measured in the ECG before it was altered.

    What could not be measured is not stated. Normal ECGs were learnt, so none fibrillates; noise is not judged.
    """
    nothing = np.zeros(len(healthy), dtype=bool)
    columns = {
        "sinus bradycardia": healthy.heart_rate < 60,
        "sinus tachycardia": healthy.heart_rate > 100,
        "sinus arrhythmia": healthy.rr_irregularity > 0.07,
        "atrial fibrillation": nothing,
        "first-degree AV block": healthy.pr_ms > 200,
        "left axis deviation": healthy.axis_deg < -30,
        "right axis deviation": healthy.axis_deg > 90,
        "wide QRS": healthy.qrs_ms >= 120,
        "prolonged QT": healthy.qtc_ms > 450,
        "noisy recording": nothing,
    }
    return _found(columns | _voltages(ecgs), alterations, visible_millivolts, ALTERATION_WORDS)


def _voltages(ecgs: np.ndarray) -> dict[str, np.ndarray]:
    deepest, tallest = ecgs.min(axis=2), ecgs.max(axis=2)
    sokolow = -deepest[:, LEADS.index("V1")] + np.maximum(tallest[:, LEADS.index("V5")], tallest[:, LEADS.index("V6")])
    return {
        "LV hypertrophy by voltage": sokolow > 3.5,
        "low limb lead voltage": (tallest - deepest)[:, :6].max(axis=1) < 0.6,
    }


def _found(
    columns: dict[str, np.ndarray],
    alterations: np.ndarray,
    visible_millivolts: float,
    words: dict[tuple[str, ...], tuple[str, str]],
) -> np.ndarray:
    """(n, statements) bool: the rhythm's columns, then the alterations that are visible."""
    found = [columns[name] for name in RHYTHM_STATEMENTS]
    leads = in_twelve_leads(alterations)
    for names in TERRITORIES.values():
        territory = leads[:, [LEADS.index(lead) for lead in names]].mean(axis=1)
        for segments in words:
            size = territory[:, [SEGMENTS.index(segment) for segment in segments]].sum(axis=1)
            found += [size < -visible_millivolts, size > visible_millivolts]
    st = [SEGMENTS.index(segment) for segment in ("early ST", "late ST")]
    size = leads[:, LEADS.index("aVR")][:, st].sum(axis=1)
    found += [size < -visible_millivolts, size > visible_millivolts]
    return np.column_stack(found)


def write_statement(row: np.ndarray) -> str:
    """The text under one ECG from its row of `read_tracings`."""
    names = [name for name, found in zip(STATEMENTS, row, strict=True) if found]
    rhythm = [name for name in names if name in RHYTHM_STATEMENTS]
    if not names:
        return "Sinus rhythm. Normal ECG."
    if not any(name.startswith(("sinus", "atrial")) for name in rhythm):
        rhythm.insert(0, "sinus rhythm")
    sentences = [name[0].upper() + name[1:] for name in rhythm]
    altered = [name.split(", ") for name in names if name not in RHYTHM_STATEMENTS]
    for wording, words in {
        "Q waves": ("Q waves",),
        "Nonspecific intraventricular conduction delay": ("slurred QRS onset", "late QRS notch", "J waves"),
        "ST-T abnormality": (
            "J point depression",
            "J point elevation",
            "ST depression",
            "ST elevation",
            "T wave flattening",
            "T wave peaking",
        ),
    }.items():
        places = list(dict.fromkeys(place for word, place in altered if word in words))
        if places:
            named = [f"{place} leads" if place in TERRITORIES else f"lead {place}" for place in places]
            sentences.append(f"{wording}, {' and '.join(named)}")
    return ". ".join(sentences) + "."


def frontal_axis(hearts: Hearts) -> np.ndarray:
    """(n,) frontal QRS axis in degrees, from the areas of the QRS waves in leads I and aVF."""
    area = np.einsum("nwd,w->nd", hearts.qrs_dipoles, QRS_WIDTHS / QRS_WIDTHS.sum())
    one, two = (area @ DOWER[:2].T).T
    return np.degrees(np.arctan2((2 * two - one) / np.sqrt(3), one))
