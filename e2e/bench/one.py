"""One rollout with real models and real clients: how long a start, a verdict and a change of the split take."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

from e2e.bench import probe
from e2e.bench.crowd import MERGE, OURS
from e2e.bench.figures import Figure, Section
from e2e.bench.probe import Window
from e2e.bench.waiting import wait
from e2e.stack import Process, Settings, Stack
from e2e.traffic import Seen, Traffic

Object = dict[str, Any]

ARTEFACTS = Path(__file__).resolve().parents[2] / "models" / "artefacts"
NAME, BASELINE, CANDIDATES = "bench", "baseline", ("candidate-a", "candidate-b")
REQUESTS_PER_SECOND = 100.0
HISTORY_SECONDS = 8.0
LADDER: list[Object] = [
    *({"weight": weight, "soak": "1s", "advance": "OnSoak", "minRequests": 0} for weight in (5, 25)),
    {"weight": 50, "soak": "1s"},
    {"weight": 100, "soak": "1s"},
]
STAYING: list[Object] = [{"weight": 50, "soak": "24h"}, {"weight": 100}]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How often each thing is done."""

    swaps: int = 20
    starts: int = 3
    has_ladder: bool = True


@dataclass(frozen=True)
class Start:
    """One start of the operator, to its first look."""

    seconds: float
    cpu_seconds: float


def measure(effort: Effort, say: Say) -> Section:
    """Start a whole stack, send traffic through it, and change the split many times."""
    settings = Settings(directory=Path(".cache") / "stack" / f"bench-one-{os.getpid()}")
    with Stack(settings, say) as stack:
        first = dict(stack.times)
        stack.install_chart()
        stack.kubectl("apply", "-f", "-", input=json.dumps(models()))
        stack.start_operator()
        for name in (BASELINE, *CANDIDATES):
            stack.kubectl("wait", f"model/{name}", "--for=condition=Ready", "--timeout=60s", "-n", stack.namespace)
        figures = _measure(stack, effort, say)
        again = _restarted(stack)
    return Section("one rollout on the whole stack, 100 requests a second", (*figures, *_set_up(first, again)))


def _measure(stack: Stack, effort: Effort, say: Say) -> list[Figure]:
    rollout = Rollout(stack)
    operator = stack.part("operator")
    with Traffic(stack.data_plane_url, BASELINE, REQUESTS_PER_SECOND) as traffic:
        time.sleep(HISTORY_SECONDS)
        begun, before = time.time(), _read(stack)
        say(f"{effort.swaps} attempts, each from weight 0 to 50 while clients ask")
        reached = [_swap(rollout, traffic, number) for number in range(effort.swaps)]
        if effort.has_ladder:
            say("a whole rollout: 5, 25, 50, 100 percent")
            rollout.declare(CANDIDATES[effort.swaps % 2], LADDER)
            wait(lambda: bool(rollout.status().get("outcome")), "the end of a whole rollout")
            time.sleep(1.0)  # requests that were under way
        ended = str(rollout.status()["outcome"]) if effort.has_ladder else "not asked for"
        window, seen = Window(before, _read(stack)), traffic.seen(since=begun)
        say(f"{effort.starts} starts of the operator, a look being due")
        rollout.declare(CANDIDATES[(effort.swaps + 1) % 2], STAYING)
        wait(lambda: bool(rollout.status().get("stage")), "the stage")
        starts = [_start(stack, operator) for _ in range(effort.starts)]
    return [*_figures(window, seen, reached, starts), Figure("a whole rollout, 5 to 100 %", ended)]


def _figures(window: Window, seen: Seen, reached: Sequence[float], starts: Sequence[Start]) -> list[Figure]:
    waits = [start.seconds for start in starts]
    write = "modelrollout_verdict_to_write_seconds"
    writes = window.total(f"{write}_count")
    within, p99 = window.total(f"{write}_bucket", le="0.1"), window.quantile(write, 0.99)
    return [
        Figure("operator's start to its first look", _middle(waits), "s", 2.5, _spread(waits, "s")),
        Figure("CPU time of that start", _middle([start.cpu_seconds for start in starts]), "s"),
        Figure("verdict to Experiment written p50", _ms(window.quantile(write, 0.5)), "ms"),
        Figure("verdict to Experiment written p99", _ms(p99), "ms", 100, f"{within:.0f} of {writes:.0f} writes within"),
        Figure("verdict to a client on the new arm p50", 1000 * _middle(reached), "ms", note=_spread(reached, "s")),
        Figure("failed client requests", len(seen.failed), "", note=f"goal 0, of {len(seen.answers):,} requests"),
        Figure("memory of the operator, one rollout", window.after.rss_mib, "MiB", 150),
        Figure("CPU of the operator, a look each second", window.cores, "cores"),
    ]


# --- what is done -----------------------------------------------------------------------------------------------------


