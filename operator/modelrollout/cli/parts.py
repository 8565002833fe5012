"""The Experiment and the Models of a rollout: are they there, and ready?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.cli import failures
from modelrollout.cli.kube import Kubectl
from modelrollout.cli.views import Rollout

GROUP = "mlops.seldon.io"


@dataclass(frozen=True)
class Part:
    """One of Seldon's objects. `is_ready` None: not known, and `why` says what prevented it."""

    kind: str
    name: str
    is_ready: bool | None
    why: str = ""


def read(kubectl: Kubectl, rollout: Rollout) -> tuple[Part, ...]:
    """The Experiment, the baseline and the candidate, in one call. What may not be read is not known."""
    wanted = [("Experiment", rollout.experiment), ("Model", rollout.baseline), ("Model", rollout.candidate)]
    wanted = [(kind, name) for kind, name in wanted if name]
    arguments = ["get", *(f"{kind.lower()}s.{GROUP}/{name}" for kind, name in wanted)]
    done = kubectl.ask(*arguments, "--ignore-not-found", "-o", "json")
    found = _objects(done.stdout)
    why = failures.sentence(done.stderr, arguments) if done.returncode else ""
    return tuple(_part(kind, name, found, why) for kind, name in wanted)


def _part(kind: str, name: str, found: Sequence[Mapping[str, Any]], why: str) -> Part:
    mine = [one for one in found if one.get("kind") == kind and one["metadata"]["name"] == name]
    if not mine:
        return Part(kind, name, None, why) if why else Part(kind, name, False, "does not exist")
    conditions = {one.get("type"): one for one in (mine[0].get("status") or {}).get("conditions") or []}
    ready = conditions.get(f"{kind}Ready") or conditions.get("Ready")
    if ready is None:
        return Part(kind, name, False, "Seldon has not said anything of it yet")
    said = ": ".join(word for word in (ready.get("message"), ready.get("reason")) if word)
    return Part(kind, name, ready.get("status") == "True", said)


def _objects(text: str) -> list[Mapping[str, Any]]:
    """The objects that kubectl printed: none, one, or a list."""
    if not text.strip():
        return []
    found = json.loads(text)
    return list(found["items"]) if found.get("kind") == "List" else [found]
