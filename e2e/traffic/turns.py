"""Who asks which model when: drawn from a seed before anything is sent, so a run can be had again. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Arrivals(StrEnum):
    """How requests come: at equal distances, or each on its own as from a crowd that knows nothing of each other."""

    STEADY = "steady"
    POISSON = "poisson"


@dataclass(frozen=True)
class Turn:
    """One request: `at` in seconds after the start; `client` counts from 0, and is None for the faulty one."""

    at: float
    model: str
    client: int | None


def turns(
    seed: int,
    per_second: float,
    models: Sequence[str],
    clients: int = 1,
    garbage: float = 0.0,
    arrivals: Arrivals = Arrivals.STEADY,
) -> Iterator[Turn]:
    """Turns without end. Models follow each other, who asks is drawn, the faulty client has a share `garbage` (0-1)."""
    waits, askers = random.Random(f"{seed}/waits"), random.Random(f"{seed}/askers")
    at = 0.0
    for number, model in enumerate(itertools.cycle(models)):
        is_faulty = askers.random() < garbage
        client = askers.randrange(clients)
        yield Turn(at, model, None if is_faulty else client)
        if arrivals is Arrivals.POISSON:
            at += waits.expovariate(per_second)
        else:
            at = (number + 1) / per_second
