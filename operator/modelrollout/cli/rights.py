"""Who may do what: asked of the API server, many questions with one call of kubectl."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modelrollout.cli.kube import Kubectl

OURS, SELDON, LEASES = "modelrollout.io", "mlops.seldon.io", "coordination.k8s.io"


@dataclass(frozen=True)
class Right:
    """Verbs on a kind of object; `named`: on the objects of these names alone."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    named: str = ""

    @property
    def rule(self) -> str:
        """As a rule of a Role grants it."""
        names = f", resourceNames: [{self.named}]" if self.named else ""
        verbs = ", ".join(self.verbs)
        return f'- {{apiGroups: ["{self.group}"], resources: ["{self.resource}"]{names}, verbs: [{verbs}]}}'

    @property
    def told(self) -> str:
        """In words: get, list and watch models."""
        *first, last = self.verbs
        verbs = f"{', '.join(first)} and {last}" if first else last
        return f"{verbs} {self.resource}{f' {self.named}' if self.named else ''}"


SEEING = (
    Right(OURS, "modelrollouts", ("get", "list", "watch")),
    Right(SELDON, "models", ("get", "list")),
    Right(SELDON, "experiments", ("get", "list")),
)
STEERING = (Right(OURS, "modelrollouts", ("patch",)),)
APPLYING = (Right(OURS, "modelrollouts", ("create", "delete")),)
IMPERSONATING = Right("", "serviceaccounts", ("impersonate",))
OPERATOR = (
    Right(OURS, "modelrollouts", ("get", "list", "watch", "patch", "update")),
    Right(OURS, "modelrollouts/status", ("get", "patch", "update")),
    Right(OURS, "modelrollouts/finalizers", ("update",)),
    Right(SELDON, "experiments", ("get", "list", "watch", "create", "patch", "update")),
    Right(SELDON, "models", ("get", "list", "watch")),
    Right("", "events", ("create", "patch")),
    Right("events.k8s.io", "events", ("create", "patch")),
)
"""What the operator needs in each namespace of its rollouts, as the chart grants it."""


def lease(name: str) -> tuple[Right, ...]:
    """What the operator needs to be elected, in the Lease's namespace."""
    return Right(LEASES, "leases", ("create",)), Right(LEASES, "leases", ("get", "patch", "update"), name)


def secret(name: str) -> Right:
    """What the operator needs to read credentials of a rollout."""
    return Right("", "secrets", ("get",), name)


def missing(door: Kubectl, rights: Sequence[Right], namespace: str, who: str = "") -> list[Right]:
    """What is not allowed, with the verbs that are not; `who` is another user, whom the asker may impersonate.

    Raises Refused.
    """
    if who:
        door = replace(door, flags=(*door.flags, f"--as={who}"))
    asked = [(right, verb) for right in rights for verb in right.verbs]
    reviews = {"apiVersion": "v1", "kind": "List", "items": [_review(*one, namespace) for one in asked]}
    # Validation would fetch the API's whole description first.
    text = door.run("create", "-f", "-", "-o", "json", "--validate=false", stdin=json.dumps(reviews), namespaced=False)
    denied = {
        one for one, answer in zip(asked, _objects(text), strict=True) if not answer["status"].get("allowed", False)
    }
    verbs = {right: tuple(verb for verb in right.verbs if (right, verb) in denied) for right in rights}
    return [replace(right, verbs=not_allowed) for right, not_allowed in verbs.items() if not_allowed]


def _review(right: Right, verb: str, namespace: str) -> dict[str, Any]:
    resource, _, subresource = right.resource.partition("/")
    told = {"group": right.group, "resource": resource, "verb": verb, "namespace": namespace}
    told |= {"subresource": subresource} if subresource else {}
    told |= {"name": right.named} if right.named else {}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": told},
    }


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """kubectl prints one object after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        found, at = decoder.raw_decode(text, at)
        yield found
        at += len(text[at:]) - len(text[at:].lstrip())
