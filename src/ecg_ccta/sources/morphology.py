"""Where the beats of a simulated hospital come from: simulated hearts, or ECGs of a generating network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ecg_ccta.config import Simulation
from ecg_ccta.sources.generated_ecgs import GeneratedECGs
from ecg_ccta.sources.heart_beats import Hearts, another_day, simulate_hearts, tracings
from ecg_ccta.sources.statements import read_generated_tracings, read_tracings
from ecg_ccta.vessels import SAMPLING_RATE

VISIBLE_MILLIVOLTS = 0.28
"""Alterations from this size on enter the statement; about half of the ECGs are then read as normal."""


class Morphology(Protocol):
    """Healthy ECGs of a hospital's patients."""

    def record(
        self, owners: np.ndarray, alterations: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Record one ECG of each patient in `owners` (n,), with `alterations` (n, 8, segments) in mV.

        Returns
        -------
        ECGs in mV, float32 (n, 12, samples), and what a reader sees in them, bool (n, statements).
        """
        ...


@dataclass(frozen=True)
class Parametric:
    """Beats made of waves whose sizes and times are parameters; a patient's ECGs differ a little."""

    hearts: Hearts

    def record(
        self, owners: np.ndarray, alterations: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Morphology`."""
        shown = another_day(self.hearts.take(owners), rng)
        signals = tracings(shown, alterations, rng, sampling_rate=SAMPLING_RATE)
        return signals, read_tracings(shown, alterations, signals, VISIBLE_MILLIVOLTS)


@dataclass(frozen=True)
class Learnt:
    """Beats of a generating network: row i is the one ECG of patient i, noise and all, so nothing is random here."""

    ecgs: GeneratedECGs

    def record(
        self, owners: np.ndarray, alterations: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Morphology`."""
        shown = self.ecgs.take(owners)
        signals = shown.tracings(alterations)
        return signals, read_generated_tracings(shown, alterations, signals, VISIBLE_MILLIVOLTS)


def choose_morphology(
    simulation: Simulation,
    age: np.ndarray,
    male: np.ndarray,
    generated: GeneratedECGs | None,
    rng: np.random.Generator,
) -> Morphology:
    """Make the hearts of patients of these ages (years) and sexes, or take the generated ECGs, one per patient.

    Raises
    ------
    ValueError
        Where the simulation's morphology and the generated ECGs do not fit together.
    """
    if (simulation.morphology == "learnt") != (generated is not None):
        raise ValueError(f"morphology {simulation.morphology} {'without' if generated is None else 'with'} ECGs")
    if generated is None:
        return Parametric(simulate_hearts(age, male, rng))
    if len(generated) != len(age):
        raise ValueError(f"{len(generated)} generated ECGs for {len(age)} patients")
    return Learnt(generated)
