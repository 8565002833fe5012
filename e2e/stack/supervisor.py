"""The process that stays behind `up`: it holds the stack, watches its parts and takes it down when told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from e2e.stack import paths
from e2e.stack.directories import owner
from e2e.stack.errors import StackError, tail
from e2e.stack.settings import Settings
from e2e.stack.stack import Stack

SECONDS_TO_COME_DOWN = 120
DETACH = "LOCAL_STACK_DETACH"


def run(settings: Settings) -> int:
    """Holds a stack until SIGTERM or Ctrl-C, and reports parts that die meanwhile."""
    is_in_background = os.environ.pop(DETACH, None) is not None  # popped, for the parts inherit what is left
    with Stack(settings, say=_say) as stack:
        if is_in_background:
            _let_go_of_the_terminal()
        while True:
            time.sleep(0.5)
            for process in stack.note_deaths():
                stack.say(f"{process.part.name} ended with exit code {process.exit_code}:\n{tail(process.log)}")


def start_in_background(settings: Settings, arguments: Sequence[str]) -> int:
    """Starts a supervisor, shows what it says, and returns once its stack is ready; its exit code when it fails."""
    settings.check()
    command = [sys.executable, "-m", "e2e.stack", *arguments, "--foreground"]
    environment = {**os.environ, DETACH: "1", "PYTHONPATH": os.pathsep.join([str(paths.ROOT), *_python_path()])}
    supervisor = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        return _show_until_ready(supervisor, settings.directory.resolve())
    except BaseException:
        supervisor.terminate()
        supervisor.wait()
        raise


def stop(directory: Path) -> int:
    """Asks the supervisor to come down and waits for it; 0 also when nothing runs."""
    pid = owner(directory)
    if pid is None:
        _say(f"No stack runs in {directory}.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + SECONDS_TO_COME_DOWN
    while owner(directory) == pid:
        if time.monotonic() > deadline:
            # Its parts go with it: each asked the kernel for that when it started.
            os.kill(pid, signal.SIGKILL)
            raise StackError(f"The stack in {directory} did not come down in {SECONDS_TO_COME_DOWN} s; it was killed.")
        time.sleep(0.05)
    _say(f"The stack in {directory} is down.")
    return 0


def _show_until_ready(supervisor: subprocess.Popen[str], directory: Path) -> int:
    assert supervisor.stdout is not None  # for mypy: it is a pipe
    for line in supervisor.stdout:  # ends when the supervisor lets go of the terminal, or ends
        print(line, end="", flush=True)
    if owner(directory) == supervisor.pid:
        return 0
    return supervisor.wait()


def _let_go_of_the_terminal() -> None:
    """From here on `logs/stack.log` alone has what the supervisor says."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _python_path() -> list[str]:
    return list(filter(None, [os.environ.get("PYTHONPATH")]))


def _say(line: str) -> None:
    print(line, flush=True)
