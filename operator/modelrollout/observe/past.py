"""Looks of the past, read again: the same reading as live, each at its own evaluation time."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from modelrollout.observe.batching import Reader
from modelrollout.observe.evidence import LookAsk, LookData
from modelrollout.observe.looks import read_look

LOOKS_AT_ONCE = 16

Block = tuple[float, float]
"""(since, until) in Unix seconds."""


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


def blocks(since: float, until: float, interval_seconds: float) -> Sequence[Block]:
    """Blocks of one interval each that cover `since` to `until` as far as whole intervals fit; in milliseconds."""
    count = int((until - since) / interval_seconds + 1e-9)
    ends = [round(since + place * interval_seconds, 3) for place in range(count + 1)]
    return list(pairwise(ends))
