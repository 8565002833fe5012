"""What the words of a status look like to people: their styles, and what happens next in sentences."""

from collections.abc import Sequence

from modelrollout.cli import spans
from modelrollout.cli.views import Rail, Rollout, Stage

PLUGIN = "kubectl modelrollout"
LATE_SECONDS = 30.0  # a look that is due for longer than this is missed
STYLES = {
    "Healthy": "good",
    "Promoting": "good",
    "Progressing": "busy",
    "Paused": "careful",
    "RollingBack": "bad",
    "Degraded": "bad",
    "Pass": "good",
    "Fail": "bad",
    "NoData": "careful",
}
VERDICTS = {"Pass": "pass", "Fail": "FAIL", "Inconclusive": "undecided", "NoData": "no data"}
_BAR = 10
_NEVER = "never"
_STUCK = {"GuardrailFailed", "Inconclusive"}  # why a rollout can be paused until a person decides


def hint(verb: str, rollout: Rollout) -> str:
    """The command that tells this rollout so."""
    return f"{PLUGIN} {verb} {rollout.name}"


def where(rollout: Rollout) -> str:
    """The stage and the weight in force."""
    if rollout.stage is None:
        return f"before stage 1 of {len(rollout.stages)}" if rollout.stages else "before its first stage"
    return f"stage {rollout.stage_number}/{len(rollout.stages)} at {rollout.weight} %"


def age(since: float | None, now: float) -> str:
    """How long ago; empty when that is not known."""
    return "" if since is None else spans.short(now - since)


def bar(rail: Rail) -> str:
    """The evidence, as a bar and in percent."""
    filled = round(rail.evidence * _BAR / 100)
    return f"{'█' * filled}{'░' * (_BAR - filled)} {rail.evidence:3d} %"


def bar_style(rail: Rail) -> str:
    """The style of the decision that the evidence leans to."""
    return STYLES.get(rail.evidence_for or rail.verdict, "dim")


def measured(rail: Rail) -> str:
    """The ratio with the interval in which the truth lies."""
    if rail.ratio is None:
        return rail.interval
    return f"x{rail.ratio:.3g} {rail.interval.removeprefix('x')}".rstrip()


def judged(requests: Sequence[int]) -> str:
    """How many requests were judged, the baseline's given first; empty when none were, or when it is not known."""
    if len(requests) < 2 or not sum(requests):
        return ""
    return f"{sum(requests[1:]):,} candidate and {requests[0]:,} baseline requests"


def judged_in_short(requests: Sequence[int]) -> str:
    """The same in a few words, the candidate's first as everywhere."""
    return f"{sum(requests[1:]):,} vs {requests[0]:,} requests" if judged(requests) else ""


def eta(rail: Rail) -> str:
    """How soon it will probably be decided, by the decision that its evidence leans to."""
    if rail.verdict not in {"Inconclusive", "NoData"}:
        return ""
    said = rail.fail_in if rail.evidence_for == "Fail" else rail.pass_in
    median = said.partition(" (")[0].replace(" ", "")
    if not median:
        return ""
    what = "Fail" if rail.evidence_for == "Fail" else "Pass"
    return f"no {what} in sight" if median == _NEVER else f"{what} in ~{median}"


def next_steps(rollout: Rollout, now: float) -> list[str]:
    """What happens next, soonest first; nothing once it has ended."""
    steps = [_look(rollout, now), *([] if rollout.outcome else [_soak(rollout), _answer(rollout, now), _pass(rollout)])]
    return [step for step in steps if step]


def cure(rollout: Rollout, said: str | None = None) -> str:
    """What a person can do now to make it go on; empty when nothing is needed, or what is said names a command.

    said: what stands beside it (default: the rollout's message).
    """
    if PLUGIN in (rollout.message if said is None else said):
        return ""
    if rollout.is_awaiting_approval:
        return f"to let it go on: {hint('approve', rollout)}"
    if rollout.pause is not None:
        return f"to let it go on: {hint('resume', rollout)}"
    if (paused := rollout.condition("Paused")) is not None and paused.reason in _STUCK:
        return f"to go on all the same: {hint('skip', rollout)}; to end it: {hint('abort', rollout)}"
    if rollout.outcome == "RolledBack":
        return f"to try again: change the candidate, or {hint('retry', rollout)}"
    return ""


def _look(rollout: Rollout, now: float) -> str:
    if rollout.look_due_at is None:
        return ""
    left = rollout.look_due_at - now
    if left < -LATE_SECONDS:
        return f"a look is due for {spans.short(-left)}: check that the operator runs"
    return f"look in {spans.short(left)}" if left >= 1 else "a look is due"


def _soak(rollout: Rollout) -> str:
    plan, stage = rollout.plan, rollout.stage
    if plan is None or stage is None or plan.is_approval:
        return ""
    left = (spans.seconds(plan.soak) or 0.0) - stage.soaked
    held = rollout.phase == "Paused" or rollout.phase == "Degraded"
    return "" if left <= 0 or held else f"soak ends in {spans.short(left)}"


def _answer(rollout: Rollout, now: float) -> str:
    plan, stage = rollout.plan, rollout.stage
    if plan is None or stage is None or stage.expires_at is None or not rollout.is_awaiting_approval:
        return ""
    what = "it is approved" if plan.on_deadline == "Approve" else "it is rolled back"
    return f"without an answer {what} in {spans.short(stage.expires_at - now)}"


def _pass(rollout: Rollout) -> str:
    """When the slowest guardrail will pass, if one is still awaited."""
    waits = [(spans.seconds(one.pass_in.partition(" (")[0]), one) for one in rollout.rails if one.verdict != "Pass"]
    known = [(length, one) for length, one in waits if length is not None]
    if not known or _is_last(rollout):
        return ""
    length, slowest = max(known, key=lambda pair: pair[0])
    if length == float("inf"):
        return f"no Pass of {slowest.name} in sight"
    return f"Pass expected in {_pace(slowest.pass_in)}"


def _pace(said: str) -> str:
    """`5m (90 %: 12m)`, or `5m` when the two are the same."""
    median, _, most = said.partition(" (90 %: ")
    return median if most == f"{median})" else said


def _is_last(rollout: Rollout) -> bool:
    return rollout.stage_number == len(rollout.stages)


def goal(plan: Stage) -> str:
    """What a stage of the plan asks for; empty when an approval may come whenever it comes."""
    if not plan.is_approval:
        return f"{plan.soak} to {plan.longest}"
    if not plan.deadline:
        return ""
    return f"up to {plan.deadline}, else {'go on' if plan.on_deadline == 'Approve' else 'roll back'}"
