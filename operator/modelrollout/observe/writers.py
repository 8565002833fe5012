"""Who wrote what, as the API server keeps it: the field managers of an object."""

from collections.abc import Mapping
from typing import Any

from modelrollout.api.orders import ACTION
from modelrollout.cluster import FIELD_MANAGER


def of_spec(metadata: Mapping[str, Any]) -> str:
    """The field manager, other than ours, that wrote the spec last; empty when nobody is known."""
    return _newest(metadata, "f:spec")


def of_action(metadata: Mapping[str, Any]) -> str:
    """The field manager that wrote what is told; empty when nobody is known."""
    return _newest(metadata, "f:metadata", "f:annotations", f"f:{ACTION}")


def _newest(metadata: Mapping[str, Any], *path: str) -> str:
    entries = [
        entry
        for entry in metadata.get("managedFields") or []
        if _owns(entry.get("fieldsV1") or {}, path) and entry.get("manager") != FIELD_MANAGER
    ]
    newest: Mapping[str, Any] = max(entries, key=lambda entry: str(entry.get("time", "")), default={})
    return str(newest.get("manager", ""))


def _owns(fields: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    found: Any = fields
    for name in path:
        if not isinstance(found, Mapping) or name not in found:
            return False
        found = found[name]
    return True
