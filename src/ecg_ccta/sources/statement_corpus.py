"""Simulated ECGs with the statements a reader would write, to pre-train a small foundation network.

Like the statements on which ECGFounder was trained, these train reading ECGs in general: rhythm, intervals, axis,
voltages, and alterations of QRS, ST and T by territory, in any mixture, of either sign, and of more varied timing,
width and size than in the simulated hospitals. No finding of the coronary arteries enters.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ecg_ccta.sources.heart_beats import (
    MEASURED_LEADS,
    SEGMENT_CENTRES,
    SEGMENT_WIDTHS,
    SEGMENTS,
    Hearts,
    simulate_hearts,
    tracings,
)
from ecg_ccta.sources.statements import ALTERATION_STATEMENTS, RHYTHM_STATEMENTS, read_tracings

BLOCK = 256
"""ECGs drawn from one seed and yielded together."""

SIZES = {"": 0.05, "moderate ": 0.12, "marked ": 0.22}
"""How readers grade an alteration, and the millivolts from which the word holds (a marked one is also moderate)."""

STATEMENTS = (
    *RHYTHM_STATEMENTS,
    *(f"{size}{statement}" for size in SIZES for statement in ALTERATION_STATEMENTS),
)
"""Every statement, in the order of the columns of the labels."""

# Regions of the chest and limbs that are altered together: relative size in each measured lead.
REGIONS = {
    "inferior": {"II": 1.0, "I": 0.1},
    "septal": {"V1": 1.0, "V2": 0.8},
    "anterior": {"V2": 0.8, "V3": 1.0, "V4": 0.8},
    "lateral": {"I": 0.8, "V5": 1.0, "V6": 0.9},
    "diffuse": {"I": 0.7, "II": 1.0, "V1": -0.4, "V4": 0.8, "V5": 1.0, "V6": 0.8},
}
PRESENT = 0.3
"""Probability that a region's segment is altered."""
MILLIVOLTS = 0.16
"""Standard deviation of an alteration."""


def simulate_corpus(ecgs: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (signals, labels): float32 (n, 12, 5000) in mV at 500 Hz, and int8 (n, len(STATEMENTS)).

    The first ECGs are the same however many are asked for.
    """
    blocks = -(-ecgs // BLOCK)
    for block, stream in enumerate(np.random.SeedSequence(seed).spawn(blocks)):
        signals, labels = _block(np.random.default_rng(stream))
        wanted = min(BLOCK, ecgs - block * BLOCK)
        yield signals[:wanted], labels[:wanted]


def _block(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    hearts = _varied_hearts(rng)
    alterations = _varied_alterations(rng)
    timing = np.array([0.006, 0.008, 0.010, 0.014, 0.012])
    centres = SEGMENT_CENTRES + timing * rng.standard_normal((BLOCK, len(SEGMENTS)))
    widths = SEGMENT_WIDTHS * np.exp(0.25 * rng.standard_normal((BLOCK, len(SEGMENTS))))
    signals = tracings(hearts, alterations, rng, segment_centres=centres, segment_widths=widths)
    found = [read_tracings(hearts, alterations, signals, millivolts) for millivolts in SIZES.values()]
    rhythm = found[0][:, : len(RHYTHM_STATEMENTS)]
    graded = [findings[:, len(RHYTHM_STATEMENTS) :] for findings in found]
    return signals, np.concatenate([rhythm, *graded], axis=1).astype(np.int8)


def _varied_hearts(rng: np.random.Generator) -> Hearts:
    """Hearts as they come to any department: all adult ages, and more of every abnormality than before a CCTA."""
    hearts = simulate_hearts(rng.uniform(18, 95, BLOCK), rng.random(BLOCK) < 0.5, rng)

    def sometimes(share: float, values: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        chosen = rng.random(BLOCK) < share
        return np.where(chosen.reshape(-1, *[1] * (otherwise.ndim - 1)), values, otherwise)

    gain = np.exp(0.4 * rng.standard_normal((BLOCK, 1, 1)))
    return replace(
        hearts,
        rate=sometimes(0.3, rng.uniform(42, 135, BLOCK), hearts.rate),
        fibrillating=rng.random(BLOCK) < 0.06,
        sinus_arrhythmia=sometimes(0.1, rng.uniform(0.06, 0.15, BLOCK), hearts.sinus_arrhythmia),
        pr=sometimes(0.1, rng.uniform(0.19, 0.28, BLOCK), hearts.pr),
        qrs=sometimes(0.1, rng.uniform(1.15, 1.6, BLOCK), hearts.qrs),
        qtc=sometimes(0.15, rng.uniform(0.36, 0.50, BLOCK), hearts.qtc),
        qrs_dipoles=sometimes(0.2, hearts.qrs_dipoles * gain, hearts.qrs_dipoles),
        muscle_noise=sometimes(0.1, rng.uniform(0.02, 0.06, BLOCK), hearts.muscle_noise),
    )


def _varied_alterations(rng: np.random.Generator) -> np.ndarray:
    """(BLOCK, 8, segments) mV: every region and segment on its own, either sign, leads of a region unequal."""
    regions = np.array([[leads.get(lead, 0.0) for lead in MEASURED_LEADS] for leads in REGIONS.values()])
    regions = regions * np.exp(0.3 * rng.standard_normal((BLOCK, *regions.shape)))
    shape = (BLOCK, len(REGIONS), len(SEGMENTS))
    sizes = MILLIVOLTS * rng.standard_normal(shape) * (rng.random(shape) < PRESENT)
    return np.einsum("nrl,nrs->nls", regions, sizes)
