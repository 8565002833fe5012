"""The memory of the mesh: accepted Experiments, models and their versions; tells the proxy and the statuses.

Events are handled one after the other: first the proxy is told, then the status says so, so that a client never
sees the old split after the status has turned True.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from e2e.minimesh import faults
from e2e.minimesh.conditions import ACTIVE, Facts, no_replica
from e2e.minimesh.desired import Experiment
from e2e.minimesh.proxy import Proxy
from e2e.minimesh.routing import first_without_replica, table
from e2e.minimesh.statuses import Statuses
from e2e.minimesh.validation import refusal

_UNAVAILABLE = (
    'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: '
    'dial tcp 127.0.0.1:9004: connect: connection refused"'
)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Failure:
    """A call the scheduler did not grant."""

    text: str
    is_final: bool  # False: worth trying again later


@dataclass(frozen=True)
class ModelEntry:
    """One Model: the version that answers now, and whether that is the version asked for."""

    serving: str | None
    is_available: bool


class Scheduler:
    """Takes calls at once; `run` carries out what follows from them, in order."""

    def __init__(self, proxy: Proxy, statuses: Statuses, switches: faults.Faults) -> None:
        self.accepted: dict[str, Experiment] = {}
        self.models: dict[str, ModelEntry] = {}
        self._proxy = proxy
        self._statuses = statuses
        self._faults = switches
        self._leaving: set[str] = set()
        self._shown_instead: dict[str, Experiment] = {}  # held-back edits: what the proxy still shows
        self._told: dict[str, Facts] = {}
        self.after_event: Callable[[], None] = lambda: None
        self._events: asyncio.Queue[tuple[Callable[[], Awaitable[None]], asyncio.Event]] = asyncio.Queue()

    async def run(self) -> None:
        """Carry out events for ever."""
        while True:
            event, done = await self._events.get()
            await self._faults.until_scheduler_answers()
            try:
                await event()
                self.after_event()
            except Exception:
                log.exception("an event was lost")
            done.set()

    def start(self, experiment: Experiment) -> Failure | None:
        """Accept a new or changed Experiment, or say why not."""
        if self._faults.scheduler is faults.Scheduler.AWAY:
            return Failure(_UNAVAILABLE, is_final=False)
        text = refusal(experiment, self.accepted.values())
        if text:
            return Failure(f"rpc error: code = FailedPrecondition desc = {text}", is_final=True)
        self._hold_back_or_release(experiment)
        self.accepted[experiment.name] = experiment
        # Known now, not when the event's turn comes: by then the proxy may be attached again.
        is_silent = self._faults.scheduler is faults.Scheduler.DETACHED
        self._add(lambda: self._tell_of_edit(experiment, is_silent))
        return None

    async def stop(self, name: str) -> Failure | None:
        """Forget an Experiment; return when the proxy knows."""
        if self._faults.scheduler is faults.Scheduler.AWAY:
            return Failure(_UNAVAILABLE, is_final=False)
        if name not in self.accepted:
            return Failure(f"rpc error: code = FailedPrecondition desc = Experiment not found {name}", is_final=True)
        for memory in (self.accepted, self._told, self._shown_instead):
            memory.pop(name, None)
        await self._add(self.push).wait()
        return None

    async def set_model(self, name: str, entry: ModelEntry | None) -> None:
        """Take note of a Model's version or its end; return when proxy and statuses know."""
        before = self.models.pop(name, None)
        if entry is not None:
            self.models[name] = entry
            self._leaving.discard(entry.serving or "")
        if before and before.serving and (entry is None or entry.serving != before.serving):
            self._leaving.add(before.serving)
        await self._add(lambda: self._tell_of_model(name)).wait()

    async def retire(self, internal_name: str, grace: float) -> None:
        """Take a version's cluster from the proxy once its last requests are answered, or after `grace` seconds."""
        await self._proxy.wait_until_idle(internal_name, grace)
        self._leaving.discard(internal_name)
        await self._add(self.push).wait()

    def release(self, name: str) -> None:
        """Let the proxy see a held-back edit."""
        if self._shown_instead.pop(name, None):
            self._add(self.push)

    async def push(self) -> None:
        """Bring the proxy up to date, if it is attached."""
        if self._faults.scheduler is faults.Scheduler.PRESENT:
            shown = [self._shown_instead.get(name, item) for name, item in self.accepted.items()]
            await self._proxy.push(table(shown, self._serving(), self._leaving))

    def _add(self, event: Callable[[], Awaitable[None]]) -> asyncio.Event:
        done = asyncio.Event()
        self._events.put_nowait((event, done))
        return done

    def _hold_back_or_release(self, new: Experiment) -> None:
        name, old = new.name, self.accepted.get(new.name)
        if old and name in self._faults.held:
            self._faults.held.discard(name)
            self._shown_instead[name] = old
        elif old and new.candidates != old.candidates:
            self._shown_instead.pop(name, None)

    async def _tell_of_edit(self, experiment: Experiment, is_silent: bool) -> None:
        if self.accepted.get(experiment.name) != experiment:
            return  # edited again or stopped meanwhile: the later event tells
        facts = self._facts(experiment)
        self._told[experiment.name] = facts
        if is_silent or self._faults.scheduler is faults.Scheduler.DETACHED:
            return  # around a restart Seldon takes edits without any status write
        pushed = asyncio.create_task(self.push())
        if facts.is_active:
            await self._statuses.experiment(experiment, replace(facts, is_active=False, reason=""))
        await pushed
        await self._statuses.experiment(experiment, facts)

    async def _tell_of_model(self, name: str) -> None:
        await self.push()
        for experiment in [item for item in self.accepted.values() if _mentions(item, name)]:
            before, after = self._told.get(experiment.name), self._facts(experiment)
            self._told[experiment.name] = after
            for facts in _steps(before, after):
                await self._statuses.experiment(experiment, facts)

    def _serving(self) -> Mapping[str, str]:
        return {name: entry.serving for name, entry in self.models.items() if entry.serving}

    def _facts(self, experiment: Experiment) -> Facts:
        missing = first_without_replica(experiment, self._serving())
        mirror = experiment.mirror
        return Facts(
            candidates_ready=all(self._is_available(candidate.name) for candidate in experiment.candidates),
            mirror_ready=mirror is None or self._is_available(mirror.name),
            is_active=missing is None,
            reason=ACTIVE if missing is None else no_replica(missing, experiment),
        )

    def _is_available(self, name: str) -> bool:
        return name in self.models and self.models[name].is_available


def _mentions(experiment: Experiment, model: str) -> bool:
    is_mirror = experiment.mirror is not None and experiment.mirror.name == model
    return is_mirror or any(candidate.name == model for candidate in experiment.candidates)


def _steps(before: Facts | None, after: Facts) -> tuple[Facts, ...]:
    """Status writes of a Model's change: an Experiment turns active before its candidates are called ready, and
    its candidates are called unready before it turns inactive."""
    if before is None or before.is_active == after.is_active:
        return (after,)
    if after.is_active:
        return (replace(before, is_active=True, reason=after.reason), after)
    return (replace(after, is_active=True, reason=before.reason), after)
