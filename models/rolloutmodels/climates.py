"""The climates of the market, and scenarios: which climate rules when.

Four regimes rule an asset, each for a while. A climate says which of them come, how hard the whole market is pushed
and how clear its signals are.
"""

import math
import re
from dataclasses import dataclass
from enum import IntEnum


class Regime(IntEnum):
    """What an asset goes through for some 15 to 30 steps, or longer; the values are indices of arrays."""

    BULL = 0
    BEAR = 1
    SIDEWAYS = 2
    VOLATILE = 3


class ScenarioError(ValueError):
    """A scenario makes no sense; the message names the place, the value and the cure."""


@dataclass(frozen=True)
class Climate:
    """Shares of time in which the four regimes rule (0-1, in their order), and what applies to all of them.

    `drift` is added to every edge, in units of the volatility; `clarity` is what every signal is multiplied by.
    """

    name: str
    shares: tuple[float, float, float, float]
    drift: float = 0.0
    clarity: float = 1.0


USUAL = Climate("usual", (0.3, 0.2, 0.3, 0.2))
CALM = Climate("calm", (0.4, 0.0, 0.6, 0.0))
VOLATILE = Climate("volatile", (0.0, 0.0, 0.0, 1.0))
CRASH = Climate("crash", (0.0, 0.4, 0.0, 0.6), drift=-0.25)
WINTER = Climate("winter", (0.0, 1.0, 0.0, 0.0), drift=-0.10, clarity=0.8)

CLIMATES = {climate.name: climate for climate in (USUAL, CALM, VOLATILE, CRASH, WINTER)}


@dataclass(frozen=True)
class Scenario:
    """Climates by the second at which each begins; the first begins at 0, and the last does not end."""

    phases: tuple[tuple[float, Climate], ...]

    def at(self, seconds: float) -> Climate:
        """The climate that rules so long after the start."""
        return [climate for begins, climate in self.phases if begins <= max(seconds, 0.0)][-1]


ALWAYS_USUAL = Scenario(((0.0, USUAL),))


def scenario(text: str) -> Scenario:
    """A scenario from words: `crash`, or `calm,volatile@60` for a change after a minute. Raises ScenarioError."""
    first, *later = text.split(",")
    phases = [(0.0, _climate(first, text)), *(_phase(part, text) for part in later)]
    times = [begins for begins, _ in phases]
    if times != sorted(set(times)):
        raise ScenarioError(f"Scenario {text!r} has changes at {times[1:]} s; let each come later than the one before.")
    return Scenario(tuple(phases))


def _phase(part: str, text: str) -> tuple[float, Climate]:
    split = re.fullmatch(r"\s*([^@]*)@(.*)", part)
    if split is None:
        raise ScenarioError(f"Scenario {text!r} does not say when {part.strip()!r} begins; write {part.strip()}@60.")
    return _seconds(split[2], text), _climate(split[1], text)


def _seconds(written: str, text: str) -> float:
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ScenarioError(f"Scenario {text!r} has a change at {written!r}; write seconds after the start, above 0.")
    return seconds


def _climate(name: str, text: str) -> Climate:
    if name.strip() not in CLIMATES:
        raise ScenarioError(f"Scenario {text!r} names {name.strip()!r}; the climates are {', '.join(CLIMATES)}.")
    return CLIMATES[name.strip()]
