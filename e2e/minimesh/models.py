"""The Model controller: numbers versions, loads them, and lets the old one serve until the new one can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import aiohttp

from e2e.minimesh.cache import Cache
from e2e.minimesh.conditions import ModelState
from e2e.minimesh.crds import MODELS
from e2e.minimesh.desired import model_source_from, versioned_spec
from e2e.minimesh.faults import Faults, LoadFault
from e2e.minimesh.kube import ApiError, Kube
from e2e.minimesh.memory import Record
from e2e.minimesh.mlserver import LoadError, MLServer
from e2e.minimesh.scheduler import ModelEntry, Scheduler
from e2e.minimesh.statuses import Statuses

Object = dict[str, Any]

FINALIZER = "seldon.model.finalizer"
_NO_SERVER = ModelState("ScheduleFailed", "Failed to schedule model as no matching servers are available")
# Seldon takes an old version's cluster away about this long after the switch.
_GRACE_SECONDS = 0.3
_SECONDS_BETWEEN_LOOKS = 0.5
log = logging.getLogger(__name__)


class ModelController:
    """Watches Models; each has its own task, so a slow load delays no other."""

    def __init__(self, kube: Kube, scheduler: Scheduler, statuses: Statuses, server: MLServer, faults: Faults) -> None:
        self.cache = Cache(kube, MODELS, self._changed)
        self.records: dict[str, Record] = {}
        self._kube = kube
        self._scheduler = scheduler
        self._statuses = statuses
        self._server = server
        self._faults = faults
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    def remember(self, records: Mapping[str, Record]) -> None:
        """Take up the records of an earlier run, before any object is read."""
        self.records.update(records)
        self.cache.expect(records)
        for name, record in records.items():
            self._scheduler.models[name] = _entry(name, record)

    async def lose_server(self) -> None:
        """As if the only server replica went away: no routes, nothing ready."""
        self._faults.server_is_lost = True
        for name, record in list(self.records.items()):
            await self._scheduler.set_model(name, ModelEntry(None, is_available=False))
            await self._statuses.model(name, record.uid, _NO_SERVER)

    async def regain_server(self) -> None:
        """The replica is back with everything it held."""
        self._faults.server_is_lost = False
        for name, record in list(self.records.items()):
            if record.serving:
                await self._scheduler.set_model(name, _entry(name, record))
                await self._statuses.model(name, record.uid, ModelState("ModelAvailable"))

    async def keep_loaded(self) -> None:
        """Load what a restarted server has lost, for ever. No status tells of it, as with Seldon."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
            try:
                wanted = {record.serving for record in self.records.values() if record.serving}
                for internal_name in sorted(wanted - await self._server.ready_models()):
                    await self._server.load(internal_name)
            except (aiohttp.ClientError, LoadError, TimeoutError, ValueError) as error:
                log.debug("MLServer does not answer: %s", error)

    def _changed(self, name: str) -> None:
        if name in self._tasks:
            self._again.add(name)
        else:
            self._tasks[name] = asyncio.create_task(self._settle(name))

    async def _settle(self, name: str) -> None:
        try:
            await self._faults.until_scheduler_answers()
            await self._reconcile(name)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            log.info("model %s: trying again after %s", name, error)
            self._again.add(name)
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        except Exception:
            log.exception("model %s", name)
        finally:
            del self._tasks[name]
        if name in self._again:
            self._again.discard(name)
            self._changed(name)

    async def _reconcile(self, name: str) -> None:
        obj, record = self.cache.objects.get(name), self.records.get(name)
        wanted = None if obj is None or "deletionTimestamp" in obj["metadata"] else obj
        if record and (wanted is None or record.uid != wanted["metadata"]["uid"]):
            await self._forget(name, record)
        if wanted:
            await self._load_if_new(name, wanted)
        elif obj:
            await self._kube.release(MODELS, name, FINALIZER)

    async def _load_if_new(self, name: str, obj: Object) -> None:
        await self._kube.set_finalizer(MODELS, obj, FINALIZER, present=True)
        record = self.records.setdefault(name, Record(obj["metadata"]["uid"], {}))
        if versioned_spec(obj) != record.spec:
            record.version += 1
            await self._load(name, obj, record)

    async def _load(self, name: str, obj: Object, record: Record) -> None:
        """Load the newest version. If the server goes away meanwhile, the next try loads it as another version."""
        new, old = f"{name}_{record.version}", record.serving
        await self._scheduler.set_model(name, ModelEntry(old, is_available=False))
        await self._until_server_is_live(name, record)
        await self._statuses.model(name, record.uid, ModelState("ModelProgressing"))
        try:
            await self._bring_up(name, new, obj)
        except LoadError as error:
            record.spec = versioned_spec(obj)
            await self._server.unload(new)
            await self._statuses.model(name, record.uid, ModelState("ModelFailed", str(error)))
            return
        record.spec, record.serving = versioned_spec(obj), new
        await self._scheduler.set_model(name, ModelEntry(new, is_available=True))
        await self._statuses.model(name, record.uid, ModelState("ModelAvailable"))
        if old:
            await self._retire(old)

    async def _bring_up(self, name: str, internal_name: str, obj: Object) -> None:
        fault = self._faults.loads.get(name, LoadFault())
        await asyncio.sleep(fault.delay_seconds)
        if fault.message:
            raise LoadError(f"rpc error: code = Internal desc = {fault.message}")
        self._server.place(internal_name, model_source_from(obj))
        await self._server.load(internal_name)

    async def _until_server_is_live(self, name: str, record: Record) -> None:
        while self._faults.server_is_lost or not await self._server.is_live():
            await self._statuses.model(name, record.uid, _NO_SERVER)
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)

    async def _forget(self, name: str, record: Record) -> None:
        await self._statuses.model(name, record.uid, ModelState("ModelTerminating"))
        del self.records[name]
        await self._scheduler.set_model(name, None)
        if record.serving:
            await self._retire(record.serving)

    async def _retire(self, internal_name: str) -> None:
        await self._scheduler.retire(internal_name, _GRACE_SECONDS)
        await self._server.unload(internal_name)


def _entry(name: str, record: Record) -> ModelEntry:
    is_newest = record.serving == f"{name}_{record.version}"
    return ModelEntry(record.serving, is_available=is_newest)
