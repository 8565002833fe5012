"""Objects that may not be there: asked of kubectl, and None or nothing when there are none."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from modelrollout.cli.kube import Kubectl

Object = dict[str, Any]


def one(door: Kubectl, resource: str, name: str, namespaced: bool = True) -> Object | None:
    """The object, or None when there is none. Raises Refused."""
    text = door.run("get", resource, name, "-o", "json", "--ignore-not-found", namespaced=namespaced)
    found: Object | None = json.loads(text) if text.strip() else None
    return found


def named(door: Kubectl, resource: str, names: Sequence[str]) -> dict[str, Object]:
    """Those of the objects with these names that exist, by name. Raises Refused."""
    text = door.run("get", resource, *names, "-o", "json", "--ignore-not-found")
    found = json.loads(text) if text.strip() else {"items": []}
    return {name(one): one for one in found.get("items", [found])}


def all_of(door: Kubectl, resource: str, *more: str, namespaced: bool = True) -> list[Object]:
    """The objects of a namespace, or with `--all-namespaces` of all. Raises Refused."""
    listed: list[Object] = door.get(resource, "", *more, namespaced=namespaced)["items"]
    return listed


def at(found: Mapping[str, Any] | None, *path: str) -> Any:
    """What stands at the path; None when nothing does."""
    value: Any = found
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def condition(found: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A condition of the status; empty when it is not there."""
    listed = at(found, "status", "conditions") or []
    return next((one for one in listed if one.get("type") == kind), {})


def is_true(found: Mapping[str, Any], kind: str) -> bool:
    """Whether the condition is True."""
    return condition(found, kind).get("status") == "True"


def owner(found: Mapping[str, Any]) -> tuple[str, str]:
    """(kind, name) of the first owner; empty when nobody owns it."""
    owners = at(found, "metadata", "ownerReferences") or [{}]
    return str(owners[0].get("kind", "")), str(owners[0].get("name", ""))


def name(found: Mapping[str, Any]) -> str:
    """metadata.name."""
    return str(at(found, "metadata", "name") or "")


def listed(names: Sequence[str], most: int = 5) -> str:
    """`a, b and 3 more`."""
    left = len(names) - most
    return ", ".join(names[:most]) + (f" and {left} more" if left > 0 else "")
