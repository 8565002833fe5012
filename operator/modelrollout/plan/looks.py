"""Count a look: its evidence, its time, and what it showed of the split."""

from math import log

from modelrollout.api.contract import seconds
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import ObservedShare, RolloutStatus, StageStatus, Traffic
from modelrollout.judge import split
from modelrollout.plan import evidence, grid
from modelrollout.plan.actions import Level
from modelrollout.plan.draft import Draft
from modelrollout.plan.steering import NUDGED_SCALE
from modelrollout.plan.world import LookData, NoData, World

SPLIT_ALARM = log(1000)  # alpha 0.1 %: an alarm about the split says nothing of the candidate
LEAST_TO_CLEAR = 50  # requests in a look that agree with the written split end the alarm


def count(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """The draft after this look; unchanged when none was due."""
    status, look = draft.status, world.look
    if status.stage is None or status.outcome is not None:
        return draft
    if look is None and not _has_nothing_new(status, spec, world, draft.now):
        return draft
    draft = draft.change(look_due_at=grid.next_tick(draft.now, seconds(spec.analysis.interval), world.uid))
    if look is None:
        return draft
    if isinstance(look, NoData):
        return _without_data(draft, look)
    judged = evidence.judge(spec, status, look, world.history, world.windows)
    draft = draft.change(
        engine=judged.engine,
        guardrails=judged.guardrails,
        verdict=judged.verdict,
        last_look_at=look.until,
        looks=status.looks + 1,
        stage=_stage_after(status, spec, world, look, judged.is_complete),
        no_data_since=_no_data_since(draft, not judged.is_complete),
    )
    return _compare_split(draft, spec, look)


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
    ready = all(
        name in world.models and world.models[name].is_ready for name in (spec.baseline.name, spec.candidate.name)
    )
    soaks = complete and ready and not spec.paused and not status.traffic.mismatch
    soaked = evidence.looked_at_seconds(spec, look, applied_at) if soaks and applied_at is not None else 0.0
    requests = [round(look.baseline.requests), round(look.candidate.requests)]
    seen = stage.arm_requests or [0, 0]
    return stage.model_copy(
        update={
            "looks": stage.looks + 1,
            "soaked_seconds": stage.soaked_seconds + soaked,
            "arm_requests": [before + new for before, new in zip(seen, requests, strict=True)],
        }
    )


def _compare_split(draft: Draft, spec: RolloutSpec, look: LookData) -> Draft:
    """Clients' traffic against the written weights: first a nudge, then an alarm. Never a verdict on the candidate."""
    requests = [look.baseline.requests, look.candidate.requests]
    total = sum(requests)
    names = [spec.baseline.name, spec.candidate.name]
    observed = [
        ObservedShare(name=name, percent=round(100 * count / total, 1) if total else 0.0, requests=round(count))
        for name, count in zip(names, requests, strict=True)
    ]
    traffic = draft.status.traffic.model_copy(update={"observed": observed})
    if traffic.applied_at is None or look.since < traffic.applied_at:
        return draft.change(traffic=traffic)
    new = [round(count) for count in requests]
    if traffic.mismatch and total >= LEAST_TO_CLEAR and _log_e(traffic, new) < 0:
        return draft.change(traffic=traffic.model_copy(update={"mismatch": False, "seen": new}))
    seen = [before + count for before, count in zip(traffic.seen or [0, 0], new, strict=True)]
    return _alarmed(draft, traffic.model_copy(update={"seen": seen}))


def _alarmed(draft: Draft, traffic: Traffic) -> Draft:
    if traffic.mismatch or _log_e(traffic, traffic.seen) < SPLIT_ALARM:
        return draft.change(traffic=traffic)
    if traffic.scale == 1:
        message = "Clients' traffic contradicts the written weights: the same split is written again in other numbers"
        nudged = traffic.model_copy(update={"scale": NUDGED_SCALE, "applied_at": None, "seen": []})
        # The weights of this stage were not in force when its soak was counted: it begins anew.
        assert draft.status.stage is not None
        stage = draft.status.stage.model_copy(update={"soaked_seconds": 0.0})
        draft = draft.change(traffic=nudged, stage=stage)
        return draft.noticing(Reason.SPLIT_NOT_AS_WRITTEN, message, Level.WARNING)
    message = "Clients' traffic still contradicts the written weights: check that Seldon's scheduler reaches Envoy"
    alarmed = traffic.model_copy(update={"mismatch": True})
    return draft.change(traffic=alarmed).noticing(Reason.SPLIT_NOT_AS_WRITTEN, message, Level.WARNING)


def _log_e(traffic: Traffic, requests: list[int]) -> float:
    """Evidence that the requests were not split as wanted; none when an arm has no weight to compare with."""
    shares = [share.weight / 100 for share in traffic.wanted]
    return float(split.log_e([requests], [shares])[0]) if min(shares) > 0 else 0.0
