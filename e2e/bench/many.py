"""Many rollouts at once: what a look costs, and whether every look counts what was there to count."""

from __future__ import annotations

import json
import os
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from e2e.bench import crowd, probe
from e2e.bench.crowd import Crowd, Object, Pair
from e2e.bench.exporter import NUMBER, Exporter
from e2e.bench.figures import Figure, Section
from e2e.bench.probe import Reading, Window
from e2e.bench.waiting import wait
from e2e.stack import Settings, Stack
from e2e.stack.errors import StackError

PHASES = 6
SCRAPE_SECONDS = 5.0
LONE_INTERVAL = 5
LONE_LOOKS = 4
INTERVALS = 5  # a rollout writes its status once in five looks: so each writes once
POLL_SECONDS = 0.5
LOOKS = "modelrollout_looks_total"
QUERIES = "modelrollout_prometheus_queries_total"
CALLS = "modelrollout_api_calls_total"
VERDICTS = "modelrollout_guardrail_verdict"
JUDGED = "errors"  # the guardrail whose counts are compared
READS, WRITES = ("get", "list"), ("create", "patch", "update")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How many rollouts look how often."""

    rollouts: int = 200
    interval: int = 30


@dataclass(frozen=True)
class Evidence:
    """Looks whose counts were compared with the exporter's own, and those that differed."""

    compared: int
    requests: int
    different: tuple[str, ...]


def measure(size: Size, say: Say) -> Section:
    """Start a stack of its own, put the rollouts on it, and measure four intervals."""
    pairs = crowd.pairs(size.rollouts)
    with Exporter([arm for pair in pairs for arm in pair.arms]) as exporter:
        settings = Settings(
            directory=Path(".cache") / "stack" / f"bench-many-{os.getpid()}",
            without=frozenset({"mlserver", "minimesh", "envoy"}),
            scrape_seconds=SCRAPE_SECONDS,
            extra_targets={"envoy": exporter.url},
        )
        with Stack(settings, say) as stack:
            crowd.apply_seldons_kinds(stack)
            stack.install_chart()
            stack.start_operator()
            with Crowd(stack.kubeconfig, stack.namespace) as people:
                return _measure(stack, people, exporter, pairs, size, say)


def _measure(stack: Stack, people: Crowd, exporter: Exporter, pairs: list[Pair], size: Size, say: Say) -> Section:
    people.make_models(pairs)
    say(f"one rollout, a look each {LONE_INTERVAL} s")
    people.make_rollouts(pairs[:1], f"{LONE_INTERVAL}s")
    lone = _watch_looks(stack, LONE_LOOKS)
    people.delete_rollout(pairs[0].name)
    wait(lambda: not people.rollouts(), "the first rollout to go", POLL_SECONDS)
    say(f"{size.rollouts} rollouts, a look of each every {size.interval} s")
    made = time.monotonic()
    people.make_rollouts(pairs, f"{size.interval}s")
    wait(lambda: _all_in_stage(people, pairs), "all rollouts to enter their stage", POLL_SECONDS)
    say(f"all in their stage after {time.monotonic() - made:.0f} s")
    wait(lambda: _all_judged(stack, pairs), "the first look of each", POLL_SECONDS)
    before = _read(stack)
    time.sleep(size.interval * INTERVALS)
    window = Window(before, _read(stack))
    evidence = _compare(stack, people, exporter, pairs)
    return Section(f"{size.rollouts} rollouts, each with 3 guardrails and a look every {size.interval} s, for "
                   f"{window.seconds:.0f} s on the real API server and Prometheus",
                   _figures(window, lone, evidence, size))  # fmt: skip


