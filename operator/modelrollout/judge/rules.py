"""A guardrail as the judge sees it: which columns of evidence it needs, and which tests fail and pass it.

Rules are frozen and depend on nothing but their arguments. The latency rules choose bucket edges from the baseline's
history once; the record of the rule is stored, so that a restart goes on with the same edges.
"""

from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

from modelrollout.judge import bank, edges, merging
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.merging import Likelihood, Mean, Min, Test, Tree
from modelrollout.judge.refusals import RuleRefused

FAR = 20.0  # the most extreme alternative of a fail test, in multiples of its null
FLOOR_DESIGN = 4.0  # a pass test against a constant bets on a quarter of it,
FLOOR_FAR = 50.0  # and at most on a fiftieth


@dataclass(frozen=True)
class Rule:
    """One guardrail, ready to be judged. Make it with a builder of this file.

    edges_ms: the bucket edges whose exceedances are the columns of a block, in that order; empty when the one column
    counts events of another kind (errors). headline: the column that is shown to people.
    """

    name: str
    fail: Tree
    passed: Tree
    edges_ms: tuple[float, ...] = ()
    headline: int = 0

    @property
    def columns(self) -> int:
        """How many columns a block of evidence for this rule has."""
        return max(1, len(self.edges_ms))

    @property
    def compared(self) -> tuple[int, ...]:
        """The columns in which the arms are compared; without any, the headline."""
        found = {test.column for test in merging.tests(self.fail) if test.likelihood is Likelihood.RATIO}
        return tuple(sorted(found)) or (self.headline,)

    @cached_property
    def fail_bank(self) -> bank.Bank:
        return bank.build(self.fail)

    @cached_property
    def pass_bank(self) -> bank.Bank:
        return bank.build(self.passed)

    def to_record(self) -> dict[str, Any]:
        """The rule as plain JSON values."""
        return {
            "name": self.name,
            "edgesMs": list(self.edges_ms),
            "headline": self.headline,
            "fail": merging.to_record(self.fail),
            "pass": merging.to_record(self.passed),
        }


def from_record(record: dict[str, Any]) -> Rule:
    """The rule that `to_record` wrote. Raises RuleRefused when a field is missing or makes no sense."""
    try:
        rule = Rule(
            name=str(record["name"]),
            fail=merging.from_record(record["fail"]),
            passed=merging.from_record(record["pass"]),
            edges_ms=tuple(float(edge) for edge in record["edgesMs"]),
            headline=int(record["headline"]),
        )
        _check(rule)
    except (KeyError, TypeError, ValueError) as wrong:
        raise RuleRefused(f"the stored guardrail cannot be read back ({wrong}): start a new attempt") from wrong
    return rule


def error_ratio(name: str, margin: float = 1.5, floor: float = 0.005, tolerance: float = 1.0) -> Rule:
    """Errors against the baseline. Fails what errs more than the baseline and more than the floor; passes what errs
    less than margin times the baseline, or less than the floor.

    margin and tolerance are ratios (1.5 is half as many again); floor is a share (0.005 is 0.5 %), 0 for none.
    Raises RuleRefused for numbers that make no sense.
    """
    _require(
        0 < tolerance < margin < FAR * tolerance,
        f"margin is {margin:g} and tolerance {tolerance:g}: the margin must be 1 to {FAR:g} times the tolerance",
    )
    _require(0 <= floor < 1, f"floor is {floor:g}: it is a share of requests from 0 to below 1")
    worse = Test(Likelihood.RATIO, 0, tolerance, margin, tolerance * FAR)
    equal = Test(Likelihood.RATIO, 0, margin, tolerance, margin / FAR)
    if floor == 0:
        return Rule(name, fail=worse, passed=equal)
    return Rule(name, fail=Min((worse, _above(0, floor))), passed=Mean((equal, _below(0, floor))))


def error_limit(name: str, limit: float = 0.02) -> Rule:
    """Errors of the candidate against a constant share (0.02 is 2 %). Raises RuleRefused unless it lies within 0-1."""
    _require(0 < limit < 1, f"limit is {limit:g}: it is a share of requests between 0 and 1")
    return Rule(name, fail=_above(0, limit), passed=_below(0, limit))


