"""All tests of one side (FAIL or PASS) of a guardrail, fed together.

Tests of one likelihood share one array operation: a look costs little more for five tests than for one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge import betting, differences, eprocess, estimates, means, merging, proportions, ratios
from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.eprocess import EProcess
from modelrollout.judge.estimates import Sums
from modelrollout.judge.evidence import Counts
from modelrollout.judge.means import Moments
from modelrollout.judge.merging import Likelihood, Test, Tree, Unit
from modelrollout.judge.priors import WEIGHTS, prior_grid

KEPT = 256  # banks; rules of many rollouts have the same trees, and grids cost more than a look
BURN_IN = 100.0  # observations of an arm before its past is used as a guess


@dataclass(frozen=True)
class Group:
    """The tests of one likelihood: their places on the test axis, their columns, nulls [tests, 1] and grids."""

    likelihood: Likelihood
    places: list[int]
    columns: list[int]
    null: Floats
    grid: Floats
    units: list[Unit]

    def of(self, values: Floats) -> Floats:
        """The tests' columns of [runs, columns], as [runs, tests, 1]."""
        return values[:, self.columns, None]


Increments = Callable[[Group, Counts, Sums], Floats]


def _proportion(group: Group, block: Counts, _: Sums) -> Floats:
    events, total = group.of(block.candidate_events), group.of(block.candidate_total)
    return proportions.log_increments(events, total, group.null, group.grid)


def _ratio(group: Group, block: Counts, _: Sums) -> Floats:
    return ratios.log_increments(*_counted(group, block), group.null, group.grid)


def _difference(group: Group, block: Counts, past: Sums) -> Floats:
    rate = _share(group.of(past.baseline_events), group.of(past.baseline_total), BURN_IN)
    return differences.log_increments(*_counted(group, block), rate, group.null, group.grid)


def _share_betting(group: Group, block: Counts, _: Sums) -> Floats:
    events, others = group.of(block.candidate_events), group.of(block.baseline_events)
    return betting.share_increments(events, others, block.candidate_share[:, None, None], group.grid)


def _rate_betting(group: Group, block: Counts, _: Sums) -> Floats:
    events, total = group.of(block.candidate_events), group.of(block.candidate_total)
    return betting.rate_increments(events, total, group.null, group.grid)


def _mean_difference(group: Group, block: Counts, past: Sums) -> Floats:
    """How far the candidate's mean lies below the baseline's."""
    variances = means.variances(*_moments(group, past))
    unit = _units(group, past, variances[1])
    s_c, n_c, s_b, n_b = _counted(group, block)
    bets = group.null * unit, group.grid * unit
    return _or_nothing(means.difference_increments((n_c, s_c), (n_b, s_b), *variances, *bets))


def _mean_limit(group: Group, block: Counts, past: Sums) -> Floats:
    """How far the candidate's mean lies below the null; bets are in its own standard deviations."""
    variance = means.variance(_moments(group, past)[0])
    bets = group.null - group.grid * np.sqrt(variance)
    total, values = group.of(block.candidate_total), group.of(block.candidate_events)
    return _or_nothing(means.limit_increments(total, values, variance, group.null, bets))


def _bernstein(group: Group, block: Counts, past: Sums) -> Floats:
    running = _share(group.of(past.candidate_events), group.of(past.candidate_total), 0.0)
    total, values = group.of(block.candidate_total), group.of(block.candidate_events)
    squares = group.of(block.candidate_squares)
    return means.bernstein_increments(total, values, squares, running, group.null, group.grid)


def _counted(group: Group, block: Counts) -> tuple[Floats, Floats, Floats, Floats]:
    return (
        group.of(block.candidate_events),
        group.of(block.candidate_total),
        group.of(block.baseline_events),
        group.of(block.baseline_total),
    )


def _moments(group: Group, past: Sums) -> tuple[Moments, Moments]:
    (n_c, s_c, q_c), (n_b, s_b, q_b) = estimates.moments(past)
    return (group.of(n_c), group.of(s_c), group.of(q_c)), (group.of(n_b), group.of(s_b), group.of(q_b))


