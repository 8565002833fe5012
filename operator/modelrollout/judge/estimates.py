"""What was seen since the last gate: sums per arm, and which column of them tells people most.

They describe; of decisions they only tune bets, as what earlier looks showed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum

import numpy as np

from modelrollout.judge import intervals
from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.evidence import Counts
from modelrollout.judge.means import Moments

CLEARLY = 3.0  # standard errors
NOTHING = 1e-9  # a sum of counts below this is none: dividing by it would say nothing and could overflow


@dataclass(frozen=True)
class Sums:
    """Running sums per column, each [runs, columns]."""

    candidate_total: Floats
    candidate_events: Floats
    baseline_total: Floats
    baseline_events: Floats
    candidate_pull: Floats  # sum of s_c n_b / N over looks, N = n_c + n_b
    baseline_pull: Floats  # sum of s_b n_c / N over looks
    comparison: Floats  # sum of n_c n_b / N over looks: how much both arms could be compared, in requests
    spread: Floats  # sum over looks of `intervals.ratio_spread`
    candidate_squares: Floats
    baseline_squares: Floats


FIELDS = fields(Sums)


class Measure(Enum):
    """What a guardrail compares, and so what its interval is about."""

    RATIO = "ratio"
    DIFFERENCE = "difference"
    LEVEL = "level"


def start(runs: int, columns: int) -> Sums:
    """Nothing seen yet."""
    return Sums(*(np.zeros((runs, columns)) for _ in FIELDS))


def add(sums: Sums, block: Counts) -> Sums:
    """The sums with one more block."""
    n_c, s_c, n_b, s_b = block.candidate_total, block.candidate_events, block.baseline_total, block.baseline_events
    both = np.maximum(n_c + n_b, np.finfo(np.float64).tiny)
    return Sums(
        sums.candidate_total + n_c,
        sums.candidate_events + s_c,
        sums.baseline_total + n_b,
        sums.baseline_events + s_b,
        sums.candidate_pull + s_c * (n_b / both),
        sums.baseline_pull + s_b * (n_c / both),
        sums.comparison + n_c * (n_b / both),
        sums.spread + intervals.ratio_spread(n_c, s_c, n_b, s_b),
        sums.candidate_squares + block.candidate_squares,
        sums.baseline_squares + block.baseline_squares,
    )


def moments(sums: Sums) -> tuple[Moments, Moments]:
    """(candidate's, baseline's) count, sum and sum of squares, each [runs, columns]."""
    return (
        (sums.candidate_total, sums.candidate_events, sums.candidate_squares),
        (sums.baseline_total, sums.baseline_events, sums.baseline_squares),
    )


def swapped(sums: Sums) -> Sums:
    """The same sums with the baseline in the candidate's place."""
    return replace(
        sums,
        candidate_total=sums.baseline_total,
        candidate_events=sums.baseline_events,
        baseline_total=sums.candidate_total,
        baseline_events=sums.candidate_events,
        candidate_pull=sums.baseline_pull,
        baseline_pull=sums.candidate_pull,
        candidate_squares=sums.baseline_squares,
        baseline_squares=sums.candidate_squares,
    )


def of_run(sums: Sums, run: int) -> Sums:
    """The sums of one run, each [columns]."""
    return Sums(*(getattr(sums, field.name)[run] for field in FIELDS))


def of_column(sums: Sums, column: int) -> Sums:
    """The sums of one run's column, each a single number."""
    return Sums(*(floats(getattr(sums, field.name)[column]) for field in FIELDS))


def telling(sums: Sums, headline: int, compared: Sequence[int]) -> int:
    """The column of one run that shows people the difference: the headline, unless another of those compared
    differs clearly more.

    "More" is the pooled two-proportion z. It only chooses what is shown: a slow model may differ at 50 ms and not at
    100 ms.
    """
    if len(compared) < 2:
        return headline
    total = sums.candidate_total + sums.baseline_total
    pooled = _share(sums.candidate_events + sums.baseline_events, total)
    ones = np.ones_like(total)
    per_request = _share(ones, sums.candidate_total) + _share(ones, sums.baseline_total)
    spread = pooled * (1 - pooled) * per_request
    gap = _share(sums.candidate_events, sums.candidate_total) - _share(sums.baseline_events, sums.baseline_total)
    z = np.abs(np.nan_to_num(_share(gap, np.sqrt(np.maximum(spread, 0.0)))))
    best = max(compared, key=lambda column: float(z[column]))
    return best if z[best] > max(CLEARLY, z[headline]) else headline


def _share(part: Floats, whole: Floats) -> Floats:
    return floats(np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > NOTHING))
