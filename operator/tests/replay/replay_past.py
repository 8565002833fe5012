"""The past that is replayed: models whose truth we wrote, and a rollout that was made while it was the present.

The rollout is decided by `machine.next_step` from looks at the real Prometheus, each at its own time, with the waits,
the weights that come into force late and the silences of a real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from factories import model, raw_spec, stage
from modelrollout.act import statuses
from modelrollout.api import spec as api_spec
from modelrollout.api.contract import seconds
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import RolloutStatus
from modelrollout.observe import looks, views
from modelrollout.observe.batching import Reader
from modelrollout.observe.prometheus import Connection
from modelrollout.plan import grid, machine
from modelrollout.plan.steering import scaled
from modelrollout.plan.world import ExperimentView, World
from prometheus_bench import Cluster, Exported, Labelled, Prometheus, Series, past

SCRAPE = 15
BEGIN = 1_760_000_000.0
FIRST, LAST = -240, 160  # scrapes before and after BEGIN: an hour and forty minutes
SILENT = range(20, 24)  # nothing was scraped
NAMESPACE, NAME, UID = "replayed", "predictor", "uid-of-predictor"
LATENCY = {"name": "latency", "latency": {"floor": "10ms"}}
ERRORS = {"name": "errors", "errorRate": {}}
ACCURACY = {
    "name": "accuracy",
    "ratio": {"good": "good_total", "total": "labelled_total", "maxDrop": "5pp", "labelDelay": "2m"},
}
PROFIT = {
    "name": "profit",
    "mean": {"count": "labelled_total", "sum": "profit_sum", "sumOfSquares": "profit_squares", "maxDrop": "0.3sd"},
}
QUEUE = {"name": "queue", "query": {"promql": 'sum(labelled_total{model="{{model}}_1"}) > bool 5', "max": "2"}}
REPLACED = 15  # scrape at which the last stage of a good candidate begins: the baseline that it replaces falls idle
STAGES = [stage(20, soak="3m"), stage(100, soak="2m")]


def series() -> list[Series]:
    """The baseline answers 800 requests a scrape, half of them by each Envoy, and every candidate 200."""
    return past(_history())


def _history() -> Iterator[tuple[float, Exported]]:
    for number in sorted(set(range(FIRST, LAST)) - set(SILENT)):
        at, scrapes = BEGIN + 5 + SCRAPE * number, number - FIRST + 1
        yield at, _counted("old", 400 * scrapes, slow=20 * scrapes, instance="a")
        yield at, _counted("old", 390 * scrapes, slow=18 * scrapes, instance="b")
        used = min(scrapes, REPLACED - FIRST + 1)
        yield at, _counted("replaced", 800 * used, slow=40 * used)
        yield at, _counted("good", 200 * scrapes, slow=10 * scrapes)
        yield at, _counted("slow", 200 * scrapes, slow=15 * scrapes)
        # Values that no float holds exactly, so that the order of a sum may show.
        yield at, Labelled(NAMESPACE, "old_1", 80 * scrapes, 72 * scrapes, 8.13 * scrapes, 41.7 * scrapes)
        yield at, Labelled(NAMESPACE, "good_1", 20 * scrapes, 18 * scrapes, 2.07 * scrapes, 10.3 * scrapes)
        yield at, _counted("lonely", 200 * scrapes, slow=10 * scrapes)


def _counted(name: str, completed: int, slow: int, instance: str = "a") -> Cluster:
    return Halved(NAMESPACE, f"{name}_1_http", completed, errors=completed // 1000, instance=instance, slow=slow)


@dataclass
class Halved(Cluster):
    """Most requests took less than 10 ms, `slow` ones more than 50."""

    slow: float = 0

    def values(self) -> list[tuple[str, str, float]]:
        def below(name: str, labels: str, value: float) -> float:
            edge = labels.rpartition('le="')[2].rstrip('"')
            is_edge = name.endswith("_bucket") and edge != "+Inf"
            return self.completed - self.slow if is_edge and 10 <= float(edge) <= 50 else value

        return [(name, labels, below(name, labels, value)) for name, labels, value in super().values()]


def raw(candidate: str, **fields: Any) -> dict[str, Any]:
    """The object that a user applied."""
    guardrails = fields.pop("guardrails", [ERRORS, LATENCY])
    spec = raw_spec(*fields.pop("stages", STAGES), guardrails=guardrails, candidate=candidate, **fields)
    return {"kind": "ModelRollout", "metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec}


async def roll_out(
    prometheus: Prometheus, candidate: str, minutes: float = 30, baseline: str = "old", **fields: Any
) -> dict[str, Any]:
    """The object as it stood `minutes` after it was applied, or when it ended."""
    found = raw(candidate, baseline=baseline, **fields)
    spec, now, reader = api_spec.parse(found["spec"]), BEGIN, Reader()
    status, end = RolloutStatus(), BEGIN + 60 * minutes
    try:
        while now < end and status.outcome is None:
            world = await _world(reader, Connection(prometheus.address), spec, status, now)
            decision = machine.next_step(spec, status, world, now, NAME)
            status = decision.status
            now = min(max(decision.check_again_at or now, now + 0.5), now + 5)
    finally:
        await reader.close()
    return {**found, "status": statuses.dump(status)}


async def _world(reader: Reader, connection: Connection, spec: RolloutSpec, status: RolloutStatus, now: float) -> World:
    wanted = scaled(status.traffic) or ((spec.baseline.name, 100), (spec.candidate.name, 0))
    view = ExperimentView("uid-1", 3, wanted, spec.baseline.name, is_ready=True, settled=True, fence=f"{UID}/1")
    models = {name: model(name) for name in (spec.baseline.name, spec.candidate.name)}
    world = World(view, models, 1, UID, SCRAPE)
    if status.stage is None:
        until = grid.newest_evaluation(now, seconds(spec.analysis.interval), UID, SCRAPE)
        found = await looks.read_history(reader, connection, NAMESPACE, spec.baseline.name, until)
        return replace(world, history=views.history(found))
    if not machine.look_is_due(status, now) or status.last_look_at is None:
        return world
    tick = grid.tick_at_or_before(now, seconds(spec.analysis.interval), UID)
    block = (status.last_look_at, grid.evaluation_time(tick, SCRAPE))
    if block[1] <= block[0]:
        return world
    ask = views.ask(spec, status.engine, connection, NAMESPACE, block, SCRAPE)
    return replace(world, look=views.look(await looks.read_look(reader, ask)))
