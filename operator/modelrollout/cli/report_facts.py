"""What a report draws, as numbers: weights over time, and where each guardrail's interval and limit lie (pure)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, isfinite, log10
from typing import Any

from modelrollout.api.contract import Unit, fraction, margin, points
from modelrollout.api.guardrails import Guardrail
from modelrollout.api.spec import RolloutSpec
from modelrollout.cli.views import Rollout

Json = Mapping[str, Any]
ROOM = 0.08  # of an axis, on both sides of what lies on it
MOST_TICKS = 6
ROUND = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)  # seconds


@dataclass(frozen=True)
class Step:
    """From this moment (Unix seconds) on the candidate had this weight; `words` say what was decided."""

    at: float
    weight: int
    reason: str
    words: str
    attempt: int = 1


@dataclass(frozen=True)
class Timeline:
    """Weights over time, oldest first, up to `until` (Unix seconds)."""

    steps: tuple[Step, ...]
    until: float

    @property
    def later_attempts(self) -> tuple[Step, ...]:
        """What began each attempt but the first that is shown; from there on the weight may be another candidate's."""
        return tuple(step for before, step in pairwise(self.steps) if step.attempt != before.attempt)

    @property
    def since(self) -> float:
        """When it begins."""
        return self.steps[0].at if self.steps else self.until

    def place(self, at: float) -> float:
        """Where a moment lies, from 0 to 1."""
        span = self.until - self.since
        return 0.0 if span <= 0 else min(1.0, max(0.0, (at - self.since) / span))


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`; logarithmic for ratios."""

    low: float
    high: float
    is_log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies, from 0 to 1; what lies outside is at the edge."""
        low, high, at = (log10(max(one, 1e-12)) if self.is_log else one for one in (self.low, self.high, value))
        return min(1.0, max(0.0, (at - low) / (high - low))) if high > low else 0.5


@dataclass(frozen=True)
class Drawn:
    """One guardrail's interval on its axis. Numbers are ratios, differences or levels, as people know them.

    None: not known, or not bounded. `harm` is -1 when what lies left of the limit is harm, 1 when what lies right of it
    is; 0 when the limit is not on this axis. `equal` is where a candidate like the baseline lies.
    """

    scale: Scale
    estimate: float | None
    low: float | None
    high: float | None
    limit: float | None = None
    equal: float | None = None
    harm: int = 0
    unit: str = ""

    def told(self, value: float) -> str:
        """A number of this axis, for people."""
        if self.unit == "x":
            return f"x{value:.3g}"
        return f"{value:.3g}{self.unit}"


@dataclass(frozen=True)
class Course:
    """How one guardrail's evidence went: moments, and percent of what a Fail and a Pass need."""

    name: str
    at: tuple[float, ...]
    to_fail: tuple[float, ...]
    to_pass: tuple[float, ...]


@dataclass(frozen=True)
class Past:
    """What Prometheus remembers of the looks. `sentence`: whether they lead to the same verdict, or what is missing."""

    sentence: str
    courses: tuple[Course, ...] = ()
    gates: tuple[float, ...] = ()


def timeline(rollout: Rollout, now: float) -> Timeline:
    """The weights that were decided, as far as the history goes back."""
    known = [one for one in reversed(rollout.history) if one.time is not None]
    steps = [Step(one.time or 0.0, one.weight, one.reason, one.message, one.attempt) for one in known]
    running = not rollout.outcome
    last = steps[-1].at if steps else now
    until = now if running else last + max(60.0, 0.06 * (last - (steps[0].at if steps else now)))
    return Timeline(tuple(steps), max(until, last + 1.0))


def ticks(span: float) -> list[float]:
    """Round times from 0 up to `span` (seconds) for an axis: at most six after the first."""
    step = next((one for one in ROUND if span <= one * MOST_TICKS), None)
    step = step or 86400 * ceil(span / 86400 / MOST_TICKS)
    return [float(step * at) for at in range(int(span // step) + 1)]


def newest(found: Json, rollout: Rollout) -> float | None:
    """The last moment that an object tells of; None when it tells of none."""
    known = [one.time for one in rollout.history] + [one.since for one in rollout.conditions]
    looked = _number(found.get("status") or {}, "lastLookAt")
    return max((one for one in (*known, looked) if one is not None), default=None)


def drawn(found: Json, spec: RolloutSpec | None) -> Drawn | None:
    """Where a guardrail's interval lies; None while there is nothing to draw."""
    rail = _rail(found, spec)
    low, high = _number(found, "intervalLow"), _number(found, "intervalHigh")
    if rail is None or rail.query is not None or (low is None and high is None):
        return None
    ratio = _number(found, "ratio")
    candidate, baseline = (_number(found.get(arm) or {}, "rate") for arm in ("candidate", "baseline"))
    if is_ratio(rail):
        return _ratio(rail, ratio, low, high)
    if _is_level(rail):
        return _level(rail, candidate, baseline, low, high)
    difference = None if candidate is None or baseline is None else candidate - baseline
    return _difference(rail, difference, baseline, low, high)


def is_ratio(rail: Guardrail) -> bool:
    """True when the guardrail compares by how many times more of the candidate's went wrong."""
    if rail.error_rate is not None:
        return rail.error_rate.max is None
    if rail.latency is not None:
        return rail.latency.max is None
    return rail.ratio is not None and rail.ratio.limit.name == "maxRatio"


def _is_level(rail: Guardrail) -> bool:
    counted = rail.ratio or rail.mean
    return counted is None or counted.limit.name in {"min", "max"}


def _ratio(rail: Guardrail, ratio: float | None, low: float | None, high: float | None) -> Drawn:
    limit = None
    if rail.error_rate is not None:
        limit = rail.error_rate.max_ratio or 1.5
    elif rail.ratio is not None:
        limit = float(rail.ratio.limit.written)
    low = low or None  # at least x0 says nothing
    return Drawn(
        _log_scale([ratio, low, high, limit, 1.0]), ratio, low, high, limit, 1.0, 1 if limit is not None else 0, "x"
    )


def _level(
    rail: Guardrail, candidate: float | None, baseline: float | None, low: float | None, high: float | None
) -> Drawn:
    limit, harm = _level_limit(rail)
    times = 1.0 if rail.mean is not None else 100.0
    values = [None if one is None else times * one for one in (candidate, low, high, limit, baseline)]
    unit = "" if rail.mean is not None else " %"
    return Drawn(_scale(values), values[0], values[1], values[2], values[3], values[4], harm, unit)


def _level_limit(rail: Guardrail) -> tuple[float | None, int]:
    if rail.error_rate is not None and rail.error_rate.max is not None:
        return fraction(rail.error_rate.max), 1
    if rail.latency is not None:
        return 1 - rail.latency.quantile, 1  # the share that may be slower
    counted = rail.ratio or rail.mean
    assert counted is not None
    written = counted.limit.written
    harm = -1 if counted.limit.name == "min" else 1
    return (fraction(written) if rail.ratio is not None else float(written)), harm


def _difference(
    rail: Guardrail, difference: float | None, baseline: float | None, low: float | None, high: float | None
) -> Drawn:
    limit, harm = _difference_limit(rail, baseline)
    times, unit = (1.0, "") if rail.mean is not None else (100.0, " pp")
    values = [None if one is None else times * one for one in (difference, low, high, limit)]
    return Drawn(_scale([*values, 0.0]), values[0], values[1], values[2], values[3], 0.0, harm if limit else 0, unit)


def _difference_limit(rail: Guardrail, baseline: float | None) -> tuple[float | None, int]:
    if rail.ratio is not None:
        return -points(rail.ratio.limit.written), -1
    assert rail.mean is not None
    allowed, harm = margin(rail.mean.limit.written), -1 if rail.mean.limit.name == "maxDrop" else 1
    if allowed.unit is Unit.SHARE:
        return (None if baseline is None else harm * allowed.value * abs(baseline)), harm
    return (harm * allowed.value if allowed.unit is Unit.PLAIN else None), harm


def _scale(values: Sequence[float | None]) -> Scale:
    known = [one for one in values if one is not None and isfinite(one)]
    low, high = min(known), max(known)
    room = ROOM * (high - low) or max(abs(high), 1e-3)
    return Scale(low - room, high + room)


def _log_scale(values: Sequence[float | None]) -> Scale:
    known = [log10(one) for one in values if one is not None and isfinite(one) and one > 0]
    low, high = min(known), max(known)
    room = max(ROOM * (high - low), 0.04)
    return Scale(10 ** (low - room), 10 ** (high + room), is_log=True)


def _rail(found: Json, spec: RolloutSpec | None) -> Guardrail | None:
    listed = spec.guardrails if spec is not None else []
    return next((rail for rail in listed if rail.name == found.get("name")), None)


def _number(found: Json, key: str) -> float | None:
    value = found.get(key)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return float(value) if is_number and value is not None else None