def _units(group: Group, past: Sums, baseline_variance: Floats) -> Floats:
    """What one unit of each test is worth, [runs, tests, 1]; NaN where the past does not say yet."""
    mean = _share(group.of(past.baseline_events), group.of(past.baseline_total), BURN_IN)
    worth = {
        Unit.PLAIN: np.ones_like(baseline_variance),
        Unit.DEVIATIONS: np.sqrt(baseline_variance),
        Unit.BASELINE_MEAN: np.abs(mean),
    }
    return np.concatenate([worth[unit][:, place : place + 1] for place, unit in enumerate(group.units)], axis=1)


def _share(part: Floats, whole: Floats, least: float) -> Floats:
    """part/whole, NaN where the whole is not yet above `least`."""
    return floats(np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > least))


def _or_nothing(increments: Floats) -> Floats:
    """What is not known yet is no evidence."""
    return floats(np.where(np.isnan(increments), 0.0, increments))


def _grid(test: Test) -> Floats:
    """The alternatives that a test bets on."""
    match test.likelihood:
        case Likelihood.PROPORTION | Likelihood.RATIO:
            return prior_grid(test.null, test.design, test.far)
        case Likelihood.DIFFERENCE | Likelihood.MEAN_DIFFERENCE:
            return differences.grid(test.null, test.design, (test.far - test.null) / (test.design - test.null))
        case Likelihood.MEAN_LIMIT:
            return differences.grid(0.0, test.design, test.far / test.design)
        case _:  # bets are parts of the stake, the same for every null; their sign is the side they win on
            return floats(betting.STAKES * np.sign(test.design - test.null))


INCREMENTS: dict[Likelihood, Increments] = {
    Likelihood.PROPORTION: _proportion,
    Likelihood.RATIO: _ratio,
    Likelihood.DIFFERENCE: _difference,
    Likelihood.SHARE_BETTING: _share_betting,
    Likelihood.RATE_BETTING: _rate_betting,
    Likelihood.MEAN_DIFFERENCE: _mean_difference,
    Likelihood.MEAN_LIMIT: _mean_limit,
    Likelihood.BERNSTEIN: _bernstein,
}
WHOLE_LOOKS = (Likelihood.SHARE_BETTING, Likelihood.RATE_BETTING)
"""They bet once per look, so scatter within a look costs them nothing: their evidence is not tempered."""


@dataclass(frozen=True)
class Bank:
    """The tests of a tree, grouped by likelihood. Fixed for the life of a rule."""

    size: int
    groups: tuple[Group, ...]
    tempered: Floats  # [tests]: 1 where the dispersion counts, 0 where it does not

    def log_increments(self, block: Counts, past: Sums) -> Floats:
        """dL of every test and alternative for one block, [runs, tests, alternatives]; past: the looks before it."""
        result = np.empty((len(block.candidate_total), self.size, len(WEIGHTS)))
        for group in self.groups:
            result[:, group.places] = INCREMENTS[group.likelihood](group, block, past)
        return result

    def advance(self, process: EProcess, block: Counts, past: Sums, gamma: ArrayLike, phi: Floats) -> EProcess:
        """The process after one look; phi: dispersion, a number or [runs]."""
        tempering = 1 + (np.maximum(phi, 1.0).reshape(-1, 1) - 1) * self.tempered
        return eprocess.advance(process, self.log_increments(block, past), gamma, tempering)


@lru_cache(KEPT)
def build(tree: Tree) -> Bank:
    """The bank that feeds the tests of this tree, in the tree's own order. Nobody may write into its arrays."""
    listed = list(merging.tests(tree))
    kinds = {test.likelihood: None for test in listed}  # in order of appearance
    tempered = floats([test.likelihood not in WHOLE_LOOKS for test in listed])
    return Bank(len(listed), tuple(_group(kind, listed) for kind in kinds), tempered)


def _group(likelihood: Likelihood, listed: list[Test]) -> Group:
    places = [place for place, test in enumerate(listed) if test.likelihood is likelihood]
    members = [listed[place] for place in places]
    return Group(
        likelihood,
        places,
        [test.column for test in members],
        np.array([[test.null] for test in members]),
        np.stack([_grid(test) for test in members]),
        [test.unit for test in members],
    )
