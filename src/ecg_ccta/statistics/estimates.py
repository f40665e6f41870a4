"""The form of a result table: tidy and long, one row per estimate, with its interval, counts and method."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

ESTIMATE_COLUMNS = ("measure", "estimate", "lower", "upper", "level", "n", "events", "patients", "method", "note")
"""What follows the strata in every table. `n` and `events` count ECGs; `note` says why a number is missing."""

PATIENTS = "patient-clustered"
"""From each patient's contribution, for models that were not trained on these patients."""
CROSS_VALIDATED = "cross-validated, patient-clustered"
"""The same out of fold, where the folds' models were trained on each other's patients."""
HONEST = (PATIENTS, CROSS_VALIDATED)
DELONG = "DeLong"
CLUSTERED = "patient-clustered bootstrap"
WILSON = "Wilson"

CONDITIONAL = "interval conditional on the trained models"
"""Note of an out-of-fold interval that holds the predictions fixed: how far other patients would move the figure of
these models, not of models trained on other patients."""


def estimate_table(rows: list[dict[str, Any]], strata: Sequence[str]) -> pd.DataFrame:
    """Rows as a table with the columns `strata` and then `ESTIMATE_COLUMNS`; what a row lacks is missing, a note is
    text.

    Examples
    --------
    >>> row = {"vessel": "LM", "measure": "AUC", "n": 20, "events": 1, "note": "too few events (1)"}
    >>> estimate_table([row], ["vessel"])[["vessel", "estimate", "events"]].to_dict("records")
    [{'vessel': 'LM', 'estimate': nan, 'events': 1}]
    """
    table = pd.DataFrame(rows, columns=[*strata, *ESTIMATE_COLUMNS])
    for column in ("estimate", "lower", "upper", "level"):
        table[column] = table[column].astype(float)
    for column in ("n", "events", "patients"):
        table[column] = table[column].astype("Int64")
    return table.assign(note=table["note"].fillna("").astype(str))


def with_condition(table: pd.DataFrame, is_out_of_fold: bool | pd.Series) -> pd.DataFrame:
    """Add `CONDITIONAL` to the notes of out-of-fold intervals (of some rows) whose method is not one of `HONEST`.

    Examples
    --------
    >>> rows = [{"measure": "AUC", "lower": 0, "method": method} for method in (CROSS_VALIDATED, DELONG)]
    >>> with_condition(estimate_table(rows, []), True)["note"].tolist()
    ['', 'interval conditional on the trained models']
    """
    held = is_out_of_fold & (table["lower"].notna() | table["upper"].notna()) & ~table["method"].isin(HONEST)
    added = table["note"].where(table["note"] == "", table["note"] + "; ") + CONDITIONAL
    return table.assign(note=table["note"].mask(held, added))


def rows_of(table: pd.DataFrame, measure: str, method: str | tuple[str, ...] | None = None) -> pd.DataFrame:
    """The rows of one measure, and of one method, or one of several, where more give it; all strata."""
    chosen = table["measure"] == measure
    if method is not None:
        chosen &= table["method"].isin([method] if isinstance(method, str) else method)
    return table[chosen]
