"""How long a network takes to answer, without any server around it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rolloutmodels.contract import FEATURES, STEPS
from rolloutmodels.stress import Answer

_WARM_UP_CALLS, _CALLS, _ROUNDS = 20, 100, 25


@dataclass(frozen=True)
class Latency:
    """The time half of the calls stay below, and 95 of 100, in milliseconds."""

    p50: float
    p95: float


def measure(answer: Answer, batch: int, clock: Callable[[], float] = time.perf_counter) -> Latency:
    """Time calls with `batch` windows each, in rounds, after some calls that do not count.

    Returns the round with the lowest p95: other programs on the machine can only slow a round down.
    """
    windows = np.random.default_rng(batch).standard_normal((batch, STEPS, FEATURES)).astype(np.float32)
    for _ in range(_WARM_UP_CALLS):
        answer(windows)
    rounds = [[_milliseconds(answer, windows, clock) for _ in range(_CALLS)] for _ in range(_ROUNDS)]
    return min((_percentiles(times) for times in rounds), key=lambda latency: latency.p95)


def _milliseconds(answer: Answer, windows: NDArray[np.float32], clock: Callable[[], float]) -> float:
    began = clock()
    answer(windows)
    return (clock() - began) * 1_000


def _percentiles(times: list[float]) -> Latency:
    p50, p95 = np.percentile(times, (50, 95))
    return Latency(float(p50), float(p95))
