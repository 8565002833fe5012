"""One guardrail, ready to be judged: its tests, the columns of evidence they need, and how it is stored."""

from dataclasses import asdict, dataclass
from functools import cached_property
from math import inf, isfinite
from typing import Any, Self

import numpy as np

from modelrollout.judge import bank, estimates, means, merging
from modelrollout.judge.arrays import Floats
from modelrollout.judge.dispersion import NO_HISTORY, SCALES, Kind, Prior, between_arms
from modelrollout.judge.estimates import Measure, Sums
from modelrollout.judge.evidence import Counts
from modelrollout.judge.merging import Likelihood, Test, Tree
from modelrollout.judge.refusals import RuleRefused

ARMS_COMPARED = frozenset({Likelihood.RATIO, Likelihood.DIFFERENCE, Likelihood.SHARE_BETTING})
OF_MEANS = frozenset({Likelihood.MEAN_DIFFERENCE, Likelihood.MEAN_LIMIT})
OF_VALUES = OF_MEANS | {Likelihood.BERNSTEIN}
RANGES = {
    Likelihood.PROPORTION: (0.0, 1.0),
    Likelihood.RATE_BETTING: (0.0, 1.0),
    Likelihood.BERNSTEIN: (0.0, 1.0),
    Likelihood.RATIO: (0.0, inf),
    Likelihood.SHARE_BETTING: (0.0, inf),
}
"""Between what a test's numbers lie, exclusive; any finite number where none is given."""


@dataclass(frozen=True)
class Rule:
    """One guardrail, ready to be judged. `rules` has the builders.

    edges_ms: the bucket edges whose exceedances are the columns of a block, in that order; empty when the one column
    counts events of another kind (errors). headline: the column that is shown to people. prior: what the baseline's
    history says of the scatter.
    """

    name: str
    fail: Tree
    passed: Tree
    edges_ms: tuple[float, ...] = ()
    headline: int = 0
    prior: Prior = NO_HISTORY

    @property
    def columns(self) -> int:
        """How many columns a block of evidence for this rule has."""
        return max(1, len(self.edges_ms))

    @cached_property
    def compared(self) -> tuple[int, ...]:
        """The columns in which the arms are compared; without any, the headline."""
        found = {test.column for test in merging.tests(self.fail) if test.likelihood in ARMS_COMPARED}
        return tuple(sorted(found)) or (self.headline,)

    @cached_property
    def kinds(self) -> frozenset[Likelihood]:
        """The likelihoods of both trees."""
        return frozenset(test.likelihood for tree in (self.fail, self.passed) for test in merging.tests(tree))

    @cached_property
    def is_absolute(self) -> bool:
        """True when the candidate is compared with constants alone."""
        return not self.kinds & (ARMS_COMPARED | {Likelihood.MEAN_DIFFERENCE})

    @cached_property
    def has_values(self) -> bool:
        """True when squares count: the rule is about a mean."""
        return bool(self.kinds & OF_VALUES)

    @cached_property
    def measure(self) -> Measure:
        """What the rule compares, for people."""
        if self.is_absolute:
            return Measure.LEVEL
        return Measure.RATIO if self.edges_ms or Likelihood.RATIO in self.kinds else Measure.DIFFERENCE

    @cached_property
    def scatter_kind(self) -> Kind:
        """What its evidence scatters about."""
        if self.kinds & OF_MEANS:
            return Kind.MEANS
        return Kind.LEVEL if self.is_absolute else Kind.ARMS

    def watched(self, block: Counts, past: Sums) -> tuple[Floats, ...]:
        """What `dispersion.watch` wants of a block, each [runs]."""
        at = self.headline
        n_c, n_b = block.candidate_total[:, at], block.baseline_total[:, at]
        s_c, s_b = block.candidate_events[:, at], block.baseline_events[:, at]
        if self.scatter_kind is Kind.LEVEL:
            return s_b, n_b
        if self.scatter_kind is Kind.ARMS:
            return between_arms(s_c, n_c, s_b, n_b)
        return self._watched_means(n_c, s_c, n_b, s_b, past)

    def _watched_means(self, n_c: Floats, s_c: Floats, n_b: Floats, s_b: Floats, past: Sums) -> tuple[Floats, Floats]:
        """The difference of the means in units of its variance; of an absolute rule, the baseline's mean."""
        variances = means.variances(*estimates.moments(past))
        candidate_variance, baseline_variance = (found[:, self.headline] for found in variances)
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = baseline_variance / n_b + (0.0 if self.is_absolute else candidate_variance / n_c)
            gap = s_b / n_b - (0.0 if self.is_absolute else s_c / n_c)
            known = np.isfinite(gap) & np.isfinite(variance) & (variance > 0)
            return np.where(known, gap / variance, 0.0), np.where(known, 1 / variance, 0.0)

    @cached_property
    def fail_bank(self) -> bank.Bank:
        return bank.build(self.fail)

    @cached_property
    def pass_bank(self) -> bank.Bank:
        return bank.build(self.passed)

    def to_record(self) -> dict[str, Any]:
        """The rule as plain JSON values."""
        record = {
            "name": self.name,
            "edgesMs": list(self.edges_ms),
            "headline": self.headline,
            "fail": merging.to_record(self.fail),
            "pass": merging.to_record(self.passed),
        }
        return record if self.prior == NO_HISTORY else record | {"prior": asdict(self.prior)}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The rule that `to_record` wrote. Raises RuleRefused when a field is missing or makes no sense."""
        try:
            rule = cls(
                name=str(record["name"]),
                fail=merging.from_record(record["fail"]),
                passed=merging.from_record(record["pass"]),
                edges_ms=tuple(float(edge) for edge in record["edgesMs"]),
                headline=int(record["headline"]),
                prior=_prior(record["prior"]) if "prior" in record else NO_HISTORY,
            )
            _check(rule)
        except (KeyError, TypeError, ValueError) as wrong:
            raise RuleRefused(f"the stored guardrail cannot be read back ({wrong}): start a new attempt") from wrong
        return rule


def _prior(record: dict[str, Any]) -> Prior:
    """The stored history. Raises ValueError when it is none."""
    prior = Prior(
        tuple(float(x) for x in record["ratios"]), tuple(float(x) for x in record["trust"]), float(record["share"])
    )
    numbers = (*prior.ratios, *prior.trust, prior.share)
    if not (len(prior.ratios) == len(prior.trust) == len(SCALES) and all(isfinite(x) and x >= 0 for x in numbers)):
        raise ValueError(f"{record!r} is no history of {len(SCALES)} scales")
    return prior


def _check(rule: Rule) -> None:
    """A stored rule must bet on the right side of its nulls and within its columns."""
    for tree, direction in ((rule.fail, 1), (rule.passed, -1)):
        for test in merging.tests(tree):
            _require(0 <= test.column < rule.columns, f"column {test.column} of {rule.columns}")
            _require(_is_in_range(test) and _bets_outward(test, direction), f"{test} bets on the wrong side")
    _require(0 <= rule.headline < rule.columns, f"headline {rule.headline} of {rule.columns}")


def _is_in_range(test: Test) -> bool:
    low, high = RANGES.get(test.likelihood, (-inf, inf))
    return all(isfinite(value) and low < value < high for value in (test.null, test.design, test.far))


def _bets_outward(test: Test, direction: int) -> bool:
    null = 0.0 if test.likelihood is Likelihood.MEAN_LIMIT else test.null  # its bets are steps away from the null
    return 0 < direction * (test.design - null) <= direction * (test.far - null)


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise RuleRefused(sentence)
