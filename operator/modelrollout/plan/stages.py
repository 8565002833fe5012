"""Stay, go on, or roll back: what the verdict means for the stage we are in."""

from dataclasses import replace

from modelrollout.api.contract import seconds
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import GuardrailAction, OnInconclusive, OnNoData, RolloutSpec, Stage
from modelrollout.api.status import StageStatus, Verdict
from modelrollout.judge.refusals import Refusal
from modelrollout.plan import approvals, engine, evidence, holds, itinerary, moves
from modelrollout.plan.draft import Draft, Hold
from modelrollout.plan.world import NoData, World


def move(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """The draft after the stage's own decision. A Fail comes before every reason to stay."""
    status = draft.status
    if status.outcome is not None or (draft.hold and draft.hold.stalled):
        return draft
    failed = evidence.failed(spec, status, GuardrailAction.ROLLBACK)
    if failed and status.stage is not None:
        return moves.roll_back(draft, spec, failed)
    draft = _reasons_to_stay(draft, spec, world)
    if draft.hold or draft.status.outcome is not None:
        return draft
    if draft.status.stage is None:
        return moves.enter(draft, spec, world, 0)
    # An approval that begins waits from now on, and not only from the next decision.
    return approvals.waiting(_advance(draft, spec, world, draft.status.stage), spec)


def _reasons_to_stay(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    if draft.refusal:
        draft = draft.staying(Hold(Reason.SPEC_INVALID, draft.refusal))
    draft = holds.said(draft, spec)
    draft = approvals.waiting(draft, spec)
    if draft.status.outcome is not None:
        return draft
    draft = _stay_undecided(draft, spec, world)
    draft = holds.of_models(draft, spec, world)
    return _stay_without_data(draft, spec, world)


def _stay_undecided(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """Staying when only a person ends the stage, before what passes by itself: silence does not end that pause.

    A split that is not as written comes first: nothing of the stage can be judged by it.
    """
    if draft.hold or draft.status.stage is None or draft.status.traffic.mismatch:
        return draft
    hold = _advance(draft, spec, world, draft.status.stage).hold
    return draft.staying(hold) if hold and hold.reason is Reason.INCONCLUSIVE else draft


def _stay_without_data(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    status = draft.status
    if status.stage is None:
        return _stay_before_the_first_stage(draft, spec, world)
    if status.traffic.mismatch:
        sentence = "Clients' traffic contradicts the written weights: see condition TrafficSynced"
        return draft.staying(Hold(Reason.SPLIT_NOT_AS_WRITTEN, sentence))
    if status.no_data_since is None:
        return draft
    hold = Hold(Reason.NO_DATA, "Nothing to judge: the weights are held, see condition MetricsAvailable")
    if draft.now - status.no_data_since < seconds(spec.analysis.no_data_deadline):
        return draft.staying(hold)
    if spec.analysis.on_no_data is OnNoData.ROLLBACK:
        why = f"no data for {spec.analysis.no_data_deadline}, and analysis.onNoData is Rollback"
        return moves.roll_back(replace(draft, hold=None), spec, why)
    return draft.staying(Hold(hold.reason, hold.message, paused=spec.analysis.on_no_data is OnNoData.PAUSE))


def _stay_before_the_first_stage(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """A new attempt begins from weight 0: a new version must not inherit the traffic of the one before.

    And it begins only when Prometheus can be asked, for a candidate must not get traffic that nobody watches.
    """
    if not world.is_asked:
        return draft.staying(Hold(Reason.NOT_LOOKED_YET, "Waits to begin: Prometheus is asked first"))
    if isinstance(world.look, NoData):
        return draft.staying(Hold(Reason.NO_DATA, "Waits to begin: see condition MetricsAvailable"))
    try:
        engine.open_all(spec, world.history)
    except Refusal as refusal:
        return draft.staying(Hold(Reason.NO_BASELINE_HISTORY, f"Waits to begin: {refusal}"))
    if draft.status.traffic.applied_at is None:
        return draft.staying(Hold(Reason.NOT_APPLIED, "Waits to begin: all traffic goes to the baseline first"))
    return draft


def _advance(draft: Draft, spec: RolloutSpec, world: World, stage: StageStatus) -> Draft:
    plan, needs_pass = itinerary.asking(spec, stage.index), itinerary.needs_pass(spec, stage.index)
    has_passed = draft.status.verdict is Verdict.PASS
    if spec.stages[stage.index].approval is not None:  # soak and requests were there before it began
        if needs_pass and not has_passed:
            return draft.staying(approvals.without_pass(stage))
        return moves.enter(draft, spec, world, stage.index + 1, gate=needs_pass)
    # A soak of no time still needs one look with the weights in force: no stage is left before it was there.
    if stage.soaked_seconds < seconds(plan.soak) or stage.soaked_seconds == 0:
        return draft.staying(Hold(Reason.SOAKING, f"Stage {stage.index + 1} soaks for {plan.soak}"))
    if itinerary.is_last(spec, stage.index):
        message = f"Promoted: {spec.candidate.name} has taken over from {spec.baseline.name}"
        return moves.promote(draft, spec).recording(Reason.PROMOTED, message, itinerary.FULL)
    if needs_pass and not has_passed:
        return _undecided(draft, spec, world, plan, stage, "for every guardrail to pass")
    if not needs_pass and min(stage.arm_requests, default=0) < plan.min_requests:
        what = f"until every arm has answered {plan.min_requests} requests"
        return _undecided(draft, spec, world, plan, stage, what)
    return moves.enter(draft, spec, world, stage.index + 1, gate=needs_pass)


def _undecided(draft: Draft, spec: RolloutSpec, world: World, plan: Stage, stage: StageStatus, what: str) -> Draft:
    if stage.soaked_seconds < seconds(plan.max_duration):
        return draft.staying(Hold(Reason.JUDGING, f"Stage {stage.index + 1} waits {what}"))
    sentence = f"stage {stage.index + 1} reached its maxDuration of {plan.max_duration} undecided"
    match spec.analysis.on_inconclusive:
        case OnInconclusive.ROLLBACK:
            return moves.roll_back(draft, spec, f"{sentence}, and analysis.onInconclusive is Rollback")
        case OnInconclusive.PROMOTE:
            why = f" without a Pass, since {sentence}"
            return moves.enter(draft, spec, world, stage.index + 1, gate=True, why=why)
        case _:
            return draft.staying(Hold(Reason.INCONCLUSIVE, f"Undecided: {sentence}", paused=True))
