"""How far a long job is, in its log."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

INTERVAL = 15.0
"""Seconds between two lines: often enough to see life, seldom enough to read."""


def log_progress(what: str) -> Callable[[int, int], None]:
    """A function of (done, total) that logs at most one line per `INTERVAL`, with speed and time left."""
    started = last = time.monotonic()

    def note(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= INTERVAL or (done == total and now - started >= INTERVAL):
            last = now
            speed = done / (now - started)
            log.info("%d of %d %s, %.0f per second, %.0f s left", done, total, what, speed, (total - done) / speed)

    return note
