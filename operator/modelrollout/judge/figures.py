"""What people are shown of a guardrail: samples, rates, and how far apart the arms are, with an interval.

Figures never decide anything; they describe what was seen since the last gate.
"""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from modelrollout.judge import dispersion, estimates, intervals, means
from modelrollout.judge.arrays import Columns, Floats
from modelrollout.judge.estimates import Measure, Sums
from modelrollout.judge.guardrails import State
from modelrollout.judge.intervals import Interval
from modelrollout.judge.rule import OF_MEANS, Rule

ALPHA = 0.05  # an interval that ever misses does so with this probability


@dataclass(frozen=True)
class Figures:
    """One guardrail of one run; None is unknown.

    Rates are events per request, or mean values; ratio is candidate over baseline (Mantel-Haenszel), difference
    candidate less baseline. low and high bound what the rule compares (`Rule.measure`: the ratio, the difference, or
    the candidate's rate) at every look with 95 %. All of one column: the headline, or another edge at which the arms
    differ clearly more. dispersion (>= 1) is what evidence of the next look will be divided by.
    """

    column: int
    candidate_samples: int
    baseline_samples: int
    candidate_rate: float | None
    baseline_rate: float | None
    ratio: float | None
    difference: float | None
    low: float | None
    high: float | None
    dispersion: float


def read(rule: Rule, state: State, fixed_dispersion: float | None = None, run: int = 0) -> Figures:
    """The figures of one run. fixed_dispersion: as in `guardrails.advance`."""
    seen, column = state.seen, estimates.telling(state.seen, rule.headline, rule.compared)
    measured = dispersion.factor(state.scatter, rule.scatter_kind, rule.prior)
    phi = measured if fixed_dispersion is None else np.full_like(measured, fixed_dispersion)
    found = _interval(rule, seen, column, phi)
    return Figures(
        column=int(column[run]),
        candidate_samples=round(float(estimates.chosen(seen.candidate_total, column)[run])),
        baseline_samples=round(float(estimates.chosen(seen.baseline_total, column)[run])),
        candidate_rate=_known(estimates.candidate_rate(seen, column), run),
        baseline_rate=_known(estimates.baseline_rate(seen, column), run),
        ratio=_known(estimates.ratio(seen, column), run),
        difference=_known(estimates.difference(seen, column), run),
        low=_known(found.low, run),
        high=_known(found.high, run),
        dispersion=float(phi[run]),
    )


def _interval(rule: Rule, seen: Sums, column: Columns, phi: Floats) -> Interval:
    def of(values: Floats) -> Floats:
        return estimates.chosen(values, column)

    if rule.measure is Measure.RATIO:
        return intervals.ratio_interval(of(seen.candidate_pull), of(seen.baseline_pull), of(seen.spread), ALPHA, phi)
    if rule.measure is Measure.LEVEL and not rule.kinds & OF_MEANS:  # shares, and values in 0-1
        return intervals.share_interval(of(seen.candidate_events), of(seen.candidate_total), ALPHA, phi)
    if rule.measure is Measure.LEVEL:
        return _mean_interval(seen, column, phi)
    # Both weights of `intervals.difference_noise` sum to the comparison, so the larger variance is on the safe side.
    variance = np.fmax(*(of(found) for found in means.variances(*estimates.moments(seen))))
    comparison = of(seen.comparison)
    pull = of(seen.candidate_pull) - of(seen.baseline_pull)
    reach = 0.0 if rule.has_values else 1.0  # how far apart two shares, or values in 0-1, can be
    return intervals.difference_interval(pull, comparison, variance * comparison, ALPHA, phi, reach)


def _mean_interval(seen: Sums, column: Columns, phi: Floats) -> Interval:
    mean = estimates.candidate_rate(seen, column)
    deviation = np.sqrt(estimates.chosen(means.variance(estimates.moments(seen)[0]), column) * phi)
    radius = intervals.mean_radius(estimates.chosen(seen.candidate_total, column), deviation, ALPHA)
    return Interval(mean - radius, mean + radius)


def _known(values: Floats, run: int) -> float | None:
    return float(values[run]) if isfinite(values[run]) else None
