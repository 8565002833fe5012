"""What takes part in a simulation: it sees every look of many runs and says who is rolled back and who passes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from modelrollout.judge.arrays import Flags
from modelrollout.simulate.looks import Look
from modelrollout.simulate.worlds import World


@dataclass(frozen=True)
class Said:
    """What a contestant says after a look, [runs]: roll back, and go on."""

    failed: Flags
    passed: Flags


class Player(Protocol):
    """A contestant at work on its runs."""

    def advance(self, look: Look) -> Said:
        """What it says after this look. It is asked once per look, in order."""
        ...


class Contestant(Protocol):
    """A rule, ready to be started on any number of runs."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def start(self, world: World, runs: int) -> Player:
        """The rule before its first look. It may look at what is measured, never at what is true."""
        ...


def nobody(runs: int) -> Flags:
    """No run at all."""
    return np.zeros(runs, dtype=bool)
