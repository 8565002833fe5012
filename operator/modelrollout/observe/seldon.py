"""What Seldon's objects say, as records. The objects are dicts from the API server; nothing is read here.

Seldon's status is a hint. It names no generation, and it is True while its proxy refuses the routes; what it says is
worth is decided in the plan.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from modelrollout.cluster import FENCE
from modelrollout.observe import writers
from modelrollout.plan.world import ExperimentView, ModelView, Weights

REFUSED = "code = FailedPrecondition desc = "
# Seldon makes no new version of a model for these.
WITHOUT_NEW_VERSION = {"replicas", "minReplicas", "maxReplicas", "logger"}


def experiment(found: Mapping[str, Any], rollout_uid: str, settled: bool) -> ExperimentView:
    """The Experiment as the plan sees it. `settled`: a watch saw Seldon take up this generation."""
    metadata, spec = found["metadata"], found.get("spec", {})
    conditions = _conditions(found)
    return ExperimentView(
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        weights=_weights(spec),
        default=spec.get("default", ""),
        is_ready=conditions.get("ExperimentReady", {}).get("status") == "True",
        settled=settled,
        owner=_owner(metadata, rollout_uid),
        refusal=_refusal(conditions),
        writer=writers.of_spec(metadata),
        fence=(metadata.get("annotations") or {}).get(FENCE, ""),
        is_annotated=bool(metadata.get("annotations")),
    )


def model(found: Mapping[str, Any]) -> ModelView:
    """The Model as the plan sees it."""
    ready = _conditions(found).get("ModelReady", {})
    status = found.get("status") or {}
    spec = {key: value for key, value in found.get("spec", {}).items() if key not in WITHOUT_NEW_VERSION}
    text = json.dumps(spec, sort_keys=True).encode()
    said = [word for word in (ready.get("message", ""), ready.get("reason", "")) if word]
    return ModelView(
        name=found["metadata"]["name"],
        is_ready=ready.get("status") == "True",
        artefact=hashlib.sha256(text).hexdigest()[:16],
        reason=": ".join(said) if status else "Seldon has not said anything of it yet",
        edited_by=writers.of_spec(found["metadata"]),
    )


def is_ready(found: Mapping[str, Any]) -> bool | None:
    """What condition ExperimentReady says; None when it is not there."""
    said = _conditions(found).get("ExperimentReady", {}).get("status")
    return None if said is None else said == "True"


def default_holder(experiments: list[dict[str, Any]], baseline: str, own_name: str) -> str:
    """The other Experiment that has this model as its default; empty when there is none."""
    holders = [
        found["metadata"]["name"]
        for found in experiments
        if found.get("spec", {}).get("default") == baseline and found["metadata"]["name"] != own_name
    ]
    return min(holders, default="")


def _weights(spec: Mapping[str, Any]) -> Weights:
    return tuple((arm["name"], arm["weight"]) for arm in spec.get("candidates", []))


def _conditions(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {condition["type"]: condition for condition in (found.get("status") or {}).get("conditions", [])}


def _owner(metadata: Mapping[str, Any], rollout_uid: str) -> str:
    owners = metadata.get("ownerReferences") or []
    if any(owner["uid"] == rollout_uid for owner in owners):
        return ""
    if owners:
        return f"{owners[0]['kind']} {owners[0]['name']}"
    return f"somebody else (last written by {writers.of_spec(metadata) or 'an unknown tool'})"


def _refusal(conditions: Mapping[str, Mapping[str, Any]]) -> str:
    """Seldon's own word. The condition also says that its scheduler was away, and it is never cleared."""
    reason = str(conditions.get("ModelReady", {}).get("reason", ""))
    return reason.partition(REFUSED)[2]
