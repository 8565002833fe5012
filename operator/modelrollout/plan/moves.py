"""The moves of a rollout: into a stage, to the end of the plan, and back to the baseline."""

from modelrollout.api.contract import seconds
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import ArmShare, Outcome, RolloutStatus, StageStatus, Traffic, Verdict
from modelrollout.plan import engine, forecasts, grid, record, shares, traffics
from modelrollout.plan.actions import Level
from modelrollout.plan.attempts import weights_for
from modelrollout.plan.draft import Draft, timestamp
from modelrollout.plan.world import World


def enter(draft: Draft, spec: RolloutSpec, world: World, index: int, gate: bool = False, why: str = "") -> Draft:
    """In the stage of this index, by the plan. gate: evidence to pass begins anew. why: what the history adds."""
    entered = to_stage(draft, spec, world, index, gate)
    begins = f"Stage {index + 1} of {len(spec.stages)} begins{why}"
    return entered.recording(Reason.STAGE_STARTED, f"{begins}: {what_begins(spec, index)}", weight_of(entered))


def to_stage(draft: Draft, spec: RolloutSpec, world: World, index: int, gate: bool) -> Draft:
    """In the stage of this index; nothing is told of it."""
    stage = StageStatus(index=index, started_at=timestamp(draft.now))
    approval = spec.stages[index].approval
    if approval is not None:  # nothing moves: verdict, evidence and the record of its blocks go on
        expires = None if approval.deadline is None else draft.now + seconds(approval.deadline)
        return draft.change(stage=stage.model_copy(update={"expires_at": expires}))
    traffic = wanting(draft.status.traffic, weights_for(spec, spec.stages[index].weight))
    # A verdict belongs to the stage of its look; the next look says whether it still holds.
    entered = draft.change(stage=stage, traffic=traffic, verdict=Verdict.INCONCLUSIVE)
    if index == 0:
        return _first_look(entered, spec, world)
    entered = entered.change(blocks=record.opened(draft.status.blocks, index, gate, draft.status.last_look_at or 0.0))
    if gate:
        return _past_gate(entered)
    return entered.change(engine=engine.released(entered.status.engine))


def by_hand(draft: Draft, spec: RolloutSpec, world: World, index: int, gate: bool) -> Draft:
    """In the stage of this index on a person's word: the weights of the stage before were perhaps never in force."""
    before = shares.least_weight(spec, draft.status)
    entered = to_stage(draft, spec, world, index, gate)
    assert entered.status.stage is not None
    return entered.change(stage=entered.status.stage.model_copy(update={"weight_before": before}))


def what_begins(spec: RolloutSpec, index: int) -> str:
    """What a stage does, in a few words."""
    if spec.stages[index].approval is not None:
        return f"{spec.stages[index].weight} % stays, and a person says go"
    return f"{spec.stages[index].weight} % to {spec.candidate.name}"


def promote(draft: Draft, spec: RolloutSpec) -> Draft:
    """The candidate has taken over. The looks end, unless clients' requests have yet to show that it did."""
    due = None if shares.has_fallen(spec, draft.status) else draft.status.look_due_at
    return draft.change(outcome=Outcome.PROMOTED, look_due_at=due, pause=None)


def roll_back(draft: Draft, spec: RolloutSpec, why: str) -> Draft:
    """All traffic to the baseline, for good, and told."""
    message = f"Rolled back {where(draft.status, spec)}: {why}"
    return put_back(draft, spec).recording(Reason.ROLLED_BACK, message, 0, Level.WARNING)


def put_back(draft: Draft, spec: RolloutSpec) -> Draft:
    """All traffic to the baseline, for good. Once that is in force, looks ask whether clients' requests confirm it."""
    traffic = wanting(draft.status.traffic, weights_for(spec, 0))
    return draft.change(outcome=Outcome.ROLLED_BACK, traffic=traffic, look_due_at=None, pause=None)


def wanting(traffic: Traffic, weights: list[ArmShare]) -> Traffic:
    """The traffic with other weights wanted; what was known of the old ones no longer counts."""
    fresh = {"wanted": weights, "applied_at": None, "seen": [], "mismatch": False, "scale": 1}
    return traffic.model_copy(update=fresh)


def where(status: RolloutStatus, spec: RolloutSpec) -> str:
    """At which stage, and with which weight in force."""
    if status.stage is None:
        return "before the first stage"
    return f"at stage {stage_number(status)} of {len(spec.stages)} ({status.traffic.candidate_weight} %)"


def stage_number(status: RolloutStatus) -> int:
    """The stage as people count, from 1; 0 before the first."""
    return status.stage.index + 1 if status.stage else 0


def weight_of(draft: Draft) -> int:
    """The weight that the candidate shall have."""
    return sum(share.weight for share in draft.status.traffic.wanted[1:])


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
