"""The baseline's day before the rollout, as the operator asks for it: how its own pods scatter among each other."""

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
    arms = [(pair.candidate, pair.baseline) for pair in seen]
    return [
        dispersion.prior_between(
            [float(one.events[run, column]) for one, _ in arms],
            [float(one.total[run]) for one, _ in arms],
            [float(other.events[run, column]) for _, other in arms],
            [float(other.total[run]) for _, other in arms],
        )
        for run in range(number)
    ]
