"""The time that a job spends on import statements, and less of it."""

import builtins
import contextlib
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any


class ImportTime:
    seconds = 0.0


@contextlib.contextmanager
def timed_imports() -> Iterator[ImportTime]:
    """Sum of the seconds that this thread's import statements take while the block runs.

    An import within another is part of it. Imports that a library starts by importlib.import_module count only as far
    as they import in turn. The garbage collector rests during an import: what a library makes while it is imported
    stays, and to search it again and again takes a fifth of the time.
    """
    found = ImportTime()
    plain_import, thread, outermost = builtins.__import__, threading.get_ident(), True

    def timed_import(*arguments: Any, **named: Any) -> Any:
        nonlocal outermost
        if not outermost or threading.get_ident() != thread:
            return plain_import(*arguments, **named)
        outermost, collects = False, gc.isenabled()
        gc.disable()
        started = time.perf_counter()
        try:
            return plain_import(*arguments, **named)
        finally:
            found.seconds += time.perf_counter() - started
            outermost = True
            if collects:
                gc.enable()

    builtins.__import__ = timed_import
    try:
        yield found
    finally:
        builtins.__import__ = plain_import
