"""How numbers and missing numbers look in the report."""

from typing import Any

import pandas as pd

from ecg_ccta.p_values import p_text

MINUS = "−"
NOT_AVAILABLE = "not available"


def is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value) or value is pd.NaT


def number(value: Any, digits: int = 3, note: str = "") -> str:
    """`value` with fixed decimals, or its note where it is missing."""
    if is_missing(value):
        return note or NOT_AVAILABLE
    return f"{float(value):.{digits}f}".replace("-", MINUS)


def count(value: Any, note: str = "") -> str:
    """A whole number with a thin space between thousands."""
    if is_missing(value):
        return note or NOT_AVAILABLE
    return f"{round(float(value)):,}".replace(",", "\u202f")


def interval(value: Any, lower: Any, upper: Any, digits: int = 3, note: str = "") -> str:
    """`0.744 (0.701 to 0.787)`; the note where there is no value; the value alone where there is no interval."""
    if is_missing(value):
        return note or NOT_AVAILABLE
    if is_missing(lower) or is_missing(upper):
        return number(value, digits)
    return f"{number(value, digits)} ({number(lower, digits)} to {number(upper, digits)})"


def estimate(row: pd.Series, digits: int = 3) -> str:
    """A row of a table of estimates as a cell: estimate and interval, or its note."""
    return interval(row["estimate"], row["lower"], row["upper"], digits, row["note"])


def p_value(value: Any, note: str = "") -> str:
    if is_missing(value):
        return note or NOT_AVAILABLE
    return p_text(value)


def percent(value: Any, digits: int = 0, note: str = "") -> str:
    """A proportion between 0 and 1 as per cent."""
    if is_missing(value):
        return note or NOT_AVAILABLE
    return f"{100 * float(value):.{digits}f} %".replace("-", MINUS)


def percent_interval(value: Any, lower: Any, upper: Any, digits: int = 0, note: str = "") -> str:
    """A proportion between 0 and 1 with its interval, as per cent."""
    if is_missing(value):
        return note or NOT_AVAILABLE
    if is_missing(lower) or is_missing(upper):
        return percent(value, digits)
    bounds = f"{100 * float(lower):.{digits}f} to {100 * float(upper):.{digits}f}".replace("-", MINUS)
    return f"{100 * float(value):.{digits}f} % ({bounds})".replace("-", MINUS)


def text(value: Any) -> str:
    """A cell of a table that has no format of its own."""
    return "" if is_missing(value) else str(value)


def listed(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