def latency_increase(name: str, quantile: float, increase: float, floor_ms: float, history: Histogram) -> Rule:
    """A latency quantile against the baseline's: shares beyond one to three edges near it, averaged.

    quantile 0-1 (0.95); increase is the margin as a fraction (0.2 for +20 %); floor_ms: a quantile below it is no harm,
    0 for none; history: the baseline's recent past.
    A floor below the first edge cannot help to pass, and only the comparison does.
    Raises RuleRefused, HistoryTooShort, NoUsableEdge.
    """
    _require(0 < quantile < 1, f"quantile is {quantile:g}: it lies between 0 and 1")
    _require(increase > 0, f"increase is {increase:g}: a margin of nothing can never be passed, allow more than 0")
    _require(floor_ms >= 0, f"floor is {floor_ms:g} ms: it cannot be negative")
    chosen = edges.around_quantile(history, quantile, increase)
    listed = [edge.at_ms for edge in chosen]
    worse: Tree = Mean(tuple(Test(Likelihood.RATIO, at, 1.0, edge.ratio, FAR) for at, edge in enumerate(chosen)))
    equal: Tree = Mean(
        tuple(Test(Likelihood.RATIO, at, edge.ratio, 1.0, edge.ratio / FAR) for at, edge in enumerate(chosen))
    )
    if floor_ms > 0:
        high = _column(listed, edges.at_or_above(history.edges_ms, floor_ms))
        worse = Min((worse, _above(high, edges.share_beyond(quantile))))
    if floor_ms >= history.edges_ms[0]:
        low = _column(listed, edges.at_or_below(history.edges_ms, floor_ms))
        equal = Mean((equal, _below(low, edges.share_beyond(quantile))))
    return Rule(name, worse, equal, tuple(listed))


def latency_limit(name: str, quantile: float, limit_ms: float, edges_ms: tuple[float, ...]) -> Rule:
    """A latency quantile of the candidate against a constant. Between two edges the upper fails and the lower passes.

    Raises RuleRefused, and NoUsableEdge when the limit lies outside the edges.
    """
    _require(0 < quantile < 1, f"quantile is {quantile:g}: it lies between 0 and 1")
    _require(limit_ms > 0, f"limit is {limit_ms:g} ms: it must be above 0")
    listed = [edges.at_or_above(edges_ms, limit_ms)]
    low = _column(listed, edges.at_or_below(edges_ms, limit_ms))
    return Rule(name, _above(0, edges.share_beyond(quantile)), _below(low, edges.share_beyond(quantile)), tuple(listed))


def _above(column: int, share: float) -> Test:
    """H0 p <= share. Bets from 1.5 times the share to 20 times, kept halfway and three quarters towards 1 at most."""
    design = min(1.5 * share, (1 + share) / 2)
    return Test(Likelihood.PROPORTION, column, share, design, min(FAR * share, (3 + share) / 4))


def _below(column: int, share: float) -> Test:
    """H0 p >= share. Bets on a quarter of the share, down to a fiftieth."""
    return Test(Likelihood.PROPORTION, column, share, share / FLOOR_DESIGN, share / FLOOR_FAR)


def _column(listed: list[float], edge_ms: float) -> int:
    """The column of an edge, added to the list when it is not there yet."""
    if edge_ms not in listed:
        listed.append(edge_ms)
    return listed.index(edge_ms)


def _check(rule: Rule) -> None:
    """A stored rule must bet on the right side of its nulls and within its columns."""
    for tree, direction in ((rule.fail, 1), (rule.passed, -1)):
        for test in merging.tests(tree):
            _require(0 <= test.column < rule.columns, f"column {test.column} of {rule.columns}")
            largest = 1.0 if test.likelihood is Likelihood.PROPORTION else inf
            is_in_range = all(0 < value < largest for value in (test.null, test.design, test.far))
            bets_outward = 0 < direction * (test.design - test.null) <= direction * (test.far - test.null)
            _require(is_in_range and bets_outward, f"{test} bets on the wrong side")
    _require(0 <= rule.headline < rule.columns, f"headline {rule.headline} of {rule.columns}")


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise RuleRefused(sentence)
