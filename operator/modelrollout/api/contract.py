"""What every part of the contract is made of: the base record, rules with one sentence, and how text is read."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, PydanticCustomError


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule told to the API server in CEL and checked here in Python, with one sentence for both.

    `message` may hold `{seen}`: what the user wrote, from `seen_cel` there and from `seen` here.
    `field` is the field to blame, when the rule stands on the record above it.
    `given` names fields, also nested ones like `range.min`, with the form that they must have before the rule can be
    asked; a field of another form is refused by its own rule, and a second sentence would only hide the first.
    """

    cel: str
    holds: Callable[[Any], bool]
    message: str
    seen_cel: str = "''"
    seen: Callable[[Any], str] = lambda _: ""
    field: str = ""
    given: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def validation(self) -> dict[str, str]:
        """The rule as an entry of `x-kubernetes-validations`."""
        guards = [f"{_has(name)} && !{_has_form(f'self.{name}', form)}" for name, form in self.given.items()]
        entry = {"rule": " || ".join([f"({guard})" for guard in guards] + [f"({self.cel})" if guards else self.cel])}
        if "{seen}" in self.message:
            before, after = self.message.split("{seen}")
            entry["messageExpression"] = f"{quoted(before)} + {self.seen_cel} + {quoted(after)}"
        # The API server falls back to it when the expression gives a line break or costs too much.
        entry["message"] = self.message.replace("{seen}", "what was given")
        if self.field:
            entry["fieldPath"] = f".{self.field}"
        return entry

    def refusal(self, value: Any) -> PydanticCustomError:
        """The error for a value that breaks the rule."""
        sentence = self.message.replace("{seen}", self.seen(value))
        return PydanticCustomError("rule", "{sentence}", {"sentence": sentence, "field": self.field})


def quoted(text: str) -> str:
    """The text as a string in CEL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _has(path: str) -> str:
    """CEL that is true when every step of the path is there."""
    steps = path.split(".")
    return " && ".join(f"has(self.{'.'.join(steps[: depth + 1])})" for depth in range(len(steps)))


def _has_form(value: str, form: str) -> str:
    return f"({value} != '' && {value}.matches({quoted(form)}))"


class Contract(BaseModel):
    """Base of all parts of spec and status: camelCase outside, frozen, and no unknown fields."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, serialize_by_alias=True
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = [rule.validation() for rule in cls.rules]
        return schema

    @model_validator(mode="after")
    def _obey_rules(self) -> Self:
        for rule in self.rules:
            if not rule.holds(self):
                raise rule.refusal(self)
        return self


BY_NAME: dict[str, Any] = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


def names_once(items: Sequence[Any]) -> Sequence[Any]:
    """The items themselves, when each has its own name; the API server checks the same from `BY_NAME`."""
    names = [item.name for item in items]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        sentence = f"the name '{twice}' occurs twice: give each its own"
        raise PydanticCustomError("rule", "{sentence}", {"sentence": sentence})
    return items


# Units in order and few digits, so that no duration overflows Go's 292 years.
DURATION = r"^([0-9]{1,6}(\.[0-9]{1,3})?h)?([0-9]{1,6}(\.[0-9]{1,3})?m)?([0-9]{1,6}(\.[0-9]{1,3})?s)?([0-9]{1,6}ms)?$"
SHARE = r"^[0-9]{1,3}(\.[0-9]{1,4})?%$"
DECIMAL = r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$"
NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
ADDRESS = r"^https?://[A-Za-z0-9._:\[\]-]+(/[A-Za-z0-9._~%/-]*)?$"
MATCHER = r'[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"([^"\\\n]|\\.)*"'
MATCHERS = rf"^{MATCHER}(, ?{MATCHER})*$"
SELECTOR = rf"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{{{MATCHER}(, ?{MATCHER})*\}})?$"
LABEL = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
POINTS = r"^[0-9]{1,3}(\.[0-9]{1,4})?pp$"
MARGIN = r"^[0-9]{1,15}(\.[0-9]{1,9})?(%|sd)?$"
DISPERSION = r"^(Auto|[0-9]{1,4}(\.[0-9]{1,4})?)$"

_AMOUNT = re.compile(r"([0-9.]+)(ms|s|m|h)")
_SECONDS_PER = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """Seconds of a Go duration string such as `90s`, `10m` or `1h30m`."""
    return sum(float(amount) * _SECONDS_PER[unit] for amount, unit in _AMOUNT.findall(duration))


def fraction(share: str) -> float:
    """Fraction (0-1) of a share such as `5%`."""
    return float(share.removesuffix("%")) / 100


def points(drop: str) -> float:
    """Fraction (0-1) of percentage points such as `2pp`: 0.02."""
    return float(drop.removesuffix("pp")) / 100


class Unit(Enum):
    """What a margin of a mean is measured in."""

    SHARE = "%"
    SD = "sd"
    PLAIN = ""


class Margin(NamedTuple):
    """How far the candidate's mean may be from the baseline's.

    `value` is a fraction of the baseline's mean (SHARE), a number of standard deviations (SD), or in the unit of the
    values themselves (PLAIN).
    """

    value: float
    unit: Unit


def margin(written: str) -> Margin:
    """The margin of `5%` (0.05 of the baseline's mean), `0.05sd` or a plain number."""
    if written.endswith("%"):
        return Margin(fraction(written), Unit.SHARE)
    if written.endswith("sd"):
        return Margin(float(written.removesuffix("sd")), Unit.SD)
    return Margin(float(written), Unit.PLAIN)


def dispersion(written: str) -> float | None:
    """The factor that was chosen; None for `Auto`: measured from the traffic."""
    return None if written == "Auto" else float(written)


def text(form: str, wrong: str, max_length: int, *bounds: Rule) -> tuple[Any, Any]:
    """A validator and the schema for a string of one form; the same sentences come from here and from the API server.

    `bounds` are asked of strings that have the form.
    """
    of_form = Rule(_has_form("self", form), lambda value: value != "" and re.fullmatch(form, value) is not None, wrong)

    def check(value: str) -> str:
        for rule in (of_form, *bounds):
            if not rule.holds(value):
                raise rule.refusal(value)
        return value

    guarded = [{**bound.validation(), "rule": f"!{_has_form('self', form)} || ({bound.cel})"} for bound in bounds]
    extra: dict[str, Any] = {
        "maxLength": max_length,
        "pattern": form,
        "x-kubernetes-validations": [of_form.validation(), *guarded],
    }
    return AfterValidator(check), Field(max_length=max_length, json_schema_extra=extra)


def number(*bounds: Rule) -> tuple[Any, Any]:
    """A validator and the schema for a number within bounds, with the same sentences here and from the API server."""

    def check(value: float) -> float:
        for rule in bounds:
            if not rule.holds(value):
                raise rule.refusal(value)
        return value

    extra: dict[str, Any] = {"x-kubernetes-validations": [bound.validation() for bound in bounds]}
    return AfterValidator(check), Field(strict=True, allow_inf_nan=False, json_schema_extra=extra)
