"""Prometheus collectors of the served models.

They live apart from the runtime because MLServer reloads the runtime's module whenever a model is loaded:
collectors made there would be registered twice, and every model of the runtime would answer 500.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from prometheus_client import Counter, Histogram

from rolloutmodels.inputs import Refusal
from rolloutmodels.loading import Failure

_MILLISECONDS = (
    0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50, 75, 100, 150, 250, 500, 1000, 2500,
)  # fmt: skip

_SECONDS = Histogram(
    "direction_predict_seconds",
    "Time to answer one well-formed request, a set delay and a set failure included.",
    ["model", "version"],
    buckets=[edge / 1000 for edge in _MILLISECONDS],
)
_REFUSED = Counter(
    "direction_bad_input",
    "Requests refused with 400, by what was wrong with the input.",
    ["model", "version", "reason"],
)
_BAD_OUTPUTS = Counter(
    "direction_bad_output",
    "Requests answered with 500 because the network computed no probability.",
    ["model", "version"],
)
_LOAD_FAILED = Counter(
    "direction_load_failed",
    "Loads that were refused, by what was wrong with the model.",
    ["model", "version", "reason"],
)


class Meter(NamedTuple):
    """The collectors of one model."""

    seconds: Histogram
    refused: dict[Refusal, Counter]
    bad_outputs: Counter
    unloadable: dict[Failure, Counter]


def meter(name: str, version: str | None) -> Meter:
    """Collectors for a model by its MLServer name.

    All label sets exist from here on: a counter born with its first event would hide that event from `increase()`.
    """
    model, number = labels(name, version)
    return Meter(
        _SECONDS.labels(model, number),
        {reason: _REFUSED.labels(model, number, reason.value) for reason in Refusal},
        _BAD_OUTPUTS.labels(model, number),
        {reason: _LOAD_FAILED.labels(model, number, reason.value) for reason in Failure},
    )


@lru_cache(maxsize=1024)  # also one string for thousands of remembered ids
def labels(name: str, version: str | None) -> tuple[str, str]:
    """Model and version as labels.

    Seldon loads version 3 of `trend` under the name `trend_3`; a Model's own name never holds an underscore. Taking
    the number off lets one query sum over the versions of a model.
    """
    split = re.fullmatch(r"(.+)_(\d+)", name)
    return (split[1], split[2]) if split else (name, version or "")
