"""What a network opened from a file is, and why one is refused when it is loaded."""

from collections.abc import Callable
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from rolloutmodels.contract import FEATURES, MAX_BATCH, STEPS

# Windows [batch, 10, 35] in, probabilities [batch, 1] out.
Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]

REFUSED = 422  # HTTP; MLServer's own for a missing file, and FAILED_PRECONDITION over gRPC
CURE = "train one with `make models`"
_WARM_UP_BATCHES = (1, 1, 1, MAX_BATCH, 1)


class Failure(Enum):
    """Why a model was not loaded; the values are metric labels."""

    PARAMETERS = "parameters"
    MISSING = "missing"
    LIBRARY = "library"
    UNREADABLE = "unreadable"
    ARCHITECTURE = "architecture"
    OUTPUT = "output"


class LoadError(Exception):
    """The model cannot serve; the message names the file or parameter, what was found and the cure."""

    def __init__(self, reason: Failure, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def warm_up(network: Network, file: str) -> None:
    """Let the network answer a few windows of zeros, as its first requests would be slow. Raises LoadError."""
    for batch in _WARM_UP_BATCHES:
        answer = network(np.zeros((batch, STEPS, FEATURES), np.float32))
        if answer.shape != (batch, 1):
            raise LoadError(
                Failure.ARCHITECTURE,
                f"'{file}' answers with shape {list(answer.shape)} where {[batch, 1]} is needed; {CURE}.",
            )
        if (stray := no_probability(answer)) is not None:
            raise LoadError(Failure.OUTPUT, f"'{file}' answers windows of zeros with {stray}; {CURE}.")


def no_probability(answer: NDArray[np.float32]) -> str | None:
    """The first value that is no probability, in words, or None when all of them are."""
    inside = (answer >= 0) & (answer <= 1)  # NaN compares as false
    if inside.all():
        return None
    return f"{answer.flat[int(inside.argmin())]:g}, which is no probability"


def in_one_line(error: Exception) -> str:
    """What a library said, fit for the middle of a sentence."""
    return " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
