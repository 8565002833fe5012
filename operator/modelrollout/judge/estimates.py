"""What was seen since the last gate, for people: samples and rates per arm, and the ratio between them.

These sums never decide anything; they only describe.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from modelrollout.judge.arrays import Columns, Floats, floats
from modelrollout.judge.evidence import Counts

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


def start(runs: int, columns: int) -> Sums:
    """Nothing seen yet."""
    return Sums(*(np.zeros((runs, columns)) for _ in fields(Sums)))


def add(sums: Sums, block: Counts) -> Sums:
    """The sums with one more block."""
    both = np.maximum(block.candidate_total + block.baseline_total, np.finfo(np.float64).tiny)
    return Sums(
        sums.candidate_total + block.candidate_total,
        sums.candidate_events + block.candidate_events,
        sums.baseline_total + block.baseline_total,
        sums.baseline_events + block.baseline_events,
        sums.candidate_pull + block.candidate_events * (block.baseline_total / both),
        sums.baseline_pull + block.baseline_events * (block.candidate_total / both),
    )


def telling(sums: Sums, headline: int, compared: Sequence[int]) -> Columns:
    """The column [runs] that shows people the difference: the headline, unless another of those compared
    differs clearly more.

    "More" is the pooled two-proportion z. It only chooses what is shown: a slow model may differ at 50 ms and not at
    100 ms.
    """
    total = sums.candidate_total + sums.baseline_total
    pooled = _share(sums.candidate_events + sums.baseline_events, total)
    ones = np.ones_like(total)
    per_request = _share(ones, sums.candidate_total) + _share(ones, sums.baseline_total)
    spread = pooled * (1 - pooled) * per_request
    gap = _share(sums.candidate_events, sums.candidate_total) - _share(sums.baseline_events, sums.baseline_total)
    z = np.abs(np.nan_to_num(_share(gap, np.sqrt(np.maximum(spread, 0.0)))))
    best = np.array(compared, dtype=np.intp)[np.argmax(z[:, list(compared)], axis=1)]
    clearly = chosen(z, best) > np.maximum(CLEARLY, z[:, headline])
    return np.where(clearly, best, headline).astype(np.intp)


def chosen(values: Floats, column: Columns) -> Floats:
    """The value of each run's column, [runs]."""
    return floats(np.take_along_axis(values, column[:, None], 1)[:, 0])


def ratio(sums: Sums, column: Columns) -> Floats:
    """The Mantel-Haenszel ratio of event rates, candidate over baseline, [runs]; NaN when the baseline had no event.

    Mantel and Haenszel 1959: sum s_c n_b/N over sum s_b n_c/N. It compares inside each look, so neither a change of
    weight nor a drift of both arms moves it.
    """
    return _share(chosen(sums.candidate_pull, column), chosen(sums.baseline_pull, column))


def candidate_rate(sums: Sums, column: Columns) -> Floats:
    """Events per candidate request, [runs]; NaN without requests."""
    return _share(chosen(sums.candidate_events, column), chosen(sums.candidate_total, column))


def baseline_rate(sums: Sums, column: Columns) -> Floats:
    """Events per baseline request, [runs]; NaN without requests."""
    return _share(chosen(sums.baseline_events, column), chosen(sums.baseline_total, column))


def _share(part: Floats, whole: Floats) -> Floats:
    return floats(np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > NOTHING))
