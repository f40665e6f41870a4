"""What a check of the leakage audit is, and the site that it looks at."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

BLIND = "blind: "
"""How the note of a check begins that could not have found what it looks for; the reason follows."""


@dataclass(frozen=True)
class AuditedSite:
    """A site as it was analysed.

    `cohort` is `tables.COHORT`; `predictions` `tables.PREDICTIONS`, empty where nobody is predicted; `waves` the
    signals in the cohort's order, from `near_duplicates.condensed`; `key` the secret of its pseudonyms.
    """

    name: str
    cohort: pd.DataFrame
    predictions: pd.DataFrame
    waves: np.ndarray
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Check:
    """One way of leaking, and whether it happened. `findings` name folds and pseudonyms, never identifiers."""

    check: str
    compared: str
    n: int
    unit: str
    findings: Sequence[str]
    method: str
    fix: str
    note: str = ""
