"""Moments and lengths of time: as the API writes them, and as people read them."""

import re
from datetime import UTC, datetime
from math import inf, isfinite

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s?(ns|us|µs|ms|s|min|m|h|days?|d)")


def seconds(text: str) -> float | None:
    """The length of a duration such as 1h30m or 4h 25m; None when it is none. `never` is infinite."""
    if text.strip() == "never":
        return inf
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        return None
    return sum(float(number) * _UNITS[_unit(unit)] for number, unit in parts)


def moment(text: str) -> float | None:
    """An RFC 3339 time in Unix seconds; None when it is none."""
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def short(length: float) -> str:
    """A length in at most two units: 40s, 3m40s, 1h50m, 12d4h."""
    if not isfinite(length):
        return "never"
    whole = max(0, round(length))
    for above, unit, name, small, rest in (
        (2 * 86400, 86400, "d", 3600, "h"),
        (3600, 3600, "h", 60, "m"),
        (60, 60, "m", 1, "s"),
    ):
        if whole >= above:
            many, left = whole // unit, whole % unit // small
            is_long = many >= 10
            return f"{many}{name}" if not left or is_long else f"{many}{name}{left}{rest}"
    return f"{whole}s"


def _unit(name: str) -> str:
    return "m" if name == "min" else "d" if name.startswith("day") else name
