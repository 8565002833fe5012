"""Counters that start anew: what a reader sees of an arm whose pod was replaced inside a block."""

import numpy as np
from numpy.random import Generator

from modelrollout.judge.arrays import Floats, floats
from modelrollout.simulate.looks import Arm, Pair


class Counters:
    """The running counters of both arms of one quality, [runs, 1 + columns]: all requests, then each kind of event."""

    def __init__(self, runs: int, columns: int) -> None:
        self.candidate = np.zeros((runs, 1 + columns))
        self.baseline = np.zeros((runs, 1 + columns))

    def read(self, truth: Pair, resets: float, rng: Generator) -> Pair:
        """The block as counters show it. A counter that fell is read from 0; what came before its reset is lost."""
        if not resets:
            return truth
        candidate, self.candidate = _read(truth.candidate, self.candidate, resets, rng)
        baseline, self.baseline = _read(truth.baseline, self.baseline, resets, rng)
        return Pair(candidate, baseline)


def _read(truth: Arm, before: Floats, resets: float, rng: Generator) -> tuple[Arm, Floats]:
    added = np.column_stack([truth.total, truth.events])
    reset = rng.random(len(added)) < resets
    now = before + added
    now[reset] = _since_reset(added[reset], rng)
    seen = np.where(now < before, now, now - before)
    events = np.minimum(seen[:, 1:], seen[:, :1])
    return Arm(seen[:, 0], events, events), now


def _since_reset(added: Floats, rng: Generator) -> Floats:
    """What came after a moment at random: a share of every kind of request. Kinds are nested, the first holds all."""
    part = rng.random((len(added), 1))
    kinds = added - np.column_stack([added[:, 1:], np.zeros(len(added))])
    after = rng.binomial(kinds.astype(np.int64), part)
    return floats(np.cumsum(after[:, ::-1], axis=1)[:, ::-1])
