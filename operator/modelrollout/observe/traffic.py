"""What one model's traffic was over a stretch of the past, for who wants to simulate a rollout on it.

No evidence is made of this: it is one range query per metric over at most 1,440 windows. A window counts where every
counter was seen at both of its ends and none began again in between; the others are left out, not taken for silence.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from modelrollout.observe import queries
from modelrollout.observe.batching import Reader
from modelrollout.observe.counters import Counter
from modelrollout.observe.evidence import Histogram, MeanAsk, RatioAsk
from modelrollout.observe.prometheus import Connection, Grid, Row
from modelrollout.observe.queries import Scope
from modelrollout.observe.sources import ENVOY
from modelrollout.plan.world import ArmSums

SHORTEST_WINDOW_SECONDS = 60.0
MOST_WINDOWS = 1440

Line = dict[int, float]
"""What grew in each window, by the window's place; windows that are not known are absent."""


@dataclass(frozen=True)
class TrafficAsk:
    """Whose traffic, and when (Unix seconds); counters of the user's own by guardrail name."""

    connection: Connection
    namespace: str
    model: str
    since: float
    until: float
    matchers: str | None = None
    counters: Mapping[str, RatioAsk | MeanAsk] = field(default_factory=dict)

    @property
    def grid(self) -> Grid:
        """The end of each window."""
        span = self.until - self.since
        step = min(span, max(SHORTEST_WINDOW_SECONDS, float(math.ceil(span / MOST_WINDOWS))))
        windows = int(span / step + 1e-9)
        return Grid(self.until - (windows - 1) * step, self.until, step)


@dataclass(frozen=True)
class Traffic:
    """What was seen: requests by the end of each known window (Unix seconds), and sums over all of them.

    latency is None without a histogram. counted has no entry for a guardrail whose counters said nothing.
    """

    window_seconds: float
    requests: Mapping[float, float]
    troubled: float
    server_errors: float
    latency: Histogram | None
    counted: Mapping[str, ArmSums]


async def read_traffic(reader: Reader, ask: TrafficAsk) -> Traffic:
    """What the model did. Raises a MetricsError."""
    (completed, retried, failed), latency, counted = await asyncio.gather(
        asyncio.gather(
            *(_envoy(reader, ask, metric) for metric in (ENVOY.completed, ENVOY.retried, ENVOY.server_errors))
        ),
        _latency(reader, ask),
        asyncio.gather(*(_counted(reader, ask, asked) for asked in ask.counters.values())),
    )
    requests, server_errors = sum(completed.values()), sum(failed.get(place, 0.0) for place in completed)
    troubled = server_errors + sum(retried.get(place, 0.0) for place in completed)
    grid = ask.grid
    return Traffic(
        grid.step_seconds,
        {grid.since + place * grid.step_seconds: value for place, value in completed.items()},
        min(troubled, requests),
        min(server_errors, requests),
        latency,
        {name: sums for name, sums in zip(ask.counters, counted, strict=True) if sums is not None},
    )


async def is_known(reader: Reader, ask: TrafficAsk) -> bool:
    """Whether Prometheus has any sample of the model in that time. Raises a MetricsError."""
    return bool(await reader.rows(ask.connection, f"count({_select(ask, ENVOY.alive)})", ask.grid))


# --- Envoy's ----------------------------------------------------------------------------------------------------------


async def _envoy(reader: Reader, ask: TrafficAsk, metric: str) -> Line:
    text = queries.growth(_select(ask, metric), (), ask.grid.step_seconds)
    return _line(await reader.rows(ask.connection, text, ask.grid))


async def _latency(reader: Reader, ask: TrafficAsk) -> Histogram | None:
    """How long the requests took, over all edges."""
    text = queries.growth(_select(ask, ENVOY.buckets), ("le",), ask.grid.step_seconds)
    rows = await reader.rows(ask.connection, text, ask.grid)
    counts: dict[float, float] = {}
    for row in rows:  # one edge may be spelled in several ways
        edge = float(row.labels["le"])
        counts[edge] = counts.get(edge, 0.0) + sum(_line([row]).values())
    if not counts.get(math.inf):
        return None
    edges = tuple(sorted(counts))
    return Histogram(edges, tuple(accumulate((counts[edge] for edge in edges), max)))


def _select(ask: TrafficAsk, metric: str) -> str:
    arm = f'{ENVOY.arm_label}=~"{queries.literal(ask.model)}_[0-9]+_(http|grpc)"'
    return queries.select(metric, Scope(frozenset({ask.namespace}), ask.matchers), arm)


# --- the user's own ---------------------------------------------------------------------------------------------------


async def _counted(reader: Reader, ask: TrafficAsk, asked: RatioAsk | MeanAsk) -> ArmSums | None:
    """The sums over all windows in which no counter began again; None without any outcome."""
    if isinstance(asked, MeanAsk):
        total, value, squares = await asyncio.gather(
            _counter(reader, ask, asked.total, asked.label),
            _counter(reader, ask, asked.sum, asked.label, may_fall=True),
            _counter(reader, ask, asked.squares, asked.label),
        )
        known = total.keys() & value.keys() & squares.keys()
        found = ArmSums(*(sum(line[place] for place in known) for line in (total, value, squares)))
        return found if found.total > 0 else None
    total, part = await asyncio.gather(
        _counter(reader, ask, asked.total, asked.label), _counter(reader, ask, asked.part, asked.label)
    )
    outcomes = sum(total.values())
    if not outcomes > 0 or (asked.part_is_good and not part):
        return None  # no bad one yet is good news, no good one is a name that is wrong
    named = min(sum(part.get(place, 0.0) for place in total), outcomes)
    bad = outcomes - named if asked.part_is_good else named
    return ArmSums(outcomes, bad, bad)


async def _counter(reader: Reader, ask: TrafficAsk, selector: str, label: str, may_fall: bool = False) -> Line:
    """A sum may fall; whether it began again, the count and the squares beside it say."""
    counter = Counter(selector, label)
    arm = f'{label}=~"{queries.literal(ask.model)}(_[0-9]+)?"'
    selected = queries.select(selector, Scope(frozenset({ask.namespace}), counter.matchers(ask.matchers)), arm)
    change = f"{selected} - {selected} offset {queries.duration(ask.grid.step_seconds)}"
    sums, least = await asyncio.gather(
        *(reader.rows(ask.connection, f"{how}({change})", ask.grid) for how in ("sum", "min"))
    )
    lowest = _line(least)
    return {place: value for place, value in _line(sums).items() if may_fall or lowest.get(place, -1.0) >= 0}


def _line(rows: Iterable[Row]) -> Line:
    return {place: value for row in rows for place, value in row.values.items() if math.isfinite(value)}
