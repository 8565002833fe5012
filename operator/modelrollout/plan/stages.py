"""Stay, go on, or roll back: what the verdict means for the stage we are in."""

from dataclasses import replace

from modelrollout.api.contract import seconds
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import Advance, GuardrailAction, OnInconclusive, OnNoData, RolloutSpec, Stage
from modelrollout.api.status import ArmShare, Outcome, RolloutStatus, StageStatus, Traffic, Verdict
from modelrollout.judge.refusals import Refusal
from modelrollout.plan import engine, evidence, forecasts, grid, record, shares, traffics
from modelrollout.plan.actions import Level
from modelrollout.plan.attempts import weights_for
from modelrollout.plan.draft import Draft, Hold, timestamp
from modelrollout.plan.world import NoData, World


def move(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """The draft after the stage's own decision. A Fail comes before every reason to stay."""
    status = draft.status
    if status.outcome is not None or (draft.hold and draft.hold.stalled):
        return draft
    failed = evidence.failed(spec, status, GuardrailAction.ROLLBACK)
    if failed and status.stage is not None:
        return roll_back(draft, spec, failed)
    draft = _reasons_to_stay(draft, spec, world)
    if draft.hold or draft.status.outcome is not None:
        return draft
    if status.stage is None:
        return _enter(draft, spec, world, 0)
    return _advance(draft, spec, world, spec.stages[status.stage.index], status.stage)


def roll_back(draft: Draft, spec: RolloutSpec, why: str) -> Draft:
    """All traffic to the baseline, for good. Once that is in force, looks ask whether clients' requests confirm it."""
    number, weight = stage_number(draft.status), draft.status.traffic.candidate_weight
    message = f"Rolled back at stage {number} of {len(spec.stages)} ({weight} %): {why}"
    traffic = wanting(draft.status.traffic, weights_for(spec, 0))
    ended = draft.change(outcome=Outcome.ROLLED_BACK, traffic=traffic, look_due_at=None)
    return ended.recording(Reason.ROLLED_BACK, message, 0, Level.WARNING)


def wanting(traffic: Traffic, weights: list[ArmShare]) -> Traffic:
    """The traffic with other weights wanted; what was known of the old ones no longer counts."""
    fresh = {"wanted": weights, "applied_at": None, "seen": [], "mismatch": False, "scale": 1}
    return traffic.model_copy(update=fresh)


def stage_number(status: RolloutStatus) -> int:
    """The stage as people count, from 1."""
    return status.stage.index + 1 if status.stage else 0


def _reasons_to_stay(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    if draft.refusal:
        draft = draft.staying(Hold(Reason.SPEC_INVALID, draft.refusal))
    for name in (spec.baseline.name, spec.candidate.name):
        model = world.models.get(name)
        if model is None:
            draft = draft.staying(
                Hold(Reason.MODEL_MISSING, f"Model {name} does not exist: create it, or correct its name")
            )
        elif not model.is_ready:
            draft = draft.staying(Hold(Reason.MODEL_NOT_READY, f"Model {name} is not ready: {model.reason}"))
    if spec.paused:
        draft = draft.staying(Hold(Reason.PAUSED_BY_SPEC, "spec.paused is true: set it to false to go on", paused=True))
    paused = evidence.failed(spec, draft.status, GuardrailAction.PAUSE)
    if paused:
        draft = draft.staying(Hold(Reason.GUARDRAIL_FAILED, paused, paused=True))
    return _stay_without_data(draft, spec, world)


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
        return roll_back(replace(draft, hold=None), spec, why)
    return draft.staying(Hold(hold.reason, hold.message, paused=spec.analysis.on_no_data is OnNoData.PAUSE))


def _stay_before_the_first_stage(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """A new attempt begins from weight 0: a new version must not inherit the traffic of the one before.

    And it begins only when Prometheus can be asked, for a candidate must not get traffic that nobody watches.
    """
    if isinstance(world.look, NoData):
        return draft.staying(Hold(Reason.NO_DATA, "Waits to begin: see condition MetricsAvailable"))
    try:
        engine.open_all(spec, world.history)
    except Refusal as refusal:
        return draft.staying(Hold(Reason.NO_BASELINE_HISTORY, f"Waits to begin: {refusal}"))
    if draft.status.traffic.applied_at is None:
        return draft.staying(Hold(Reason.NOT_APPLIED, "Waits to begin: all traffic goes to the baseline first"))
    return draft


def _advance(draft: Draft, spec: RolloutSpec, world: World, plan: Stage, stage: StageStatus) -> Draft:
    # A soak of no time still needs one look with the weights in force: no stage is left before it was there.
    if stage.soaked_seconds < seconds(plan.soak) or stage.soaked_seconds == 0:
        return draft.staying(Hold(Reason.SOAKING, f"Stage {stage.index + 1} soaks for {plan.soak}"))
    if stage.index + 1 == len(spec.stages):
        return _promote(draft, spec)
    needs_pass = plan.advance is Advance.ON_PASS or spec.stages[stage.index + 1].weight == 100
    if needs_pass and draft.status.verdict is not Verdict.PASS:
        return _undecided(draft, spec, world, plan, stage, "for every guardrail to pass")
    if not needs_pass and min(stage.arm_requests, default=0) < plan.min_requests:
        what = f"until every arm has answered {plan.min_requests} requests"
        return _undecided(draft, spec, world, plan, stage, what)
    return _enter(draft, spec, world, stage.index + 1, gate=needs_pass)


def _undecided(draft: Draft, spec: RolloutSpec, world: World, plan: Stage, stage: StageStatus, what: str) -> Draft:
    if stage.soaked_seconds < seconds(plan.max_duration):
        return draft.staying(Hold(Reason.JUDGING, f"Stage {stage.index + 1} waits {what}"))
    sentence = f"stage {stage.index + 1} reached its maxDuration of {plan.max_duration} undecided"
    match spec.analysis.on_inconclusive:
        case OnInconclusive.ROLLBACK:
            return roll_back(draft, spec, f"{sentence}, and analysis.onInconclusive is Rollback")
        case OnInconclusive.PROMOTE:
            return _enter(draft, spec, world, stage.index + 1, gate=True, why=f" without a Pass, since {sentence}")
        case _:
            return draft.staying(Hold(Reason.INCONCLUSIVE, f"Undecided: {sentence}", paused=True))


def _enter(draft: Draft, spec: RolloutSpec, world: World, index: int, gate: bool = False, why: str = "") -> Draft:
    weight = spec.stages[index].weight
    stage = StageStatus(index=index, started_at=timestamp(draft.now))
    traffic = wanting(draft.status.traffic, weights_for(spec, weight))
    message = f"Stage {index + 1} of {len(spec.stages)} begins{why}: {weight} % to {spec.candidate.name}"
    # A verdict belongs to the stage of its look; the next look says whether it still holds.
    entered = draft.change(stage=stage, traffic=traffic, verdict=Verdict.INCONCLUSIVE)
    entered = entered.recording(Reason.STAGE_STARTED, message, weight)
    if index == 0:
        return _first_look(entered, spec, world)
    entered = entered.change(blocks=record.opened(draft.status.blocks, index, gate, draft.status.last_look_at or 0.0))
    if gate:
        return _past_gate(entered)
    return entered.change(engine=engine.released(entered.status.engine))


def _past_gate(draft: Draft) -> Draft:
    """Evidence to pass begins anew; a failure found earlier is not forgotten."""
    status = draft.status
    undecided = [
        rail
        if rail.verdict is Verdict.FAIL
        else rail.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "evidence": 0})
        for rail in status.guardrails
    ]
    return draft.change(engine=engine.reopened(status.engine), guardrails=undecided)


def _first_look(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """Evidence begins at the newest evaluation time of the grid, so that rollouts share their reads from the start."""
    interval = seconds(spec.analysis.interval)
    since = grid.newest_evaluation(draft.now, interval, world.uid, world.scrape_seconds)
    due = since + interval + grid.lag_seconds(world.scrape_seconds)
    opened, blocks = engine.open_all(spec, world.history, world.windows), record.opened([], 0, False, since)
    begun = draft.change(engine=opened, blocks=blocks, last_look_at=since, look_due_at=due)
    return _forewarned(begun, spec, world)


def _forewarned(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """How long each stage will need under the baseline's traffic, and what the plan cannot do as it is written."""
    rules = {name: rule for name, (rule, _) in engine.running(spec, draft.status.engine).items()}
    traffic = traffics.of_past(spec, rules, world.history, world.windows)
    outlook = forecasts.at_start(spec, rules, traffic, world.history, world.windows)
    return draft.change(forecast=list(outlook.stages), warnings=list(outlook.warnings))


def _promote(draft: Draft, spec: RolloutSpec) -> Draft:
    """The candidate has taken over. The looks end, unless clients' requests have yet to show that it did."""
    message = f"Promoted: {spec.candidate.name} has taken over from {spec.baseline.name}"
    due = None if shares.has_fallen(spec, draft.status) else draft.status.look_due_at
    return draft.change(outcome=Outcome.PROMOTED, look_due_at=due).recording(Reason.PROMOTED, message, 100)
