"""A corpus of rollouts as `kubectl get -o json` gave them in real runs, less what is not for people."""

import json
from pathlib import Path
from typing import Any

from modelrollout.cli.views import Rollout

STATUSES = Path(__file__).parent / "statuses"
NAMES = sorted(file.stem for file in STATUSES.glob("*.json"))


def found(name: str) -> dict[str, Any]:
    """One object of the corpus."""
    return dict(json.loads((STATUSES / f"{name}.json").read_text()))


def moment(rollout: Rollout) -> float:
    """A few seconds after the newest thing that the object tells."""
    known = [one.time or 0.0 for one in rollout.history] + [(rollout.look_due_at or 8.0) - 8.0, rollout.created or 0.0]
    return max(known) + 5.0
