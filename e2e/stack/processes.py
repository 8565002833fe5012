"""A part that runs: start it, wait for it, stop it, kill it, start it again on the same ports with the same data."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2e.stack import ports, tether
from e2e.stack.errors import PartError, PortTakenError
from e2e.stack.parts import Part

SECONDS_BETWEEN_LOOKS = 0.05
SECONDS_TO_STOP = 30


@dataclass(frozen=True)
class Run:
    """What `<directory>/run/<part>.json` says about a part, for whoever looks from another process."""

    pid: int
    born: int
    """The process' start time in the kernel's ticks: with the pid it names one process for ever."""
    since: float
    """Seconds since the epoch."""
    address: str
    exit_code: int | None = None


class Process:
    """One part of a stack. Not for use from several threads at once."""

    def __init__(self, part: Part, directory: Path, say: Callable[[str], None], ready_within_seconds: float) -> None:
        self.part = part
        self.log = directory / "logs" / f"{part.name}.log"
        self.seconds_to_ready: float | None = None
        self._record = directory / "run" / f"{part.name}.json"
        self._directory = directory / part.name
        self._say = say
        self._ready_within = ready_within_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._run: Run | None = None
        self._begun = 0.0

    @property
    def pid(self) -> int | None:
        """The process' number while it runs, else None."""
        return self._process.pid if self._process and self.is_running else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended (minus the signal's number when killed); None while it runs or before its first start."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Starts it and waits until it is ready; raises `PartError`. Does nothing when it runs."""
        if not self.is_running:
            self.launch()
            self.wait_until_ready()

    def launch(self) -> None:
        """Starts it without waiting."""
        for file, text in self.part.files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self._directory.mkdir(exist_ok=True)
        _set_aside(self.log)
        self._begun = time.monotonic()
        with self.log.open("wb") as output:
            environment = {**os.environ, **self.part.environment}
            self._process = tether.start(self.part.command, output, environment, self._directory)
        self._write(Run(self._process.pid, born(self._process.pid) or 0, time.time(), self.part.address))

    def wait_until_ready(self) -> None:
        """Returns when it is ready; raises `PartError` when it dies first or takes too long."""
        while not self.is_ready():
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def is_ready(self) -> bool:
        """One look during a start. Says when it is ready; raises `PartError` when it has died or takes too long."""
        answers = self.part.ready()
        # After the question: an answer counts only if the process was alive to give it, else another program did.
        if not self.is_running:
            raise self._died()
        taken = time.monotonic() - self._begun
        if answers:
            self.seconds_to_ready = taken
            self._say(f"{self.part.name} ready in {taken:.1f} s at {self.part.address}")
        elif taken > self._ready_within:
            what = f"was not ready after {taken:.0f} s ({self.part.ready.url} did not answer 200)"
            raise PartError(self.part.name, what, self.log)
        return answers

    def check(self) -> None:
        """Raises `PartError` when it has died after it was ready."""
        if not self.is_running:
            self._write_end()
            raise PartError(self.part.name, f"ended with exit code {self.exit_code} after it was ready", self.log)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if it is still there after half a minute, as a kubelet does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def note_end(self) -> bool:
        """Writes down an end that nobody asked for; True the first time it is seen."""
        if self._run is None or self._run.exit_code is not None or self.is_running:
            return False
        self._write_end()
        return True

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self.is_running:
            self._process.send_signal(how)
            try:
                self._process.wait(SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                tether.kill_group(self._process)
        self._write_end()

    def _died(self) -> PartError:
        self._write_end()
        # What holds the port may be its own child or another program; only the latter is cured by another port.
        taken = [port for port in self.part.ports if not ports.is_free(port)]
        what = f"ended with exit code {self.exit_code} before it was ready"
        if taken:
            return PortTakenError(self.part.name, f"{what} (port {taken[0]} is taken)", self.log)
        return PartError(self.part.name, what, self.log)

    def _write_end(self) -> None:
        if self._run:
            run = self._run
            self._write(Run(run.pid, run.born, run.since, run.address, self.exit_code))

    def _write(self, run: Run) -> None:
        self._run = run
        self._record.parent.mkdir(exist_ok=True)
        whole = self._record.with_suffix(".new")
        whole.write_text(json.dumps(run.__dict__))
        whole.replace(self._record)


def born(pid: int) -> int | None:
    """Start time of a process in ticks since boot; None when there is none of that number (or it is a zombie)."""
    try:
        # The second field is the program's name in parentheses, which may hold anything: count from behind it.
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else int(rest[18])


def _set_aside(log: Path) -> None:
    """Keeps the log of the run before as `<part>.1.log`, `<part>.2.log` ..., the highest number the latest."""
    log.parent.mkdir(exist_ok=True)
    if log.exists():
        earlier = len(list(log.parent.glob(f"{log.stem}.*.log")))
        log.rename(log.with_name(f"{log.stem}.{earlier + 1}.log"))
