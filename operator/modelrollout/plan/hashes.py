"""What makes two runs the same: short, stable hashes of parts of the spec.

Only what the user chose is hashed. With the defaults in it, a version of the operator that knows one field more would
begin every rollout anew. And only what it means: 600s is 10m, and 5.0% is 5%.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, get_args

from pydantic.fields import FieldInfo

from modelrollout.api import contract
from modelrollout.api.contract import Contract
from modelrollout.api.spec import RolloutSpec

_NUMBERS = {contract.SHARE, contract.POINTS, contract.MARGIN, contract.DECIMAL, contract.DISPERSION}
_NUMBER = re.compile(r"(-?[0-9.]+)(%|pp|sd)?")
_PARTS = (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


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
    written = [(field, getattr(part, field.name)) for field in _fields(type(part)) if field.name not in without]
    values = [(field, _plain(value, field.forms)) for field, value in written if not field.is_left_out(value)]
    return {field.key: value for field, value in values if field.is_required or value != field.meant}


@dataclass(frozen=True)
class _Field:
    """A field of the contract: its name here and in JSON, forms of its text, its default, and what that means."""

    name: str
    key: str
    forms: frozenset[str]
    is_required: bool
    default: Any
    meant: Any

    def is_left_out(self, value: Any) -> bool:
        """True for the default as it stands: most fields, and found without a look at what they mean."""
        return not self.is_required and value == self.default


@lru_cache
def _fields(kind: type[Contract]) -> tuple[_Field, ...]:
    return tuple(_field(name, info) for name, info in kind.model_fields.items())


def _field(name: str, info: FieldInfo) -> _Field:
    forms = frozenset(_forms(info))
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    return _Field(name, info.alias or name, forms, info.is_required(), default, _plain(default, forms))


def _forms(info: FieldInfo) -> Iterator[str]:
    """Patterns of the field itself, and of the alternatives of a field that may be absent."""
    inner = [meta for choice in get_args(info.annotation) for meta in getattr(choice, "__metadata__", ())]
    for one in [info, *(meta for meta in inner if isinstance(meta, FieldInfo))]:
        if isinstance(one.json_schema_extra, dict) and "pattern" in one.json_schema_extra:
            yield str(one.json_schema_extra["pattern"])


def _plain(value: Any, forms: frozenset[str]) -> Any:
    if isinstance(value, Contract):
        return chosen(value)
    if isinstance(value, list):
        return [_plain(one, forms) for one in value]
    if isinstance(value, Enum):
        return value.value
    if not isinstance(value, str):
        return value
    if contract.DURATION in forms:
        return _shortest(value)
    return _NUMBER.sub(_without_zeros, value) if forms & _NUMBERS else value


def _shortest(duration: str) -> str:
    """The duration in its largest units: 90s is 1m30s."""
    left, said = round(1000 * contract.seconds(duration)), ""
    for unit, milliseconds in _PARTS:
        count, left = divmod(left, milliseconds)
        said += f"{count}{unit}" if count else ""
    return said or "0s"


def _without_zeros(found: re.Match[str]) -> str:
    return f"{Decimal(found[1]).normalize():f}{found[2] or ''}"
