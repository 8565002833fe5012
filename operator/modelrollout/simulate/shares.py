"""How the candidate's share of the traffic moves: constant, in stages by the clock, or by Thompson sampling."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.special import ndtr

from modelrollout.judge.arrays import Floats
from modelrollout.simulate.looks import Arm, Look


class Plan(Protocol):
    """Something that knows the share of the next block."""

    def share(self, interval: int) -> Floats:
        """The candidate's share in this interval (1, 2, ...), [runs]."""
        ...

    def stage(self, interval: int) -> int:
        """1, 2, ... in the first interval of that stage, else 0."""
        ...

    def learn(self, look: Look) -> None:
        """Take notice of what the look showed."""
        ...


class Sharing(Protocol):
    """The description of a plan, good for any number of runs."""

    @property
    def stages(self) -> int:
        """How many stages it declares."""
        ...

    def start(self, runs: int) -> Plan:
        """The plan of so many runs, from its beginning."""
        ...


@dataclass(frozen=True)
class Ramp:
    """Shares (0-1) that follow each other every `each` intervals; the last stays. One share is a constant."""

    shares: tuple[float, ...] = (0.05,)
    each: int = 720

    @property
    def stages(self) -> int:
        """One per share."""
        return len(self.shares)

    def start(self, runs: int) -> "RampPlan":
        """The plan of so many runs."""
        return RampPlan(self, runs)


@dataclass(frozen=True)
class RampPlan:
    """A ramp at work."""

    ramp: Ramp
    runs: int

    def share(self, interval: int) -> Floats:
        """The share of the stage that the clock is in."""
        place = min((interval - 1) // self.ramp.each, len(self.ramp.shares) - 1)
        return np.full(self.runs, self.ramp.shares[place])

    def stage(self, interval: int) -> int:
        """The stage that begins with this interval, or 0."""
        place, inside = divmod(interval - 1, self.ramp.each)
        return place + 1 if inside == 0 and place < len(self.ramp.shares) else 0

    def learn(self, look: Look) -> None:
        """The clock alone decides."""


@dataclass(frozen=True)
class Thompson:
    """Weights that follow the chance of being the better arm, every `every` intervals.

    Counts are forgotten with a half-life of so many intervals, no arm gets less than `floor`, and no update moves a
    weight by more than `step`. Probability matching as in Scott 2010; success is a request without the event of
    the first quality. The chance is taken from the normal form of both posteriors.
    """

    first: float = 0.05
    every: int = 10
    half_life: int = 480
    floor: float = 0.05
    step: float = 0.1
    stages: int = 1

    def start(self, runs: int) -> "ThompsonPlan":
        """The plan of so many runs."""
        return ThompsonPlan(self, np.full(runs, self.first))


@dataclass
class ThompsonPlan:
    """The bandit at work: discounted totals and events per arm."""

    thompson: Thompson
    weight: Floats
    candidate: list[Floats] = field(default_factory=lambda: [np.zeros(1), np.zeros(1)])
    baseline: list[Floats] = field(default_factory=lambda: [np.zeros(1), np.zeros(1)])

    def share(self, interval: int) -> Floats:
        """The newest weights."""
        if interval > 1 and (interval - 1) % self.thompson.every == 0:
            self._update()
        return self.weight

    def stage(self, interval: int) -> int:
        """One stage, from the first interval."""
        return int(interval == 1)

    def learn(self, look: Look) -> None:
        """Add the block of the first quality."""
        pair = next(iter(look.measured.values()))
        self.candidate = self._added(self.candidate, pair.candidate)
        self.baseline = self._added(self.baseline, pair.baseline)

    def _added(self, known: list[Floats], arm: Arm) -> list[Floats]:
        kept = 0.5 ** (1 / self.thompson.half_life)
        return [kept * known[0] + arm.total, kept * known[1] + arm.events[:, 0]]

    def _update(self) -> None:
        (mean_c, var_c), (mean_b, var_b) = (_posterior(*arm) for arm in (self.candidate, self.baseline))
        target = ndtr((mean_b - mean_c) / np.sqrt(var_c + var_b))
        told = self.thompson
        near = np.clip(target, self.weight - told.step, self.weight + told.step)
        self.weight = np.round(np.clip(near, told.floor, 1 - told.floor), 2)


def _posterior(total: Floats, events: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of Beta(1 + events, 1 + total - events)."""
    a, n = 1 + events, 2 + total
    return a / n, a * (n - a) / (n * n * (n + 1))
