"""Many looks, few queries: what is asked for the same tick becomes one query, whatever the number of rollouts.

The pattern is that of a DataLoader. Askers of one question are collected until none has joined for 20 ms, at most
half a second: rollouts of one tick wake in the same loop turn, but each reads its object from the API server first,
so they arrive spread over that burst. Waiting costs no evidence, because the evaluation time was fixed beforehand and
lies a whole scrape back. For the same reason an answer stays true, and is kept a few seconds for those who come late.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from modelrollout import telemetry
from modelrollout.observe import queries
from modelrollout.observe.counters import Counter
from modelrollout.observe.prometheus import Connection, Grid, PrometheusClient, Row, Sample
from modelrollout.observe.queries import Template
from modelrollout.observe.sources import ENVOY, Source

THREADS = 16
QUIET_SECONDS = 0.02
LONGEST_WAIT_SECONDS = 0.5
# When the whole process was held up, the time is over although askers stand ready: let them take their few steps here.
LOOP_TURNS = 10
KEPT_SECONDS = 5.0
MOST_CLIENTS = 64

T = TypeVar("T")

Table = Mapping[tuple[str, str], Mapping[float, float]]
"""(namespace, model) to {upper edge: value}. What has no edges stands at infinity; with the user's own matchers the
namespace is empty. A model that Prometheus said nothing about is not in it."""


@dataclass(frozen=True)
class Question:
    """What askers must have in common to share a query."""

    connection: Connection
    template: Template
    at: float
    """Unix seconds."""
    window_seconds: float
    matchers: str | None = None
    source: Source | Counter = ENVOY


@dataclass
class _Batch:
    """The askers of one question, and their common answer."""

    joined_at: float
    namespaces: set[str] = field(default_factory=set)
    edges: set[float] | None = field(default_factory=set)  # None: all of them
    is_open: bool = True
    answer: asyncio.Task[Table] | None = None

    def admits(self, namespace: str, edges: Collection[float] | None) -> bool:
        return self.is_open or (namespace in self.namespaces and self._reads(edges))

    def join(self, namespace: str, edges: Collection[float] | None, now: float) -> None:
        if self.is_open:
            self.joined_at = now
            self.namespaces.add(namespace)
            self.edges = None if edges is None or self.edges is None else self.edges.union(edges)

    def _reads(self, edges: Collection[float] | None) -> bool:
        return self.edges is None or (edges is not None and self.edges.issuperset(edges))


class Reader:
    """Everything that is read from any Prometheus goes through one of these. It belongs to one event loop."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="prometheus")
        self._clients: dict[Connection, PrometheusClient] = {}
        self._batches: dict[Question, _Batch] = {}
        self._answers: dict[tuple[Connection, str, float | Grid], asyncio.Task[list[Any]]] = {}

    async def table(self, question: Question, namespace: str, edges: Collection[float] | None = ()) -> Table:
        """The answer to `question` for at least this namespace and these bucket edges (None: all edges).

        Raises a MetricsError, the same one for all who share the query.
        """
        telemetry.ASKS.labels(question.template.value).inc()
        now = asyncio.get_running_loop().time()
        batch = self._batches.get(question)
        if batch is None or not batch.admits(namespace, edges):
            batch = self._batches[question] = _Batch(joined_at=now)
        batch.join(namespace, edges, now)
        if batch.answer is None:
            batch.answer = asyncio.create_task(self._answer(question, batch))
            batch.answer.add_done_callback(lambda answer: _keep(self._batches, question, batch, answer))
        return await asyncio.shield(batch.answer)  # One asker who gives up must not take the answer from the others.

    async def query(self, connection: Connection, promql: str, at: float) -> list[Sample]:
        """What a query of the user's own gives at `at`; rollouts that ask the same share the answer.

        Raises a MetricsError.
        """
        telemetry.ASKS.labels("query").inc()
        return await self._shared((connection, promql, at), lambda: self._send(connection, "query", promql, at))

    async def rows(self, connection: Connection, promql: str, grid: Grid) -> list[Row]:
        """What a query gives at every time of `grid`; raises a MetricsError."""
        telemetry.ASKS.labels("history").inc()
        return await self._shared((connection, promql, grid), lambda: self._send_range(connection, promql, grid))

    async def close(self) -> None:
        """Give up what is under way and close all connections."""
        tasks = [*self._answers.values(), *(batch.answer for batch in self._batches.values() if batch.answer)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._executor.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    async def _answer(self, question: Question, batch: _Batch) -> Table:
        await _quiet(batch)
        batch.is_open = False
        scope = queries.Scope(frozenset(batch.namespaces), question.matchers)
        text = queries.text(question.template, question.source, scope, question.window_seconds, batch.edges)
        samples = await self._send(question.connection, question.template.value, text, question.at)
        return table_of(samples, question)

    async def _shared(
        self, key: tuple[Connection, str, float | Grid], ask: Callable[[], Coroutine[Any, Any, list[T]]]
    ) -> list[T]:
        """The answer that somebody else is getting or just got, or else a new one."""
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = asyncio.create_task(ask())
            answer.add_done_callback(lambda done: _keep(self._answers, key, done, done))
        return await asyncio.shield(answer)

    async def _send_range(self, connection: Connection, promql: str, grid: Grid) -> list[Row]:
        telemetry.QUERIES.labels("history").inc()
        return await self._client(connection).query_range(promql, grid)

    async def _send(self, connection: Connection, template: str, text: str, at: float) -> list[Sample]:
        telemetry.QUERIES.labels(template).inc()
        return await self._client(connection).query(text, at)

    def _client(self, connection: Connection) -> PrometheusClient:
        client = self._clients.pop(connection, None) or PrometheusClient(connection, self._executor)
        self._clients[connection] = client  # Last in line; a token that was replaced drops out at the front.
        if len(self._clients) > MOST_CLIENTS:
            self._clients.pop(next(iter(self._clients))).close()
        return client


def _keep(kept: MutableMapping[Any, Any], key: object, value: object, answer: asyncio.Task[Any]) -> None:
    """Keep an answer for a while, but no failure: who comes later tries again."""
    if answer.cancelled() or answer.exception() is not None:
        _forget(kept, key, value)
    else:
        asyncio.get_running_loop().call_later(KEPT_SECONDS, _forget, kept, key, value)


def _forget(kept: MutableMapping[Any, Any], key: object, value: object) -> None:
    if kept.get(key) is value:  # Not the successor that took its place meanwhile.
        del kept[key]


async def _quiet(batch: _Batch) -> None:
    """Return when nobody has joined for a while, and the loop has nobody left who is about to."""
    loop = asyncio.get_running_loop()
    latest = batch.joined_at + LONGEST_WAIT_SECONDS
    while True:
        last = batch.joined_at
        await asyncio.sleep(min(last + QUIET_SECONDS, latest) - loop.time())
        for _ in range(LOOP_TURNS):
            await asyncio.sleep(0)
        if batch.joined_at == last or loop.time() >= latest:
            return


def table_of(samples: Iterable[Sample], question: Question) -> Table:
    """Sum the versions and protocols of each model."""
    table: dict[tuple[str, str], dict[float, float]] = {}
    model_of = cache(question.source.model_of)  # a histogram names each arm twenty times
    for sample in samples:
        model = model_of(sample.labels.get(question.source.arm_label, ""))
        if model is None:
            continue
        namespace = "" if question.matchers is not None else sample.labels.get("namespace", "")
        row = table.setdefault((namespace, model), {})
        edge = float(sample.labels.get("le", math.inf))
        row[edge] = row.get(edge, 0.0) + sample.value
    return table
