"""How far a long job is: lines in its log, and a live bar where there is a terminal."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

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


@contextmanager
def training_bar(what: str) -> Iterator[Callable[[Any], None]]:
    """A live bar on a terminal (none in a file): a function of training steps that moves it.

    It shows ECGs/s and the time left of the whole training, the loss, and the macro AUC of the last inner validation.
    """
    with tqdm(desc=what, unit=" ECGs", unit_scale=True, disable=None, leave=False, dynamic_ncols=True) as bar:

        def note(step: Any) -> None:
            bar.total = step.total_ecgs
            shown = {"epoch": step.epoch + 1}
            if step.loss is not None:
                shown["loss"] = f"{step.loss:.3f}"
            if step.validation_auc is not None:
                shown["macro AUC"] = f"{step.validation_auc:.3f}"
            bar.set_postfix(shown, refresh=False)
            bar.update(step.ecgs)

        yield note
