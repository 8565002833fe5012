"""Parameters of a runtime, read from `parameters.extra` of its `model-settings.json`.

Their values may be numbers or, from a Seldon Model, strings.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mlserver import ModelSettings


class ParameterError(ValueError):
    """A parameter makes no sense; the message names the parameter, its value and the cure."""


@dataclass(frozen=True)
class Kind:
    """What a parameter holds: `read` gives a value, or None for what is none; `cure` says what would be one."""

    read: Callable[[Any], Any]
    cure: str


def extra(settings: ModelSettings) -> Mapping[str, Any]:
    """What a model's settings hold under `parameters.extra`; empty when they hold nothing."""
    return (settings.parameters and settings.parameters.extra) or {}


def parse(given: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The given parameters with their values read.

    Raises ParameterError, also on unknown names: a misspelt fault would make a sick model look healthy.
    """
    if unknown := sorted(set(given) - set(kinds)):
        raise ParameterError(f"Parameter '{unknown[0]}' is unknown; use {', '.join(kinds)} or remove it.")
    return {name: _value(kinds[name], name, value) for name, value in given.items()}


def _value(kind: Kind, name: str, given: Any) -> Any:
    value = kind.read(given)
    if value is None:
        raise ParameterError(f"Parameter '{name}' is {given!r}; set {kind.cure}.")
    return value


def number(least: float, most: float, cure: str) -> Kind:
    """A finite number within bounds, as a float."""

    def read(given: Any) -> float | None:
        try:
            value = math.nan if isinstance(given, bool) else float(given)
        except (TypeError, ValueError):
            return None
        return value if math.isfinite(value) and least <= value <= most else None

    return Kind(read, cure)


def _whole(given: Any) -> int | None:
    return None if isinstance(given, bool) or not str(given).isdecimal() else int(given)


def _names(given: Any) -> frozenset[str] | None:
    listed = given if isinstance(given, list) else str(given).split(",")
    names = frozenset(str(one).strip() for one in listed)
    return None if "" in names else names


WHOLE = Kind(_whole, "a whole number, 0 or more")
NAMES = Kind(_names, "names of models with commas between them")
