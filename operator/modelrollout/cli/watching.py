"""Showing the same thing again whenever it changes: in its place on a terminal, line by line anywhere else."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modelrollout.cli.screen import Screen

_HOME_AND_CLEAR = "\x1b[H\x1b[J"
_OTHER_SCREEN, _OWN_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
Found = Mapping[str, Any]


def show(changes: Iterable[Found | None], text_of: Callable[[Found], str], shown: Screen) -> int:
    """Show every change. None in `changes` means that a second has passed: ages and expectations are other ones."""
    return (
        _in_place(changes, text_of, shown.height or 24) if shown.is_terminal else _one_after_the_other(changes, text_of)
    )


def show_whole(changes: Iterable[Found | None], text_of: Callable[[Found], str]) -> int:
    """Every change as it is, one after the other: for machines."""
    for found in changes:
        if found is not None:
            sys.stdout.write(f"{text_of(found)}\n")
            sys.stdout.flush()
    return 0


def _in_place(changes: Iterable[Found | None], text_of: Callable[[Found], str], height: int) -> int:
    """On a screen of its own, which is gone at the end; the newest text stays."""
    newest: Found | None = None
    text = ""
    sys.stdout.write(_OTHER_SCREEN)
    try:
        for found in changes:
            newest = found or newest
            if newest is not None:
                text = text_of(newest)
                sys.stdout.write(f"{_HOME_AND_CLEAR}{_cut(text, height - 1)}")
                sys.stdout.flush()
    finally:
        sys.stdout.write(f"{_OWN_SCREEN}{text}\n")
        sys.stdout.flush()
    return 0


def _one_after_the_other(changes: Iterable[Found | None], text_of: Callable[[Found], str]) -> int:
    """Only lines that were not there before."""
    before: set[str] = set()
    for found in changes:
        if found is None:
            continue
        lines = text_of(found).splitlines()
        sys.stdout.writelines(f"{line}\n" for line in lines if line not in before)
        sys.stdout.flush()
        before = set(lines)
    return 0


def _cut(text: str, height: int) -> str:
    """The text, or as much of it as a screen can hold: what is more would scroll the top away."""
    lines = text.splitlines()
    if len(lines) <= height:
        return "\n".join(lines)
    return "\n".join([*lines[: height - 1], f"... {len(lines) - height + 1} more lines: enlarge the window"])
