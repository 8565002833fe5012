"""Writes conditions the way Seldon's operator does: on the object's current generation only, never twice the same."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp

from e2e.minimesh import conditions
from e2e.minimesh.conditions import Facts, ModelState
from e2e.minimesh.crds import EXPERIMENTS, MODELS
from e2e.minimesh.desired import Experiment
from e2e.minimesh.kube import ApiError, Kube

Object = dict[str, Any]

_TRIES = 60
_PAUSE = 0.5
# What Seldon says on a cluster without pipelines; it does not hinder readiness.
_GATEWAY_TEXT = "ModelCreate(No model gateway available to handle model) "
log = logging.getLogger(__name__)


class Statuses:
    """The status subresources of Experiments and Models."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def experiment(self, experiment: Experiment, facts: Facts) -> None:
        """Write `facts`, unless the object has moved on to another generation."""

        def change(status: Object) -> Object:
            return {**status, "conditions": conditions.of_experiment(status.get("conditions", []), facts, _now())}

        def is_current(obj: Object) -> bool:
            return bool(obj["metadata"]["generation"] == experiment.generation)

        await self._update(EXPERIMENTS, experiment.name, is_current, change)

    async def failed_call(self, obj: Object, reason: str) -> None:
        """Write ModelReady=False on the object as it was read; a change since then leaves no trace of the failure."""
        before = obj.get("status", {})
        after = {**before, "conditions": conditions.of_failed_call(before.get("conditions", []), reason, _now())}
        if after == before:
            return
        try:
            await self._kube.put_status(EXPERIMENTS, {**obj, "status": after})
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def model(self, name: str, uid: str, state: ModelState) -> None:
        """Write the Model's state, unless the object was replaced."""

        def change(status: Object) -> Object:
            new = conditions.of_model(status.get("conditions", []), state, _now())
            available = 1 if state.is_ready else 0
            return {"conditions": new, "replicas": 1, "availableReplicas": available, "modelgwReady": _GATEWAY_TEXT}

        await self._update(MODELS, name, lambda obj: obj["metadata"]["uid"] == uid, change)

    async def _update(
        self, plural: str, name: str, is_current: Callable[[Object], bool], change: Callable[[Object], Object]
    ) -> None:
        for _ in range(_TRIES):
            try:
                await self._update_once(plural, name, is_current, change)
            except ApiError as error:
                if error.status != 409:
                    raise
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_PAUSE)
            else:
                return
        log.warning("status of %s %s was not written: the API server does not answer", plural, name)

    async def _update_once(
        self, plural: str, name: str, is_current: Callable[[Object], bool], change: Callable[[Object], Object]
    ) -> None:
        obj = await self._kube.get(plural, name)
        if obj is None or not is_current(obj):
            return
        before = obj.get("status", {})
        after = change(before)
        if after != before:
            await self._kube.put_status(plural, {**obj, "status": after})


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
