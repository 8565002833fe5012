"""Switches for what goes wrong in real life and needs help to go wrong here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto


class Scheduler(Enum):
    """Where Seldon's scheduler would be in a restart."""

    PRESENT = auto()
    AWAY = auto()  # calls fail, nothing is processed, the proxy keeps what it has
    DETACHED = auto()  # back, takes edits silently, but the proxy has not found it yet


@dataclass(frozen=True)
class LoadFault:
    """What happens to the next loads of one model."""

    message: str = ""  # fail with this text; empty: succeed
    delay_seconds: float = 0.0


@dataclass
class Faults:
    """All switches; the HTTP server sets them, the controllers obey."""

    scheduler: Scheduler = Scheduler.PRESENT
    held: set[str] = field(default_factory=set)  # Experiments whose next edit will not reach the proxy
    loads: dict[str, LoadFault] = field(default_factory=dict)  # by Model name
    server_is_lost: bool = False  # the replica is gone, and its models with it
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def move_scheduler(self, state: Scheduler) -> None:
        """Set the scheduler's state and wake whoever waits for it."""
        async with self.changed:
            self.scheduler = state
            self.changed.notify_all()

    async def until_scheduler_answers(self) -> None:
        """Return when the scheduler is not away."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.scheduler is not Scheduler.AWAY)
