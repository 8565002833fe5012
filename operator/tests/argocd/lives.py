"""Rollouts as they stand in every phase of their lives: real statuses, written by the real controller."""

from collections.abc import Callable
from functools import cache
from typing import Any

from factories import BASELINE, CANDIDATE, ERRORS, raw_spec, stage
from modelrollout.api import orders
from modelrollout.api.orders import Order, Verb
from modelrollout.cluster import EXPERIMENT, ROLLOUT
from scripts import Object
from simulator import Simulation

LOOK_SECONDS = 31.0
QUERY = {"name": "queue", "query": {"promql": "v", "max": "50"}, "action": "Pause"}
APPROVAL = [stage(10), {"approval": {}}, stage(50), stage(100)]


@cache
def world(name: str) -> Simulation:
    """The world at the end of this story. Whoever goes on from there puts its objects back."""
    raw, story = STORIES[name]
    sim = Simulation(raw)
    story(sim)
    return sim


def life(name: str) -> Object:
    """The ModelRollout of this story, as the API server would give it."""
    return {"apiVersion": "modelrollout.io/v1alpha1", "kind": "ModelRollout", **world(name).rollout}


def annotate(sim: Simulation, text: str) -> None:
    """Somebody writes the annotation, as Argo CD's patch would."""
    found = sim.rollout
    annotations = {**found["metadata"].get("annotations", {}), orders.ACTION: text}
    sim.api.put(ROLLOUT, {**found, "metadata": {**found["metadata"], "annotations": annotations}})


def _tell(sim: Simulation, verb: Verb) -> None:
    annotate(sim, orders.write(Order(verb, f"said-at-{sim.now:.0f}", attempt=sim.status.attempt)))
    sim.reconcile()


def _looks(sim: Simulation, number: int) -> None:
    for _ in range(number):
        sim.run(LOOK_SECONDS)


def _until(sim: Simulation, stage_summary: str) -> None:
    for _ in range(40):
        if sim.status.stage_summary == stage_summary:
            return
        sim.run(LOOK_SECONDS)
    raise AssertionError(f"stays in {sim.status.stage_summary}: {sim.status.message}")


def _unwatched(sim: Simulation) -> None:
    sim.prometheus.is_down = True
    _looks(sim, 2)


def _silent(sim: Simulation) -> None:
    _looks(sim, 3)
    _unwatched(sim)


def _without_a_model(sim: Simulation) -> None:
    sim.api.objects.pop(("models", CANDIDATE))
    _looks(sim, 1)


def _held_by_git(sim: Simulation) -> None:
    _looks(sim, 3)
    sim.set_spec(paused=True)
    sim.reconcile()


def _over_the_limit(sim: Simulation) -> None:
    _looks(sim, 2)
    sim.prometheus.value = 99.0
    _looks(sim, 5)


def _undecided(sim: Simulation) -> None:
    sim.per_second = 0.5
    sim.pass_time(3600)
    _looks(sim, 12)


def _bad(sim: Simulation) -> None:
    _looks(sim, 3)
    sim.error_rate = 0.5
    _looks(sim, 9)


def _going_back(sim: Simulation) -> None:
    _looks(sim, 3)
    sim.error_rate, sim.seldon = 0.5, "away"
    _looks(sim, 2)


def _broken_on_the_way(sim: Simulation) -> None:
    _looks(sim, 3)
    sim.is_spec_broken = True
    sim.set_spec()
    _looks(sim, 1)


def _broken_from_the_start(sim: Simulation) -> None:
    sim.is_spec_broken = True
    sim.set_spec()
    sim.reconcile()


def _somebody_elses(sim: Simulation) -> None:
    arms = [{"name": BASELINE, "weight": 100}, {"name": CANDIDATE, "weight": 0}]
    body = {"metadata": {"name": "predictor"}, "spec": {"default": BASELINE, "candidates": arms}}
    sim.api.put(EXPERIMENT, body)
    sim.reconcile()


def _edited(sim: Simulation) -> None:
    _looks(sim, 3)
    sim.set_spec(paused=True)


def _held_by_hand(sim: Simulation) -> None:
    _looks(sim, 3)
    _tell(sim, Verb.PAUSE)


def _approved_and_held(sim: Simulation) -> None:
    _until(sim, "2/4")
    _tell(sim, Verb.PAUSE)
    sim.now += 1  # another token
    _tell(sim, Verb.APPROVE)


def _aborted(sim: Simulation) -> None:
    _looks(sim, 3)
    _tell(sim, Verb.ABORT)
    _looks(sim, 4)


def _undone(sim: Simulation) -> None:
    _looks(sim, 16)
    _tell(sim, Verb.UNDO)
    _looks(sim, 4)


SHORT = raw_spec(stage(10, maxDuration="2m"), stage(100))
STORIES: dict[str, tuple[dict[str, Any], Callable[[Simulation], object]]] = {
    "not seen yet": (raw_spec(), lambda _: None),
    "traffic goes to the baseline first": (raw_spec(), Simulation.reconcile),
    "Prometheus does not answer before the start": (raw_spec(), _unwatched),
    "a model is missing": (raw_spec(), _without_a_model),
    "stage 1 of 3": (raw_spec(), lambda sim: _looks(sim, 3)),
    "stage 2 of 3": (raw_spec(), lambda sim: _until(sim, "2/3")),
    "Prometheus does not answer in stage 1": (raw_spec(), _silent),
    "held by spec.paused": (raw_spec(), _held_by_git),
    "held by a guardrail": (raw_spec(guardrails=[ERRORS, QUERY]), _over_the_limit),
    "held as undecided": (SHORT, _undecided),
    "held by hand": (raw_spec(), _held_by_hand),
    "awaits an approval": (raw_spec(*APPROVAL), lambda sim: _until(sim, "2/4")),
    "approved and held by hand": (raw_spec(*APPROVAL), _approved_and_held),
    "the spec was edited": (raw_spec(), _edited),
    "the spec became invalid": (raw_spec(), _broken_on_the_way),
    "the spec is invalid": (raw_spec(), _broken_from_the_start),
    "the Experiment is somebody else's": (raw_spec(), _somebody_elses),
    "the candidate takes over": (raw_spec(), lambda sim: _until(sim, "3/3")),
    "promoted": (raw_spec(), lambda sim: _looks(sim, 16)),
    "going back": (raw_spec(), _going_back),
    "rolled back": (raw_spec(), _bad),
    "aborted": (raw_spec(), _aborted),
    "a promotion undone": (raw_spec(), _undone),
}
