"""How single tests become the one e-process of a guardrail: a tree of Mean and Min over Tests.

* Mean: an average of e-processes for one null is an e-process for it. Used where several bucket edges could show the
  harm, and to pass by whichever of margin and floor is clearer (statistics of floors: the null lies in both nulls).
* Min: the minimum of e-processes for several nulls is one for their union. Used to fail only what is both beyond
  tolerance and beyond the floor.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.refusals import RuleRefused


class Likelihood(Enum):
    """The kinds of evidence an e-process can be fed with, with the meaning of a test's null, design and far."""

    PROPORTION = "proportion"
    """The candidate's share of events against a constant: shares."""
    RATIO = "ratio"
    """The candidate's share of events against the baseline's, rare events: ratios."""
    DIFFERENCE = "difference"
    """The same for common events: differences of shares."""
    SHARE_BETTING = "shareBetting"
    """Whose events are more than its share of traffic, once per look: ratios, of which only the null 1 has a sense."""
    RATE_BETTING = "rateBetting"
    """The candidate's share of events against a constant, once per look: shares."""
    MEAN_DIFFERENCE = "meanDifference"
    """How far the candidate's mean lies below the baseline's: in the test's unit."""
    MEAN_LIMIT = "meanLimit"
    """The candidate's mean against a constant null; design and far lie below it (above, to pass) in deviations."""
    BERNSTEIN = "bernstein"
    """The candidate's mean badness (0-1) against a constant, for values that scatter little: badness."""


class Unit(Enum):
    """What the numbers of a MEAN_DIFFERENCE test are multiples of."""

    PLAIN = "plain"
    DEVIATIONS = "deviations"
    """Standard deviations of the baseline's values, as earlier looks showed them."""
    BASELINE_MEAN = "baselineMean"
    """The baseline's mean (without its sign), as earlier looks showed it."""


@dataclass(frozen=True)
class Test:
    """One e-process: a likelihood on one column of the evidence, its null, and where its bets lie.

    design is the alternative that gets half the weight, far the most extreme one; both lie on the same side of null,
    above it to fail and below it to pass. Units are the likelihood's.
    """

    __test__ = False  # not a test class of pytest

    likelihood: Likelihood
    column: int
    null: float
    design: float
    far: float
    unit: Unit = Unit.PLAIN


@dataclass(frozen=True)
class Mean:
    """The average of its parts."""

    parts: tuple["Tree", ...]


@dataclass(frozen=True)
class Min:
    """The least of its parts."""

    parts: tuple["Tree", ...]


Tree = Test | Mean | Min
NODES: dict[str, type[Mean] | type[Min]] = {"mean": Mean, "min": Min}


def tests(tree: Tree) -> Iterator[Test]:
    """The tests of a tree, left to right: the order of the engine's test axis."""
    if isinstance(tree, Test):
        yield tree
    else:
        for part in tree.parts:
            yield from tests(part)


def value(tree: Tree, values: Floats) -> Floats:
    """E of the tree per run, from E of its tests [runs, tests]."""
    return _fold(tree, iter(values.T))


def _fold(tree: Tree, remaining: Iterator[Floats]) -> Floats:
    if isinstance(tree, Test):
        return next(remaining)
    parts = [_fold(part, remaining) for part in tree.parts]
    return floats(np.minimum.reduce(parts) if isinstance(tree, Min) else np.add.reduce(parts) / len(parts))


def to_record(tree: Tree) -> dict[str, Any]:
    """The tree as plain JSON values."""
    if isinstance(tree, Test):
        return {
            "test": tree.likelihood.value,
            "column": tree.column,
            "null": tree.null,
            "design": tree.design,
            "far": tree.far,
        } | ({"unit": tree.unit.value} if tree.unit is not Unit.PLAIN else {})
    return {"mean" if isinstance(tree, Mean) else "min": [to_record(part) for part in tree.parts]}


def from_record(record: dict[str, Any]) -> Tree:
    """The tree a record describes. Raises RuleRefused when it describes none."""
    try:
        if "test" in record:
            return Test(
                Likelihood(record["test"]),
                int(record["column"]),
                float(record["null"]),
                float(record["design"]),
                float(record["far"]),
                Unit(record.get("unit", Unit.PLAIN.value)),
            )
        ((kind, parts),) = record.items()
        first, *others = (from_record(part) for part in parts)
        return NODES[kind]((first, *others))
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise RuleRefused(f"{record!r} is no stored test of a guardrail: start a new attempt") from wrong
