"""All tests of one side (FAIL or PASS) of a guardrail, fed together.

Tests of one likelihood share one array operation: a look costs little more for five tests than for one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from modelrollout.judge import merging, proportions, ratios
from modelrollout.judge.arrays import Floats
from modelrollout.judge.evidence import Counts
from modelrollout.judge.merging import Likelihood, Test, Tree
from modelrollout.judge.priors import WEIGHTS, prior_grid

Increments = Callable[[Counts, Floats, Floats], Floats]


def _proportion(block: Counts, null: Floats, grid: Floats) -> Floats:
    return proportions.log_increments(block.candidate_events[..., None], block.candidate_total[..., None], null, grid)


def _ratio(block: Counts, null: Floats, grid: Floats) -> Floats:
    return ratios.log_increments(
        block.candidate_events[..., None],
        block.candidate_total[..., None],
        block.baseline_events[..., None],
        block.baseline_total[..., None],
        null,
        grid,
    )


INCREMENTS: dict[Likelihood, Increments] = {Likelihood.PROPORTION: _proportion, Likelihood.RATIO: _ratio}


@dataclass(frozen=True)
class Group:
    """The tests of one likelihood: their places on the test axis, their columns, nulls [tests, 1] and grids."""

    increments: Increments
    places: list[int]
    columns: list[int]
    null: Floats
    grid: Floats


@dataclass(frozen=True)
class Bank:
    """The tests of a tree, grouped by likelihood. Fixed for the life of a rule."""

    size: int
    groups: tuple[Group, ...]

    def log_increments(self, block: Counts) -> Floats:
        """dL of every test and alternative for one block, [runs, tests, alternatives]."""
        result = np.empty((len(block.candidate_total), self.size, len(WEIGHTS)))
        for group in self.groups:
            result[:, group.places] = group.increments(block.columns(group.columns), group.null, group.grid)
        return result


def build(tree: Tree) -> Bank:
    """The bank that feeds the tests of this tree, in the tree's own order."""
    listed = list(merging.tests(tree))
    kinds = {test.likelihood: None for test in listed}  # in order of appearance
    return Bank(len(listed), tuple(_group(kind, listed) for kind in kinds))


def _group(likelihood: Likelihood, listed: list[Test]) -> Group:
    places = [place for place, test in enumerate(listed) if test.likelihood is likelihood]
    members = [listed[place] for place in places]
    return Group(
        INCREMENTS[likelihood],
        places,
        [test.column for test in members],
        np.array([[test.null] for test in members]),
        np.stack([prior_grid(test.null, test.design, test.far) for test in members]),
    )
