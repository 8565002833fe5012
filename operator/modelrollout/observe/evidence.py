"""What is asked of a look and what comes back: plain records, no reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from modelrollout.observe.prometheus import Connection
from modelrollout.plan.world import ArmSums

LONGEST_BLOCK_SECONDS = 6 * 3600.0
"""After a longer silence no block is read: it would cost Prometheus too much."""


class Reason(Enum):
    """Why there is no data, as a condition says it."""

    UNREACHABLE = "PrometheusUnreachable"
    DENIED = "PrometheusDenied"
    MALFORMED = "PrometheusMalformed"
    QUERY_REFUSED = "QueryRefused"
    NO_SERIES = "NoSeries"
    STALE_ARM = "StaleArm"
    NOT_FINITE = "NotFinite"
    SEVERAL_SERIES = "SeveralSeries"
    RE_ANCHORED = "ReAnchored"
    TOO_OLD = "BlockTooOld"


@dataclass(frozen=True)
class NoData:
    """The message is one sentence that stays the same as long as its cause does."""

    reason: Reason
    message: str

    @property
    def drops_block(self) -> bool:
        """True: the next block starts at this look's `until`. False: it still starts at `since`, and grows."""
        return self.reason in (Reason.RE_ANCHORED, Reason.TOO_OLD)


@dataclass(frozen=True)
class RatioAsk:
    """Two counters of the user's own, metric names with or without matchers: all of them, and the good or bad ones."""

    total: str
    part: str
    part_is_good: bool
    label: str
    """Its values are `<model>` or `<model>_<version>`."""


@dataclass(frozen=True)
class MeanAsk:
    """Three series of the user's own: how many values, their sum, which may fall, and the sum of their squares."""

    total: str
    sum: str
    squares: str
    label: str
    """Its values are `<model>` or `<model>_<version>`."""


@dataclass(frozen=True)
class LookAsk:
    """What one look wants to know. Times are Unix seconds: the block is what happened after `since`, up to `until`."""

    connection: Connection
    namespace: str
    baseline: str
    candidate: str
    since: float
    until: float
    scrape_seconds: float
    matchers: str | None = None
    """Replaces the namespace in every selector, e.g. 'cluster="eu", namespace="seldon-mesh"'."""
    errors: bool = True
    """Whether troubled requests and server errors are read; completed ones always are."""
    edges_ms: tuple[float, ...] = ()
    """Upper edges of the latency buckets to read; none: no latency is read."""
    queries: Mapping[str, str] = field(default_factory=dict)
    """PromQL of free guardrails by guardrail name, with the models' names filled in."""
    counters: Mapping[str, RatioAsk | MeanAsk] = field(default_factory=dict)
    """What to count for guardrails on counters of the user's own, by guardrail name."""

    def __post_init__(self) -> None:
        if not self.since < self.until:
            raise ValueError(f"a block must end after it began: since {self.since}, until {self.until}")


@dataclass(frozen=True)
class ArmCounts:
    """What one arm did in the block, in requests."""

    completed: float
    """Final answers."""
    troubled: float
    """Requests with at least one failed attempt: answered after a retry, or with a server error."""
    server_errors: float
    """Final answers of class 5."""
    buckets: Mapping[float, float]
    """Upper edge in ms to requests that took at most so long, infinity to all. An edge that the histogram does not
    have is absent. Empty when latency was not asked for."""
    under_way: float = 0.0
    """How many more requests were under way when the block ended than when it began; below 0: fewer."""


@dataclass(frozen=True)
class Arms:
    """Both arms over the same block; there is never one without the other."""

    baseline: ArmCounts
    candidate: ArmCounts


@dataclass(frozen=True)
class CountedArms:
    """What the user's own counters say of both arms over the same block; never one arm without the other."""

    baseline: ArmSums
    candidate: ArmSums


@dataclass(frozen=True)
class LookData:
    """What a look saw. Counts, free values and each guardrail's own counters stand or fall separately."""

    since: float
    until: float
    arms: Arms | NoData
    values: Mapping[str, float | NoData]
    """By guardrail name: a finite number, or why there is none."""
    counted: Mapping[str, CountedArms | NoData] = field(default_factory=dict)
    """By guardrail name: what its counters say, or why they say nothing of this block."""


@dataclass(frozen=True)
class Histogram:
    """Cumulative counts at upper edges in ms, rising; the last edge is infinity."""

    edges_ms: tuple[float, ...]
    cumulative: tuple[float, ...]