def _swap(rollout: Rollout, traffic: Traffic, number: int) -> float:
    """Seconds from the verdict that gives a new candidate its traffic to the first client who meets it."""
    candidate, begun = CANDIDATES[number % 2], time.time()
    rollout.declare(candidate, STAYING)

    def status() -> Object:
        found = rollout.status()
        arms = {share["name"]: share["weight"] for share in found.get("traffic", {}).get("wanted", [])}
        return found if arms.get(candidate) else {}

    wait(lambda: bool(status()), f"{candidate} to get weight")
    verdict = status()["traffic"]["writtenAt"]
    wait(lambda: traffic.seen(since=max(begun, verdict)).arms[candidate] > 0, f"a request on {candidate}")
    met = [answer.at for answer in traffic.seen(since=max(begun, verdict)).answers if answer.arm == candidate]
    return min(met) - verdict


def _start(stack: Stack, operator: Process) -> Start:
    """From the start of the process to its first look; one is due by then, as the looks are a second apart."""
    operator.stop()
    time.sleep(2.0)
    begun = time.time()
    operator.launch()
    wait(lambda: _looks(stack) > 0, "the first look", every=0.01)
    taken = Start(time.time() - begun, probe.cpu_seconds(operator.pid or 0))
    operator.wait_until_ready()
    return taken


def _looks(stack: Stack) -> float:
    try:
        return _read(stack).total("modelrollout_looks_total")
    except OSError:
        return 0.0  # it does not serve its metrics yet


def _restarted(stack: Stack) -> dict[str, float]:
    """Seconds until each part was ready again, one after the other."""
    stack.part("operator").stop()
    for part in stack.parts():
        if part.part.name != "operator":
            part.stop()
            part.start()
    stack.part("operator").start()
    return {part.part.name: part.seconds_to_ready or 0.0 for part in stack.parts()}


def _set_up(first: dict[str, float], again: dict[str, float]) -> list[Figure]:
    told = {"tools": "tools, found or built", "all": "everything, parts beside each other"}
    return [
        Figure(
            f"set-up: {told.get(name, name)}",
            seconds,
            "s",
            note=f"started again: {again[name]:.2f} s" if name in again else "",
        )
        for name, seconds in first.items()
    ]


def _read(stack: Stack) -> probe.Reading:
    return probe.read(stack.operator_metrics_url, stack.part("operator").pid or 0)


# --- objects ----------------------------------------------------------------------------------------------------------


class Rollout:
    """The one ModelRollout of this measurement."""

    def __init__(self, stack: Stack) -> None:
        self._objects = client.CustomObjectsApi(config.new_client_from_config(str(stack.kubeconfig)))
        self._at = (*OURS, stack.namespace, "modelrollouts")
        self._exists = False

    def declare(self, candidate: str, stages: Sequence[Object]) -> None:
        """Roll this candidate out in these stages."""
        spec = {
            "baseline": {"name": BASELINE},
            "candidates": [{"name": candidate}],
            "strategy": {"canary": {"stages": list(stages)}},
            "guardrails": [
                {"name": "errors", "errorRate": {"floor": "2%"}},
                # A busy machine makes the larger model slower, and to judge that is not what is measured here.
                {"name": "latency", "latency": {"quantile": 0.95, "maxIncrease": "100%", "floor": "10s"}},
            ],
            "analysis": {"interval": "1s"},
        }
        body = {
            "apiVersion": "/".join(OURS), "kind": "ModelRollout", "metadata": {"name": NAME}, "spec": spec,
        }  # fmt: skip
        if self._exists:
            self._objects.patch_namespaced_custom_object(*self._at, NAME, {"spec": spec}, _content_type=MERGE)
        else:
            self._objects.create_namespaced_custom_object(*self._at, body)
        self._exists = True

    def status(self) -> Object:
        """As it is written; empty until then, and while it speaks of an older spec."""
        found = self._objects.get_namespaced_custom_object(*self._at, NAME)
        status: Object = found.get("status") or {}
        return status if status.get("observedGeneration") == found["metadata"]["generation"] else {}


def models() -> Object:
    """The Seldon Models: the baseline, and one artefact under two names."""
    named = {BASELINE: "baseline", **dict.fromkeys(CANDIDATES, "enhanced")}
    return {"apiVersion": "v1", "kind": "List", "items": [_model(name, kept) for name, kept in named.items()]}


def _model(name: str, artefact: str) -> Object:
    spec = {"storageUri": str(ARTEFACTS / artefact), "requirements": ["mlserver"]}
    return {
        "apiVersion": "mlops.seldon.io/v1alpha1", "kind": "Model", "metadata": {"name": name, "namespace": "models"},
        "spec": spec,
    }  # fmt: skip


# --- numbers ----------------------------------------------------------------------------------------------------------


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _spread(values: Sequence[float], unit: str) -> str:
    return f"median of {len(values)}, from {min(values):.2f} to {max(values):.2f} {unit}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds
