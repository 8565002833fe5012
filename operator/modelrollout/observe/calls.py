"""A person's word does not wait for Prometheus: what is being read for a rollout is given up when one comes."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from modelrollout.observe.memory import Key

T = TypeVar("T")


class Overtaken(Exception):
    """Something was told while a reading was on: look at the rollout again before anything else."""


class Call:
    """What the watch has told a rollout since its reconciliation began."""

    def __init__(self) -> None:
        self._told: str | None = None
        self._came = asyncio.Event()

    def hear(self, told: str) -> None:
        """Take in the annotation as the watch has it."""
        self._told = told
        self._came.set()

    async def unless_called(self, answered: str, reading: Coroutine[Any, Any, T]) -> T:
        """What the reading gives. Raises Overtaken as soon as something other than `answered` is told."""
        asked, called = asyncio.ensure_future(reading), asyncio.ensure_future(self._other_than(answered))
        try:
            await asyncio.wait({asked, called}, return_when=asyncio.FIRST_COMPLETED)
            if called.done():
                raise Overtaken
            return asked.result()
        finally:
            asked.cancel()
            called.cancel()
            await asyncio.gather(asked, called, return_exceptions=True)

    async def _other_than(self, answered: str) -> None:
        while self._told in (None, answered):
            self._came.clear()
            await self._came.wait()


class Calls:
    """The calls of all rollouts that are being reconciled. A rollout is reconciled by one daemon at a time."""

    def __init__(self) -> None:
        self._open: dict[Key, Call] = {}

    @contextmanager
    def attending(self, key: Key) -> Iterator[Call]:
        """Whatever is heard of this rollout from now on reaches this call."""
        call = self._open[key] = Call()
        try:
            yield call
        finally:
            self._open.pop(key, None)

    def hear(self, key: Key, told: str) -> None:
        """Hand on what the watch tells; nobody minds when the rollout is not being reconciled."""
        if key in self._open:
            self._open[key].hear(told)
