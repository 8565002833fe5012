"""What guardrails over counters of the models have in common: which label, which delay, and one limit."""

import re
from typing import Any, NamedTuple

from pydantic.alias_generators import to_camel

from modelrollout.api.contract import LABEL, Contract, Rule

LABEL_MEANING = (
    "Label that holds the model's name, alone or with its version, as in fraud_3; versions of a model are summed. "
    "Default: model."
)
DELAY_MEANING = (
    "Labels come this long after the prediction. Evidence begins that long after the attempt's first stage, because "
    "earlier labels speak of the version before. Default: 0s."
)


class Limit(NamedTuple):
    """The one limit of a guardrail: its name in the spec, and how it is written there."""

    name: str
    written: str


def declared(rail: Contract, *fields: str) -> list[Limit]:
    """The limits among these fields that the user wrote."""
    values: dict[str, Any] = {field: getattr(rail, field) for field in fields}
    return [Limit(to_camel(field), str(value)) for field, value in values.items() if value is not None]


def one_limit(*fields: str) -> Rule:
    """At most one of these fields is declared."""
    names = [to_camel(field) for field in fields]
    given = ", ".join(f"has(self.{name})" for name in names)
    return Rule(
        f"[{given}].filter(declared, declared).size() <= 1",
        lambda rail: len(declared(rail, *fields)) <= 1,
        f"a guardrail has one limit: declare {', '.join(names[:-1])} or {names[-1]}, or a guardrail for each",
    )


def label_left_out(*fields: str) -> Rule:
    """No matcher fixes the label that tells the models apart: the other arm would never be found."""
    names = [to_camel(field) for field in fields]
    selectors = ", ".join(f"has(self.{name}) ? self.{name} : ''" for name in names)
    label = "(has(self.label) ? self.label : 'model')"
    return Rule(
        f"![{selectors}].exists(selector, selector.matches('[{{,] ?' + {label} + '[=!]'))",
        lambda rail: not any(re.search(f"[{{,] ?{rail.label}[=!]", getattr(rail, field) or "") for field in fields),
        "the label '{seen}' tells the models apart: leave it out of the matchers",
        seen_cel=label,
        seen=lambda rail: rail.label,
        given={"label": LABEL},
    )
