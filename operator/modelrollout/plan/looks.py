"""Count a look: its evidence, its time, and what it showed of the split."""

from dataclasses import asdict

from modelrollout.api.contract import seconds
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import RolloutStatus, StageStatus
from modelrollout.plan import engine, evidence, forecasts, grid, holds, labels, record, shares
from modelrollout.plan.draft import Draft
from modelrollout.plan.world import LookData, NoData, World


def count(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """The draft after this look; unchanged when none was due.

    After an outcome nothing is judged any more: looks only ask where clients' requests go, until that is as written.
    """
    status, look = draft.status, world.look
    if status.stage is None or (status.outcome is not None and not shares.is_awaited(status)):
        return draft
    if status.outcome is not None and _nothing_can_arrive(status, world):
        return shares.settled(draft)
    if look is None and not _has_nothing_new(status, spec, world, draft.now):
        return draft
    draft = draft.change(look_due_at=grid.next_tick(draft.now, seconds(spec.analysis.interval), world.uid))
    if look is None:
        return draft
    if isinstance(look, NoData):
        return _without_data(draft, look)
    draft = _judged(draft, spec, world, look) if status.outcome is None else draft.change(no_data_since=None)
    return shares.compare(draft.change(last_look_at=look.until), spec, world, look)


def _judged(draft: Draft, spec: RolloutSpec, world: World, look: LookData) -> Draft:
    status = draft.status
    weight = evidence.weight_in_force(status.traffic, look, world.scrape_seconds)
    judged = evidence.judge(spec, status, look, weight, world.history, world.windows)
    stage = _stage_after(status, spec, world, look, judged.is_complete)
    paces, warnings = _forecast(spec, status, stage, judged, world.uid)
    return draft.change(
        engine=judged.engine,
        guardrails=[one.model_copy(update=paces.get(one.name, {})) for one in judged.guardrails],
        verdict=judged.verdict,
        looks=status.looks + 1,
        arm_requests=_answered(status.arm_requests if status.looks else [0, 0], look),
        blocks=record.judged(status.blocks, look, weight),
        stage=stage.model_copy(update={"warnings": warnings}),
        no_data_since=_no_data_since(draft, not judged.is_complete),
    )


def _forecast(
    spec: RolloutSpec, status: RolloutStatus, stage: StageStatus, judged: evidence.Judged, uid: str
) -> tuple[dict[str, dict[str, str]], list[str]]:
    """When each guardrail will have its verdict, and what the stage will not do; anew once a round: it is dear."""
    if stage.looks > 1 and grid.rounds(status.looks + 1, uid) == grid.rounds(status.looks, uid):
        known = {one.name: {"fail_in": one.fail_in, "pass_in": one.pass_in} for one in status.guardrails}
        return known, list(stage.warnings)
    running = engine.running(spec, judged.engine)
    paces, warnings = forecasts.live(spec, stage.index, stage.soaked_seconds, running)
    said = [*labels.warnings(spec, stage, running), *warnings][: forecasts.MOST_WARNINGS]
    return {name: asdict(pace) for name, pace in paces.items()}, said


def _nothing_can_arrive(status: RolloutStatus, world: World) -> bool:
    """True when the arm that should get nothing does not even exist any more."""
    idle = shares.idle(status.traffic)
    return idle is not None and idle.name not in world.models


def _has_nothing_new(status: RolloutStatus, spec: RolloutSpec, world: World, now: float) -> bool:
    """True when a look is due whose evaluation time was counted before: the interval grew, or the clock was set back.

    It must wait for the next tick, or it would be asked for again and again until then.
    """
    if status.last_look_at is None or (status.look_due_at is not None and now < status.look_due_at):
        return False
    tick = grid.tick_at_or_before(now, seconds(spec.analysis.interval), world.uid)
    return grid.evaluation_time(tick, world.scrape_seconds) <= status.last_look_at


def _without_data(draft: Draft, look: NoData) -> Draft:
    restart = {} if look.restart_from is None else {"last_look_at": look.restart_from}
    return draft.change(no_data_since=_no_data_since(draft, True), **restart)


def _no_data_since(draft: Draft, is_missing: bool) -> float | None:
    """The first look that found nothing stays the beginning of the silence."""
    if not is_missing:
        return None
    return draft.now if draft.status.no_data_since is None else draft.status.no_data_since


def _stage_after(status: RolloutStatus, spec: RolloutSpec, world: World, look: LookData, complete: bool) -> StageStatus:
    """Soak is time that was looked at with the weights in force, everything ready and nobody holding the rollout.

    A block that is longer than the interval counts as one interval: what happened while nobody looked is no soak.
    """
    stage, applied_at = status.stage, status.traffic.applied_at
    assert stage is not None
    ready = holds.of_model(spec, world) is None
    held = spec.paused or status.pause is not None
    soaks = complete and ready and not held and not status.traffic.mismatch
    soaked = evidence.looked_at_seconds(spec, look, applied_at) if soaks and applied_at is not None else 0.0
    return stage.model_copy(
        update={
            "looks": stage.looks + 1,
            "soaked_seconds": stage.soaked_seconds + soaked,
            "arm_requests": _answered(stage.arm_requests or [0, 0], look),
        }
    )


def _answered(before: list[int], look: LookData) -> list[int]:
    """Requests of the arms with those of this look; empty when those before it are not known."""
    new = [round(look.baseline.requests), round(look.candidate.requests)]
    return [one + more for one, more in zip(before, new, strict=True)] if before else []
