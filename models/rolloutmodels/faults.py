"""Faults a model is told to have, so that a rollout has something to catch.

A healthy model runs through the same lines with no delay and an error rate of 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from rolloutmodels import parameters

MAX_DELAY_MS = 60_000


@dataclass(frozen=True)
class Faults:
    """Delay added to every answer in milliseconds, share of requests that fail (0-1), and the seed that picks them."""

    delay_ms: float = 0.0
    error_rate: float = 0.0
    fault_seed: int = 0

    @property
    def delay_seconds(self) -> float:
        return self.delay_ms / 1000

    def draws(self) -> Callable[[], bool]:
        """A fresh sequence that says, request by request, whether this one is set to fail."""
        random = Random(self.fault_seed)
        return lambda: random.random() < self.error_rate


def parse(extra: Mapping[str, Any]) -> Faults:
    """Faults from a model's parameters. Raises ParameterError."""
    return Faults(**parameters.parse(extra, _KINDS))


_KINDS = {
    "delay_ms": parameters.number(0, MAX_DELAY_MS, f"milliseconds from 0 to {MAX_DELAY_MS}"),
    "error_rate": parameters.number(0, 1, "a share from 0 to 1"),
    "fault_seed": parameters.WHOLE,
}
