"""A stage that waits for a person: how it waits, and what its deadline decides."""

from modelrollout.api.reasons import Reason
from modelrollout.api.spec import Approval, OnDeadline, RolloutSpec
from modelrollout.api.status import RolloutStatus, StageStatus
from modelrollout.plan import moves
from modelrollout.plan.draft import Draft, Hold, timestamp

BY_DEADLINE = "approval.onDeadline"


def waiting(draft: Draft, spec: RolloutSpec) -> Draft:
    """Staying until somebody approves or the deadline decides; while something else holds, the deadline does not."""
    stage, approval = draft.status.stage, present(draft.status, spec)
    if draft.status.outcome is not None or stage is None or approval is None or stage.approved_by:
        return draft
    if draft.hold is None and stage.expires_at is not None and draft.now >= stage.expires_at:
        return _expired(draft, spec, stage, approval)
    return draft.staying(Hold(Reason.AWAITING_APPROVAL, _sentence(draft, stage, approval), paused=True))


def present(status: RolloutStatus, spec: RolloutSpec) -> Approval | None:
    """The approval that the present stage is; None in every other stage."""
    return spec.stages[status.stage.index].approval if status.stage else None


def approved(draft: Draft, stage: StageStatus, by: str) -> Draft:
    """The consent stands for as long as the stage."""
    return draft.change(stage=stage.model_copy(update={"approved_by": by}))


def without_pass(stage: StageStatus) -> Hold:
    """Why an approved stage does not end yet."""
    sentence = f"Stage {stage.index + 1} is approved by {stage.approved_by} and waits for every guardrail to pass"
    return Hold(Reason.JUDGING, sentence)


def _sentence(draft: Draft, stage: StageStatus, approval: Approval) -> str:
    said = f"Stage {stage.index + 1} waits for approval: kubectl modelrollout approve {draft.rollout}"
    if stage.expires_at is None:
        return said
    return f"{said}; without an answer by {timestamp(stage.expires_at)} onDeadline decides: {approval.on_deadline}"


def _expired(draft: Draft, spec: RolloutSpec, stage: StageStatus, approval: Approval) -> Draft:
    why = f"nobody approved within {approval.deadline}, and approval.onDeadline is {approval.on_deadline}"
    message = f"Stage {stage.index + 1} of {len(spec.stages)}: {why}"
    draft = draft.recording(Reason.APPROVAL_EXPIRED, message, moves.weight_of(draft))
    if approval.on_deadline is OnDeadline.ROLLBACK:
        return moves.roll_back(draft, spec, why)
    return approved(draft, stage, BY_DEADLINE)
