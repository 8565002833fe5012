"""One reconciliation: read everything, decide once, write. Every trigger ends up here.

    ModelRollout -> parse -> observe (API server, Prometheus) -> plan.next_step -> status, Experiment, Events

What a person tells is decided before Prometheus is asked, and ends the asking that is under way: nobody who aborts
waits for a query that hangs.

Most looks change nothing but the evidence and what it says: for these what was read before is enough, as long as the
watch has told of nothing newer. Before anything else is written, everything is read again and decided anew.

The decision's status is written before its actions, so that a crash between the two leaves the intent: the next
reconciliation finds weights that are not the wanted ones, and writes them. The status is the only database; what is
kept here between two reconciliations (evidence of the last few looks) can be read again from Prometheus.
"""

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from modelrollout import errors, telemetry
from modelrollout.act import events, experiments, statuses
from modelrollout.act.execute import execute
from modelrollout.act.gauges import GAUGES
from modelrollout.api import spec as api_spec
from modelrollout.api.orders import ACTION
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import RolloutStatus
from modelrollout.cluster import EXPERIMENT, MODEL, ROLLOUT, Cluster, Kind, Object
from modelrollout.measuring import Measurer
from modelrollout.observe import kinds, memory, seldon, views, writers
from modelrollout.observe.batching import Reader
from modelrollout.observe.calls import Call, Calls, Overtaken
from modelrollout.observe.memory import Key, Memory, Seen
from modelrollout.observe.settling import Settling
from modelrollout.plan import attempts, machine, orders, steering
from modelrollout.plan.actions import Decision
from modelrollout.plan.world import LookData, World
from modelrollout.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """A rollout's status with the looks that were not worth a write yet, and the written status they build on."""

    status: RolloutStatus
    written: RolloutStatus


