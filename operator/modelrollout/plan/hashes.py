"""What makes two runs the same: short, stable hashes of parts of the spec.

Only what the user chose is hashed. With the defaults in it, a version of the operator that knows one field more would
begin every rollout anew.
"""

import hashlib
import json
from typing import Any

from modelrollout.api.contract import Contract
from modelrollout.api.spec import RolloutSpec


def of(value: Any) -> str:
    """Sixteen hex digits that change when the value does, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def revision(spec: RolloutSpec) -> str:
    """Changes when a new attempt is due: other arms, or another plan."""
    arms = [arm.name for arm in (spec.baseline, *spec.candidates)]
    return of([arms, chosen(spec.strategy)])


def policy(spec: RolloutSpec) -> str:
    """Changes when guardrails or analysis do."""
    return of([[chosen(rail) for rail in spec.guardrails], chosen(spec.analysis)])


def chosen(part: Contract, *without: str) -> dict[str, Any]:
    """This part of the spec as plain JSON values, but for defaults and the fields named in `without`."""
    return part.model_dump(mode="json", exclude_defaults=True, exclude=set(without))
