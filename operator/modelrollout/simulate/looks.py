"""What one look shows of many simulated rollouts. Arrays have the runs on the first axis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge.arrays import Flags, Floats


def flags(values: ArrayLike) -> Flags:
    """The values as an array of booleans."""
    return np.asarray(values, dtype=np.bool_)


@dataclass(frozen=True)
class Arm:
    """What one arm did in one block: total [runs]; events and squares (of the values) [runs, columns]."""

    total: Floats
    events: Floats
    squares: Floats

    def plus(self, other: Self) -> "Arm":
        """Both blocks as one."""
        return Arm(self.total + other.total, self.events + other.events, self.squares + other.squares)

    def minus(self, other: Self) -> "Arm":
        """What is left when the other block is taken out of this one."""
        return Arm(self.total - other.total, self.events - other.events, self.squares - other.squares)


@dataclass(frozen=True)
class Pair:
    """Both arms of one measured quality."""

    candidate: Arm
    baseline: Arm

    def plus(self, other: Self) -> "Pair":
        """Both blocks as one."""
        return Pair(self.candidate.plus(other.candidate), self.baseline.plus(other.baseline))


@dataclass(frozen=True)
class Look:
    """One look at all runs: when it was, in minutes since the start, and what each quality showed.

    number counts the looks that were made, from 1. stage is 1, 2, ... at the first look of that stage and 0 at every
    other. share is the candidate's configured share of the block, [runs]; NaN where it changed inside the block.
    """

    number: int
    minutes: float
    stage: int
    share: Floats
    measured: Mapping[str, Pair]
