"""The baseline's day before the rollout, as the operator asks for it: how its own pods scatter among each other."""

from collections.abc import Sequence
from dataclasses import replace

from modelrollout.judge import dispersion
from modelrollout.judge.dispersion import Prior
from modelrollout.simulate import worlds
from modelrollout.simulate.shares import Ramp
from modelrollout.simulate.worlds import World

HOURS = 24.0


def priors(world: World, quality: str, column: int, number: int) -> list[Prior]:
    """What so many independent days before say of the scatter of this quality's events, each of two pseudo arms.

    The pods of the baseline are dealt into two arms of half the traffic each; nothing is wrong with either, but each
    has its own share of the world's trouble.
    """
    before = replace(
        world, name=f"{world.name}, the day before", harm={}, hours=HOURS, sharing=Ramp((0.5,)), onset_hours=0.0
    )
    seen = [look.measured[quality] for look in worlds.looks(before, number, worlds.generator(before.name))]
    return [
        _prior(
            [float(pair.candidate.events[run, column]) for pair in seen],
            [float(pair.baseline.events[run, column]) for pair in seen],
            [float(pair.candidate.total[run] + pair.baseline.total[run]) for pair in seen],
        )
        for run in range(number)
    ]


def _prior(one: Sequence[float], other: Sequence[float], requests: Sequence[float]) -> Prior:
    wholes = [a + b for a, b in zip(one, other, strict=True)]
    return dispersion.prior_from(one, wholes, requests, dispersion.Kind.ARMS)
