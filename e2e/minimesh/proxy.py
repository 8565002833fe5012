"""Hands tables to the running Envoy as files, and sees from its counters whether it took them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import aiohttp

from e2e.minimesh import envoy
from e2e.minimesh.bootstrap import bootstrap
from e2e.minimesh.routing import Table, cluster_of
from e2e.minimesh.settings import Settings

_POLL = 0.002
# Envoy reads a renamed file within milliseconds. This only bounds the wait when it hangs: whoever gives up on one
# that is merely slow tells clients of an edit that they do not see yet.
_PATIENCE = 30.0
# Seldon pushes every change of routes twice; its users count refusals in twos.
_PUSHES = 2
_CLUSTERS = "cluster_manager.cds"
_ROUTES = {
    envoy.DATA_TABLE: f"http.seldon_http.rds.{envoy.DATA_TABLE}",
    envoy.MIRROR_TABLE: f"http.seldon_mirrors.rds.{envoy.MIRROR_TABLE}",
}
StatsCheck = Callable[[Mapping[str, str]], bool]
log = logging.getLogger(__name__)


class Proxy:
    """The one Envoy. `push` brings it to a table; use as an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pushed = Table((), ())
        # Envoy may still hold a version of an earlier run, so numbers alone would not tell ours from it.
        self._run = int(time.time())
        self._count = 0

    async def __aenter__(self) -> Proxy:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    def prepare(self) -> None:
        """Write the bootstrap and, where none are left from an earlier run, empty dynamic files."""
        empty = Table((), ())
        files = {self._settings.clusters_file: envoy.clusters(empty, self._settings.envoy.agent_port, "0")}
        for name in _ROUTES:
            files[self._settings.routes_file(name)] = envoy.route_configuration(name, (), "0")
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _write(path, content)
        self._settings.routes_bell.mkdir(exist_ok=True)
        _write(self._settings.bootstrap_file, bootstrap(self._settings))

    async def push(self, table: Table) -> None:
        """Return when Envoy took the table, refused its routes, or is not there to ask.

        New clusters come before the routes that name them. Old clusters go after, even if the routes were refused:
        Seldon does the same, which is why a refused table turns re-versioned models into 503.
        """
        if table == self._pushed:
            return
        names = {*table.internal_names, *self._pushed.internal_names}
        await self._push_clusters(replace(table, internal_names=tuple(sorted(names))))
        if table.routes != self._pushed.routes:
            await self._push_routes(table)
        await self._push_clusters(table)
        self._pushed = table

    async def wait_until_idle(self, internal_name: str, limit: float) -> None:
        """Return when no request is under way to this version, or after `limit` seconds."""
        stat = f"cluster.{cluster_of(internal_name)}.upstream_rq_active"
        await self._wait_for(f"^{stat}$", lambda stats: stats.get(stat, "0") == "0", limit)

    async def _push_clusters(self, table: Table) -> None:
        if table.internal_names == self._pushed.internal_names:
            return
        version = self._next_version()
        before = await self._stats(_CLUSTERS)
        _write(self._settings.clusters_file, envoy.clusters(table, self._settings.envoy.agent_port, version))
        if before is not None:
            await self._wait_for(_CLUSTERS, lambda stats: _has_handled(_CLUSTERS, before, stats, version))
        self._pushed = replace(self._pushed, internal_names=table.internal_names)

    async def _push_routes(self, table: Table) -> None:
        version = self._next_version()
        pattern = "|".join(_ROUTES.values())
        before = await self._stats(pattern)
        for name in _ROUTES:
            _write(self._settings.routes_file(name), envoy.route_configuration(name, table.routes, version))
        for push in range(_PUSHES):
            # Two names: the kernel may merge two equal events into one.
            _write(self._settings.routes_bell / f"rung-{push}", version)
        if before is not None:
            prefixes = _ROUTES.values()
            await self._wait_for(pattern, lambda now: all(_has_handled(p, before, now, version) for p in prefixes))

    async def _wait_for(self, pattern: str, is_done: StatsCheck, limit: float = _PATIENCE) -> None:
        try:
            async with asyncio.timeout(limit):
                while (stats := await self._stats(pattern)) is not None and not is_done(stats):
                    await asyncio.sleep(_POLL)
        except TimeoutError:
            log.info("Envoy did not settle on %s within %s s", pattern, limit)

    async def _stats(self, pattern: str) -> Mapping[str, str] | None:
        """Envoy's own statistics as text, or None when it is not running."""
        url = f"http://127.0.0.1:{self._settings.envoy.admin_port}/stats"
        try:
            async with self._session.get(url, params={"filter": pattern}) as response:
                lines = (await response.text()).splitlines()
        except (aiohttp.ClientError, TimeoutError):
            return None
        return dict(line.split(": ", 1) for line in lines if ": " in line)

    def _next_version(self) -> str:
        self._count += 1
        return f"{self._run}-{self._count}"


def _has_handled(prefix: str, before: Mapping[str, str], now: Mapping[str, str], version: str) -> bool:
    rejected = f"{prefix}.update_rejected"
    is_taken = now.get(f"{prefix}.version_text") == f'"{version}"'
    return is_taken or int(now.get(rejected, 0)) > int(before.get(rejected, 0))


def _write(path: Path, content: envoy.Resource | str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(content))
    new.rename(path)
