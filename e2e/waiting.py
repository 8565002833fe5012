"""Wait for a condition of the real world: with a generous deadline, and with everything to read when it never comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_SECONDS = 150.0
SECONDS_BETWEEN_LOOKS = 0.1


def until(
    condition: Callable[[], T],
    what: str,
    deadline_seconds: float = DEADLINE_SECONDS,
    describe: Callable[[], str] = str,
) -> T:
    """The first truthy value of `condition`.

    Raises AssertionError after the deadline, with `what` was waited for and what `describe` then tells.
    An error in `condition` ends the waiting at once: it is a broken test, or a broken promise.
    """
    deadline = time.monotonic() + deadline_seconds
    while True:
        is_over = time.monotonic() > deadline  # before the look: one that a slow machine held up must not be the last
        if value := condition():
            return value
        if is_over:
            raise AssertionError(f"not within {deadline_seconds:g} s: {what}\n{describe()}")
        time.sleep(SECONDS_BETWEEN_LOOKS)
