"""What counts as the outcome of a vessel, in words that follow from `cohort.event_from`."""

from collections import Counter

from ecg_ccta.config import EventFrom
from ecg_ccta.vessels import GRADE_CUTS, VESSELS

_SEVERE = EventFrom()


def outcome(event_from: EventFrom) -> str:
    """Name the outcome in full.

    Examples
    --------
    >>> outcome(EventFrom())
    'severe or complete stenosis'
    >>> outcome(EventFrom(LM="moderate"))
    'stenosis of 70 % (LM: 50 %) or more'
    """
    return "severe or complete stenosis" if event_from == _SEVERE else f"stenosis of {cut(event_from)}"


def outcome_in_short(event_from: EventFrom) -> str:
    """Name the outcome in short: "severe stenosis" where that is what it is."""
    return "severe stenosis" if event_from == _SEVERE else f"stenosis of {cut(event_from)}"


def cut(event_from: EventFrom) -> str:
    """Say from which narrowing on a stenosis counts, and which vessels differ from most.

    Examples
    --------
    >>> cut(EventFrom()), cut(EventFrom(LM="moderate", RCA="complete"))
    ('70 % or more', '70 % (RCA: 99 %, LM: 50 %) or more')
    """
    cuts = {vessel: GRADE_CUTS[getattr(event_from, vessel)] for vessel in VESSELS}
    usual = Counter(cuts.values()).most_common(1)[0][0]
    others = ", ".join(f"{vessel}: {value} %" for vessel, value in cuts.items() if value != usual)
    return f"{usual} %{f' ({others})' if others else ''} or more"
