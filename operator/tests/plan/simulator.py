# ruff: noqa: ARG002 - the doors of the world are those of the real ones
"""A world that runs the real controller: an API server, Seldon and Prometheus in memory, with a clock that jumps.

Only what lies beyond the process is played: objects with compare-and-swap and JSON patch, Seldon's flap of
ExperimentReady, traffic that is split as Seldon's proxy would, and counters that remember every request with its time.
Every write to the Experiment is checked against all that Seldon would refuse.
"""

import asyncio
import copy
import json
import math
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from factories import BASELINE, CANDIDATE, EDGES, NAME, NOW, SCRAPE, UID, raw_spec
from modelrollout import errors
from modelrollout.api.orders import ACTION
from modelrollout.api.status import RolloutStatus
from modelrollout.cluster import EVENT, EXPERIMENT, MODEL, ROLLOUT, Cluster, Kind, Object
from modelrollout.controller import Controller, read_status
from modelrollout.observe.batching import Question, Reader, Table
from modelrollout.observe.memory import Key
from modelrollout.observe.prometheus import Connection, Grid, Row, Sample
from modelrollout.observe.queries import Template
from modelrollout.settings import Settings

KEY = Key("models", NAME)
INTERVAL = 30.0


class Killed(Exception):
    """The operator was killed before a write."""


class Refused(AssertionError):
    """Seldon or the API server would refuse, or break at, what was written."""


def json_patched(found: Object, operations: list[Object]) -> Object:
    """The object after a JSON patch of test, replace and add. Raises ClusterConflict when a test fails."""
    result = copy.deepcopy(found)
    for step in operations:
        *path, last = [part.replace("~1", "/") for part in step["path"].split("/")[1:]]
        parent: Any = result
        for part in path:
            parent = parent.get(part) if isinstance(parent, dict) else None
        if not isinstance(parent, dict) or (step["op"] != "add" and last not in parent):
            raise errors.ClusterConflict(f"{step['path']} is not there")
        if step["op"] == "test":
            if parent[last] != step["value"]:
                raise errors.ClusterConflict(f"{step['path']} is {parent[last]}, not {step['value']}")
        else:
            parent[last] = copy.deepcopy(step["value"])
    return result


