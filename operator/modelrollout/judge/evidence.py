"""What a look delivers: how many, and how many of those were events, per arm, since the previous look.

An event is what a guardrail counts as trouble: an error, an answer slower than a bucket edge, a wrong prediction. A
rule asks for one column per kind of event (a latency rule has one per bucket edge). A guardrail on a mean has values
instead of events: then `events` holds their sum. Arrays are [runs, columns].
"""

from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.refusals import CountsRefused

LARGEST_COUNT = 2.0**53  # beyond this a float no longer counts one by one


@dataclass(frozen=True)
class Counts:
    """One block, each array [runs, columns]. Make it with `counts` or `values`, which check it.

    Squares are sums of squared values: the events again where the values are 0 and 1. candidate_share [runs] is the
    candidate's configured part of both arms' traffic, NaN where it is not known or changed within the block.
    """

    candidate_total: Floats
    candidate_events: Floats
    baseline_total: Floats
    baseline_events: Floats
    candidate_squares: Floats
    baseline_squares: Floats
    candidate_share: Floats

    def swapped(self) -> "Counts":
        """The same block with the baseline in the candidate's place."""
        return Counts(
            self.baseline_total,
            self.baseline_events,
            self.candidate_total,
            self.candidate_events,
            self.baseline_squares,
            self.candidate_squares,
            1 - self.candidate_share,
        )


@dataclass(frozen=True)
class Values:
    """One arm's measured values in a block: how many, their sum and their sum of squares; anything that broadcasts."""

    total: ArrayLike
    sum: ArrayLike
    squares: ArrayLike


def counts(
    candidate_total: ArrayLike,
    candidate_events: ArrayLike,
    baseline_total: ArrayLike,
    baseline_events: ArrayLike,
    candidate_share: ArrayLike = nan,
) -> Counts:
    """A checked block from anything that broadcasts: a number, the columns of one run, or [runs, columns].

    Events beyond the total are cut to it: the two counters are scraped a moment apart.
    Raises CountsRefused when a count is negative, not finite, or above 2^53.
    """
    given = (candidate_total, candidate_events, baseline_total, baseline_events)
    names = ("candidate total", "candidate events", "baseline total", "baseline events")
    checked = [_checked(name, values) for name, values in zip(names, given, strict=True)]
    n_c, s_c, n_b, s_b = np.broadcast_arrays(*checked)
    s_c, s_b = np.minimum(s_c, n_c), np.minimum(s_b, n_b)
    return Counts(n_c, s_c, n_b, s_b, s_c, s_b, _share(candidate_share, len(n_c)))


def values(candidate: Values, baseline: Values, candidate_share: ArrayLike = nan) -> Counts:
    """A checked block of measured values (rewards): events are their sums, squares the sums of their squares.

    Squares below sum^2/total cannot be (Cauchy and Schwarz) and are lifted to it: counters are scraped a moment apart.
    Raises CountsRefused when a number is not finite, or a count or a sum of squares negative.
    """
    given = [
        ("candidate count", candidate.total, 0.0),
        ("candidate sum", candidate.sum, -LARGEST_COUNT),
        ("candidate sum of squares", candidate.squares, 0.0),
        ("baseline count", baseline.total, 0.0),
        ("baseline sum", baseline.sum, -LARGEST_COUNT),
        ("baseline sum of squares", baseline.squares, 0.0),
    ]
    n_c, s_c, q_c, n_b, s_b, q_b = np.broadcast_arrays(*(_checked(name, array, least) for name, array, least in given))
    return Counts(n_c, s_c, n_b, s_b, _lifted(n_c, s_c, q_c), _lifted(n_b, s_b, q_b), _share(candidate_share, len(n_c)))


def as_badness(block: Counts, low: float, high: float) -> Counts:
    """Values in [low, high] turned into badness in [0, 1], of which 0 is best: (high - x)/(high - low).

    Values beyond the range were to be clipped at the source; what sums still show beyond it is cut.
    """
    return replace(
        block,
        candidate_events=_badness(block.candidate_total, block.candidate_events, low, high),
        candidate_squares=_bad_squares(
            block.candidate_total, block.candidate_events, block.candidate_squares, low, high
        ),
        baseline_events=_badness(block.baseline_total, block.baseline_events, low, high),
        baseline_squares=_bad_squares(block.baseline_total, block.baseline_events, block.baseline_squares, low, high),
    )


def _badness(total: Floats, sums: Floats, low: float, high: float) -> Floats:
    return floats(np.clip((total * high - sums) / (high - low), 0.0, total))


def _bad_squares(total: Floats, sums: Floats, squares: Floats, low: float, high: float) -> Floats:
    bad = _badness(total, sums, low, high)
    raw = (total * high**2 - 2 * high * sums + squares) / (high - low) ** 2
    return _lifted(total, bad, np.clip(raw, 0.0, bad))  # x^2 <= x within [0, 1]


def _lifted(total: Floats, sums: Floats, squares: Floats) -> Floats:
    """The sums of squares, at least what the sums alone demand."""
    least = np.divide(sums**2, total, out=np.zeros_like(squares), where=total > 0)
    return floats(np.maximum(squares, least))


def _share(given: ArrayLike, runs: int) -> Floats:
    return floats(np.broadcast_to(floats(given), (runs,)))


def _checked(name: str, given: ArrayLike, least: float = 0.0) -> Floats:
    array = np.atleast_2d(floats(given))
    if array.size and not (array.min() >= least and array.max() <= LARGEST_COUNT):
        wrong = next(float(x) for x in array.flat if not (isfinite(x) and least <= x <= LARGEST_COUNT))
        raise CountsRefused(f"{name} is {wrong:g}: {_allowed(least)}")
    return array


def _allowed(least: float) -> str:
    return "a count must be a finite number from 0 to 2^53" if least == 0 else "a sum must be a finite number"
