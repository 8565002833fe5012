"""Starts processes that cannot outlive whoever started them, not even when that one is SIGKILLed.

Run as a program it becomes its arguments: it asks the kernel for a SIGKILL at its parent's death, then execs.
A program in between, because the same request from `preexec_fn` is unsound in a process with threads.
The request exists on Linux only; elsewhere a SIGKILLed starter leaves its processes behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1

# The kernel takes the death of the *thread* that forked for the parent's death, so one thread starts everything:
# a part started from a short-lived thread of a test would die with that thread.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tether")


def start(
    command: Sequence[str], output: IO[str] | IO[bytes], environment: Mapping[str, str], directory: Path | None = None
) -> subprocess.Popen[bytes]:
    """A process in a session of its own (Ctrl-C is ours to translate), tied to the life of this one."""
    interpreter = [sys.executable, "-I", "-S", __file__, str(os.getpid())]

    def spawn() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*interpreter, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )

    return _starter.submit(spawn).result()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a started process and its children at once, and reaps it. Safe to call on one that has ended."""
    if process.poll() is None:
        # The leader is not reaped yet, so its number cannot belong to anybody else's group by now.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def main(arguments: Sequence[str]) -> None:
    parent, *command = arguments
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):  # it died before the request was made
        sys.exit(1)
    try:
        os.execvpe(command[0], command, os.environ)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be started: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
