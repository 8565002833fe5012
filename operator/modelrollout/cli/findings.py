"""What a check of a file found: where, how bad, and one sentence with the cure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"  # the API server or the operator would refuse it
    WARNING = "warning"  # it will not do what was probably meant
    NOTE = "note"  # as it was asked for, and worth knowing


STYLES = {Level.ERROR: "bad", Level.WARNING: "careful", Level.NOTE: "dim"}


@dataclass(frozen=True)
class Finding:
    """One thing found. `line` counts from 1; 0: the whole file. `rollout` is empty when it is about none."""

    source: str
    line: int
    level: Level
    sentence: str
    rollout: str = ""

    @property
    def place(self) -> str:
        """As compilers and editors write it."""
        return f"{self.source}:{self.line}" if self.line else self.source


def counted(found: Iterable[Finding], level: Level) -> str:
    """`2 errors`, `1 warning`, `no notes`."""
    count = sum(one.level is level for one in found)
    return f"{count or 'no'} {level}{'' if count == 1 else 's'}"
