"""The process: settings, leadership, kopf from its beginning to its end, and the sentence with which it ends."""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

import kopf
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient
from prometheus_client import start_http_server

from modelrollout import __version__, errors, telemetry
from modelrollout import settings as process_settings
from modelrollout.cluster import ROLLOUT, Cluster
from modelrollout.controller import Controller
from modelrollout.handlers import Wakes, build
from modelrollout.leading import health, leader
from modelrollout.leading.elector import Elector, Place
from modelrollout.observe import kinds
from modelrollout.observe.batching import Reader

log = logging.getLogger(__name__)

LONGEST_END_SECONDS = 10.0  # kopf kills the process later than that


def run(namespaces: list[str], all_namespaces: bool) -> None:
    """Run the operator until it is told to stop. Ends the process with 1 and a sentence when it cannot run or go on."""
    try:
        chosen = process_settings.read(os.environ)
    except errors.SettingsInvalid as refused:
        raise SystemExit(f"modelrollout: {refused}") from refused
    kopf.configure(log_format=kopf.LogFormat.JSON if chosen.log_format == "json" else kopf.LogFormat.PLAIN)
    logging.getLogger("kopf").setLevel(logging.WARNING)  # it logs every call of every handler
    where = "all namespaces" if all_namespaces else ", ".join(namespaces)
    log.info("modelrollout %s watches %s; Prometheus is %s", __version__, where, chosen.prometheus_address)
    if chosen.metrics_port:
        start_http_server(chosen.metrics_port, addr=chosen.host)
    try:
        asyncio.run(_operate(chosen, namespaces, all_namespaces))
    except errors.RolloutError as refused:
        log.critical("ends: %s", refused)
        raise SystemExit(1) from refused


async def _operate(chosen: process_settings.Settings, namespaces: list[str], all_namespaces: bool) -> None:
    await _log_in()
    async with ApiClient() as client:
        elector = _elector(chosen, Cluster(client))
        leads = elector.is_certain if elector else _alone
        telemetry.LEADER.set_function(leads)
        async with health.answering(chosen.host, chosen.health_port, leads):
            await kinds.wait_for(Cluster(client), ROLLOUT)
            work = partial(_work, Cluster(client, leads), chosen, namespaces, all_namespaces)
            await (leader.lead(elector, work) if elector else work())


async def _work(
    cluster: Cluster, chosen: process_settings.Settings, namespaces: list[str], all_namespaces: bool
) -> None:
    """Follow the rollouts until a signal comes. Raises TargetMissing when a kind was taken away."""
    while await _follow_all(cluster, chosen, namespaces, all_namespaces):
        log.info("begins anew: all kinds of Seldon are there now")


async def _follow_all(
    cluster: Cluster, chosen: process_settings.Settings, namespaces: list[str], all_namespaces: bool
) -> bool:
    """kopf with all handlers. True when it ended because kinds of Seldon have come that it began without.

    Without them it still says so in every status, and lets go of rollouts that are deleted.
    """
    coming = await kinds.coming(cluster)
    reader = Reader()
    controller = Controller(cluster, reader, chosen, time.time)
    registry = build(controller, Wakes())
    work = kopf.operator(
        registry=registry,
        standalone=True,
        clusterwide=all_namespaces,
        namespaces=namespaces,
        stop_flag=coming,
    )
    try:
        await to_its_end(work, registry, coming)
        return coming is not None and coming.done() and not coming.cancelled()
    except TimeoutError as hung:
        raise await kinds.gone(cluster) or errors.RolloutError("a watch failed, and others did not end") from hung
    except Exception as failed:
        if getattr(failed, "status", None) == 404:  # kopf's own class for it is private
            raise await kinds.gone(cluster) or errors.TargetMissing("a kind went away and came back") from failed
        raise
    finally:
        if coming is not None:
            coming.cancel()
        await reader.close()


async def to_its_end(
    work: Coroutine[Any, Any, None], registry: kopf.OperatorRegistry, flag: asyncio.Task[None] | None
) -> None:
    """kopf, as long as it takes. Raises TimeoutError when it does not come to its end once it has begun to end.

    A watch that asks anew while kopf ends waits for ever for credentials, and the one cancellation it gets is lost.
    And while somebody can still raise its stop flag, kopf waits for five seconds.
    """
    async with asyncio.timeout(None) as patience:

        @kopf.on.cleanup(registry=registry)
        async def begins_to_end(**_: Any) -> None:
            patience.reschedule(asyncio.get_running_loop().time() + LONGEST_END_SECONDS)
            if flag is not None:
                flag.cancel()

        await work


def _elector(chosen: process_settings.Settings, cluster: Cluster) -> Elector | None:
    """None when this is the only replica."""
    if not chosen.lease_name:
        return None
    me = f"{socket.gethostname()}_{secrets.token_hex(4)}"  # a restarted container has the hostname of the one before
    place = Place(chosen.lease_namespace, chosen.lease_name)
    return Elector(cluster, place, me, time.monotonic, time.time)


def _alone() -> bool:
    """The only replica leads."""
    return True


async def _log_in() -> None:
    try:
        config.load_incluster_config()
    except config.ConfigException:
        await config.load_kube_config()
