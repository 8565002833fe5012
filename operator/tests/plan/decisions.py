"""A decision in a form that reads well in a table."""

from dataclasses import dataclass, field

from factories import NAME, NOW
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import Condition, Outcome, Phase, RolloutStatus
from modelrollout.plan import machine
from modelrollout.plan.actions import Action, CreateExperiment, Decision
from modelrollout.plan.world import Weights, World


@dataclass(frozen=True)
class Told:
    """The whole decision in short: phase, Ready's reason, wanted weights, writes, notices, stage (from 1), outcome."""

    phase: Phase
    because: str
    wanted: tuple[int, ...]
    does: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    stage: int = 1
    outcome: Outcome | None = None


@dataclass(frozen=True)
class Case:
    """One row: what is, and what shall be decided."""

    spec: RolloutSpec
    status: RolloutStatus
    world: World
    told: Told
    now: float = NOW
    mentions: tuple[str, ...] = field(default=())


def decide(spec: RolloutSpec, status: RolloutStatus, world: World, now: float = NOW) -> Decision:
    """The decision for the one rollout of these tests."""
    return machine.next_step(spec, status, world, now, NAME)


def told(decision: Decision) -> Told:
    """What was decided."""
    status = decision.status
    return Told(
        phase=status.phase,
        because=condition(decision, "Ready").reason,
        wanted=tuple(share.weight for share in status.traffic.wanted),
        does=tuple(map(_done, decision.actions)),
        says=tuple(notice.reason for notice in decision.notices),
        stage=status.stage.index + 1 if status.stage else 0,
        outcome=status.outcome,
    )


def condition(decision: Decision, kind: str) -> Condition:
    """One condition of the decision."""
    return next(one for one in decision.status.conditions if one.type == kind)


def conditions(decision: Decision) -> dict[str, str]:
    """All conditions: type to status and reason."""
    return {one.type: f"{one.status} {one.reason}" for one in decision.status.conditions}


def sentences(decision: Decision) -> str:
    """All that people may read."""
    spoken = [decision.status.message, *(notice.message for notice in decision.notices)]
    return "\n".join([*spoken, *(one.message for one in decision.status.conditions)])


def _done(action: Action) -> str:
    if isinstance(action, CreateExperiment):
        return f"create {_text(action.weights)}"
    return f"{_text(action.read_weights)} to {_text(action.weights)}"


def _text(weights: Weights) -> str:
    return ":".join(str(weight) for _, weight in weights)
