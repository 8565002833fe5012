"""Faults a model is told to have, so that a rollout has something to catch.

They are set in `parameters.extra` of `model-settings.json`. A healthy model runs through the same lines with
no delay and an error rate of 0.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

MAX_DELAY_MS = 60_000


class FaultError(ValueError):
    """A fault parameter makes no sense; the message names the parameter, its value and the cure."""


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


def parse(extra: Mapping[str, Any] | None) -> Faults:
    """Faults from `parameters.extra`, whose values may be numbers or, from a Seldon Model, strings.

    Raises FaultError, also on unknown names: a misspelt fault would make a sick model look healthy.
    """
    extra = extra or {}
    if unknown := sorted(set(extra) - set(_READERS)):
        raise FaultError(f"Parameter '{unknown[0]}' is unknown; use {', '.join(_READERS)} or remove it.")
    return Faults(**{name: _READERS[name](name, value) for name, value in extra.items()})


def _delay(name: str, value: Any) -> float:
    return _number(name, value, MAX_DELAY_MS, f"milliseconds from 0 to {MAX_DELAY_MS}")


def _share(name: str, value: Any) -> float:
    return _number(name, value, 1.0, "a share from 0 to 1")


def _number(name: str, value: Any, largest: float, cure: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= largest:  # also catches NaN, which compares as false
        raise FaultError(f"Parameter '{name}' is {value!r}; set {cure}.")
    return number


def _seed(name: str, value: Any) -> int:
    if isinstance(value, bool) or not str(value).isdecimal():
        raise FaultError(f"Parameter '{name}' is {value!r}; set a whole number, 0 or more.")
    return int(value)


_READERS: dict[str, Callable[[str, Any], Any]] = {"delay_ms": _delay, "error_rate": _share, "fault_seed": _seed}
