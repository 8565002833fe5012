"""Is this still the same run of the plan? If not, begin a new one from weight 0."""

import json
from dataclasses import replace

from modelrollout.api import spec as api_spec
from modelrollout.api.reasons import Reason
from modelrollout.api.spec import RolloutSpec
from modelrollout.api.status import ArmShare, Artefact, Outcome, RolloutStatus, Traffic, Verdict
from modelrollout.errors import SpecInvalid
from modelrollout.plan import engine, hashes
from modelrollout.plan.draft import Draft
from modelrollout.plan.world import World

LONGEST_SPEC = 32768  # characters; more makes the API server refuse the whole status


def begin(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """The draft of the attempt that this spec and these artefacts ask for."""
    draft = _remember_spec(draft, spec, world)
    status = draft.status
    why, by = _why_new(status, spec, world)
    if not why:
        return _note_policy(_remember_artefacts(draft, spec, world), spec, world)
    return anew(draft, spec, world, why, by)


def anew(draft: Draft, spec: RolloutSpec, world: World, why: str, by: str = "") -> Draft:
    """The draft of a new attempt; the one before is superseded if it still ran. `by` is on whose word."""
    if draft.status.attempt and draft.status.outcome is None:
        message = f"{Outcome.SUPERSEDED} attempt {draft.status.attempt}: {why}"
        draft = draft.recording(Reason.SUPERSEDED, message, 0, by=by)
    status = draft.status
    fresh = RolloutStatus(
        attempt=status.attempt + 1,
        revision=hashes.revision(spec),
        policy_hash=hashes.policy(spec),
        followed=status.followed,
        traffic=Traffic(
            wanted=weights_for(spec, 0),
            candidate_weight=status.traffic.candidate_weight,
            experiment_uid=status.traffic.experiment_uid,
        ),
        last_handled_action=status.last_handled_action,
        used_tokens=status.used_tokens,
        conditions=status.conditions,
        history=status.history,
        kopf=status.kopf,
    )
    message = f"Attempt {fresh.attempt} begins: {spec.candidate.name} against {spec.baseline.name}"
    return _remember_artefacts(replace(draft, status=fresh).recording(Reason.ATTEMPT_STARTED, message, 0), spec, world)


def followed(status: RolloutStatus) -> RolloutSpec | None:
    """The last valid spec, once an attempt has begun under it; None when there is none that can be read."""
    try:
        return api_spec.parse(json.loads(status.followed)) if status.followed else None
    except SpecInvalid:
        return None


def weights_for(spec: RolloutSpec, candidate_weight: int) -> list[ArmShare]:
    """The weights of all arms when the candidate has this one; the baseline comes first."""
    return [
        ArmShare(name=spec.baseline.name, weight=100 - candidate_weight),
        ArmShare(name=spec.candidate.name, weight=candidate_weight),
    ]


def _remember_spec(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """Keep what the user chose, for a time in which the present spec is not valid. One that is too long is not kept."""
    if draft.status.followed and draft.status.observed_generation == world.generation:
        return draft
    text = json.dumps(hashes.chosen(spec), separators=(",", ":"))
    return draft.change(followed=text if len(text) <= LONGEST_SPEC else "")


def _why_new(status: RolloutStatus, spec: RolloutSpec, world: World) -> tuple[str, str]:
    """(why a new attempt is due, on whose word); both empty when none is."""
    if status.attempt == 0:
        return "it is the first", ""
    if status.revision != hashes.revision(spec):
        return "the models or the stages of the spec changed", world.edited_by
    for known in status.artefacts:
        model = world.models.get(known.name)
        if model and model.artefact != known.hash:
            return f"model {known.name} got a new version", model.edited_by
    return "", ""


def _remember_artefacts(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """Keep what each arm serves; an arm that does not exist now is still the one we knew."""
    known = {artefact.name: artefact.hash for artefact in draft.status.artefacts}
    names = [arm.name for arm in (spec.baseline, *spec.candidates)]
    known |= {name: world.models[name].artefact for name in names if name in world.models}
    return draft.change(artefacts=[Artefact(name=name, hash=known[name]) for name in names if name in known])


def _note_policy(draft: Draft, spec: RolloutSpec, world: World) -> Draft:
    """Guardrails and analysis may change in mid-run: the next look uses them, and the history says so.

    Until then nothing is known: a verdict under the old guardrails must neither open a stage nor hold one.
    """
    status, wanted = draft.status, hashes.policy(spec)
    if status.policy_hash == wanted:
        return draft
    draft = draft.change(policy_hash=wanted)
    if status.outcome is not None:
        return draft
    same = {rail.name for rail in spec.guardrails if engine.kept(rail, spec.analysis, status.engine)}
    kept = [rail for rail in status.guardrails if rail.name in same]
    message = "Guardrails or analysis changed: the next look uses them; changed guardrails begin their evidence anew"
    draft = draft.change(guardrails=kept, verdict=Verdict.INCONCLUSIVE)
    return draft.recording(Reason.POLICY_CHANGED, message, status.traffic.candidate_weight, by=world.edited_by)
