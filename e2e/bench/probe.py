"""What a process says of itself, and what the kernel says of it, between two moments."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Reading:
    """The counters of a process, its CPU time and its memory at one moment."""

    at: float
    cpu_seconds: float
    rss_mib: float
    samples: Mapping[tuple[str, Labels], float]

    def total(self, name: str, **labels: str) -> float:
        """Sum of all samples of this name with these labels."""
        wanted = labels.items()
        return sum(
            value for (found, own), value in self.samples.items() if found == name and wanted <= dict(own).items()
        )


@dataclass(frozen=True)
class Window:
    """What happened between two readings."""

    before: Reading
    after: Reading

    @property
    def seconds(self) -> float:
        return self.after.at - self.before.at

    @property
    def cores(self) -> float:
        """CPU time per time."""
        return (self.after.cpu_seconds - self.before.cpu_seconds) / self.seconds

    def total(self, name: str, **labels: str) -> float:
        """How much a counter grew."""
        return self.after.total(name, **labels) - self.before.total(name, **labels)

    def quantile(self, name: str, quantile: float, **labels: str) -> float | None:
        """A quantile of a histogram's observations, interpolated within its bucket; None without any."""
        return interpolated(self.buckets(name, **labels), quantile)

    def buckets(self, name: str, **labels: str) -> dict[float, float]:
        """How much the cumulative buckets of a histogram with these labels grew, by upper edge and in its order."""
        bucket = f"{name}_bucket"
        edges = {dict(own)["le"] for found, own in self.after.samples if found == bucket}
        return {float(edge): self.total(bucket, le=edge, **labels) for edge in sorted(edges, key=float)}


def interpolated(cumulative: Mapping[float, float], quantile: float) -> float | None:
    """The quantile of a cumulative histogram; in the last bucket its lower edge, for nobody knows more."""
    total = max(cumulative.values(), default=0.0)
    below, lower = 0.0, 0.0
    for edge, count in cumulative.items():
        if total and count >= quantile * total:
            share = (quantile * total - below) / (count - below) if count > below else 0.0
            return lower if edge == float("inf") else lower + share * (edge - lower)
        below, lower = count, edge
    return None


def read(url: str, pid: int) -> Reading:
    """The process as it is now. Raises URLError when its metrics are not served."""
    with _NO_PROXY.open(url, timeout=5) as answer:
        text = answer.read().decode()
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return Reading(time.time(), cpu_seconds(pid), rss_mib(pid), samples)


def cpu_seconds(pid: int) -> float:
    """User and system time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int, kind: str = "VmRSS") -> float:
    """Resident memory, or one kind of it: `RssAnon` is without the pages of files."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{kind}:"))
