"""The baseline's own last day, in windows as long as a look: how much counts scatter when nothing changes.

Read once, when evidence begins: up to four range queries one after the other, so that looks find Prometheus free,
over a grid of at most 2,880 times however short the interval is. Nothing here can keep a rollout from beginning: what
is missing is left out, with a sentence.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from modelrollout import errors
from modelrollout.observe import queries
from modelrollout.observe.batching import Reader
from modelrollout.observe.prometheus import Connection, Grid, Row
from modelrollout.observe.sources import ENVOY, REPLICA_ANSWERS, REPLICA_ERRORS, REPLICA_LABELS
from modelrollout.plan.world import History, Windows

PAST_SECONDS = 86_400.0
MOST_WINDOWS = 2880
MOST_REPLICAS = 16


@dataclass(frozen=True)
class HistoryAsk:
    """Whose past, and up to when (Unix seconds); windows are as long as the interval of looks, or 30 s if longer."""

    connection: Connection
    namespace: str
    model: str
    until: float
    interval_seconds: float
    matchers: str | None = None

    @property
    def grid(self) -> Grid:
        """The end of each window; the first window is as old as the past that is read."""
        step = max(self.interval_seconds, PAST_SECONDS / MOST_WINDOWS)
        windows = math.floor(PAST_SECONDS / step)
        return Grid(self.until - (windows - 1) * step, self.until, step)


async def read_windows(reader: Reader, ask: HistoryAsk) -> History:
    """How much the baseline's counts scattered by themselves. Never raises for anything Prometheus does."""
    troubled, why = await _read_errors(reader, ask)
    replicas, why_not = await _read_replicas(reader, ask)
    return History(troubled, replicas, tuple(note for note in (why, why_not) if note))


# --- requests and troubled ones, from Envoy ---------------------------------------------------------------------------


async def _read_errors(reader: Reader, ask: HistoryAsk) -> tuple[Windows | None, str]:
    arm = f'{ENVOY.arm_label}=~"{queries.literal(ask.model)}_[0-9]+_(http|grpc)"'
    try:
        total = _line(await _rows(reader, ask, ENVOY.completed, arm, ()), ask.grid)
        if not any(total):
            return None, f"Prometheus knows no traffic of model {ask.model} in the last 24 hours."
        troubled = await _rows(reader, ask, ENVOY.troubled, arm, ())
    except errors.MetricsError as error:
        return None, str(error)
    return _windows(ask.grid, total, _line(troubled, ask.grid)), ""


# --- replicas, from the agents beside them ----------------------------------------------------------------------------


async def _read_replicas(reader: Reader, ask: HistoryAsk) -> tuple[tuple[Windows, ...], str]:
    arm = f'model="{ask.model}"'
    try:
        answers = await _rows(reader, ask, REPLICA_ANSWERS, arm, REPLICA_LABELS)
        label = _telling_label(answers)
        if label is None:
            labels = f"{', '.join(REPLICA_LABELS[:-1])} or {REPLICA_LABELS[-1]}"
            return (), f"No label {labels} of {REPLICA_ANSWERS} tells replicas of model {ask.model} apart."
        failed = await _rows(reader, ask, REPLICA_ERRORS, arm, REPLICA_LABELS)
    except errors.MetricsError as error:
        return (), str(error)
    busiest = _traffic(answers, label).most_common(MOST_REPLICAS)
    return tuple(
        _windows(ask.grid, *(_line(_of(rows, label, name), ask.grid) for rows in (answers, failed)))
        for name, _ in busiest
    ), ""


def _telling_label(rows: Iterable[Row]) -> str | None:
    """The first label with at least two values that had traffic."""
    rows = list(rows)
    return next((label for label in REPLICA_LABELS if len(_traffic(rows, label)) >= 2), None)


def _traffic(rows: Iterable[Row], label: str) -> Counter[str]:
    """Requests by the label's value; values without any are absent."""
    traffic: Counter[str] = Counter()
    for row in rows:
        requests = sum(row.values.values())
        if label in row.labels and requests > 0:
            traffic[row.labels[label]] += math.ceil(requests)
    return traffic


def _of(rows: Iterable[Row], label: str, name: str) -> list[Row]:
    return [row for row in rows if row.labels.get(label) == name]


# --- windows ----------------------------------------------------------------------------------------------------------


async def _rows(reader: Reader, ask: HistoryAsk, metric: str, arm: str, by: Iterable[str]) -> list[Row]:
    scope = queries.Scope(frozenset({ask.namespace}), ask.matchers)
    text = queries.growth(queries.select(metric, scope, arm), by, ask.grid.step_seconds)
    return await reader.rows(ask.connection, text, ask.grid)


def _line(rows: Iterable[Row], grid: Grid) -> list[float]:
    """The sum of rows, 0 where none has a sample."""
    line = [0.0] * grid.points
    for row in rows:
        for place, value in row.values.items():
            line[place] += value
    return line


def _windows(grid: Grid, total: list[float], events: list[float]) -> Windows:
    """No window has more events than requests: scrapes may fall between the two."""
    return Windows(grid.step_seconds, tuple(total), tuple(map(min, events, total)))
