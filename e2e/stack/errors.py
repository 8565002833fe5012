"""What can go wrong with the local stack.

StackError             said to people as one sentence, exit code 1
├── MissingError       something the machine lacks, or settings that contradict each other; exit code 2
├── BuildError         a tool did not build; carries the log's tail
├── CommandError       kubectl or helm refused; carries what it said
└── PartError          a part died or never became ready; carries its log's tail
    └── PortTakenError ... because another program has its port by now: other ports may help
"""

from __future__ import annotations

from pathlib import Path


class StackError(Exception):
    """The stack, or a command to it, could not do what was asked."""

    exit_code = 1


class MissingError(StackError):
    """The machine or the settings lack something; the message says what and the cure."""

    exit_code = 2


class BuildError(StackError):
    """A tool did not build."""


class CommandError(StackError):
    """kubectl or helm ended with an error; the message holds what it printed."""


class PartError(StackError):
    """A part died, or was not ready in time."""

    def __init__(self, part: str, what: str, log: Path) -> None:
        self.part = part
        self.log = log
        super().__init__(f"{part} {what}; the end of {log}:\n{tail(log)}")


class PortTakenError(PartError):
    """A part could not have its port because another program took it in the meantime."""


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, indented; says so when it is empty or absent."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 64 * 1024))
            text = file.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        text = []
    return "\n".join(f"    {line}" for line in text) or "    (nothing was logged)"
