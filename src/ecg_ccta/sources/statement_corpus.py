"""Simulated ECGs with the statements a reader would write, to pre-train a small foundation network.

Like the statements on which ECGFounder was trained, these train reading ECGs in general: rhythm, intervals, axis,
voltages, and changes of QRS, ST and T by territory. The changes may lie anywhere in their part of the beat, be of any
width and spread over the leads in any way, so that the network learns to see morphology, and not the patterns that are
planted in the simulated hospitals. No finding of the coronary arteries enters.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ecg_ccta.sources.heart_beats import DOWER, MEASURED_LEADS, SEGMENTS, Hearts, simulate_hearts, tracings
from ecg_ccta.sources.statements import RHYTHM_STATEMENTS, alteration_statements, read_tracings

BLOCK = 256
"""ECGs drawn from one seed and yielded together."""

VISIBLE_MILLIVOLTS = 0.08
"""Changes from this size on, in the mean over a territory's leads, are named."""

# Parts of the beat -> the words for a negative and for a positive change.
WORDS = {
    ("early QRS", "terminal QRS"): ("Q or S waves", "QRS notching"),
    ("early ST", "late ST"): ("ST depression", "ST elevation"),
    ("T peak",): ("T wave flattening", "T wave peaking"),
}

STATEMENTS = RHYTHM_STATEMENTS + alteration_statements(WORDS)
"""Every statement, in the order of the columns of the labels."""

# Seconds after R, that of the T peak after the T peak: from where to where a change's centre may lie.
CENTRES = np.array([(-0.04, 0.0), (0.015, 0.06), (0.06, 0.17), (0.06, 0.17), (-0.06, 0.06)])
WIDTHS = np.array([(0.005, 0.012), (0.005, 0.012), (0.012, 0.04), (0.012, 0.04), (0.015, 0.05)])
"""Seconds: from which to which width a change may have."""

PRESENT = 0.4
"""Probability that a part of the beat is changed."""
MILLIVOLTS = 0.08
"""Standard deviation of a changed dipole in each direction, and of what single leads show beside it."""


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
    centres = rng.uniform(CENTRES[:, 0], CENTRES[:, 1], (BLOCK, len(SEGMENTS)))
    widths = rng.uniform(WIDTHS[:, 0], WIDTHS[:, 1], (BLOCK, len(SEGMENTS)))
    changes = _varied_changes(rng)
    signals = tracings(hearts, changes, rng, segment_centres=centres, segment_widths=widths)
    return signals, read_tracings(hearts, changes, signals, VISIBLE_MILLIVOLTS, WORDS).astype(np.int8)


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


def _varied_changes(rng: np.random.Generator) -> np.ndarray:
    """(BLOCK, 8, segments) mV: each segment on its own, of the dipole and, beside it, in half of the leads."""
    shape = (BLOCK, len(SEGMENTS))
    present = rng.random((*shape, 1)) < PRESENT
    dipoles = rng.standard_normal((*shape, 3)) @ DOWER.T
    single = rng.standard_normal((*shape, len(MEASURED_LEADS))) * (rng.random((*shape, len(MEASURED_LEADS))) < 0.5)
    return (MILLIVOLTS * present * (dipoles + single)).transpose(0, 2, 1)
