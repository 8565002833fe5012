"""kopf, the clock, and what to do about errors. Nothing is decided here.

One async daemon per rollout waits until something wakes it or the next look is due, and then reconciles. It reads and
writes by itself, never through kopf's patch: a daemon whose patch fails once would be dead until the process restarts.
"""

import asyncio
import logging
import os
import random
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
from modelrollout.cluster import EXPERIMENT, MODEL, ROLLOUT, Cluster
from modelrollout.controller import Controller
from modelrollout.leading import health, leader
from modelrollout.leading.elector import Elector, Place
from modelrollout.observe import kinds
from modelrollout.observe.batching import Reader
from modelrollout.observe.memory import Key

log = logging.getLogger(__name__)

FINALIZER = "modelrollout.io/traffic"
AFTER_ERROR_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
LONGEST_END_SECONDS = 10.0  # then it is cancelled
LONGEST_EXIT_SECONDS = 20.0  # then it is killed


class Wakes:
    """Who waits, and how to wake them."""

    def __init__(self) -> None:
        self._events: dict[Key, asyncio.Event] = {}

    def of(self, key: Key) -> asyncio.Event:
        """The event that wakes this rollout's daemon."""
        return self._events.setdefault(key, asyncio.Event())

    def wake(self, *keys: Key) -> None:
        """Let these rollouts look at the world now."""
        for key in keys:
            self.of(key).set()

    def forget(self, key: Key) -> None:
        """The rollout is gone."""
        self._events.pop(key, None)


def build(controller: Controller, wakes: Wakes) -> kopf.OperatorRegistry:
    """All handlers. The kinds of Seldon are only watched: no finalizer and no annotation is ever put on them."""
    registry = kopf.OperatorRegistry()
    rollouts = (ROLLOUT.group, ROLLOUT.version, ROLLOUT.plural)

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        _configure(settings)

    @kopf.on.login(registry=registry)
    def log_in(**context: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**context) or kopf.login_with_kubeconfig(**context)

    @kopf.daemon(*rollouts, registry=registry, cancellation_backoff=5.0, cancellation_timeout=5.0)
    async def follow(stopped: kopf.DaemonStopped, namespace: str | None, name: str, **_: Any) -> None:
        await _follow(controller, wakes, _key(namespace, name), stopped)

    @kopf.on.delete(*rollouts, registry=registry, retries=20, backoff=3.0)
    async def release(body: kopf.Body, name: str, namespace: str | None, **_: Any) -> None:
        try:
            await controller.release(dict(body))
        except errors.RolloutError as failed:
            raise kopf.TemporaryError(str(failed), delay=1.0) from failed
        wakes.forget(_key(namespace, name))

    @kopf.on.event(*rollouts, registry=registry)
    async def rollout_changed(event: Any, namespace: str | None, name: str, **_: Any) -> None:
        wakes.wake(*controller.heard(ROLLOUT, _key(namespace, name), _found(event)))

    @kopf.on.event(EXPERIMENT.group, EXPERIMENT.version, EXPERIMENT.plural, registry=registry)
    async def experiment_changed(event: Any, namespace: str | None, name: str, **_: Any) -> None:
        if event["type"] == "DELETED":
            controller.settling.forget(event["object"]["metadata"]["uid"])
        else:
            controller.settling.saw(event["object"])
        wakes.wake(*controller.heard(EXPERIMENT, _key(namespace, name), _found(event)))

    @kopf.on.event(MODEL.group, MODEL.version, MODEL.plural, registry=registry)
    async def model_changed(event: Any, namespace: str | None, name: str, **_: Any) -> None:
        wakes.wake(*controller.heard(MODEL, _key(namespace, name), _found(event)))

    return registry


def _found(event: Any) -> Any:
    """The object that the watch tells of; None when it is gone."""
    return None if event["type"] == "DELETED" else event["object"]


def _key(namespace: str | None, name: str) -> Key:
    """All our kinds live in a namespace; kopf's types allow for others."""
    return Key(namespace or "", name)


async def _follow(controller: Controller, wakes: Wakes, key: Key, stopped: kopf.DaemonStopped) -> None:
    failures = 0
    while not stopped:
        wake = wakes.of(key)
        wake.clear()
        try:
            due = await controller.reconcile(key)
            failures = 0
        except Exception as failed:
            due = time.time() + _after(failed, key, failures)
            failures += 1
        if due is None:
            return
        await _wait(wake, stopped, due - time.time())


def _after(failed: Exception, key: Key, failures: int) -> float:
    """How long to wait after an error (seconds). A conflict is no error: somebody else wrote first."""
    telemetry.RECONCILE_ERRORS.labels(type(failed).__name__).inc()
    if isinstance(failed, errors.ClusterConflict) and failures < 3:
        log.debug("%s/%s: %s", key.namespace, key.name, failed)
        return 0.05
    known = isinstance(failed, errors.RolloutError)
    log.warning("%s/%s: %s", key.namespace, key.name, failed, exc_info=not known)
    longest = AFTER_ERROR_SECONDS[min(failures, len(AFTER_ERROR_SECONDS) - 1)]
    return longest * random.uniform(0.5, 1.0)  # jitter: many rollouts fail together when the API server does


async def _wait(wake: asyncio.Event, stopped: kopf.DaemonStopped, seconds: float) -> None:
    """Until something wakes it, the operator stops, or the time is over."""
    waits = {asyncio.ensure_future(wake.wait()), asyncio.ensure_future(stopped.wait())}
    try:
        await asyncio.wait(waits, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


def _configure(settings: kopf.OperatorSettings) -> None:
    """kopf's defaults that bite: long time-outs, annotations as storage, discovery of all kinds."""
    settings.persistence.finalizer = FINALIZER
    settings.persistence.diffbase_storage = kopf.StatusDiffBaseStorage(field="status.kopf.last")
    settings.persistence.progress_storage = kopf.StatusProgressStorage(
        field="status.kopf.progress", touch_field="status.kopf.dummy"
    )
    settings.posting.enabled = False  # our own Events say what happened
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.watching.connect_timeout = 10
    settings.watching.server_timeout = 300
    settings.watching.reconnect_backoff = 1
    settings.process.ultimate_exiting_timeout = LONGEST_EXIT_SECONDS


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
        await _to_its_end(work, registry, coming)
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


async def _to_its_end(
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
