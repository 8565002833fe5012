"""What `status` and `logs` show of a stack, read from its directory by any process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.stack.directories import owner
from e2e.stack.errors import MissingError
from e2e.stack.processes import Run, born


@dataclass(frozen=True)
class Row:
    """One part, as the table shows it."""

    part: str
    run: Run
    is_running: bool
    resident_mb: float | None

    @property
    def state(self) -> str:
        if self.is_running:
            return "running"
        return "gone" if self.run.exit_code is None else f"ended ({self.run.exit_code})"

    def cells(self) -> tuple[str, ...]:
        resident = f"{self.resident_mb:.0f}" if self.resident_mb else "-"
        return (self.part, str(self.run.pid), self.state, self.run.address, _age(self.run.since), resident)


def rows(directory: Path) -> list[Row]:
    """A row per part that was started, in the order of their starts."""
    records = [(file.stem, Run(**json.loads(file.read_text()))) for file in (directory / "run").glob("*.json")]
    return [_row(part, run) for part, run in sorted(records, key=lambda record: record[1].since)]


def show_status(directory: Path) -> int:
    """Prints the table; 0 when a stack runs there, else 1."""
    pid = owner(directory)
    if pid is None:
        print(f"No stack runs in {directory}.")
        return 1
    found = rows(directory)
    print(_table([("PART", "PID", "STATE", "ADDRESS", "SINCE", "RSS MB"), *(row.cells() for row in found)]))
    total = sum(row.resident_mb or 0 for row in found)
    print(f"\nin {directory}, {total:.0f} MB, supervisor {pid}; export KUBECONFIG={_kubeconfig(directory)}")
    return 0


def show_logs(directory: Path, part: str | None, lines: int, follow: bool) -> int:
    """Prints the ends of the logs, of one part or of all."""
    logs = directory / "logs"
    known = sorted(log.stem for log in logs.glob("*.log")) if logs.is_dir() else []
    if part is None and follow:
        raise MissingError(f"--follow needs a part: {', '.join(known)}.")
    if part is not None and part not in known:
        raise MissingError(f"There is no log of {part} in {logs}; there are: {', '.join(known) or 'none'}.")
    for name in [part] if part else [name for name in known if "." not in name]:
        if part is None:
            print(f"==> {name} <==")
        print("\n".join((logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:]))
    if part and follow:
        for text in _growth(logs / f"{part}.log"):
            print(text, end="", flush=True)
    return 0


def _table(lines: list[tuple[str, ...]]) -> str:
    """Columns as wide as their widest cell; the last, a number, to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join(
        "  ".join([*cells[:-1], line[-1].rjust(widths[-1])]) for line, cells in zip(lines, padded, strict=True)
    )


def _row(part: str, run: Run) -> Row:
    is_running = born(run.pid) == run.born
    return Row(part, run, is_running, _resident_mb(run.pid) if is_running else None)


def _resident_mb(pid: int) -> float | None:
    """Resident memory of a process in MB (10^6 bytes); None when it has just ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024 / 1e6
    except (FileNotFoundError, ProcessLookupError):
        pass
    return None


def _age(since: float) -> str:
    seconds = max(0, int(time.time() - since))
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{seconds % 60:02d}s" if minutes else f"{seconds}s"


def _kubeconfig(directory: Path) -> str:
    try:
        return str(json.loads((directory / "stack.json").read_text())["access"]["kubeconfig"])
    except FileNotFoundError:
        return "(not yet)"


def _growth(log: Path) -> Iterator[str]:
    """What is written to a log from now on, through restarts of its part, until interrupted."""
    file = log.open(errors="replace")
    file.seek(0, 2)
    while True:
        text = file.read()
        if text:
            yield text
        elif log.exists() and log.stat().st_ino != Path(f"/proc/self/fd/{file.fileno()}").stat().st_ino:
            file.close()
            file = log.open(errors="replace")
        else:
            time.sleep(0.2)
