"""Say where the rollout stands: phase, message and conditions, in stable sentences, and when to look again."""

from dataclasses import dataclass

from modelrollout.api.contract import seconds
from modelrollout.api.reasons import MEANING, ConditionType, Reason
from modelrollout.api.spec import GuardrailAction, RolloutSpec
from modelrollout.api.status import Condition, Outcome, Phase, RolloutStatus
from modelrollout.plan import evidence, grid, holds, shares, steering
from modelrollout.plan.actions import Decision
from modelrollout.plan.draft import Draft, fitting, timestamp
from modelrollout.plan.world import NoData, World

APPLY_POLL_SECONDS = 1.0
WAIT_POLL_SECONDS = 5.0
CONFIRM_DEADLINE_SECONDS = 120.0  # a rollback that too few clients confirm is over for people; the looks go on
BLIND = "There is nothing to see it by: see condition MetricsAvailable."
RESYNC_SECONDS = 300.0  # a watch that missed a deletion is repaired by then


@dataclass(frozen=True)
class Said:
    """One condition before it knows since when."""

    type: ConditionType
    status: bool | None
    reason: Reason
    message: str = ""


def describe(draft: Draft, spec: RolloutSpec, world: World) -> Decision:
    """The finished decision."""
    status = draft.status
    phase, reason, message = _phase(draft, spec, world)
    said = [
        *_kstatus(phase, reason, message),
        _spec(draft),
        _models(spec, world),
        _traffic(status, world),
        *_metrics(draft, world),
        _guardrails(spec, status),
        _paused(draft),
    ]
    stage = status.stage
    described = draft.change(
        observed_generation=world.generation,
        phase=phase,
        message=fitting(message),
        stage_summary=f"{stage.index + 1}/{len(spec.stages)}" if stage else f"0/{len(spec.stages)}",
        next_look_at=None if status.look_due_at is None else timestamp(status.look_due_at),
        conditions=merged(status.conditions, said, world.generation, draft.now),
    )
    return Decision(described.status, draft.actions, draft.notices, _check_again_at(draft, phase))


def invalid(draft: Draft, message: str, generation: int) -> Draft:
    """The draft of a rollout whose spec cannot be followed: the weights stay as they are."""
    status = draft.status
    said = [
        Said(ConditionType.READY, False, Reason.SPEC_INVALID, message),
        Said(ConditionType.RECONCILING, False, Reason.SPEC_INVALID, message),
        Said(ConditionType.STALLED, True, Reason.SPEC_INVALID, message),
        Said(ConditionType.SPEC_VALID, False, Reason.SPEC_INVALID, message),
    ]
    update = {
        "observed_generation": generation,
        "phase": Phase.DEGRADED,
        "message": fitting(message),
        "conditions": merged(status.conditions, said, generation, draft.now),
    }
    return draft.change(**update)


def merged(old: list[Condition], said: list[Said], generation: int, now: float) -> list[Condition]:
    """Conditions in their order; a transition time moves only when the status does."""
    before = {condition.type: condition for condition in old}
    fresh = {one.type.value: _condition(one, before.get(one.type), generation, now) for one in said}
    merged_types = {**before, **fresh}
    order = [kind.value for kind in ConditionType if kind.value in merged_types]
    return [merged_types[kind] for kind in order]


def _condition(said: Said, before: Condition | None, generation: int, now: float) -> Condition:
    status = {True: "True", False: "False", None: "Unknown"}[said.status]
    moved = before is None or before.status != status
    return Condition(
        type=said.type,
        status=status,
        reason=said.reason,
        message=fitting(said.message or MEANING[said.reason]),
        last_transition_time=timestamp(now) if moved or before is None else before.last_transition_time,
        observed_generation=generation,
    )


def _phase(draft: Draft, spec: RolloutSpec, world: World) -> tuple[Phase, Reason, str]:
    status, hold = draft.status, draft.hold
    newest = status.history[0].message if status.history else ""
    if hold and hold.stalled:
        return Phase.DEGRADED, hold.reason, hold.message
    if status.outcome is Outcome.ROLLED_BACK:
        return _rolled_back(draft, spec, world, newest)
    if draft.refusal:
        return Phase.DEGRADED, Reason.SPEC_INVALID, f"{draft.refusal}; until then the last valid spec is followed"
    if status.outcome is Outcome.PROMOTED:
        return Phase.HEALTHY, Reason.PROMOTED, newest
    if hold and hold.paused:
        return Phase.PAUSED, hold.reason, hold.message
    reason, message = (hold.reason, hold.message) if hold else (Reason.PROGRESSING, newest)
    if status.stage is None:
        return Phase.PENDING, reason, message
    baking = spec.stages[status.stage.index].weight == 100
    return (Phase.PROMOTING if baking else Phase.PROGRESSING), reason, message


def _rolled_back(draft: Draft, spec: RolloutSpec, world: World, newest: str) -> tuple[Phase, Reason, str]:
    """Over once clients' requests confirm it, or contradict it to the end, or too few come until a deadline."""
    status = draft.status
    applied_at = status.traffic.applied_at
    if applied_at is None:
        if world.experiment is None and not draft.actions:
            return Phase.DEGRADED, Reason.ROLLED_BACK, newest  # nothing sends the candidate anything
        return Phase.ROLLING_BACK, Reason.ROLLING_BACK, newest
    if not shares.is_awaited(status):
        return Phase.DEGRADED, Reason.ROLLED_BACK, newest
    if status.traffic.mismatch:
        return Phase.DEGRADED, Reason.ROLLED_BACK, f"{newest}; clients still reach it: see condition TrafficSynced"
    soon = 3 * seconds(spec.analysis.interval) + grid.lag_seconds(world.scrape_seconds)
    if draft.now - applied_at < max(CONFIRM_DEADLINE_SECONDS, soon):
        return Phase.ROLLING_BACK, Reason.ROLLING_BACK, newest
    return Phase.DEGRADED, Reason.ROLLED_BACK, f"{newest}; not confirmed by clients: see condition TrafficSynced"


