"""One sentence for people out of what pydantic found wrong: the field, the value and the cure."""

import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

_CURES = {
    "extra_forbidden": "no such field: check the spelling, or remove it",
    "missing": "required: add it",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} entries, but has {actual_length}",
    "too_long": "must have at most {max_length} entries, but has {actual_length}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_type": "must be a string: put it in quotes",
    "int_type": "must be a whole number, without quotes",
    "float_type": "must be a number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list",
    "model_type": "must be an object with fields of its own",
    "enum": "must be one of {expected}",
}
_WITHOUT_VALUE = {"extra_forbidden", "missing", "too_short", "too_long", "list_type", "model_type"}


def refusal(problem: ValidationError) -> str:
    """The first thing that is wrong, in one sentence, and how many more there are."""
    errors = problem.errors()
    sentence = _sentence(errors[0])
    return sentence + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else "")


def _sentence(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    cure = _CURES.get(error["type"], error["msg"])
    path = _path(error["loc"]) + (f".{context['field']}" if context.get("field") else "")
    return f"{path}: {_value(error)}{cure.format(**context) if error['type'] in _CURES else cure}"


def _path(location: tuple[int | str, ...]) -> str:
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _value(error: ErrorDetails) -> str:
    """The value that was refused, when it is short enough to be read."""
    value: Any = error["input"]
    if error["type"] in _WITHOUT_VALUE or not isinstance(value, str | int | float):
        return ""
    shown = json.dumps(value, ensure_ascii=False)
    return (shown if len(shown) <= 64 else shown[:61] + "...") + ": "
