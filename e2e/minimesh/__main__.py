"""`python -m e2e.minimesh run --config FILE`; settings.py says what FILE holds."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from pathlib import Path

from e2e.minimesh.attempts import Attempts
from e2e.minimesh.crds import all_crds
from e2e.minimesh.experiments import ExperimentController
from e2e.minimesh.faults import Faults
from e2e.minimesh.kube import Access, Kube
from e2e.minimesh.memory import Memory
from e2e.minimesh.mlserver import MLServer
from e2e.minimesh.models import ModelController
from e2e.minimesh.proxy import Proxy
from e2e.minimesh.scheduler import Scheduler
from e2e.minimesh.server import Server
from e2e.minimesh.settings import Settings
from e2e.minimesh.statuses import Statuses


async def run(settings: Settings) -> None:
    """Play Seldon until cancelled."""
    access = Access.from_kubeconfig(settings.kubeconfig)
    async with contextlib.AsyncExitStack() as stack:
        kube = await stack.enter_async_context(Kube(access, settings.namespace))
        proxy = await stack.enter_async_context(Proxy(settings))
        mlserver = await stack.enter_async_context(MLServer(settings.mlserver_url, settings.model_repository))
        proxy.prepare()
        for crd in all_crds():
            await kube.apply_crd(crd)
        await _serve(settings, kube, proxy, mlserver)


async def _serve(settings: Settings, kube: Kube, proxy: Proxy, mlserver: MLServer) -> None:
    faults, attempts, ready = Faults(), Attempts(), asyncio.Event()
    statuses = Statuses(kube)
    scheduler = Scheduler(proxy, statuses, faults)
    experiments = ExperimentController(kube, scheduler, statuses)
    models = ModelController(kube, scheduler, statuses, mlserver, faults)
    _remember(Memory(settings.memory_file), scheduler, experiments, models)
    server = Server(attempts, faults, scheduler, models, ready)
    async with asyncio.TaskGroup() as group:
        for task in (
            attempts.serve(settings.attempts_pipe),
            server.serve(settings.http_port),
            scheduler.run(),
            models.cache.follow(),
            experiments.cache.follow(),
            models.keep_loaded(),
            experiments.work(),
        ):
            group.create_task(task)
        await models.cache.filled.wait()
        await experiments.cache.filled.wait()
        ready.set()


def _remember(memory: Memory, scheduler: Scheduler, experiments: ExperimentController, models: ModelController) -> None:
    """Go on where an earlier run ended, and keep notes for the next."""
    accepted, records = memory.load()
    scheduler.accepted.update(accepted)
    experiments.cache.expect(accepted)
    models.remember(records)
    scheduler.after_event = lambda: memory.save(scheduler.accepted, models.records)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m e2e.minimesh", description="A stand-in for Seldon Core v2.")
    parser.add_argument("command", choices=["run"])
    parser.add_argument("--config", type=Path, required=True, help="JSON file, see settings.py")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(_until_terminated(Settings.from_file(arguments.config)))


async def _until_terminated(settings: Settings) -> None:
    task = asyncio.create_task(run(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await task


if __name__ == "__main__":
    main()