class ApiServer(Cluster):
    """Objects by kind and name. `fuse` counts down at every write; at 0 the operator is killed before it."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        self.events: list[tuple[str, str]] = []
        self.writes = 0
        self.fuse: int | None = None
        self.before_patch: Callable[[], Awaitable[None]] | None = None
        self.version = 0

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return copy.deepcopy(self.objects.get((kind.plural, name)))

    async def all(self, kind: Kind, namespace: str) -> list[Object]:
        return [copy.deepcopy(found) for (plural, _), found in self.objects.items() if plural == kind.plural]

    async def serves(self, kind: Kind) -> bool:
        return True

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        self._burn()
        if kind is EVENT:
            self.events.append((body["reason"], body["note"]))
            return body
        if (kind.plural, body["metadata"]["name"]) in self.objects:
            raise errors.ClusterConflict("it exists")
        return self.put(kind, body)

    async def patch(self, kind: Kind, namespace: str, name: str, operations: list[Object]) -> Object:
        if self.before_patch is not None:
            meanwhile, self.before_patch = self.before_patch, None
            await meanwhile()
        self._burn()
        found = self.objects.get((kind.plural, name))
        if found is None:
            raise errors.TargetMissing(f"{kind.plural} {name}: there is none")
        return self.put(kind, json_patched(found, operations))

    async def replace_status(self, kind: Kind, namespace: str, body: Object) -> Object:
        self._burn()
        found = self.objects[(kind.plural, body["metadata"]["name"])]
        if body["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
            raise errors.ClusterConflict("the object has been modified")
        RolloutStatus.model_validate(body["status"])
        return self.put(kind, {**found, "status": json.loads(json.dumps(body["status"]))})

    def put(self, kind: Kind, body: Object) -> Object:
        """Store it as the API server does: a new resourceVersion, and a new generation when the spec changed."""
        name = body["metadata"]["name"]
        before = self.objects.get((kind.plural, name), {})
        self.version += 1
        metadata = body["metadata"]
        generation = before.get("metadata", {}).get("generation", 0) + (body.get("spec") != before.get("spec"))
        uid = metadata.get("uid") or f"uid-{self.version}"
        stored = {
            **copy.deepcopy(body),
            "metadata": {**metadata, "uid": uid, "generation": generation, "resourceVersion": str(self.version)},
        }
        self.objects[(kind.plural, name)] = stored
        if kind is EXPERIMENT:
            self.check(stored)
        return copy.deepcopy(stored)

    def check(self, experiment: Object) -> None:
        """All that Seldon would refuse, and all that would break it."""
        spec = experiment["spec"]
        arms, weights = [arm["name"] for arm in spec["candidates"]], [arm["weight"] for arm in spec["candidates"]]
        others = [one for (plural, name), one in self.objects.items() if plural == EXPERIMENT.plural]
        holders = [one["metadata"]["name"] for one in others if one["spec"].get("default") == spec.get("default")]
        if holders != [experiment["metadata"]["name"]]:
            raise Refused(f"{spec['default']} already in experiment as a baseline: {holders}")
        if spec["default"] not in arms:
            raise Refused(f"default {spec['default']} not found in {arms}")
        if not arms or len(set(arms)) != len(arms):
            raise Refused(f"{arms}: no arms, or one of them twice")
        if not all(0 <= weight <= 2**31 - 1 for weight in weights) or not 0 < sum(weights) <= 2**32 - 1:
            raise Refused(f"weights {weights}")

    def _burn(self) -> None:
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                raise Killed
        self.writes += 1


class Counters:
    """What every arm answered since the beginning: requests, errors, slow requests, at every moment of a change."""

    def __init__(self, now: float) -> None:
        self._times = [now]
        self._sums: dict[str, list[tuple[float, float, float]]] = {BASELINE: [(0, 0, 0)], CANDIDATE: [(0, 0, 0)]}

    def pass_time(self, seconds: float, new: dict[str, tuple[float, float, float]]) -> None:
        """Both arms answered these while the time passed, evenly."""
        self._times.append(self._times[-1] + seconds)
        for name, sums in self._sums.items():
            more = new.get(name, (0.0, 0.0, 0.0))
            sums.append((sums[-1][0] + more[0], sums[-1][1] + more[1], sums[-1][2] + more[2]))

    def at(self, name: str, when: float) -> tuple[float, ...]:
        """The counters as they stood then."""
        sums = self._sums[name]
        place = bisect_right(self._times, when)
        if place == 0:
            return sums[0]
        if place == len(self._times):
            return sums[-1]
        began, ended = self._times[place - 1], self._times[place]
        part = (when - began) / (ended - began)
        return tuple(low + part * (high - low) for low, high in zip(sums[place - 1], sums[place], strict=True))

    def between(self, name: str, since: float, until: float) -> tuple[float, ...]:
        """What was added in between."""
        return tuple(high - low for low, high in zip(self.at(name, since), self.at(name, until), strict=True))


class Prometheus(Reader):
    """Answers the questions of a look from the counters. `forced` is what the candidate shows instead.

    `hanging` counts the questions that never got an answer.
    """

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.is_down = False
        self.hangs = False
        self.hanging = 0
        self.forced: tuple[float, float, float] | None = None
        self.value = 1.0
        self.asked_for_a_day: list[str] = []

    async def table(self, question: Question, namespace: str, edges: Collection[float] | None = ()) -> Table:
        if self.is_down:
            raise errors.MetricsUnavailable("Prometheus does not answer")
        if self.hangs:
            self.hanging += 1
            await asyncio.Event().wait()
        if question.template in (Template.NEWBORN, Template.ANCHORED, Template.RETURNED):
            return {}
        return {(namespace, name): self._row(question, name, edges) for name in (BASELINE, CANDIDATE)}

    async def query(self, connection: Connection, promql: str, at: float) -> list[Sample]:
        if self.is_down:
            raise errors.MetricsUnavailable("Prometheus does not answer")
        return [Sample({}, self.value)]

    async def rows(self, connection: Connection, promql: str, grid: Grid) -> list[Row]:
        if self.is_down:
            raise errors.MetricsUnavailable("Prometheus does not answer")
        self.asked_for_a_day.append(promql)
        return []  # nothing is known of the day before

    def _row(self, question: Question, name: str, edges: Collection[float] | None) -> dict[float, float]:
        if question.template is Template.FRESH:
            return {math.inf: 1.0}
        requests, troubled, slow = self._seen(question, name)
        match question.template:
            case Template.COMPLETED:
                return {math.inf: requests}
            case Template.SERVER_ERRORS:
                return {math.inf: troubled}
            case Template.RETRIED | Template.UNDER_WAY:
                return {math.inf: 0.0}
        wanted = EDGES if edges is None else (*edges, math.inf)
        return {edge: requests if edge >= 60 else (requests - slow) * (0.9 if edge < 10 else 1.0) for edge in wanted}

    def _seen(self, question: Question, name: str) -> tuple[float, ...]:
        if self.forced is not None and name == CANDIDATE:
            return self.forced
        return self.counters.between(name, question.at - question.window_seconds, question.at)


class Simulation:
    """One rollout and its world. Times are Unix seconds; nothing happens but by its methods."""

    def __init__(self, raw: dict[str, Any] | None = None) -> None:
        self.now = NOW
        self.api = ApiServer()
        self.counters = Counters(NOW)
        self.prometheus = Prometheus(self.counters)
        self.error_rate, self.slow_share = 0.0, 0.0
        self.seldon = "talks"
        self.per_second = 400.0
        self.is_spec_broken = False  # the declared spec has a field that nobody knows
        self.pinned = 0.0  # part of the clients who ask for the candidate by a header, whatever its weight
        self.raw = raw or raw_spec()
        self.flaps: set[tuple[str, int]] = set()
        self._taken: dict[str, Any] = {"generation": 0, "weights": {}}
        self._told: set[tuple[str, str]] = set()
        self._loop = asyncio.new_event_loop()
        for name in (BASELINE, CANDIDATE):
            self.set_model(name, is_ready=True, version="v1")
        self.set_spec()
        self.restart()
        self._other = self._started()
        self.pass_time(120)

    def close(self) -> None:
        """Give the loop back."""
        self._loop.close()

    # --- what people, Seldon and the weather do -----------------------------------------------------------------------

    def set_spec(self, **changed: Any) -> None:
        """Declare the rollout, or edit it."""
        self.raw = {**self.raw, **changed}
        known = self.api.objects.get(
            (ROLLOUT.plural, NAME), {"metadata": {"name": NAME, "namespace": "models", "uid": UID}}
        )
        broken = {"surprise": True} if self.is_spec_broken else {}
        self.api.put(ROLLOUT, {**known, "spec": self.raw | broken})

    def tell(self, text: str, by: str = "kubectl-annotate") -> None:
        """A person annotates the rollout; empty takes the annotation away."""
        found = self.api.objects[(ROLLOUT.plural, NAME)]
        owned = {"f:metadata": {"f:annotations": {f"f:{ACTION}": {}}}}
        metadata = {
            **found["metadata"],
            "annotations": {ACTION: text} if text else {},
            "managedFields": [{"manager": by, "time": "2026-01-01T00:00:00Z", "fieldsV1": owned}],
        }
        self.api.put(ROLLOUT, {**found, "metadata": metadata})

    def set_model(self, name: str, is_ready: bool | None = None, version: str | None = None) -> None:
        """Edit a Model or let it fall over."""
        known = self.api.objects.get((MODEL.plural, name), {"metadata": {"name": name}, "spec": {}, "status": {}})
        ready = self.is_ready(name) if is_ready is None else is_ready
        condition = {"type": "ModelReady", "status": str(ready), "reason": "" if ready else "ModelProgressing"}
        spec = known["spec"] if version is None else {"storageUri": f"s3://{name}/{version}"}
        self.api.put(MODEL, {**known, "spec": spec, "status": {"conditions": [condition]}})

    def is_ready(self, name: str) -> bool:
        """Whether the Model serves."""
        found = self.api.objects.get((MODEL.plural, name))
        return bool(found and found["status"] and found["status"]["conditions"][0]["status"] == "True")

    def set_weights(self, *weights: int) -> None:
        """Somebody edits the Experiment by hand."""
        found = self.experiment
        if found is not None:
            arms = [
                {**arm, "weight": weight} for arm, weight in zip(found["spec"]["candidates"], weights, strict=False)
            ]
            self.api.put(EXPERIMENT, {**found, "spec": {**found["spec"], "candidates": arms}})

    def delete_experiment(self) -> None:
        """Somebody deletes it."""
        self.api.objects.pop((EXPERIMENT.plural, NAME), None)

    def pass_time(self, seconds: float) -> None:
        """Seldon takes up what was written, and clients send requests to whom it sends them."""
        self._take_up()
        share = self.candidate_share
        candidate = self.per_second * seconds * share
        new = {
            BASELINE: (self.per_second * seconds * (1 - share), 0.0, 0.0),
            CANDIDATE: (candidate, candidate * self.error_rate, candidate * self.slow_share),
        }
        self.counters.pass_time(seconds, new)
        self.now += seconds

    @property
    def candidate_share(self) -> float:
        """The candidate's share of the clients' requests: none when any arm is not ready."""
        weights = self._taken["weights"]
        if self.experiment is None or not weights or not all(self.is_ready(name) for name in weights):
            return 0.0
        split = weights.get(CANDIDATE, 0) / sum(weights.values())
        return float(self.pinned + (1 - self.pinned) * split)

    def _take_up(self) -> None:
        found = self.experiment
        if found is None:
            self._taken = {"generation": 0, "weights": {}}
            return
        if self.seldon == "away":
            return
        ready = all(self.is_ready(arm["name"]) for arm in found["spec"]["candidates"])
        if self._taken["generation"] != found["metadata"]["generation"]:
            weights = {arm["name"]: arm["weight"] for arm in found["spec"]["candidates"]}
            if self.seldon != "deaf" or sum(weights.values()) != 100:
                self._taken["weights"] = weights
            self._taken["generation"] = found["metadata"]["generation"]
            if self.seldon != "silent":
                self._say(ready=False)
        self._say(ready)

    def _say(self, ready: bool) -> None:
        found = self.experiment
        assert found is not None
        status = {"conditions": [{"type": "ExperimentReady", "status": str(ready)}]}
        if found.get("status") == status:
            return
        said = self.api.put(EXPERIMENT, {**found, "status": status})
        self.controller.settling.saw(said)
        if not ready:
            self.flaps.add((said["metadata"]["uid"], said["metadata"]["generation"]))

    # --- the operator -------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """The operator starts: it remembers nothing."""
        self.controller = self._started()

    def change_leaders(self) -> None:
        """Another operator takes over, with what it remembers from when it led."""
        self.controller, self._other = self._other, self.controller

    def _started(self) -> Controller:
        return Controller(self.api, self.prometheus, Settings(scrape_seconds=SCRAPE), lambda: self.now)

    def reconcile(self) -> bool:
        """One reconciliation, as kopf would start it. False when a conflict or a kill ended it."""
        self._watch()
        try:
            self._loop.run_until_complete(self.controller.reconcile(KEY))
        except Killed:
            self.restart()
            return False
        except errors.RolloutError:
            return False
        return True

    def _watch(self) -> None:
        """What the watch has told by now: every object as it is, and those that are gone."""
        kinds = {kind.plural: kind for kind in (ROLLOUT, EXPERIMENT, MODEL)}
        for plural, name in {*self._told, *self.api.objects}:
            found = self.api.objects.get((plural, name))
            self.controller.heard(kinds[plural], Key(KEY.namespace, name), found)
        self._told = set(self.api.objects)

    def play(self, scene: Coroutine[Any, Any, object]) -> None:
        """Run something of the world beside the operator."""
        self._loop.run_until_complete(scene)

    def release(self) -> None:
        """The rollout is deleted; kopf tries until it succeeds."""
        for _ in range(10):
            try:
                self._loop.run_until_complete(self.controller.release(self.rollout))
            except Killed:
                self.restart()
            except errors.RolloutError:
                continue
            else:
                return
        raise AssertionError("the deletion hangs")

    def run(self, seconds: float) -> None:
        """Time passes and the operator is there: it comes again after a second, and then at every step."""
        for step in (1.0, seconds - 1.0):
            if step > 0:
                self.pass_time(step)
                self.reconcile()
                self.reconcile()

    # --- what can be seen ---------------------------------------------------------------------------------------------

    @property
    def rollout(self) -> Object:
        """The ModelRollout as it is stored."""
        return copy.deepcopy(self.api.objects[(ROLLOUT.plural, NAME)])

    @property
    def status(self) -> RolloutStatus:
        """Its written status."""
        return read_status(self.rollout)

    @property
    def experiment(self) -> Object | None:
        """The Experiment as it is stored."""
        return copy.deepcopy(self.api.objects.get((EXPERIMENT.plural, NAME)))

    @property
    def weight(self) -> int:
        """The candidate's written share in percent; 0 without an Experiment."""
        found = self.experiment
        if found is None:
            return 0
        weights: dict[str, int] = {arm["name"]: arm["weight"] for arm in found["spec"]["candidates"]}
        return round(100 * weights.get(CANDIDATE, 0) / sum(weights.values()))
