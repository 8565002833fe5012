"""The objects of one kind as the API server last told them, kept current by list and watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp

from e2e.minimesh.kube import ApiError, Kube

Object = dict[str, Any]

_PAUSE_AFTER_FAILURE = 0.2
log = logging.getLogger(__name__)


class Cache:
    """`objects` by name; `changed(name)` is called after each change, also for objects that vanished."""

    def __init__(self, kube: Kube, plural: str, changed: Callable[[str], None]) -> None:
        self.objects: dict[str, Object] = {}
        self.filled = asyncio.Event()
        self._kube = kube
        self._plural = plural
        self._changed = changed
        self._expected: set[str] = set()

    def expect(self, names: Iterable[str]) -> None:
        """Names known from an earlier run: reported as changed by the first list, even if they are gone."""
        self._expected.update(names)

    async def follow(self) -> None:
        """List and watch for ever; whatever breaks, list again."""
        while True:
            try:
                await self._follow_once()
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                if not (isinstance(error, ApiError) and error.status == 410):
                    log.info("watch of %s broke, listing again: %r", self._plural, error)
                await asyncio.sleep(_PAUSE_AFTER_FAILURE)

    async def _follow_once(self) -> None:
        items, resource_version = await self._kube.list_all(self._plural)
        self._replace({item["metadata"]["name"]: item for item in items})
        self.filled.set()
        async with contextlib.aclosing(self._kube.watch(self._plural, resource_version)) as events:
            async for kind, obj in events:
                if kind != "BOOKMARK":
                    self._take(kind, obj)

    def _replace(self, objects: dict[str, Object]) -> None:
        names = {*self.objects, *objects}
        before, self.objects = self.objects, objects
        changed = {name for name in names if before.get(name) != objects.get(name)}
        for name in sorted(changed | self._expected):
            self._changed(name)
        self._expected.clear()

    def _take(self, kind: str, obj: Object) -> None:
        name = obj["metadata"]["name"]
        if kind == "DELETED":
            self.objects.pop(name, None)
        else:
            self.objects[name] = obj
        self._changed(name)
