"""What clients ask: fresh windows of the market, each once, and what then became of them."""

from __future__ import annotations

import asyncio
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rolloutmodels import market
from rolloutmodels.climates import Climate
from rolloutmodels.market import Sample

from e2e.traffic import protocol

CHUNK = 2048  # windows drawn at once: as many as one market of 32 assets holds


@dataclass(frozen=True)
class Question:
    """A request about some windows, and for each the class that came true, the return, and the regime behind it."""

    body: bytes
    climate: str
    actual: NDArray[np.int64]
    returns: NDArray[np.float64]
    regimes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.actual)


class Questions:
    """Endless questions about so many `windows` each, the same for the same seed, whatever other climates come between.

    They are drawn in a thread of their own, ahead of time, so that clients do not wait for them.
    """

    def __init__(self, seed: int, windows: int = 1) -> None:
        self._seed, self._windows = seed, windows
        self._drawing = ThreadPoolExecutor(1, thread_name_prefix="market")
        self._streams: dict[str, _Stream] = {}
        self._is_closed = False

    def prepare(self, climate: Climate) -> None:
        """Wait until the first questions of a climate are there. From any thread; does nothing once closed."""
        if not self._is_closed:
            self._stream(climate).prepare()

    async def next(self, climate: Climate) -> Question:
        """The next question of this climate."""
        return await self._stream(climate).next()

    def close(self) -> None:
        """Draw no more."""
        self._is_closed = True
        self._drawing.shutdown(wait=False, cancel_futures=True)

    def _stream(self, climate: Climate) -> _Stream:
        known = self._streams.get(climate.name)
        return known or self._streams.setdefault(
            climate.name, _Stream(self._drawing, self._seed, climate, self._windows)
        )


class _Stream:
    """The questions of one climate. While one chunk is being asked the next is drawn."""

    def __init__(self, drawing: ThreadPoolExecutor, seed: int, climate: Climate, windows: int) -> None:
        self._drawing, self._seed, self._climate, self._windows = drawing, seed, climate, windows
        self._number = 0
        self._chunk: Sample | None = None
        self._place = 0
        self._coming = self._draw()

    def prepare(self) -> None:
        self._coming.result()

    async def next(self) -> Question:
        if self._chunk is None or self._place + self._windows > len(self._chunk):
            self._chunk, self._place = await asyncio.wrap_future(self._coming), 0
            self._number += 1
            self._coming = self._draw()
        begin, self._place = self._place, self._place + self._windows
        return question(self._chunk, begin, self._place, self._climate)

    def _draw(self) -> Future[Sample]:
        return self._drawing.submit(chunk, self._seed, self._climate, self._number)


def question(sample: Sample, begin: int, end: int, climate: Climate) -> Question:
    """The question about these windows of a sample."""
    return Question(
        protocol.body(sample.features[begin:end]),
        climate.name,
        sample.labels[begin:end].astype(np.int64),
        sample.returns[begin:end],
        sample.regimes[begin:end],
    )


def chunk(seed: int, climate: Climate, number: int) -> Sample:
    """The windows of one chunk: those of another seed, climate or number are others."""
    sequence = np.random.SeedSequence((seed, zlib.crc32(climate.name.encode()), number))
    return market.sample(market.law(), int(sequence.generate_state(1, np.uint64)[0]), CHUNK, climate)
