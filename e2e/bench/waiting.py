"""Waiting for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable

from e2e.stack.errors import StackError

PATIENCE_SECONDS = 120.0


def wait(is_so: Callable[[], bool], what: str, every: float = 0.02, patience: float = PATIENCE_SECONDS) -> None:
    """Return when it is so; StackError after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not is_so():
        if time.monotonic() > deadline:
            raise StackError(f"waited {patience:.0f} s in vain for {what}")
        time.sleep(every)
