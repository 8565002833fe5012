"""How the time of a call is measured."""

from itertools import count

import numpy as np
from rolloutmodels import latency


def test_the_quietest_round_counts_and_warm_up_does_not() -> None:
    """Calls take 2 ms, except in the warm-up and in the first round, where they take 50 ms."""
    calls = count(1)
    now = 0.0

    def answer(windows: np.ndarray) -> np.ndarray:
        nonlocal now
        now += 0.050 if next(calls) <= 120 else 0.002
        return windows[:, 0, :1]

    measured = latency.measure(answer, batch=4, clock=lambda: now)

    assert round(measured.p50, 6) == round(measured.p95, 6) == 2.0
