"""CPU time and memory of a stack's parts and of the clients beside them: who limits what the machine can serve."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.bench import probe
from e2e.stack import Stack
from e2e.stack.errors import StackError

CLIENTS = "the clients"
STRANGERS = "other programs of this machine"
MB_IN_A_MIB = 1.048576


@dataclass(frozen=True)
class Usage:
    """What has been used until a moment: CPU seconds since each process began, and since the machine did."""

    at: float
    cpu_seconds: Mapping[str, float]
    machine_seconds: float


def read(stack: Stack) -> Usage:
    """Of each part that runs, and of this process, whose threads the clients are."""
    own = {part.part.name: probe.cpu_seconds(part.pid) for part in stack.parts() if part.pid}
    return Usage(time.monotonic(), {CLIENTS: probe.cpu_seconds(os.getpid()), **own}, _machine_seconds())


def cores(before: Usage, after: Usage) -> dict[str, float]:
    """CPU time per time, the greatest first; last what nobody of ours used."""
    seconds = after.at - before.at
    used = {
        name: (total - before.cpu_seconds[name]) / seconds
        for name, total in after.cpu_seconds.items()
        if name in before.cpu_seconds
    }
    ours = dict(sorted(used.items(), key=lambda item: -item[1]))
    everybody = (after.machine_seconds - before.machine_seconds) / seconds
    return {**ours, STRANGERS: max(0.0, everybody - sum(ours.values()))}


def memory_mb(stack: Stack, part: str) -> float:
    """Resident memory of a part in MB (10^6 bytes). Raises StackError when it has ended."""
    return probe.rss_mib(running(stack, part)) * MB_IN_A_MIB


def own_memory_mb(stack: Stack, part: str) -> float:
    """The same without the pages of files, such as libraries."""
    return probe.rss_mib(running(stack, part), "RssAnon") * MB_IN_A_MIB


def running(stack: Stack, part: str) -> int:
    """The number of a part's process. Raises StackError when it has ended."""
    pid = stack.part(part).pid
    if pid is None:
        raise StackError(f"{part} has ended: see {stack.part(part).log}")
    return pid


def has_mapped(pid: int, library: str) -> bool:
    """Whether a process has a file with this in its name in its memory."""
    mapped = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return any(library in line.rpartition("/")[2] for line in mapped if "/" in line)


def _machine_seconds() -> float:
    """CPU time of all programs since the machine began; time that is idle or waits for a disk is nobody's."""
    user, nice, system, _idle, _waits, interrupts, short_interrupts = map(
        int, Path("/proc/stat").read_text().splitlines()[0].split()[1:8]
    )
    return (user + nice + system + interrupts + short_interrupts) / os.sysconf("SC_CLK_TCK")
