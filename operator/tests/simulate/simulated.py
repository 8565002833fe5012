"""Builders that the tests of the simulator share."""

import numpy as np
from modelrollout.judge.arrays import Floats
from modelrollout.simulate import worlds
from modelrollout.simulate.looks import Arm, Look, Pair
from modelrollout.simulate.qualities import Errors, Quality
from modelrollout.simulate.worlds import World


def world(quality: Quality | None = None, per_second: float = 10.0, hours: float = 1.0, **others: object) -> World:
    """A world of one quality, errors of 1 % unless another is given."""
    return World("a test", per_second, {"quality": quality or Errors(0.01)}, hours=hours, **others)  # type: ignore[arg-type]


def seen(of: World, runs: int = 200) -> list[Look]:
    """All its looks."""
    return list(worlds.looks(of, runs, worlds.generator(of.name)))


def totals(looks: list[Look]) -> Pair:
    """Both arms over all looks."""
    first, *others = [look.measured["quality"] for look in looks]
    for other in others:
        first = first.plus(other)
    return first


def arm(total: Floats | list[float], events: Floats | list[float]) -> Arm:
    """An arm of one column, from plain numbers per run."""
    found = np.asarray(events, dtype=float)[:, None]
    return Arm(np.asarray(total, dtype=float), found, found)


def look(number: int, candidate: Arm, baseline: Arm | None = None, minutes: float | None = None) -> Look:
    """One look of steady traffic."""
    share = np.full(len(candidate.total), 0.05)
    at = number / 2 if minutes is None else minutes
    return Look(number, at, int(number == 1), share, {"quality": Pair(candidate, baseline or candidate)})
