"""Works while this replica leads: first the Lease, then the work, and the Lease goes back when the work has ended."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from modelrollout.leading import election
from modelrollout.leading.elector import Elector

# Others may lead after this time. Nothing is written meanwhile, so it is only for an orderly end.
SECONDS_TO_END = election.LEASE_SECONDS - election.GIVE_UP_SECONDS

log = logging.getLogger(__name__)


async def lead(elector: Elector, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Wait for the Lease, and work until SIGTERM. Ends the process with 1 when the Lease is lost.

    `work` may take the signals over once it runs. Raises what it raises, and ClusterDenied when the Lease may not be
    used.
    """
    told = asyncio.create_task(_told_to_end())
    try:
        if await _wins(elector, told):
            await _work(elector, work, told)
    finally:
        await _cancel(told)
        await elector.give_back()


async def _told_to_end() -> None:
    """Returns at SIGTERM or Ctrl-C."""
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await ending.wait()


async def _wins(elector: Elector, told: asyncio.Task[None]) -> bool:
    """False when the signal came first."""
    winning = asyncio.create_task(elector.win())
    await asyncio.wait({winning, told}, return_when=asyncio.FIRST_COMPLETED)
    if winning.done():
        winning.result()
        return not told.done()
    await _cancel(winning)
    return False


async def _work(elector: Elector, work: Callable[[], Coroutine[Any, Any, None]], told: asyncio.Task[None]) -> None:
    """Renewals go on while the work ends: until then nobody else may begin."""
    holding, working = asyncio.create_task(elector.hold()), asyncio.create_task(work())
    try:
        await asyncio.wait({working, holding, told}, return_when=asyncio.FIRST_COMPLETED)
        if holding.done():
            working.cancel()
            await asyncio.wait({working}, timeout=SECONDS_TO_END)
            _leave(holding.result())
        if working.done():
            working.result()
        await _cancel(working)  # told before it could listen itself
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
