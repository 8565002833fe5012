"""Drive a world through rules, look by look, and keep when each run was first failed and first passed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf

import numpy as np

from modelrollout.judge.arrays import Flags, Floats
from modelrollout.simulate import worlds
from modelrollout.simulate.contestants import Contestant, Player
from modelrollout.simulate.looks import Look
from modelrollout.simulate.worlds import World

BATCH = 500  # runs at once: more are hardly faster, and memory does not grow with the runs


class Until(Enum):
    """When a contestant has shown enough: every run failed, every run passed, or the world's end."""

    FAILED = "failed"
    PASSED = "passed"
    END = "end"


@dataclass(frozen=True)
class Times:
    """Minutes until each run was first failed and first passed, [runs]; infinite for never."""

    failed: Floats
    passed: Floats


@dataclass
class _Running:
    """A contestant at work, and what it has said so far."""

    player: Player
    failed: Floats
    passed: Floats

    def see(self, look: Look) -> None:
        said = self.player.advance(look)
        _note(self.failed, said.failed, look.minutes)
        _note(self.passed, said.passed, look.minutes)

    def is_done(self, until: Until) -> bool:
        waited_for = {Until.FAILED: self.failed, Until.PASSED: self.passed}.get(until)
        return waited_for is not None and bool(np.isfinite(waited_for).all())


def drive(
    world: World, contestants: Sequence[Contestant], runs: int, until: Until = Until.END, batch: int = BATCH
) -> dict[str, Times]:
    """What each contestant made of `runs` independent runs, by name. All see the same looks."""
    sizes = [min(batch, runs - begun) for begun in range(0, runs, batch)]
    parts = [_drive_batch(world, contestants, size, until, number) for number, size in enumerate(sizes)]
    return {
        one.name: Times(
            np.concatenate([part[one.name].failed for part in parts]),
            np.concatenate([part[one.name].passed for part in parts]),
        )
        for one in contestants
    }


def _drive_batch(
    world: World, contestants: Sequence[Contestant], runs: int, until: Until, batch: int
) -> dict[str, Times]:
    all_of_them = {
        one.name: _Running(one.start(world, runs), np.full(runs, inf), np.full(runs, inf)) for one in contestants
    }
    waiting = list(all_of_them.values())
    for look in worlds.looks(world, runs, worlds.generator(world.name, batch)):
        for running in waiting:
            running.see(look)
        waiting = [running for running in waiting if not running.is_done(until)]
        if not waiting:
            break
    return {name: Times(running.failed, running.passed) for name, running in all_of_them.items()}


def _note(times: Floats, said: Flags, minutes: float) -> None:
    times[said & np.isinf(times)] = minutes
