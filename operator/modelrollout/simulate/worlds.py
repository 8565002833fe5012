"""Worlds of known truth: traffic, trouble and harm, happening to many independent rollouts at once."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, exp, pi, sin

import numpy as np
from numpy.random import Generator, SeedSequence

from modelrollout.judge.arrays import Floats, floats
from modelrollout.simulate.counters import Counters
from modelrollout.simulate.looks import Look, Pair
from modelrollout.simulate.qualities import Quality
from modelrollout.simulate.shares import Plan, Ramp, Sharing

DAY_SECONDS = 86_400.0
BURST_EVERY = 240  # looks between two incidents on average
BURST_LASTS = 20  # looks that an incident lasts on average
BURST_FACTOR = 10.0


@dataclass(frozen=True)
class Trouble:
    """What makes real traffic unlike a textbook's.

    diurnal: how far traffic and errors swing around their means over a day (0.6 is +-60 %). bursts: incidents that
    multiply the errors of both arms by ten for about ten minutes. arm_noise: standard deviation of an arm's own slow
    noise in its log rate, with a memory of ten minutes. common_noise: the same, shared by both arms. resets: chance
    per look and arm that its counters start anew. missed: chance that a look is not made, so that the next block is
    longer.
    """

    diurnal: float = 0.0
    bursts: bool = False
    arm_noise: float = 0.0
    common_noise: float = 0.0
    memory_seconds: float = 600.0
    resets: float = 0.0
    missed: float = 0.0


CALM = Trouble()


@dataclass(frozen=True)
class World:
    """A name, which is also the seed, and everything that is true.

    per_second: requests per second of both arms together. harm: how much worse the candidate is, per quality (see
    `qualities`), from onset_hours on. sessions: requests come and are routed in sessions of so many. course: factors
    of per_second, one per hour of a day that begins with the rollout; none for a steady mean.
    """

    name: str
    per_second: float
    measured: Mapping[str, Quality]
    harm: Mapping[str, float] = field(default_factory=dict)
    onset_hours: float = 0.0
    hours: float = 24.0
    interval_seconds: float = 30.0
    sharing: Sharing = field(default_factory=Ramp)
    trouble: Trouble = CALM
    sessions: int = 1
    course: tuple[float, ...] = ()

    @property
    def intervals(self) -> int:
        """How many looks there could be."""
        return max(1, ceil(self.hours * 3600 / self.interval_seconds))


def seed(name: str) -> int:
    """The seed that belongs to a name: CRC-32, the same on every machine."""
    return zlib.crc32(name.encode())


def generator(name: str, batch: int = 0) -> Generator:
    """The randomness of one batch of runs of a world."""
    return np.random.default_rng(SeedSequence([seed(name), batch]))


def looks(world: World, runs: int, rng: Generator, plan: Plan | None = None) -> Iterator[Look]:
    """What every look of this world shows, one after the other. A look that is missed is missed by all runs.

    plan: who sets the weights, when it is not the world's own sharing.
    """
    return _Stream(world, runs, rng, plan or world.sharing.start(runs)).all()


class _Stream:
    """A world as it happens: the state of its noise, incidents and counters."""

    def __init__(self, world: World, runs: int, rng: Generator, plan: Plan) -> None:
        self.world, self.runs, self.rng, self.plan = world, runs, rng, plan
        self.noise = {arm: self._first_noise() for arm in ("candidate", "baseline", "both")}
        self.burst = np.zeros(runs, dtype=bool)
        self.counters = {name: Counters(runs, one.columns) for name, one in world.measured.items()}

    def all(self) -> Iterator[Look]:
        pending, share, stage, number = dict[str, Pair](), None, 0, 0
        for interval in range(1, self.world.intervals + 1):
            begins = self.plan.stage(interval)
            stage = begins or stage
            current = self.plan.share(interval)
            share = current if share is None else np.where(share == current, share, np.nan)
            block = self._block(interval, current)
            pending = {name: pending[name].plus(pair) if name in pending else pair for name, pair in block.items()}
            if self.world.trouble.missed and self.rng.random() < self.world.trouble.missed:
                continue
            number += 1
            look = Look(number, interval * self.world.interval_seconds / 60, stage, share, pending)
            self.plan.learn(look)
            yield look
            pending, share, stage = {}, None, 0

    def _block(self, interval: int, share: Floats) -> dict[str, Pair]:
        world = self.world
        daytime = self._daytime(interval)
        expected = world.per_second * world.interval_seconds * daytime * self._course(interval)
        n_c, n_b = (self._arrivals(expected * part) for part in (share, 1 - share))
        burst = daytime * self._bursts()
        rate_c, rate_b = (burst * self._noisy(arm) for arm in ("candidate", "baseline"))
        harmed = (interval - 1) * world.interval_seconds >= world.onset_hours * 3600
        block = {}
        for name, quality in world.measured.items():
            harm = world.harm.get(name, 1.0) if harmed else 1.0
            c, b = (rate_c * harm, rate_b) if quality.feels_trouble else (harm, 1.0)
            pair = Pair(quality.draw(n_c, c, self.rng), quality.draw(n_b, b, self.rng))
            block[name] = self.counters[name].read(pair, world.trouble.resets, self.rng)
        self._age()
        return block

    def _arrivals(self, expected: Floats) -> Floats:
        return floats(self.rng.poisson(expected / self.world.sessions) * self.world.sessions)

    def _daytime(self, interval: int) -> float:
        part_of_day = interval * self.world.interval_seconds / DAY_SECONDS
        return 1 + self.world.trouble.diurnal * sin(2 * pi * part_of_day)

    def _course(self, interval: int) -> float:
        course, hour = self.world.course, int((interval - 1) * self.world.interval_seconds / 3600)
        return course[hour % len(course)] if course else 1.0

    def _bursts(self) -> Floats:
        if not self.world.trouble.bursts:
            return np.ones(self.runs)
        drawn = self.rng.random(self.runs)
        self.burst = np.where(self.burst, drawn >= 1 / BURST_LASTS, drawn < 1 / BURST_EVERY)
        return np.where(self.burst, BURST_FACTOR, 1.0)

    def _deviation(self, arm: str) -> float:
        trouble = self.world.trouble
        return trouble.common_noise if arm == "both" else trouble.arm_noise

    def _first_noise(self) -> Floats:
        return self.rng.standard_normal(self.runs)

    def _noisy(self, arm: str) -> Floats:
        """Lognormal factors of mean 1: the arm's own times the common one."""
        own, common = self._deviation(arm), self._deviation("both")
        return floats(np.exp(own * self.noise[arm] - own**2 / 2) * np.exp(common * self.noise["both"] - common**2 / 2))

    def _age(self) -> None:
        """One step of the autoregression of every noise that is used."""
        kept = exp(-self.world.interval_seconds / self.world.trouble.memory_seconds)
        for arm in self.noise:
            if self._deviation(arm):
                fresh = self.rng.standard_normal(self.runs)
                self.noise[arm] = kept * self.noise[arm] + np.sqrt(1 - kept**2) * fresh
