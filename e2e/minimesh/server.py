"""minimesh's own HTTP port: health, the agent's metrics, and the fault switches."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from e2e.minimesh.attempts import Attempts
from e2e.minimesh.faults import Faults, LoadFault
from e2e.minimesh.faults import Scheduler as SchedulerState
from e2e.minimesh.models import ModelController
from e2e.minimesh.scheduler import Scheduler


class Server:
    """Routes of the HTTP port; README.md documents the switches."""

    def __init__(
        self,
        attempts: Attempts,
        faults: Faults,
        scheduler: Scheduler,
        models: ModelController,
        ready: asyncio.Event,
    ) -> None:
        self._attempts = attempts
        self._faults = faults
        self._scheduler = scheduler
        self._models = models
        self._ready = ready

    async def serve(self, port: int) -> None:
        """Serve on the loopback address for ever."""
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/faults", self._list)
        app.router.add_put("/faults/scheduler", self._take_scheduler_away)
        app.router.add_delete("/faults/scheduler", self._bring_scheduler_back)
        app.router.add_put("/faults/server", self._lose_server)
        app.router.add_delete("/faults/server", self._regain_server)
        app.router.add_put("/faults/hold-edit/{name}", self._hold)
        app.router.add_delete("/faults/hold-edit/{name}", self._release)
        app.router.add_put("/faults/load/{name}", self._disturb_load)
        app.router.add_delete("/faults/load/{name}", self._mend_load)
        return app

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok") if self._ready.is_set() else web.Response(status=503, text="not watching yet")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._attempts.exposition(), headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "scheduler": self._faults.scheduler.name,
                "server_is_lost": self._faults.server_is_lost,
                "hold-edit": sorted(self._faults.held),
                "load": {name: vars(fault) for name, fault in self._faults.loads.items()},
            }
        )

    async def _take_scheduler_away(self, _: web.Request) -> web.Response:
        await self._faults.move_scheduler(SchedulerState.AWAY)
        return _done()

    async def _bring_scheduler_back(self, request: web.Request) -> web.Response:
        """The scheduler answers at once; the proxy finds it `attach_seconds` later (default 17)."""
        if self._faults.scheduler is SchedulerState.PRESENT:
            return _done()
        await self._faults.move_scheduler(SchedulerState.DETACHED)
        delay = float(request.query.get("attach_seconds", "17"))
        self._attaching = asyncio.create_task(self._attach_after(delay))
        return _done()

    async def _attach_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._faults.scheduler is SchedulerState.DETACHED:
            await self._faults.move_scheduler(SchedulerState.PRESENT)
            await self._scheduler.push()

    async def _lose_server(self, _: web.Request) -> web.Response:
        await self._models.lose_server()
        return _done()

    async def _regain_server(self, _: web.Request) -> web.Response:
        await self._models.regain_server()
        return _done()

    async def _hold(self, request: web.Request) -> web.Response:
        self._faults.held.add(request.match_info["name"])
        return _done()

    async def _release(self, request: web.Request) -> web.Response:
        self._faults.held.discard(request.match_info["name"])
        self._scheduler.release(request.match_info["name"])
        return _done()

    async def _disturb_load(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json() if request.can_read_body else {}
        try:
            self._faults.loads[request.match_info["name"]] = LoadFault(**body)
        except TypeError as error:
            return web.Response(status=400, text=f"{error}; fields are message and delay_seconds\n")
        return _done()

    async def _mend_load(self, request: web.Request) -> web.Response:
        self._faults.loads.pop(request.match_info["name"], None)
        return _done()


def _done() -> web.Response:
    return web.Response(status=204)
