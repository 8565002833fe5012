"""All tests of one side (FAIL or PASS) of a guardrail, fed together.

Tests of one likelihood share one array operation: a look costs little more for five tests than for one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from modelrollout.judge import betting, differences, eprocess, estimates, means, merging, proportions, ratios
from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.eprocess import EProcess
from modelrollout.judge.estimates import Sums
from modelrollout.judge.evidence import Counts
from modelrollout.judge.merging import Likelihood, Test, Tree, Unit
from modelrollout.judge.priors import WEIGHTS, prior_grid

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


Increments = Callable[[Group, Counts, Sums], Floats]


def _proportion(group: Group, block: Counts, _: Sums) -> Floats:
    events, total = block.candidate_events[..., None], block.candidate_total[..., None]
    return proportions.log_increments(events, total, group.null, group.grid)


def _ratio(group: Group, block: Counts, _: Sums) -> Floats:
    return ratios.log_increments(*_counted(block), group.null, group.grid)


def _difference(group: Group, block: Counts, past: Sums) -> Floats:
    rate = _share(past.baseline_events, past.baseline_total, BURN_IN)
    return differences.log_increments(*_counted(block), rate[..., None], group.null, group.grid)


def _share_betting(group: Group, block: Counts, _: Sums) -> Floats:
    share = block.candidate_share[:, None, None]
    return betting.share_increments(
        block.candidate_events[..., None], block.baseline_events[..., None], share, group.grid
    )


def _rate_betting(group: Group, block: Counts, _: Sums) -> Floats:
    events, total = block.candidate_events[..., None], block.candidate_total[..., None]
    return betting.rate_increments(events, total, group.null, group.grid)


def _mean_difference(group: Group, block: Counts, past: Sums) -> Floats:
    """How far the candidate's mean lies below the baseline's."""
    candidate_variance, baseline_variance = means.variances(*estimates.moments(past))
    unit = _units(group, past, baseline_variance)
    arms = (
        (block.candidate_total[..., None], block.candidate_events[..., None]),
        (block.baseline_total[..., None], block.baseline_events[..., None]),
    )
    variances = candidate_variance[..., None], baseline_variance[..., None]
    return means.difference_increments(*arms, *variances, group.null * unit, group.grid * unit)


def _mean_limit(group: Group, block: Counts, past: Sums) -> Floats:
    """How far the candidate's mean lies below the null; bets are in its own standard deviations."""
    variance = means.variance(estimates.moments(past)[0])[..., None]
    bets = group.null - group.grid * np.sqrt(variance)
    return means.limit_increments(
        block.candidate_total[..., None], block.candidate_events[..., None], variance, group.null, bets
    )


def _bernstein(group: Group, block: Counts, past: Sums) -> Floats:
    running = _share(past.candidate_events, past.candidate_total, 0.0)
    total, events, squares = block.candidate_total, block.candidate_events, block.candidate_squares
    return means.bernstein_increments(
        total[..., None], events[..., None], squares[..., None], running[..., None], group.null, group.grid
    )


def _counted(block: Counts) -> tuple[Floats, Floats, Floats, Floats]:
    return (
        block.candidate_events[..., None],
        block.candidate_total[..., None],
        block.baseline_events[..., None],
        block.baseline_total[..., None],
    )


def _units(group: Group, past: Sums, baseline_variance: Floats) -> Floats:
    """What one unit of each test is worth, [runs, tests, 1]; NaN where the past does not say yet."""
    worth = {
        Unit.PLAIN: np.ones_like(baseline_variance),
        Unit.DEVIATIONS: np.sqrt(baseline_variance),
        Unit.BASELINE_MEAN: np.abs(_share(past.baseline_events, past.baseline_total, BURN_IN)),
    }
    columns = [worth[unit][:, place] for place, unit in enumerate(group.units)]
    return np.stack(columns, axis=1)[..., None]


def _share(part: Floats, whole: Floats, least: float) -> Floats:
    """part/whole, NaN where the whole is not yet above `least`."""
    return floats(np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > least))


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
            chosen = block.columns(group.columns), past.columns(group.columns)
            result[:, group.places] = INCREMENTS[group.likelihood](group, *chosen)
        return np.nan_to_num(result, nan=0.0)  # what is not known yet is no evidence

    def advance(self, process: EProcess, block: Counts, past: Sums, gamma: ArrayLike, phi: Floats) -> EProcess:
        """The process after one look; phi: dispersion, a number or [runs]."""
        tempering = 1 + (np.maximum(phi, 1.0).reshape(-1, 1) - 1) * self.tempered
        return eprocess.advance(process, self.log_increments(block, past), gamma, tempering)


def build(tree: Tree) -> Bank:
    """The bank that feeds the tests of this tree, in the tree's own order."""
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