def _figures(window: Window, lone: Window, evidence: Evidence, size: Size) -> tuple[Figure, ...]:
    looks = window.total(LOOKS)
    ticks = window.seconds / size.interval * PHASES
    alone = lone.total(QUERIES) / lone.total(LOOKS)
    per_tick = window.total(QUERIES) / ticks
    writes = sum(window.total(CALLS, verb=verb) for verb in WRITES)
    reads = sum(window.total(CALLS, verb=verb) for verb in READS)
    per_second = window.total(QUERIES) / window.seconds
    lag = "modelrollout_look_lag_seconds"
    said = f"{evidence.requests:,} requests of {evidence.compared} arms"
    return (
        Figure("looks", looks, "", note=f"{window.total(LOOKS, outcome='made'):.0f} of them found data"),
        Figure("queries per tick and Prometheus", per_tick, "", alone, "goal: as many as one rollout needs"),
        Figure("queries per second", per_second, "/s"),
        Figure("API writes per look", writes / looks, "", 0.2, f"{_turned(window)} tell of another verdict"),
        Figure("API writes per second", writes / window.seconds, "/s"),
        Figure("API reads per look", reads / looks),
        Figure(
            "CPU of the operator",
            window.cores,
            "cores",
            note=f"{1000 * window.cores * window.seconds / looks:.1f} ms a look",
        ),
        Figure("memory of the operator", window.after.rss_mib, "MiB"),
        Figure("memory of the operator, one rollout", lone.after.rss_mib, "MiB", 150),
        Figure("look lag p50", _ms(window.quantile(lag, 0.5)), "ms", note="from when a look was due to its decision"),
        Figure("look lag p99", _ms(window.quantile(lag, 0.99)), "ms"),
        Figure("evidence", "exact" if not evidence.different else f"{len(evidence.different)} wrong", note=said),
    )


def _turned(window: Window) -> int:
    """How many verdicts are others after it: each is written at once, and is no matter of looks."""
    new = window.after.samples.keys() - window.before.samples.keys()
    return sum(name == VERDICTS for name, _ in new)


# --- waiting ----------------------------------------------------------------------------------------------------------


def _watch_looks(stack: Stack, looks: int) -> Window:
    """From the first look to so many later."""
    begun = _read(stack)
    wait(lambda: Window(begun, _read(stack)).total(LOOKS) >= 1, "the first look", POLL_SECONDS)
    before = _read(stack)
    wait(lambda: Window(before, _read(stack)).total(LOOKS) >= looks, f"{looks} looks", POLL_SECONDS)
    return Window(before, _read(stack))


def _all_in_stage(people: Crowd, pairs: list[Pair]) -> bool:
    staged = [found for found in people.rollouts().values() if (found.get("status") or {}).get("stage")]
    return len(staged) == len(pairs)


def _all_judged(stack: Stack, pairs: list[Pair]) -> bool:
    return _read(stack).total(VERDICTS, guardrail=JUDGED) >= len(pairs)


def _read(stack: Stack) -> Reading:
    pid = stack.part("operator").pid
    if pid is None:
        raise StackError("the operator has ended: see its log")
    return probe.read(stack.operator_metrics_url, pid)


# --- truth ------------------------------------------------------------------------------------------------------------


def _compare(stack: Stack, people: Crowd, exporter: Exporter, pairs: list[Pair]) -> Evidence:
    """What the written statuses have counted, against what the exporter had said at the same evaluation times."""
    wait(lambda: all(_looks(found) for found in people.rollouts().values()), "each status to be written", POLL_SECONDS)
    found, seen, different, requests = people.rollouts(), Expositions(stack.prometheus_url), list[str](), 0
    for pair in pairs:
        status = found[pair.name]["status"]
        first, last = seen.at(status["blocks"][0]["since"]), seen.at(status["lastLookAt"])
        errors = next(rail for rail in status["guardrails"] if rail["name"] == JUDGED)
        for arm, said in zip(pair.arms, (errors["baseline"], errors["candidate"]), strict=True):
            before, after = exporter.truth(arm, first), exporter.truth(arm, last)
            truth = after.requests - before.requests
            share = (after.troubled - before.troubled) / truth if truth else 0.0
            requests += truth
            if said["samples"] != truth or abs((said.get("rate") or 0.0) - share) > 1e-3 * share:
                different.append(f"{arm.model}: counted {said}, true are {truth} with {share:.4g}")
    return Evidence(2 * len(pairs), requests, tuple(different))


def _looks(found: Object) -> int:
    return int((found.get("status") or {}).get("looks", 0))


class Expositions:
    """Which exposition was the newest in Prometheus at a time."""

    def __init__(self, prometheus_url: str) -> None:
        self._url = prometheus_url
        self._known: dict[float, int] = {}

    def at(self, time_of_look: float) -> int:
        if time_of_look not in self._known:
            asked = urllib.parse.urlencode({"query": f"last_over_time({NUMBER}[600s])", "time": f"{time_of_look:.3f}"})
            with urllib.request.urlopen(f"{self._url}/api/v1/query?{asked}", timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
            self._known[time_of_look] = int(float(result[0]["value"][1]))
        return self._known[time_of_look]


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
