"""Works while this replica leads: first the Lease, then the work, and the Lease goes back when the work has ended."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from modelrollout.leading import election
from modelrollout.leading.elector import Elector

# Others may lead after this time. Nothing is written meanwhile, so it is only for an orderly end.
SECONDS_TO_END = election.LEASE_SECONDS - election.GIVE_UP_SECONDS

log = logging.getLogger(__name__)


async def lead(elector: Elector, work: Callable[[], Coroutine[Any, Any, None]], ending: asyncio.Event) -> None:
    """Wait for the Lease, and work until `ending` is set. Ends the process with 1 when the Lease is lost.

    `work` must end soon after `ending` is set. Raises what it raises, and ClusterDenied when the Lease may not be used.
    """
    try:
        if await _wins(elector, ending):
            await _work(elector, work, ending)
    finally:
        await elector.give_back()


async def _wins(elector: Elector, ending: asyncio.Event) -> bool:
    """False when `ending` came first."""
    winning, told = asyncio.create_task(elector.win()), asyncio.create_task(ending.wait())
    done, _ = await asyncio.wait({winning, told}, return_when=asyncio.FIRST_COMPLETED)
    await _cancel(told)
    if winning in done:
        winning.result()
        return True
    await _cancel(winning)
    return False


async def _work(elector: Elector, work: Callable[[], Coroutine[Any, Any, None]], ending: asyncio.Event) -> None:
    """Renewals go on while the work ends: until then nobody else may begin."""
    working, holding = asyncio.create_task(work()), asyncio.create_task(elector.hold())
    try:
        await asyncio.wait({working, holding}, return_when=asyncio.FIRST_COMPLETED)
        if holding.done():
            ending.set()
            await asyncio.wait({working}, timeout=SECONDS_TO_END)
            _leave(holding.result())
        working.result()
    finally:
        await _cancel(holding)


def _leave(why: str) -> None:
    """At once, without waiting for threads that still read Prometheus: a replica that ends cannot stand by."""
    log.critical("leads no more and ends, to be started anew: %s", why)
    os._exit(1)


async def _cancel(task: asyncio.Task[Any]) -> None:
    """Returns when the task is over, so that nothing of it comes later."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
