"""kopf, the clock, and what to do about errors. Nothing is decided here.

One async daemon per rollout waits until something wakes it or the next look is due, and then reconciles. It reads and
writes by itself, never through kopf's patch: a daemon whose patch fails once would be dead until the process restarts.
"""

import asyncio
import logging
import random
import time
from typing import Any

import kopf

from modelrollout import errors, telemetry
from modelrollout.cluster import EXPERIMENT, MODEL, ROLLOUT
from modelrollout.controller import Controller
from modelrollout.observe.memory import Key

log = logging.getLogger(__name__)

FINALIZER = "modelrollout.io/traffic"
AFTER_ERROR_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
LONGEST_EXIT_SECONDS = 20.0  # then kopf kills the process; before that `running` gives it up


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
