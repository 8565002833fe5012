"""The Experiment and the Models of a rollout: are they there, and ready?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.cli import failures, views
from modelrollout.cli.kube import Kubectl
from modelrollout.cli.views import Rollout

GROUP = "mlops.seldon.io"
Object = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """One of Seldon's objects. `is_ready` None: not known, and `why` says what prevented it."""

    kind: str
    name: str
    is_ready: bool | None
    why: str = ""


def read(kubectl: Kubectl, rollout: Rollout) -> tuple[Part, ...]:
    """The Experiment, the baseline and the candidate, in one call. What may not be read is not known."""
    wanted = _wanted(rollout)
    arguments = ["get", *(f"{kind.lower()}s.{GROUP}/{name}" for kind, name in wanted)]
    done = kubectl.ask(*arguments, "--ignore-not-found", "-o", "json")
    found = _objects(done.stdout)
    why = failures.sentence(done.stderr, arguments) if done.returncode else ""
    return tuple(_part(kind, name, found, why) for kind, name in wanted)


def read_with(kubectl: Kubectl, name: str) -> tuple[Object, tuple[Part, ...]]:
    """A rollout and the same, asked at one time: kubectl takes longer to start than to ask. Raises Refused.

    Before the rollout is there nobody knows which: all of its namespace are asked for, and those of the rollout by
    their names when that is not allowed.
    """
    with kubectl.asking("get", f"experiments.{GROUP},models.{GROUP}", "-o", "json") as answer:
        found = kubectl.rollout(name)
        rollout, done = views.rollout(found), answer()
    if done.returncode:
        return found, read(kubectl, rollout)
    known = _objects(done.stdout)
    return found, tuple(_part(kind, one, known, "") for kind, one in _wanted(rollout))


def _wanted(rollout: Rollout) -> list[tuple[str, str]]:
    named = [("Experiment", rollout.experiment), ("Model", rollout.baseline), ("Model", rollout.candidate)]
    return [(kind, name) for kind, name in named if name]


def _part(kind: str, name: str, found: Sequence[Object], why: str) -> Part:
    mine = [one for one in found if one.get("kind") == kind and one["metadata"]["name"] == name]
    if not mine:
        return Part(kind, name, None, why) if why else Part(kind, name, False, "does not exist")
    conditions = {one.get("type"): one for one in (mine[0].get("status") or {}).get("conditions") or []}
    ready = conditions.get(f"{kind}Ready") or conditions.get("Ready")
    if ready is None:
        return Part(kind, name, False, "Seldon has not said anything of it yet")
    said = ": ".join(word for word in (ready.get("message"), ready.get("reason")) if word)
    return Part(kind, name, ready.get("status") == "True", said)


def _objects(text: str) -> list[Object]:
    """The objects that kubectl printed: none, one, or a list."""
    if not text.strip():
        return []
    found = json.loads(text)
    return list(found["items"]) if found.get("kind") == "List" else [found]
