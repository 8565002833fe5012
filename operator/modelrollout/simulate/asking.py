"""What people write on the command line, turned into numbers; or one sentence that says what is wrong and the cure."""

import argparse
import re
from collections.abc import Callable
from typing import TypeVar

from modelrollout.api.contract import DURATION, seconds

DEFAULTS = {
    "--requests-per-second": "10",
    "--baseline-errors": "1%",
    "--baseline-latency": "100ms",
    "--latency-spread": "0.5",
    "--baseline-quality": "90%",
    "--baseline-mean": "1",
    "--deviation": "0.5",
}
PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
T = TypeVar("T")


class Unclear(ValueError):
    """A command line that cannot be followed; its text is one sentence for people."""


def option(name: str, value: str, read: Callable[[str], T], cure: str) -> T:
    """The option's value as `read` makes it. Raises Unclear with the option, the value and the cure."""
    try:
        return read(value)
    except (ValueError, ArithmeticError) as wrong:
        raise Unclear(f"{name} is '{value}': {cure}") from wrong


def share(name: str, value: str) -> float:
    """A share of requests such as `1%`, above 0 and below 1."""
    cure = "give a share above 0% and below 100%, for example 1%"
    found = option(name, value, _percent, cure)
    return option(name, value, lambda _: _between(found, 0, 1), cure)


def increase(name: str, value: str) -> float:
    """An increase such as `20%`, above 0."""
    cure = "give an increase above 0%, for example 20%"
    return option(name, value, lambda text: _between(_percent(text), 0, 1000), cure)


def positive(name: str, value: str, example: str) -> float:
    """A number above 0."""
    return option(name, value, lambda text: _between(float(text), 0, 1e12), f"give a number above 0, such as {example}")


def number(name: str, value: str, example: str) -> float:
    """Any finite number."""
    return option(name, value, lambda text: _between(float(text), -1e12, 1e12), f"give a number, such as {example}")


def whole(name: str, value: str, most: int) -> int:
    """A whole number from 1 to `most`."""
    cure = f"give a whole number from 1 to {most}"
    return option(name, value, lambda text: int(_between(int(text), 0, most + 1)), cure)


def duration(name: str, value: str, least: float = 0.001) -> float:
    """Seconds of a duration such as `30s`, `5m` or `1h30m`; at least so many."""
    cure = f"give a duration of at least {least:g}s, for example 30s, 5m or 1h30m"
    return option(name, value, lambda text: _between(seconds(_matching(DURATION, text)), least - 1e-9, 1e9), cure)


def weights(name: str, value: str) -> tuple[int, ...]:
    """Rising weights in percent such as `5,25,50`, each above 0 and below 100."""
    cure = "give rising whole percentages from 1 to 99, for example 5,25,50"
    found = option(name, value, lambda text: [int(_between(int(part), 0, 100)) for part in text.split(",")], cure)
    if sorted(set(found)) != found:
        raise Unclear(f"{name} is '{value}': {cure}")
    return tuple(found)


def given(options: argparse.Namespace, name: str) -> str | None:
    """What was written for this option, or None."""
    value = getattr(options, name.removeprefix("--").replace("-", "_"))
    return None if value is None else str(value)


def written(options: argparse.Namespace, name: str) -> str:
    """The same, or the option's default."""
    return given(options, name) or DEFAULTS[name]


def _percent(text: str) -> float:
    match = PERCENT.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return float(match[1]) / 100


def _between(value: float, low: float, high: float) -> float:
    if not low < value < high:
        raise ValueError(str(value))
    return value


def _matching(form: str, text: str) -> str:
    if not re.fullmatch(form, text):
        raise ValueError(text)
    return text
