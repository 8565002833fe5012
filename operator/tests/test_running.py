"""kopf is brought to its end even where it would hang. What the process does is told by the stories."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import kopf
import pytest
from modelrollout import running

NOBODY = kopf.ConnectionInfo(server="http://127.0.0.1:9")


def test_a_task_that_loses_its_cancellation_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LONGEST_END_SECONDS", 7.0)  # kopf waits five before it cancels what is left
    with pytest.raises(TimeoutError):
        asyncio.run(_stopped_beside(_deaf_once))


def test_kopf_that_ends_by_itself_is_left_alone() -> None:
    asyncio.run(_stopped_beside(_forever))


def test_its_stop_flag_is_taken_back_when_it_ends_without() -> None:
    with pytest.raises(kopf.LoginError):
        asyncio.run(_without_credentials())


async def _stopped_beside(task: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """kopf is stopped as soon as it runs, with a task beside it that it has to clean up."""
    registry, flag, tasks = _registry(NOBODY), asyncio.create_task(asyncio.sleep(0)), []

    @kopf.on.startup(registry=registry)
    async def begin(**_: Any) -> None:
        tasks.append(asyncio.create_task(task()))

    await running.to_its_end(_kopf(registry, flag), registry, flag)


async def _without_credentials() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # kopf asks only one of its tasks how it failed
    registry, flag = _registry(None), asyncio.create_task(_forever())
    try:
        await running.to_its_end(_kopf(registry, flag), registry, flag)
    finally:
        assert flag.cancelled()


def _kopf(registry: kopf.OperatorRegistry, flag: asyncio.Task[None]) -> Coroutine[Any, Any, None]:
    return kopf.operator(registry=registry, namespaces=["any"], stop_flag=flag)


def _registry(credentials: kopf.ConnectionInfo | None) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def log_in(**_: Any) -> kopf.ConnectionInfo | None:
        return credentials

    return registry


async def _forever() -> None:
    await asyncio.Event().wait()


async def _deaf_once() -> None:
    """As a watch of kopf's is, when it waits for credentials at its cancellation."""
    try:
        await _forever()
    except asyncio.CancelledError:
        await _forever()
