"""Which bucket edges carry a latency guardrail.

Quantiles are never interpolated in evidence: requests beyond an edge are counted. Inside
a wide bucket an interpolated quantile can be off by more than the margin; the share beyond an edge is exact.
"p_q <= L" is "the share beyond L is at most 1 - q".
"""

from dataclasses import dataclass

from modelrollout.judge.histograms import Histogram
from modelrollout.judge.refusals import HistoryTooShort, NoUsableEdge

LEAST_HISTORY = 100  # requests, below which an edge would be chosen by accident
LEAST_BEYOND = 5  # requests beyond an edge, below which their share is too coarse to design with
COARSE_RATIO = 1.5  # the design ratio when the histogram cannot tell
LEAST_RATIO = 1.1  # an edge the margin moves by less shows the harm too slowly to be worth its third of the stake
LARGEST_RATIO = 4.0  # past this the log-linear guess inside a wide bucket is not to be trusted as a margin


@dataclass(frozen=True)
class Edge:
    """A bucket edge, the ratio of shares beyond it that a quantile at the margin would show, and the baseline's share
    beyond it."""

    at_ms: float
    ratio: float
    share: float = 0.0


def share_beyond(quantile: float) -> float:
    """1 - quantile, without the dust of binary fractions: 0.1 beyond p90, not 0.09999999999999998."""
    return round(1 - quantile, 12)


def around_quantile(history: Histogram, quantile: float, increase: float) -> tuple[Edge, ...]:
    """The smallest edge at or above the baseline's quantile first, then its usable neighbours: one to three edges.

    increase is the margin as a fraction (0.2 for +20 %). The ratio of an edge e is S(e/(1 + increase))/S(e), where S is
    the baseline's survival, 1.5 when fewer than 5 requests were seen beyond e. Edges that the margin hardly moves are
    left out; ratios are cut at 4.
    Raises HistoryTooShort, and NoUsableEdge when the quantile lies beyond the last edge or no edge would move.
    """
    needed = max(LEAST_HISTORY, round(LEAST_BEYOND / share_beyond(quantile)))
    if history.total < needed:
        raise HistoryTooShort(
            f"the baseline has shown {history.total:g} requests and p{100 * quantile:g} needs {needed}: "
            "wait for more traffic"
        )
    finite = history.finite_edges_ms
    above = [
        place for place, edge in enumerate(finite) if history.beyond(edge) <= share_beyond(quantile) * history.total
    ]
    if not above:
        raise NoUsableEdge(
            f"the baseline's p{100 * quantile:g} lies beyond its last edge ({finite[-1] if finite else 0:g} ms): "
            "add buckets above it, or guard a lower quantile"
        )
    near = [finite[place] for place in (above[0], above[0] - 1, above[0] + 1) if 0 <= place < len(finite)]
    rated = (Edge(edge, _design_ratio(history, edge, increase), history.survival(edge)) for edge in near)
    usable = tuple(edge for edge in rated if edge.ratio >= LEAST_RATIO)
    if not usable:
        raise NoUsableEdge(
            f"no bucket edge near the baseline's p{100 * quantile:g} would show an increase of {100 * increase:g} %: "
            f"put an edge between {near[0] / (1 + increase):g} and {near[0]:g} ms, or allow a larger increase"
        )
    return usable


def _design_ratio(history: Histogram, edge_ms: float, increase: float) -> float:
    if history.beyond(edge_ms) < LEAST_BEYOND:
        return COARSE_RATIO
    beyond = history.survival(edge_ms)
    return min(history.survival(edge_ms / (1 + increase)) / beyond, LARGEST_RATIO)


def at_or_above(edges_ms: tuple[float, ...], limit_ms: float) -> float:
    """The smallest finite edge that is not below the limit. Raises NoUsableEdge when there is none."""
    found = [edge for edge in edges_ms if limit_ms <= edge < float("inf")]
    if not found:
        raise NoUsableEdge(f"no bucket edge lies at or above {limit_ms:g} ms: put one there, or lower the limit")
    return min(found)


def at_or_below(edges_ms: tuple[float, ...], limit_ms: float) -> float:
    """The largest edge that is not above the limit. Raises NoUsableEdge when there is none."""
    found = [edge for edge in edges_ms if edge <= limit_ms]
    if not found:
        raise NoUsableEdge(f"no bucket edge lies at or below {limit_ms:g} ms: put one there, or raise the limit")
    return max(found)
