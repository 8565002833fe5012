"""The one door of the plan: from everything that was seen to one decision."""

from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import RolloutStatus
from modelrollout.plan import attempts, engine, looks, orders, stages, standing, steering
from modelrollout.plan.actions import Decision
from modelrollout.plan.draft import Draft
from modelrollout.plan.world import World


def next_step(
    spec: RolloutSpec, status: RolloutStatus, world: World, now: float, rollout: str, refusal: str = ""
) -> Decision:
    """What to do now, and why.

    `now` is Unix seconds, `rollout` the name of the object. `refusal` says what is wrong with the present spec when
    `spec` is the last valid one: then looks go on and a Fail rolls back, but nothing begins and no stage ends.
    Nothing is changed: the same arguments give the same decision, and the decision's own status leads to itself as
    long as the world stays the same.
    """
    draft = attempts.begin(Draft(status, now, refusal=refusal, rollout=rollout), spec, world)
    draft = orders.obey(draft, spec, world, is_first=status.attempt == 0)
    draft = steering.permit(draft, spec, world, rollout)
    draft = looks.count(draft, spec, world)
    draft = stages.move(draft, spec, world)
    draft = steering.steer(draft, spec, world, rollout)
    return standing.describe(draft, spec, world)


def refuse(status: RolloutStatus, sentence: str, world: World, now: float, rollout: str) -> Decision:
    """What to do with a rollout whose spec cannot be followed and that has no valid one from before: nothing."""
    draft = orders.ignored(Draft(status, now, rollout=rollout), world, sentence)
    draft = standing.invalid(draft, sentence, world.generation)
    return Decision(draft.status, (), draft.notices, now + standing.RESYNC_SECONDS)


def look_is_due(status: RolloutStatus, now: float) -> bool:
    """True when there is a stage to judge, or an outcome to see confirmed, and its next look has come."""
    if status.stage is None:
        return False
    if status.look_due_at is None:
        return status.outcome is None
    return now >= status.look_due_at


def is_before_the_first_stage(status: RolloutStatus) -> bool:
    """True when an attempt is about to begin."""
    return status.stage is None and status.outcome is None


def wants_history(spec: RolloutSpec, status: RolloutStatus) -> bool:
    """True when the baseline's latency histogram must be read before this decision."""
    return status.outcome is None and engine.wants_history(spec, status.engine)


def begins_evidence(spec: RolloutSpec, status: RolloutStatus, decided: RolloutStatus) -> bool:
    """True when guardrails begin to count with this decision: what the baseline's past day says then belongs to it."""
    return decided.outcome is None and engine.begins(spec, status.engine, decided.engine)