class Controller:
    """Reconciles rollouts. Holds no truth: any of its memory may be lost at any time."""

    def __init__(self, cluster: Cluster, reader: Reader, settings: Settings, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._measurer = Measurer(cluster, reader, settings, clock)
        self._settings = settings
        self._clock = clock
        self._live: dict[str, Live] = {}
        self._refusals: dict[Key, str] = {}
        self._memory = Memory()
        self._calls = Calls()
        self._reporter = socket.gethostname()[:120]
        self.settling = Settling()

    async def reconcile(self, key: Key) -> float | None:
        """Do what is due, and say when to come again (Unix seconds). None: the rollout is gone.

        Raises ClusterConflict and ClusterUnavailable; coming again is always right.
        """
        self._memory.concern(key, memory.reference(ROLLOUT, key))
        while True:
            try:
                with self._calls.attending(key) as call:
                    return await self._reconcile(key, call)
            except Overtaken:
                self._memory.forget(key)
            except errors.RolloutError:
                self._memory.forget(key)
                raise

    async def _reconcile(self, key: Key, call: Call) -> float | None:
        remembered = self._memory.recall(key, self._clock())
        if remembered is not None:
            status, world, decision = await self._decide(key, remembered, call)
            if not _is_decided(decision, remembered.written):
                return await self._carry_out(key, remembered, status, world, decision)
        rollout = await self._cluster.get(ROLLOUT, key.namespace, key.name)
        if rollout is None or rollout["metadata"].get("deletionTimestamp"):
            self._memory.drop(key)
            self._refusals.pop(key, None)
            GAUGES.forget(key.namespace, key.name)
            return None
        spec, refusal = _spec_to_follow(rollout)
        self._refusals[key] = refusal
        if spec is None:
            return await self._refuse(rollout, read_status(rollout), refusal)
        seen = await self._see(key, rollout, spec)
        return await self._carry_out(key, seen, *await self._decide_for_good(key, seen, call))

    async def release(self, rollout: Object) -> None:
        """Put all traffic back on the baseline before the rollout goes. The Experiment goes with it."""
        metadata = rollout["metadata"]
        self._live.pop(metadata["uid"], None)
        spec, _ = _spec_to_follow(rollout)
        if spec is None:
            return  # a spec that was never valid has no Experiment
        name = steering.experiment_name(spec, metadata["name"])
        found = await self._cluster.get(EXPERIMENT, metadata["namespace"], name)
        view = seldon.experiment(found, metadata["uid"], False) if found else None
        away = steering.release(spec, view, name) if view else None
        if away is None:
            return
        await experiments.write(self._cluster, metadata["namespace"], away)
        log.info("%s/%s deleted: all traffic of %s is back", metadata["namespace"], metadata["name"], name)

    def heard(self, kind: Kind, changed: Key, found: Object | None) -> set[Key]:
        """Take in what the watch tells of an object (None: it is gone); the rollouts that must look at the world."""
        if kind is ROLLOUT and found is None:
            GAUGES.forget(changed.namespace, changed.name)
        if kind is ROLLOUT and found is not None:
            self._calls.hear(changed, _told(found))
        return self._memory.hear(memory.reference(kind, changed), memory.version(found))

    def _newest(self, rollout: Object, written: RolloutStatus) -> RolloutStatus:
        """The status with unwritten looks, unless somebody else wrote meanwhile."""
        live = self._live.get(rollout["metadata"]["uid"])
        if live is None or _ours(live.written) != _ours(written):
            return written
        return live.status.model_copy(update={"kopf": written.kopf})

    async def _refuse(self, rollout: Object, written: RolloutStatus, sentence: str) -> float | None:
        metadata, world = rollout["metadata"], self._around(rollout, self._settings.scrape_seconds)
        decision = machine.refuse(written, sentence, world, self._clock(), metadata["name"])
        if decision.status != written:
            await statuses.write(self._cluster, rollout, decision.status)
        GAUGES.show(metadata["namespace"], metadata["name"], decision.status)
        for notice in decision.notices:
            await events.emit(self._cluster, rollout, notice, self._clock(), self._reporter)
        return decision.check_again_at

    async def _see(self, key: Key, rollout: Object, spec: RolloutSpec) -> Seen:
        """Read what this rollout is about, and remember it."""
        name, arms = steering.experiment_name(spec, key.name), [spec.baseline.name, spec.candidate.name]
        about = memory.surroundings(key, spec, name)
        self._memory.concern(key, *about)
        experiment = await self._cluster.get(EXPERIMENT, key.namespace, name)
        models = [await self._cluster.get(MODEL, key.namespace, arm) for arm in arms]
        seen = Seen(
            rollout=rollout,
            spec=spec,
            written=read_status(rollout),
            experiment=seldon.experiment(experiment, rollout["metadata"]["uid"], False) if experiment else None,
            models={view.name: view for view in map(seldon.model, filter(None, models))},
            default_holder=await self._default_holder(key, spec, experiment),
            unserved=await kinds.unserved(self._cluster, MODEL) if None in models else "",
            versions=dict(zip(about, map(memory.version, (rollout, experiment, *models)), strict=True)),
            read_at=self._clock(),
        )
        self._memory.keep(key, seen)
        return seen

    async def _default_holder(self, key: Key, spec: RolloutSpec, found: Object | None) -> str:
        """Only a first write, or one that changes the default, can take it from another Experiment."""
        if found is not None and found.get("spec", {}).get("default") == spec.baseline.name:
            return ""
        listed = await self._cluster.all(EXPERIMENT, key.namespace)
        holder = seldon.default_holder(listed, spec.baseline.name, steering.experiment_name(spec, key.name))
        if holder:
            self._memory.concern(key, memory.reference(EXPERIMENT, Key(key.namespace, holder)))
        return holder

    async def _decide(self, key: Key, seen: Seen, call: Call) -> tuple[RolloutStatus, World, Decision]:
        status, world = self._newest(seen.rollout, seen.written), self._world(seen)
        if orders.is_new(status, world.told):
            world = replace(world, is_asked=False)
        else:
            world = await call.unless_called(world.told, self._measurer.with_metrics(world, key, seen.spec, status))
        return status, world, self._next_step(key, seen.spec, status, world)

    async def _decide_for_good(self, key: Key, seen: Seen, call: Call) -> tuple[RolloutStatus, World, Decision]:
        """The same, with the baseline's day where evidence begins: a day of samples, so nobody else asks for it."""
        status, world, decision = await self._decide(key, seen, call)
        if not machine.begins_evidence(seen.spec, status, decision.status):
            return status, world, decision
        windows = await call.unless_called(world.told, self._measurer.windows(world, key, seen.spec))
        world = replace(world, windows=windows)
        return status, world, self._next_step(key, seen.spec, status, world)

    def _next_step(self, key: Key, spec: RolloutSpec, status: RolloutStatus, world: World) -> Decision:
        return machine.next_step(spec, status, world, self._clock(), key.name, self._refusals.get(key, ""))

    def _world(self, seen: Seen) -> World:
        view = seen.experiment
        if view is not None:
            view = replace(view, settled=self.settling.has_settled(view.uid, view.generation))
        around = self._around(seen.rollout, views.scrape_seconds(seen.spec, self._settings.scrape_seconds))
        return replace(
            around,
            experiment=view,
            models=seen.models,
            default_holder=seen.default_holder,
            unserved=seen.unserved,
        )

    def _around(self, rollout: Object, scrape_seconds: float) -> World:
        """What the rollout's own object tells of the world."""
        metadata = rollout["metadata"]
        return World(
            experiment=None,
            models={},
            generation=metadata["generation"],
            uid=metadata["uid"],
            scrape_seconds=scrape_seconds,
            told=_told(rollout),
            told_by=writers.of_action(metadata),
            edited_by=writers.of_spec(metadata),
        )

    async def _carry_out(
        self, key: Key, seen: Seen, status: RolloutStatus, world: World, decision: Decision
    ) -> float | None:
        decided_at = self._clock()
        if world.look is not None and machine.look_is_due(status, decided_at):
            telemetry.LOOKS.labels("made" if isinstance(world.look, LookData) else world.look.reason).inc()
            telemetry.LOOK_LAG_SECONDS.observe(max(0.0, decided_at - (status.look_due_at or decided_at)))
        if statuses.is_worth_writing(decision.status, seen.written, world.uid):
            rollout = await statuses.write(self._cluster, seen.rollout, decision.status)
            seen = seen.after_write(rollout, read_status(rollout))
            self._memory.keep(key, seen)
        self._live[seen.rollout["metadata"]["uid"]] = Live(decision.status, seen.written)
        GAUGES.decided(key.namespace, key.name, status, decision, decided_at)
        try:
            for action in decision.actions:
                await execute(self._cluster, seen.rollout, action)
                telemetry.VERDICT_TO_WRITE_SECONDS.observe(self._clock() - decided_at)
        finally:  # the decision stands in the status by now, and a write that failed is made again
            for notice in decision.notices:
                await events.emit(self._cluster, seen.rollout, notice, self._clock(), self._reporter)
        return decision.check_again_at if world.is_asked else decided_at


def read_status(rollout: Object) -> RolloutStatus:
    """The written status; fields of other versions are ignored, and what cannot be read begins anew."""
    raw: dict[str, Any] = rollout.get("status") or {}
    try:
        return RolloutStatus.model_validate(raw, extra="ignore")
    except ValidationError as broken:
        log.warning("status of %s cannot be read and begins anew: %s", rollout["metadata"]["name"], broken)
        return RolloutStatus(kopf=raw.get("kopf"))


def _spec_to_follow(rollout: Object) -> tuple[RolloutSpec | None, str]:
    """The spec, or else the last valid one and what is wrong with the present one."""
    try:
        return api_spec.parse(rollout["spec"]), ""
    except errors.SpecInvalid as refused:
        return attempts.followed(read_status(rollout)), str(refused)


def _told(rollout: Object) -> str:
    """What a person tells the rollout to do; empty without a word."""
    return str((rollout["metadata"].get("annotations") or {}).get(ACTION, ""))


def _ours(status: RolloutStatus) -> RolloutStatus:
    return status.model_copy(update={"kopf": None})


def _is_decided(decision: Decision, written: RolloutStatus) -> bool:
    """True when more is due than to count a look."""
    return bool(decision.actions or decision.notices) or statuses.has_decided(decision.status, written)
