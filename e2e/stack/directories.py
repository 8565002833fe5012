"""A stack's own directory: one owner at a time, emptied at each start, and never anybody else's files."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

from e2e.stack.errors import MissingError, StackError

LOCK = ".stack"


class Claim:
    """The right to a directory, held until released or until this process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Raises `StackError` when a stack runs there, `MissingError` when it holds files that are not a stack's."""
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()) and not (directory / LOCK).exists():
            raise MissingError(f"{directory} holds files that are not a stack's; choose another directory.")
        self._lock: IO[str] = (directory / LOCK).open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise StackError(
                f"A stack runs in {directory} already (process {owner(directory)}): stop it or take another directory."
            ) from None
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        _empty(directory)

    def release(self) -> None:
        self._lock.close()


def owner(directory: Path) -> int | None:
    """The process that runs the stack of a directory; None when none does."""
    try:
        with (directory / LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int((directory / LOCK).read_text() or 0) or None
    return None


def _empty(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != LOCK:
            entry.unlink()
