"""What makes two runs the same: short, stable hashes of parts of the spec."""

import hashlib
import json
from typing import Any

from modelrollout.api.spec import RolloutSpec


def of(value: Any) -> str:
    """Sixteen hex digits that change when the value does, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def revision(spec: RolloutSpec) -> str:
    """Changes when a new attempt is due: other arms, or another plan."""
    arms = [arm.name for arm in (spec.baseline, *spec.candidates)]
    return of([arms, spec.strategy.model_dump(mode="json")])


def policy(spec: RolloutSpec) -> str:
    """Changes when guardrails or analysis do."""
    return of([[rail.model_dump(mode="json") for rail in spec.guardrails], spec.analysis.model_dump(mode="json")])
