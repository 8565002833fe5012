"""What a look delivers: how many, and how many of those were events, per arm, since the previous look.

An event is what a guardrail counts as trouble: an error, an answer slower than a bucket edge. A rule asks for one
column per kind of event (a latency rule has one per bucket edge). Arrays are [runs, columns].
"""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.refusals import CountsRefused

LARGEST_COUNT = 2.0**53  # beyond this a float no longer counts one by one


@dataclass(frozen=True)
class Counts:
    """One block of counts, each array [runs, columns]. Make it with `counts`, which checks it."""

    candidate_total: Floats
    candidate_events: Floats
    baseline_total: Floats
    baseline_events: Floats

    def columns(self, chosen: list[int]) -> "Counts":
        """The same block with only the chosen columns, in that order."""
        return Counts(
            self.candidate_total[:, chosen],
            self.candidate_events[:, chosen],
            self.baseline_total[:, chosen],
            self.baseline_events[:, chosen],
        )


def counts(
    candidate_total: ArrayLike, candidate_events: ArrayLike, baseline_total: ArrayLike, baseline_events: ArrayLike
) -> Counts:
    """A checked block from anything that broadcasts: a number, the columns of one run, or [runs, columns].

    Events beyond the total are cut to it: the two counters are scraped a moment apart.
    Raises CountsRefused when a count is negative, not finite, or above 2^53.
    """
    given = (candidate_total, candidate_events, baseline_total, baseline_events)
    names = ("candidate total", "candidate events", "baseline total", "baseline events")
    checked = [_checked(name, values) for name, values in zip(names, given, strict=True)]
    n_c, s_c, n_b, s_b = np.broadcast_arrays(*checked)
    return Counts(n_c, np.minimum(s_c, n_c), n_b, np.minimum(s_b, n_b))


def _checked(name: str, values: ArrayLike) -> Floats:
    array = np.atleast_2d(floats(values))
    if array.size and not (array.min() >= 0 and array.max() <= LARGEST_COUNT):
        wrong = next(float(x) for x in array.flat if not (isfinite(x) and 0 <= x <= LARGEST_COUNT))
        raise CountsRefused(f"{name} is {wrong:g}: a count must be a finite number from 0 to 2^53")
    return array
