"""Status conditions as Seldon writes them: sorted by type, free text in `reason`, one-second times. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from e2e.minimesh.desired import Experiment

Condition = dict[str, str]

ACTIVE = "experiment active"


@dataclass(frozen=True)
class Facts:
    """What is known about one Experiment; four conditions follow from it."""

    candidates_ready: bool
    mirror_ready: bool
    is_active: bool
    reason: str = ""  # of ExperimentReady


@dataclass(frozen=True)
class ModelState:
    """What is known about one Model. Seldon puts the state into `message` and the explanation into `reason`."""

    state: str
    reason: str = ""

    @property
    def is_ready(self) -> bool:
        return self.state == "ModelAvailable"


def no_replica(model: str, experiment: Experiment) -> str:
    """Why an Experiment is not active, in Seldon's words."""
    return f"no live replica for model {model} for model route {experiment.entry}"


def of_experiment(before: list[Condition], facts: Facts, now: str) -> list[Condition]:
    """The conditions after `facts`; what did not change keeps its time. ModelReady is never cleared."""
    candidates = ("Candidates ready", "Candidates not ready")[not facts.candidates_ready]
    mirror = ("Mirror ready", "Mirror not ready")[not facts.mirror_ready]
    dependents = [
        _condition("CandidatesReady", facts.candidates_ready, candidates),
        _condition("ExperimentReady", facts.is_active, facts.reason),
        _condition("MirrorReady", facts.mirror_ready, mirror),
    ]
    unhappy = next((item for item in dependents if item["status"] == "False"), None)
    ready = _condition("Ready", unhappy is None, unhappy.get("reason", "") if unhappy else "")
    return _merge(before, [*dependents, ready], now)


def of_failed_call(before: list[Condition], reason: str, now: str) -> list[Condition]:
    """The conditions after a start call that failed: type ModelReady, although it is an Experiment."""
    return _merge(before, [_condition("ModelReady", False, reason) | {"severity": "Info"}], now)


def of_model(before: list[Condition], state: ModelState, now: str) -> list[Condition]:
    """The conditions of a Model in `state`."""
    text = {"message": state.state}
    model = _condition("ModelReady", state.is_ready, state.reason) | text
    ready = _condition("Ready", state.is_ready, state.reason) | ({} if state.is_ready else text)
    return _merge(before, [model, ready], now)


def _condition(kind: str, holds: bool, reason: str) -> Condition:
    condition = {"type": kind, "status": "True" if holds else "False"}
    return condition | {"reason": reason} if reason else condition


def _merge(before: list[Condition], new: list[Condition], now: str) -> list[Condition]:
    known = {item["type"]: item for item in before}
    for item in new:
        known[item["type"]] = _dated(item, known.get(item["type"]), now)
    return [known[kind] for kind in sorted(known)]


def _dated(new: Condition, old: Condition | None, now: str) -> Condition:
    timeless = {key: value for key, value in (old or {}).items() if key != "lastTransitionTime"}
    return old if old is not None and timeless == new else {**new, "lastTransitionTime": now}
