"""What every part of the contract is made of: the base record, rules with one sentence, durations and shares."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema


@dataclass(frozen=True)
class Rule:
    """A cross-field rule, told to the API server in CEL and checked here in Python, with one sentence for both."""

    cel: str
    holds: Callable[[Any], bool]
    message: str


class Contract(BaseModel):
    """Base of all parts of spec and status: camelCase outside, frozen, and no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, serialize_by_alias=True
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = [{"rule": rule.cel, "message": rule.message} for rule in cls.rules]
        return schema

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise ValueError(rule.message)
        return self


BY_NAME: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}

DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"
SHARE = r"^[0-9]{1,3}(\.[0-9]{1,4})?%$"
DECIMAL = r"^-?[0-9]+(\.[0-9]+)?$"
NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

_AMOUNT = re.compile(r"([0-9.]+)(ms|s|m|h)")
_SECONDS_PER = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """Seconds of a Go duration string such as `90s`, `10m` or `1h30m`."""
    return sum(float(amount) * _SECONDS_PER[unit] for amount, unit in _AMOUNT.findall(duration))


def fraction(share: str) -> float:
    """Fraction (0-1) of a share such as `5%`."""
    return float(share.removesuffix("%")) / 100


def _text(pattern: str, cure: str, max_length: int) -> tuple[Any, Any]:
    """A validator and the schema for a string of one form; the same sentence comes from here and from the API server."""

    def check(value: str) -> str:
        if len(value) > max_length or not re.match(pattern, value):
            raise ValueError(f"'{value}' {cure}")
        return value

    escaped = pattern.replace("\\", "\\\\")
    rule = {"rule": f"self.matches('{escaped}')", "messageExpression": f"\"'\" + self + \"' {cure}\""}
    return AfterValidator(check), Field(
        json_schema_extra={"maxLength": max_length, "x-kubernetes-validations": [rule]}
    )


_duration = _text(DURATION, "is no duration: write it like 90s, 10m or 1h30m", 32)
_share = _text(SHARE, "is no share: write it in percent, like 5% or 0.5%", 9)
_decimal = _text(DECIMAL, "is no decimal number: write it like 50 or 0.25", 32)
_name = _text(NAME, "is no name of an object: use lower-case letters, digits and dashes", 63)

Duration = Annotated[str, *_duration]
Share = Annotated[str, *_share]
Decimal = Annotated[str, *_decimal]
Name = Annotated[str, *_name]
