"""Reasons to stay that a person gave, or that only a person can end, and models that cannot serve."""

from modelrollout.api.reasons import Reason
from modelrollout.api.spec import GuardrailAction, RolloutSpec
from modelrollout.api.status import Pause
from modelrollout.plan import evidence
from modelrollout.plan.draft import Draft, Hold
from modelrollout.plan.world import World

BY_SPEC = "spec.paused is true: set it to false to go on"


def said(draft: Draft, spec: RolloutSpec) -> Draft:
    """Staying when the spec, a person or a failed guardrail says so."""
    if spec.paused:
        draft = draft.staying(Hold(Reason.PAUSED_BY_SPEC, BY_SPEC, paused=True))
    if draft.status.pause is not None:
        sentence = f"{by_hand(draft.status.pause)}: kubectl modelrollout resume {draft.rollout} lets it go on"
        draft = draft.staying(Hold(Reason.PAUSED_BY_HAND, sentence, paused=True))
    failed = evidence.failed(spec, draft.status, GuardrailAction.PAUSE)
    return draft.staying(Hold(Reason.GUARDRAIL_FAILED, failed, paused=True)) if failed else draft


def by_hand(pause: Pause) -> str:
    """Who holds the rollout, and why."""
    return f"{pause.by} holds the rollout" + (f" ({pause.reason})" if pause.reason else "")


def of_models(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """Staying while a model is missing or not ready."""
    trouble = of_model(spec, world)
    return draft.staying(trouble) if trouble else draft


def of_model(spec: RolloutSpec, world: World) -> Hold | None:
    """What is wrong with the first model that cannot serve; None when both can."""
    for name in (spec.baseline.name, spec.candidate.name):
        model = world.models.get(name)
        if model is None:
            cure = world.unserved or "create it, or correct its name"
            return Hold(Reason.MODEL_MISSING, f"Model {name} does not exist: {cure}")
        if not model.is_ready:
            return Hold(Reason.MODEL_NOT_READY, f"Model {name} is not ready: {model.reason}")
    return None
