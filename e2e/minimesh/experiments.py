"""The Experiment controller: one worker, three tries per failed call, and it acts on generations only."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp

from e2e.minimesh.cache import Cache
from e2e.minimesh.crds import EXPERIMENTS
from e2e.minimesh.desired import experiment_from, is_undecodable
from e2e.minimesh.kube import ApiError, Kube
from e2e.minimesh.scheduler import Failure, Scheduler
from e2e.minimesh.statuses import Statuses

Object = dict[str, Any]

FINALIZER = "seldon.experiment.finalizer"
_TRIES = 3
_SECONDS_BETWEEN_TRIES = 2.0
# How long Seldon's operator needs to list again after an undecodable object was corrected.
_SECONDS_TO_RECOVER_SIGHT = 1.8
_SECONDS_BEFORE_RETRY = 0.5
log = logging.getLogger(__name__)


class ExperimentController:
    """Watches Experiments and brings the scheduler to them, one after the other."""

    def __init__(self, kube: Kube, scheduler: Scheduler, statuses: Statuses) -> None:
        self.cache = Cache(kube, EXPERIMENTS, self._changed)
        self._kube = kube
        self._scheduler = scheduler
        self._statuses = statuses
        self._pending: dict[str, None] = {}  # an ordered set
        self._stirred = asyncio.Event()
        self._handled: dict[str, tuple[str, int]] = {}  # name -> uid, generation

    async def work(self) -> None:
        """Reconcile what changed, for ever. Nothing else is handled while one Experiment is being tried."""
        while True:
            name = await self._next()
            await self._until_all_are_decodable()
            try:
                await self._reconcile(name)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                log.info("experiment %s: trying again after %s", name, error)
                self._try_again(name)

    def _changed(self, name: str) -> None:
        self._pending[name] = None
        self._stirred.set()

    def _try_again(self, name: str) -> None:
        self._handled.pop(name, None)
        asyncio.get_running_loop().call_later(_SECONDS_BEFORE_RETRY, self._changed, name)

    async def _next(self) -> str:
        while not self._pending:
            self._stirred.clear()
            await self._stirred.wait()
        name = next(iter(self._pending))
        del self._pending[name]
        return name

    async def _until_all_are_decodable(self) -> None:
        """One negative number anywhere and Seldon's operator sees no Experiment at all."""
        while any(is_undecodable(obj) for obj in self.cache.objects.values()):
            self._stirred.clear()
            await self._stirred.wait()
            if not any(is_undecodable(obj) for obj in self.cache.objects.values()):
                await asyncio.sleep(_SECONDS_TO_RECOVER_SIGHT)

    async def _reconcile(self, name: str) -> None:
        obj = self.cache.objects.get(name)
        if obj is None:
            self._handled.pop(name, None)
            await self._scheduler.stop(name)
            return
        seen = (obj["metadata"]["uid"], obj["metadata"]["generation"])
        if self._handled.get(name) == seen:
            return
        self._handled[name] = seen
        if "deletionTimestamp" in obj["metadata"]:
            await self._stop(obj)
        else:
            await self._start(await self._kube.set_finalizer(EXPERIMENTS, obj, FINALIZER, present=True))

    async def _start(self, obj: Object) -> None:
        experiment = experiment_from(obj)
        failure: Failure | None = None
        for attempt in range(_TRIES):
            await asyncio.sleep(_SECONDS_BETWEEN_TRIES if attempt else 0)
            failure = self._scheduler.start(experiment)
            if failure is None:
                return
        if failure:
            await self._report(obj, failure)

    async def _report(self, obj: Object, failure: Failure) -> None:
        await self._statuses.failed_call(obj, failure.text)
        if not failure.is_final:
            self._try_again(obj["metadata"]["name"])

    async def _stop(self, obj: Object) -> None:
        name = obj["metadata"]["name"]
        for attempt in range(_TRIES):
            await asyncio.sleep(_SECONDS_BETWEEN_TRIES if attempt else 0)
            failure = await self._scheduler.stop(name)
            if failure is None:
                break
        if failure and not failure.is_final:
            self._try_again(name)
        else:
            await self._kube.release(EXPERIMENTS, name, FINALIZER)
