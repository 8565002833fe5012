"""A latency histogram of the past: cumulative counts at bucket edges, as Prometheus stores them."""

from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, isfinite, log

from modelrollout.judge.refusals import CountsRefused


@dataclass(frozen=True)
class Histogram:
    """edges_ms rise strictly and may end in +Inf; cumulative[i] requests took at most edges_ms[i].

    total counts all requests; left out, it is the count of the last bucket.
    Raises CountsRefused when edges do not rise or counts fall.
    """

    edges_ms: tuple[float, ...]
    cumulative: tuple[float, ...]
    total: float = -1.0

    def __post_init__(self) -> None:
        if len(self.edges_ms) != len(self.cumulative) or not self.edges_ms:
            raise CountsRefused(
                f"a histogram of {len(self.edges_ms)} edges has {len(self.cumulative)} counts: give one per edge"
            )
        if not all(low < high for low, high in pairwise((0.0, *self.edges_ms))):
            raise CountsRefused(f"bucket edges {self.edges_ms} do not rise from above 0: sort them and drop repeats")
        if self.total < 0:
            object.__setattr__(self, "total", self.cumulative[-1])
        steps = (0.0, *self.cumulative, self.total)
        if not all(isfinite(n) for n in steps) or not all(low <= high for low, high in pairwise(steps)):
            raise CountsRefused(
                f"cumulative counts {self.cumulative} of {self.total:g} fall somewhere: read all buckets at one time"
            )

    @property
    def finite_edges_ms(self) -> tuple[float, ...]:
        """The edges a request can be compared with: all but +Inf."""
        return tuple(edge for edge in self.edges_ms if edge < inf)

    def beyond(self, edge_ms: float) -> float:
        """How many requests took longer than this edge. The edge must be one of the histogram's."""
        return self.total - self.cumulative[self.edges_ms.index(edge_ms)]

    def survival(self, at_ms: float) -> float:
        """The share of requests slower than at_ms: exact at an edge, log-linear inside a bucket.

        0 inside a bucket beyond which nothing was seen: the logarithm has no slope there and nothing is known.
        """
        points = [(0.0, 1.0), *((edge, self.beyond(edge) / self.total) for edge in self.finite_edges_ms)]
        for (low, above_low), (high, above_high) in pairwise(points):
            if at_ms == low:
                return above_low
            if low < at_ms < high:
                return _between(above_low, above_high, (at_ms - low) / (high - low))
        return points[-1][1]


def _between(start: float, end: float, part: float) -> float:
    return exp((1 - part) * log(start) + part * log(end)) if end > 0 else 0.0
