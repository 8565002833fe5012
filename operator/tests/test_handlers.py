"""kopf is brought to its end even where it would hang. What the handlers do is told by the stories."""

from __future__ import annotations

import asyncio
from typing import Any

import kopf
import pytest
from modelrollout import handlers


def test_a_task_that_loses_its_cancellation_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "LONGEST_END_SECONDS", 7.0)  # kopf waits five before it cancels what is left
    with pytest.raises(TimeoutError):
        asyncio.run(_to_its_end(deaf=_deaf_once()))


def test_kopf_that_ends_by_itself_is_left_alone() -> None:
    asyncio.run(_to_its_end(deaf=None))


async def _to_its_end(deaf: Any) -> None:
    """kopf itself, stopped as soon as it has begun; with a task beside it that it has to clean up."""
    registry, stop = kopf.OperatorRegistry(), asyncio.Event()
    left: list[asyncio.Task[None]] = []

    @kopf.on.startup(registry=registry)
    async def begin(**_: Any) -> None:
        if deaf:
            left.append(asyncio.create_task(deaf))
        stop.set()

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(server="http://127.0.0.1:9")  # where nobody answers

    await handlers._to_its_end(kopf.operator(registry=registry, namespaces=["any"], stop_flag=stop), registry)


async def _deaf_once() -> None:
    """As a watch of kopf's is, when it waits for credentials at its cancellation."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.Event().wait()
