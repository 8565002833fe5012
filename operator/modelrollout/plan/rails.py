"""From a declared guardrail to the judge's rule, and from the judge's numbers back to those that people know.

The judge counts what is bad: wrong answers, values below the best. A guardrail may be declared the other way round
(a share of good ones, a mean of which less is better), so each has a `Turn` between the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from modelrollout.api.contract import Unit as Written
from modelrollout.api.contract import fraction, margin, points, seconds
from modelrollout.api.spec import Guardrail, Latency, Mean, Ratio
from modelrollout.judge import dispersion, rules
from modelrollout.judge.dispersion import NO_HISTORY, Kind, Prior
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.merging import Unit
from modelrollout.judge.refusals import HistoryTooShort
from modelrollout.judge.rule import Rule
from modelrollout.plan.world import History, Windows

UNITS = {Written.PLAIN: Unit.PLAIN, Written.SD: Unit.DEVIATIONS, Written.SHARE: Unit.BASELINE_MEAN}


@dataclass(frozen=True)
class Turn:
    """people's number = offset + scale * judge's number; differences are scaled alone."""

    scale: float = 1.0
    offset: float = 0.0

    def level(self, judged: float | None) -> float | None:
        """A rate or mean as people know it."""
        return None if judged is None else self.offset + self.scale * judged

    def difference(self, judged: float | None) -> float | None:
        """A difference of two of them."""
        return None if judged is None else self.scale * judged


AS_IT_IS = Turn()


def turn(rail: Guardrail) -> Turn:
    """How this guardrail's numbers relate to the judge's."""
    if rail.ratio is not None and rail.ratio.limit.name != "maxRatio":
        return Turn(-1.0, 1.0)  # a share of good ones, judged by its bad ones
    if rail.mean is None:
        return AS_IT_IS
    if rail.mean.range is None:
        return Turn(-1.0) if less_is_better(rail.mean) else AS_IT_IS
    low, high = ends(rail.mean)
    return Turn(high - low, low) if less_is_better(rail.mean) else Turn(low - high, high)


def less_is_better(mean: Mean) -> bool:
    """True when the limit is an upper one."""
    return mean.limit.name in {"maxIncrease", "max"}


def ends(mean: Mean) -> tuple[float, float]:
    """Between which values lie; only of a mean with a range."""
    assert mean.range is not None
    return float(mean.range.min), float(mean.range.max)


def rule(rail: Guardrail, clustered: bool, past: Histogram | None, windows: History | None) -> Rule:
    """The rule that judges this guardrail; not for a query.

    past and windows are the baseline's: how long its requests took, and how its counts scattered.
    Raises a Refusal of the judge.
    """
    if rail.latency is not None:
        return _latency(rail.name, rail.latency, clustered, past)
    if rail.ratio is not None:
        return _ratio(rail.name, rail.ratio, clustered)
    if rail.mean is not None:
        return _mean(rail.name, rail.mean)
    assert rail.error_rate is not None
    if rail.error_rate.max is not None:
        found = rules.error_limit(rail.name, fraction(rail.error_rate.max), clustered)
    else:
        allowed, floor = rail.error_rate.max_ratio or 1.5, fraction(rail.error_rate.floor)
        found = rules.error_ratio(rail.name, allowed, floor, clustered=clustered)
    return replace(found, prior=_prior(found.scatter_kind, windows))


def _latency(name: str, latency: Latency, clustered: bool, past: Histogram | None) -> Rule:
    if past is None:
        raise HistoryTooShort("the baseline's latency histogram is not known yet: wait for its first requests")
    if latency.max is not None:
        limit_ms = seconds(latency.max) * 1000
        return rules.latency_limit(name, latency.quantile, limit_ms, past.finite_edges_ms, clustered)
    increase, floor_ms = fraction(latency.max_increase or "20%"), seconds(latency.floor) * 1000
    return rules.latency_increase(name, latency.quantile, increase, floor_ms, past, clustered)


def _ratio(name: str, ratio: Ratio, clustered: bool) -> Rule:
    limit, written = ratio.limit.name, ratio.limit.written
    if limit == "min":
        return rules.error_limit(name, 1 - fraction(written), clustered)
    if limit == "maxRatio":
        return rules.error_ratio(name, float(written), fraction(ratio.floor or "0.5%"), clustered=clustered)
    return rules.share_drop(name, points(written), clustered)


def _mean(name: str, mean: Mean) -> Rule:
    if mean.limit.name in {"min", "max"}:
        return _mean_limit(name, mean)
    allowed = margin(mean.limit.written)
    if mean.range is None:
        return rules.mean_drop(name, allowed.value, UNITS[allowed.unit])
    low, high = ends(mean)
    return rules.share_drop(name, allowed.value / (high - low))


def _mean_limit(name: str, mean: Mean) -> Rule:
    limit = float(mean.limit.written)
    if mean.range is None:
        return rules.mean_limit(name, -limit if less_is_better(mean) else limit)
    low, high = ends(mean)
    return rules.badness_limit(name, (limit - low if less_is_better(mean) else high - limit) / (high - low))


def _prior(kind: Kind, windows: History | None) -> Prior:
    """What the baseline's own past says of its scatter: over time, or between its replicas as pseudo arms."""
    if windows is None:
        return NO_HISTORY
    if kind is Kind.LEVEL and windows.errors is not None:
        return dispersion.prior_over_time(windows.errors.events, windows.errors.total)
    if kind is Kind.ARMS and len(windows.replicas) > 1:
        one, others = windows.replicas[0], _together(windows.replicas[1:])
        return dispersion.prior_between(one.events, one.total, others.events, others.total)
    return NO_HISTORY


def _together(replicas: Sequence[Windows]) -> Windows:
    return Windows(
        replicas[0].step_seconds,
        tuple(map(sum, zip(*(one.total for one in replicas), strict=True))),
        tuple(map(sum, zip(*(one.events for one in replicas), strict=True))),
    )