def _kstatus(phase: Phase, reason: Reason, message: str) -> list[Said]:
    """Ready only when promoted. Stalled when nothing will change without a person; Helm and Flux stop waiting then."""
    ready = phase is Phase.HEALTHY
    stalled = phase is Phase.DEGRADED
    rests = ready or stalled
    has_ended = ready or reason is Reason.ROLLED_BACK
    waits = "Nothing goes on until a person acts: see condition Stalled." if rests and not has_ended else ""
    return [
        Said(ConditionType.READY, ready, reason, message),
        Said(ConditionType.RECONCILING, not rests, Reason.NOTHING_TO_DO if rests else reason, waits),
        Said(ConditionType.STALLED, stalled, reason if stalled else Reason.NOT_STALLED, message if stalled else ""),
    ]


def _spec(draft: Draft) -> Said:
    if draft.refusal:
        return Said(ConditionType.SPEC_VALID, False, Reason.SPEC_INVALID, draft.refusal)
    return Said(ConditionType.SPEC_VALID, True, Reason.VALID)


def _models(spec: RolloutSpec, world: World) -> Said:
    trouble = holds.of_model(spec, world)
    if trouble:
        return Said(ConditionType.CANDIDATES_READY, False, trouble.reason, trouble.message)
    return Said(ConditionType.CANDIDATES_READY, True, Reason.ALL_READY)


def _traffic(status: RolloutStatus, world: World) -> Said:
    traffic = status.traffic
    if traffic.applied_at is None and world.experiment and world.experiment.refusal:
        sentence = f"Seldon refused the Experiment: {world.experiment.refusal}"
        return Said(ConditionType.TRAFFIC_SYNCED, False, Reason.EXPERIMENT_REFUSED, sentence)
    if traffic.mismatch:
        return Said(ConditionType.TRAFFIC_SYNCED, False, Reason.SPLIT_NOT_AS_WRITTEN, _contradiction(status))
    if traffic.applied_at is None:
        unwritten = "No weights have been written yet." if traffic.written_at is None else ""
        return Said(ConditionType.TRAFFIC_SYNCED, False, Reason.NOT_APPLIED, unwritten)
    if shares.is_awaited(status):
        blind = "" if status.no_data_since is None else f"{MEANING[Reason.NOT_CONFIRMED]} {BLIND}"
        return Said(ConditionType.TRAFFIC_SYNCED, None, Reason.NOT_CONFIRMED, blind)
    return Said(ConditionType.TRAFFIC_SYNCED, True, Reason.AS_WRITTEN)


def _contradiction(status: RolloutStatus) -> str:
    """With the numbers that raised the alarm: newer ones would change the sentence at every look."""
    said = [one for one in status.conditions if one.type == ConditionType.TRAFFIC_SYNCED]
    if said and said[0].reason == Reason.SPLIT_NOT_AS_WRITTEN:
        return said[0].message
    return shares.contradiction(status.traffic)


def _metrics(draft: Draft, world: World) -> list[Said]:
    """Only a look can say something new; until then the old word stands."""
    known = any(condition.type == ConditionType.METRICS_AVAILABLE for condition in draft.status.conditions)
    if isinstance(world.look, NoData):
        return [Said(ConditionType.METRICS_AVAILABLE, False, Reason.NO_DATA, world.look.message)]
    if world.look is not None:
        gaps = [one.message for one in draft.status.guardrails if one.verdict == "NoData"]
        if gaps:
            return [Said(ConditionType.METRICS_AVAILABLE, False, Reason.NO_DATA, gaps[0])]
        return [Said(ConditionType.METRICS_AVAILABLE, True, Reason.AVAILABLE)]
    if draft.status.stage is None and world.history is not None:
        return [Said(ConditionType.METRICS_AVAILABLE, True, Reason.AVAILABLE)]
    return [] if known else [Said(ConditionType.METRICS_AVAILABLE, None, Reason.NOT_LOOKED_YET)]


def _guardrails(spec: RolloutSpec, status: RolloutStatus) -> Said:
    for action in GuardrailAction:
        sentence = evidence.failed(spec, status, action)
        if sentence:
            return Said(ConditionType.GUARDRAILS_PASSING, False, Reason.GUARDRAIL_FAILED, sentence)
    return Said(ConditionType.GUARDRAILS_PASSING, True, Reason.NONE_FAILED)


def _paused(draft: Draft) -> Said:
    hold = draft.hold
    if hold and hold.paused:
        return Said(ConditionType.PAUSED, True, hold.reason, hold.message)
    return Said(ConditionType.PAUSED, False, Reason.NOT_PAUSED)


def _check_again_at(draft: Draft, phase: Phase) -> float:
    status, now = draft.status, draft.now
    waits = [now + RESYNC_SECONDS]
    if status.traffic.applied_at is None and status.traffic.written_at is not None:
        is_new = now - status.traffic.written_at <= steering.APPLY_DEADLINE_SECONDS
        waits.append(now + (APPLY_POLL_SECONDS if is_new else WAIT_POLL_SECONDS))
    if status.look_due_at is not None:
        waits.append(max(status.look_due_at, now))
    if phase is Phase.PENDING:
        waits.append(now + WAIT_POLL_SECONDS)
    expires = status.stage.expires_at if status.stage and status.outcome is None else None
    if expires is not None and expires > now:
        waits.append(expires)
    return min(waits)
