"""Looks of the past, read again: the same reading as live, each at its own evaluation time.

Where blocks lie on one grid, as those of a running rollout do, `GridReader` asks each question for many of them at
once. Prometheus evaluates a range at each of its times as it would at that time alone, so the looks are the same ones.
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import replace
from itertools import pairwise

from modelrollout import telemetry
from modelrollout.observe import queries
from modelrollout.observe.batching import Question, Reader, Table, table_of
from modelrollout.observe.evidence import LookAsk, LookData
from modelrollout.observe.looks import read_look
from modelrollout.observe.prometheus import Grid, Sample
from modelrollout.observe.queries import Template

LOOKS_AT_ONCE = 16
TIMES_AT_ONCE = 500
"""How many evaluation times one query asks for: a few seconds of work for a Prometheus at the most."""

Block = tuple[float, float]
"""(since, until) in Unix seconds."""
Asked = tuple[Question, str, frozenset[float] | None]


async def read_looks(reader: Reader, asks: Iterable[LookAsk]) -> list[LookData]:
    """What each look saw, in the order of `asks`; what Prometheus has forgotten meanwhile is `NoData`."""
    free = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def read(ask: LookAsk) -> LookData:
        async with free:
            return await read_look(reader, ask)

    return list(await asyncio.gather(*(read(ask) for ask in asks)))


def over(ask: LookAsk, blocks: Iterable[Block]) -> list[LookAsk]:
    """The same question asked of each block."""
    return [replace(ask, since=since, until=until) for since, until in blocks]


def blocks(since: float, until: float, interval_seconds: float) -> list[Block]:
    """Blocks of one interval each that cover `since` to `until` as far as whole intervals fit; in milliseconds."""
    count = int((until - since) / interval_seconds + 1e-9)
    return list(pairwise(round(since + place * interval_seconds, 3) for place in range(count + 1)))


class GridReader(Reader):
    """Reads as `Reader` does; what many blocks of one interval ask is asked of Prometheus in one query.

    For a past that is over: every answer is kept until it is closed.
    """

    def __init__(self, since: float, interval_seconds: float) -> None:
        """`since` is any end of a block, in Unix seconds: the others lie whole intervals from it."""
        super().__init__()
        self._since = since
        self._interval = interval_seconds
        self._stretches: dict[Asked, asyncio.Task[list[Table]]] = {}

    async def table(self, question: Question, namespace: str, edges: Collection[float] | None = ()) -> Table:
        """The answer to `question`, as of `Reader`; raises the same errors."""
        place = round((question.at - self._since) / self._interval)
        if not self._is_common(question, place):
            return await super().table(question, namespace, edges)
        telemetry.ASKS.labels(question.template.value).inc()
        stretch, offset = divmod(place, TIMES_AT_ONCE)
        window = round(question.window_seconds, 3)  # a difference of two times: never the very same float
        first = replace(question, at=self._at(stretch * TIMES_AT_ONCE), window_seconds=window)
        asked = (first, namespace, None if edges is None else frozenset(edges))
        if asked not in self._stretches:
            self._stretches[asked] = asyncio.create_task(self._read_stretch(*asked))
        return (await asyncio.shield(self._stretches[asked]))[offset]

    async def close(self) -> None:
        """Give up what is under way and close all connections."""
        for task in self._stretches.values():
            task.cancel()
        await asyncio.gather(*self._stretches.values(), return_exceptions=True)
        await super().close()

    def _at(self, place: int) -> float:
        return round(self._since + place * self._interval, 3)

    def _is_common(self, question: Question, place: int) -> bool:
        """True for what the other blocks ask too; what only births ask is rare, and dear at many times."""
        same_length = question.template is Template.FRESH or abs(question.window_seconds - self._interval) < 0.0005
        on_grid = abs(question.at - self._at(place)) < 0.0005
        return on_grid and same_length and question.template not in (Template.ANCHORED, Template.RETURNED)

    async def _read_stretch(self, first: Question, namespace: str, edges: Collection[float] | None) -> list[Table]:
        scope = queries.Scope(frozenset({namespace}), first.matchers)
        text = queries.text(first.template, first.source, scope, first.window_seconds, edges)
        grid = Grid(first.at, round(first.at + (TIMES_AT_ONCE - 1) * self._interval, 3), self._interval)
        samples: list[list[Sample]] = [[] for _ in range(TIMES_AT_ONCE)]
        for row in await self.rows(first.connection, text, grid):
            for place, value in row.values.items():
                samples[place].append(Sample(row.labels, value))
        return [table_of(at_once, first) for at_once in samples]
