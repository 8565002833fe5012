"""What people are shown of a guardrail: samples, rates, and how far apart the arms are, with an interval.

Figures never decide anything; they describe what was seen since the last gate.
"""

from dataclasses import dataclass
from math import nan

import numpy as np

from modelrollout.judge import dispersion, estimates, intervals, means
from modelrollout.judge.arrays import Floats, floats
from modelrollout.judge.estimates import NOTHING, Measure, Sums
from modelrollout.judge.guardrails import State
from modelrollout.judge.intervals import Interval
from modelrollout.judge.rule import OF_MEANS, Rule

ALPHA = 0.05  # an interval that ever misses does so with this probability


@dataclass(frozen=True)
class Figures:
    """One guardrail of one run; None is unknown.

    Rates are events per request, or mean values; ratio is candidate over baseline, difference candidate less baseline,
    both compared within each look (Mantel and Haenszel 1959: weights n_c n_b/N), so that neither a change of weight nor
    a drift of both arms moves them. low and high bound what the rule compares (`Rule.measure`: the ratio, the
    difference, or the candidate's rate) at every look with 95 %. All of one column: the headline, or another edge at
    which the arms differ clearly more. dispersion (>= 1) is what evidence of the next look will be divided by.
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
    everything = estimates.of_run(state.seen, run)
    column = estimates.telling(everything, rule.headline, rule.compared)
    seen = estimates.of_column(everything, column)
    measured = dispersion.factor(state.scatter, rule.scatter_kind, rule.prior)[run]
    phi = float(measured) if fixed_dispersion is None else fixed_dispersion
    found = _interval(rule, seen, phi)
    return Figures(
        column=column,
        candidate_samples=round(float(seen.candidate_total)),
        baseline_samples=round(float(seen.baseline_total)),
        candidate_rate=_known(_share(seen.candidate_events, seen.candidate_total)),
        baseline_rate=_known(_share(seen.baseline_events, seen.baseline_total)),
        ratio=_known(_share(seen.candidate_pull, seen.baseline_pull)),
        difference=_known(_share(seen.candidate_pull - seen.baseline_pull, seen.comparison)),
        low=_known(found.low),
        high=_known(found.high),
        dispersion=phi,
    )


def quantiles(rule: Rule, state: State, quantile: float, run: int = 0) -> tuple[Interval, Interval]:
    """(candidate's, baseline's) quantile of latency in ms: between which of the rule's edges it lies, with 95 %.

    0 or infinity where no edge bounds it. Only for a rule with edges.
    """
    seen, order = estimates.of_run(state.seen, run), np.argsort(rule.edges_ms)
    edges = np.array(rule.edges_ms)[order]
    arms = ((seen.candidate_total, seen.candidate_events), (seen.baseline_total, seen.baseline_events))
    candidate, baseline = (
        intervals.quantile_interval(edges, (total - beyond)[order], total[0], quantile, ALPHA) for total, beyond in arms
    )
    return candidate, baseline


def _interval(rule: Rule, seen: Sums, phi: float) -> Interval:
    if rule.measure is Measure.RATIO:
        return intervals.ratio_interval(seen.candidate_pull, seen.baseline_pull, seen.spread, ALPHA, phi)
    if rule.measure is Measure.DIFFERENCE:
        return _difference_interval(rule, seen, phi)
    if rule.kinds & OF_MEANS:
        return _mean_interval(seen, phi)
    return intervals.share_interval(seen.candidate_events, seen.candidate_total, ALPHA, phi)  # or values in 0-1


def _difference_interval(rule: Rule, seen: Sums, phi: float) -> Interval:
    # The weights of both variances in the noise sum to the comparison, so the larger variance is on the safe side.
    variance = np.fmax(*means.variances(*estimates.moments(seen)))
    pull = seen.candidate_pull - seen.baseline_pull
    reach = 0.0 if rule.has_values else 1.0  # how far apart two shares, or values in 0-1, can be
    return intervals.difference_interval(pull, seen.comparison, variance * seen.comparison, ALPHA, phi, reach)


def _mean_interval(seen: Sums, phi: float) -> Interval:
    mean = _share(seen.candidate_events, seen.candidate_total)
    deviation = np.sqrt(means.variance(estimates.moments(seen)[0]) * phi)
    radius = intervals.mean_radius(seen.candidate_total, deviation, ALPHA)
    return Interval(floats(mean - radius), floats(mean + radius))


def _share(part: Floats, whole: Floats) -> Floats:
    return floats(part / whole if whole > NOTHING else nan)


def _known(value: Floats) -> float | None:
    return float(value) if np.isfinite(value) else None
