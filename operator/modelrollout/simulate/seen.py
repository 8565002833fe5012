"""What Prometheus saw of the baseline, as the truth of a study: traffic, errors, latencies, outcomes (pure)."""

from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt

from modelrollout.api.guardrails import ErrorsOf, Guardrail
from modelrollout.judge.histograms import Histogram
from modelrollout.observe.traffic import Traffic
from modelrollout.plan.draft import timestamp
from modelrollout.plan.world import ArmSums

HOUR_SECONDS, HOURS = 3600.0, 24
SMALLEST_DEVIATION = 1e-9  # of a value that never changes


@dataclass(frozen=True)
class Seen:
    """The baseline's traffic of a stretch of the past. latency is None when there is no usable histogram."""

    model: str
    since: float
    until: float
    traffic: Traffic
    latency: Histogram | None

    @property
    def requests(self) -> float:
        """How many there were in the windows that are known."""
        return sum(self.traffic.requests.values())

    @property
    def per_second(self) -> float:
        """Requests per second, to three digits, over the windows that are known."""
        known_seconds = len(self.traffic.requests) * self.traffic.window_seconds
        return float(f"{self.requests / known_seconds:.3g}")

    def course(self) -> tuple[float, ...]:
        """The day's course as factors of the mean, one per hour from the time of day at which the past ends.

        Hours that nobody saw have the mean; none at all when less than a day was read.
        """
        if self.until - self.since < HOURS * HOUR_SECONDS - 1:
            return ()
        hours: list[list[float]] = [[] for _ in range(HOURS)]
        for end, value in self.traffic.requests.items():
            middle = end - self.traffic.window_seconds / 2
            hours[int((middle - self.until) // HOUR_SECONDS) % HOURS].append(value)
        mean = self.requests / len(self.traffic.requests)
        return tuple(sum(hour) / len(hour) / mean if hour else 1.0 for hour in hours)

    def errors(self, rail: Guardrail) -> float:
        """The share of requests that this guardrail counts as errors; without any, half a request's."""
        assert rail.error_rate is not None
        answers_only = rail.error_rate.of is ErrorsOf.ANSWERS
        return self._share(self.traffic.server_errors if answers_only else self.traffic.troubled, self.requests)

    def bad(self, name: str) -> float | None:
        """The share of bad outcomes of a ratio guardrail; None when its counters say nothing."""
        found = self.traffic.counted.get(name)
        return None if found is None else self._share(found.events, found.total)

    def value(self, name: str) -> tuple[float, float] | None:
        """Mean and standard deviation of a mean guardrail; None when its counters say nothing."""
        found = self.traffic.counted.get(name)
        return None if found is None else _moments(found)

    def part(self, name: str) -> float:
        """Of which part of the requests the guardrail's counters tell the outcome."""
        return min(1.0, self.traffic.counted[name].total / self.requests)

    def told(self) -> str:
        """What was read, in one line."""
        between = f"from {timestamp(self.since)} to {timestamp(self.until)}"
        errors = f"{100 * self.traffic.troubled / self.requests:.2g} % errors"
        parts = [f"{self.per_second:g} requests per second{self._swing()}", errors, *_quantiles(self.latency)]
        return f"traffic of {self.model} {between}: {', '.join(parts)}"

    def _swing(self) -> str:
        course = [self.per_second * factor for factor in self.course()]
        if not course:
            return " (taken as steady)"
        return f" (by the hour {min(course):.3g} to {max(course):.3g})"

    @staticmethod
    def _share(events: float, total: float) -> float:
        """At least half an event and at most all but half: none seen is not never, and all is not always."""
        return min(max(events, 0.5), max(total - 0.5, 0.5)) / max(total, 1.0)


def quantile_ms(past: Histogram, quantile: float) -> float:
    """As Prometheus gives it: linear within the bucket that holds it, infinite beyond the last edge."""
    rank = quantile * past.total
    points = [(0.0, 0.0), *zip(past.edges_ms, past.cumulative, strict=True)]
    for (low, below), (high, at_or_below) in pairwise(points):
        if at_or_below >= rank and at_or_below > below:
            return inf if high == inf else low + (high - low) * (rank - below) / (at_or_below - below)
    return inf


def _quantiles(past: Histogram | None) -> list[str]:
    if past is None:
        return ["no latency histogram"]
    found = ((f"p{100 * quantile:g}", quantile_ms(past, quantile)) for quantile in (0.5, 0.95))
    last = past.finite_edges_ms[-1]
    return [f"{name} {f'{at:.3g} ms' if at < inf else f'beyond {last:g} ms'}" for name, at in found]


def _moments(found: ArmSums) -> tuple[float, float]:
    mean = found.events / found.total
    variance = max(found.squares / found.total - mean**2, 0.0)
    return mean, max(sqrt(variance), SMALLEST_DEVIATION * max(abs(mean), 1.0))
