"""What each verb does, or the sentence why not. Weights never rise while somebody or the spec holds the rollout."""

from collections.abc import Callable
from dataclasses import dataclass

from modelrollout.api.orders import Verb
from modelrollout.api.reasons import ConditionType, Reason
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import Outcome, Pause, RolloutStatus, Verdict
from modelrollout.plan import approvals, attempts, holds, itinerary, moves
from modelrollout.plan.actions import Level
from modelrollout.plan.draft import Draft, timestamp
from modelrollout.plan.world import World


@dataclass(frozen=True)
class Deed:
    """A verb, on whose word, and why."""

    verb: Verb
    by: str
    reason: str = ""

    def told(self, done: str, where: str = "") -> str:
        """`Paused by alice at stage 1 of 3 (5 %): looks odd`."""
        place = f" {where}" if where else ""
        return f"{done} by {self.by}{place}" + (f": {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class Done:
    """The draft afterwards. Without a message the newest entry of the history says what was done."""

    draft: Draft
    message: str = ""


def do(draft: Draft, spec: RolloutSpec, world: World, deed: Deed) -> Done | str:
    """What comes of the deed, or in one sentence why nothing does."""
    return DEEDS[deed.verb](draft, spec, world, deed)


def _abort(draft: Draft, spec: RolloutSpec, _: World, deed: Deed) -> Done:
    if draft.status.outcome is Outcome.ROLLED_BACK:
        return Done(draft, "Nothing to abort: the attempt was rolled back already")
    return _back(draft, spec, Reason.ABORTED, deed.told("Aborted", moves.where(draft.status, spec)), deed)


def _undo(draft: Draft, spec: RolloutSpec, _: World, deed: Deed) -> Done | str:
    match draft.status.outcome:
        case Outcome.PROMOTED:
            message = f"Promotion taken back by {deed.by}: all traffic goes to {spec.baseline.name}"
            return _back(draft, spec, Reason.UNDONE, _because(message, deed), deed)
        case Outcome.ROLLED_BACK:
            return "undo takes a promotion back, and this attempt was rolled back already"
        case _:
            return f"undo takes a promotion back, and there is none yet: {_kubectl('abort', draft)} ends the attempt"


def _back(draft: Draft, spec: RolloutSpec, reason: Reason, message: str, deed: Deed) -> Done:
    return Done(moves.put_back(draft, spec).recording(reason, message, 0, Level.WARNING, deed.by))


def _pause(draft: Draft, spec: RolloutSpec, _: World, deed: Deed) -> Done | str:
    status = draft.status
    if status.outcome is not None:
        return f"There is nothing to pause: {_ended(status)}"
    if status.pause is not None:
        return Done(draft, f"Nothing to do: {holds.by_hand(status.pause)} already")
    held = draft.change(pause=Pause(by=deed.by, reason=deed.reason, since=timestamp(draft.now)))
    return _recorded(held, Reason.PAUSED_BY_HAND, deed.told("Paused", moves.where(status, spec)), deed)


def _resume(draft: Draft, spec: RolloutSpec, _: World, deed: Deed) -> Done | str:
    status = draft.status
    if status.pause is None:
        return _nothing_to_resume(draft, spec)
    message = deed.told("Resumed", moves.where(status, spec))
    still = f"; it is still held: {holds.BY_SPEC}" if spec.paused else ""
    return _recorded(draft.change(pause=None), Reason.RESUMED, f"{message}{still}", deed)


def _nothing_to_resume(draft: Draft, spec: RolloutSpec) -> str:
    status = draft.status
    if status.outcome is not None:
        return f"There is nothing to resume: {_ended(status)}"
    if spec.paused:
        return f"resume ends a pause that was said by hand, and this one is of the spec: {holds.BY_SPEC}"
    said = next((one for one in status.conditions if one.type == ConditionType.PAUSED), None)
    if said is None or said.status != "True":
        return "There is nothing to resume: nobody holds the rollout"
    if said.reason == Reason.AWAITING_APPROVAL:
        return f"resume ends a pause, and the stage waits for approval: {_kubectl('approve', draft)}"
    choices = ", ".join(_kubectl(verb, draft) for verb in ("skip", "abort", "restart"))
    return f"resume ends a pause that was said by hand, and this one is not ({said.message}): choose one of {choices}"


def _approve(draft: Draft, spec: RolloutSpec, _: World, deed: Deed) -> Done | str:
    stage = draft.status.stage
    if draft.status.outcome is not None:
        return f"There is nothing to approve: {_ended(draft.status)}"
    if stage is None or approvals.present(draft.status, spec) is None:
        here = f"stage {stage.index + 1} of {len(spec.stages)}" if stage else "the first stage"
        return f"There is nothing to approve: {here} does not wait for approval"
    if stage.approved_by:
        return Done(draft, f"Nothing to do: {stage.approved_by} approved already")
    message = deed.told("Approved", moves.where(draft.status, spec))
    return _recorded(approvals.approved(draft, stage, deed.by), Reason.APPROVED, message, deed)


def _skip(draft: Draft, spec: RolloutSpec, world: World, deed: Deed) -> Done | str:
    stage, refusal = draft.status.stage, _why_not_forward(draft, spec, world, deed)
    if refusal or stage is None:
        return refusal
    if approvals.present(draft.status, spec) is not None and not stage.approved_by:
        return f"skip does not go past an approval: {_kubectl('approve', draft)}"
    if itinerary.is_last(spec, stage.index):
        return _promoted(draft, spec, deed)
    return _forward(draft, spec, world, stage.index + 1, Reason.SKIPPED, "Skipped", deed)


def _promote(draft: Draft, spec: RolloutSpec, world: World, deed: Deed) -> Done | str:
    if draft.status.outcome is Outcome.PROMOTED:
        return Done(draft, "Nothing to do: the candidate was promoted already")
    stage, refusal = draft.status.stage, _why_not_forward(draft, spec, world, deed)
    if refusal or stage is None:
        return refusal
    if itinerary.is_last(spec, stage.index):
        return _promoted(draft, spec, deed)
    return _forward(draft, spec, world, len(spec.stages) - 1, Reason.PROMOTED_BY_HAND, "Promoted", deed)


def _why_not_forward(draft: Draft, spec: RolloutSpec, world: World, deed: Deed) -> str:
    """Why the candidate gets no more traffic now; empty when it may."""
    status = draft.status
    if status.outcome is not None:
        anew = "retry" if status.outcome is Outcome.ROLLED_BACK else "restart"
        return f"{deed.verb} is refused: {_ended(status)}; {_kubectl(anew, draft)} begins a new attempt"
    if draft.refusal:
        return f"{deed.verb} is refused while the spec is not valid ({draft.refusal}): correct it first"
    if spec.paused:
        return f"{deed.verb} is refused: {holds.BY_SPEC}"
    if status.pause is not None:
        return f"{deed.verb} is refused: {holds.by_hand(status.pause)}, so {_kubectl('resume', draft)} comes first"
    if status.stage is None:
        return f"{deed.verb} is refused before the first stage: {status.message or 'it has yet to begin'}"
    trouble = holds.of_model(spec, world)
    return f"{deed.verb} is refused: {trouble.message}" if trouble else ""


def _forward(draft: Draft, spec: RolloutSpec, world: World, index: int, reason: Reason, done: str, deed: Deed) -> Done:
    """In a later stage. Evidence begins anew only where a Pass ends the stage that is left."""
    status = draft.status
    assert status.stage is not None
    has_passed = status.verdict is Verdict.PASS and itinerary.needs_pass(spec, status.stage.index)
    entered = moves.by_hand(draft, spec, world, index, gate=has_passed)
    told = f"{deed.told(done, moves.where(status, spec))}. Stage {index + 1} begins: {moves.what_begins(spec, index)}"
    return _recorded(entered, reason, told, deed)


def _promoted(draft: Draft, spec: RolloutSpec, deed: Deed) -> Done:
    told = deed.told("Promoted", moves.where(draft.status, spec))
    message = f"{told}. {spec.candidate.name} has taken over from {spec.baseline.name}"
    return _recorded(moves.promote(draft, spec), Reason.PROMOTED_BY_HAND, message, deed)


def _retry(draft: Draft, spec: RolloutSpec, world: World, deed: Deed) -> Done | str:
    if draft.status.outcome is not Outcome.ROLLED_BACK:
        return f"retry begins anew after a rollback, and there was none: {_kubectl('restart', draft)} begins anew now"
    return _anew(draft, spec, world, Reason.RETRIED, deed.told("Retried"), deed)


def _restart(draft: Draft, spec: RolloutSpec, world: World, deed: Deed) -> Done | str:
    told = deed.told("Restarted", moves.where(draft.status, spec))
    return _anew(draft, spec, world, Reason.RESTARTED, told, deed)


def _anew(draft: Draft, spec: RolloutSpec, world: World, reason: Reason, message: str, deed: Deed) -> Done | str:
    if draft.refusal:
        return f"{deed.verb} is refused while the spec is not valid ({draft.refusal}): correct it first"
    told = draft.recording(reason, message, 0, by=deed.by)
    return Done(attempts.anew(told, spec, world, f"{deed.verb} by {deed.by}", deed.by), message)


def _recorded(draft: Draft, reason: Reason, message: str, deed: Deed) -> Done:
    return Done(draft.recording(reason, message, moves.weight_of(draft), by=deed.by))


def _ended(status: RolloutStatus) -> str:
    return f"attempt {status.attempt} was {'promoted' if status.outcome is Outcome.PROMOTED else 'rolled back'}"


def _because(message: str, deed: Deed) -> str:
    return f"{message} ({deed.reason})" if deed.reason else message


def _kubectl(verb: str, draft: Draft) -> str:
    return f"kubectl modelrollout {verb} {draft.rollout}"


DEEDS: dict[Verb, Callable[[Draft, RolloutSpec, World, Deed], Done | str]] = {
    Verb.PAUSE: _pause,
    Verb.RESUME: _resume,
    Verb.PROMOTE: _promote,
    Verb.APPROVE: _approve,
    Verb.SKIP: _skip,
    Verb.ABORT: _abort,
    Verb.RETRY: _retry,
    Verb.RESTART: _restart,
    Verb.UNDO: _undo,
}
