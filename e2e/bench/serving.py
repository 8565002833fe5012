"""Serving: three models behind one Experiment with real clients, first at leisure, then in a soak with labels."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from e2e.bench import latencies, probe, usage
from e2e.bench.figures import Figure, Section
from e2e.bench.labelled import labels
from e2e.bench.probe import Reading, Window
from e2e.bench.waiting import wait
from e2e.stack import Settings, Stack
from e2e.stack.errors import StackError
from e2e.stack.paths import ROOT
from e2e.traffic import Answer, Outcome, Seen, Traffic
from e2e.traffic.labels import Labelling

Object = dict[str, Any]
Say = Callable[[str], None]

MODELS = ("lightweight", "baseline", "enhanced")
DEFAULT, FEEDBACK, EXPERIMENT = "baseline", "feedback", "bench"
AT_LEISURE, IN_THE_SOAK, OF_BATCHES = 100.0, 300.0, 30.0  # requests per second
BATCHES = (1, 8, 32)
WARM_UP_SECONDS = 4.0  # a server that has just started answers its first requests slowly
SECONDS_BETWEEN_READINGS = 1.0
GOAL_MB = 250.0
LEAST_CORES = 0.01
FEWEST_FOR_GROWTH = 10_000  # requests; over fewer, a megabyte more or less looks like much
GROWTH_NOTE = (
    f"over the second half, if that has {FEWEST_FOR_GROWTH:,} requests; "
    "much of it are ids of labels, which are remembered up to a limit"
)
LABELLING = Labelling(FEEDBACK, arms={}, delay_seconds=0.5, spread_seconds=5.0, lost=0.05, repeated=0.2)
HEAVY = {"torch": "libtorch", "pyarrow": "libarrow"}  # pandas, and so MLServer, imports the latter where it finds it


@dataclass(frozen=True)
class Effort:
    """How long each thing is done, in seconds."""

    at_leisure: float = 60.0
    soak: float = 120.0
    batches: float = 10.0


QUICK = Effort(at_leisure=12.0, soak=20.0, batches=3.0)


@dataclass(frozen=True)
class Moment:
    """What Envoy and MLServer say of themselves at one moment."""

    envoy: Reading
    mlserver: Reading


@dataclass
class Counter:
    """Counts answers as they come, which costs the clients less than to be asked for all of them."""

    answers: int = 0

    def answered(self, _: Answer) -> None:
        self.answers += 1

    def told(self, _: Outcome) -> None:
        pass


@dataclass(frozen=True)
class Course:
    """MLServer's memory in MB beside the number of answers so far, through a soak.

    `own_mb` is without the pages of files, which the kernel takes back and gives again as it likes.
    """

    answers: Sequence[int]
    mb: Sequence[float]
    own_mb: Sequence[float]

    @property
    def growth(self) -> float | None:
        """MB of its own per 100,000 requests, by least squares over the second half; None when that half is short."""
        half = len(self.answers) // 2
        answers, mb = self.answers[half:], self.own_mb[half:]
        if not answers or answers[-1] - answers[0] < FEWEST_FOR_GROWTH:
            return None
        return 100_000 * float(np.polyfit(answers, mb, 1)[0])


def measure(effort: Effort, say: Say) -> Iterator[Section]:
    """Start a whole stack, let clients ask, and tell what they and the stack have seen, part by part."""
    settings = Settings(directory=Path(".cache") / "stack" / f"bench-serving-{os.getpid()}")
    with Stack(settings, say) as stack:
        _serve(stack)
        loaded = usage.memory_mb(stack, "mlserver")
        _ask(stack, Traffic(stack.data_plane_url, DEFAULT, AT_LEISURE), WARM_UP_SECONDS)
        say(f"{AT_LEISURE:.0f} requests a second for {effort.at_leisure:.0f} s")
        yield _at_leisure(stack, effort.at_leisure)
        say(f"batches of {', '.join(map(str, BATCHES))} windows, each for {effort.batches:.0f} s")
        yield _batches(stack, effort.batches)
        say(f"{IN_THE_SOAK:.0f} requests a second for {effort.soak:.0f} s, with labels")
        yield from _soak(stack, effort.soak, loaded)


# --- what is done -----------------------------------------------------------------------------------------------------


def _at_leisure(stack: Stack, seconds: float) -> Section:
    before, used = _read(stack), usage.read(stack)
    with Traffic(stack.data_plane_url, DEFAULT, AT_LEISURE) as traffic:
        time.sleep(seconds)
    after, shares = _read(stack), usage.cores(used, usage.read(stack))
    envoy, mlserver = Window(before.envoy, after.envoy), Window(before.mlserver, after.mlserver)
    told = latencies.at_leisure(MODELS, traffic.seen(), envoy, mlserver)
    title = f"latency at {AT_LEISURE:.0f} requests a second for {seconds:.0f} s, three models loaded"
    return Section(title, (*told, *_cores(shares)))


def _batches(stack: Stack, seconds: float) -> Section:
    seen = {
        size: _ask(stack, Traffic(stack.data_plane_url, DEFAULT, OF_BATCHES, windows=size), seconds) for size in BATCHES
    }
    figures = (latencies.of_batch(model, size, seen[size]) for model in MODELS for size in BATCHES)
    return Section(f"several windows in a request, {OF_BATCHES:.0f} requests a second", tuple(figures))


def _soak(stack: Stack, seconds: float, loaded_mb: float) -> Iterator[Section]:
    counter = Counter()
    traffic = Traffic(stack.data_plane_url, DEFAULT, IN_THE_SOAK, labelling=LABELLING, watchers=(counter,))
    began_mb, before = usage.memory_mb(stack, "mlserver"), usage.read(stack)
    with traffic:
        course = _watch(stack, counter, seconds)
        shares = usage.cores(before, usage.read(stack))
    title = f"soak: {IN_THE_SOAK:.0f} requests a second for {seconds:.0f} s, with labels"
    memory = _memory(stack, loaded_mb, began_mb, course)
    yield Section(title, (*_soaked(traffic.seen()), *memory, *_cores(shares)))
    yield labels(stack, traffic, MODELS)


def _watch(stack: Stack, counter: Counter, seconds: float) -> Course:
    """Look at MLServer each second."""
    answers, mb, own, until = list[int](), list[float](), list[float](), time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(SECONDS_BETWEEN_READINGS)
        answers.append(counter.answers)
        mb.append(usage.memory_mb(stack, "mlserver"))
        own.append(usage.own_memory_mb(stack, "mlserver"))
    return Course(answers, mb, own)


def _ask(stack: Stack, traffic: Traffic, seconds: float) -> Seen:
    """What clients saw who asked so long. StackError when nobody answered them."""
    with traffic:
        time.sleep(seconds)
    seen = traffic.seen()
    if len(seen.failed) == len(seen.answers):
        raise StackError(f"nobody answered {len(seen.answers)} requests: see {stack.part('envoy').log}")
    return seen


def _read(stack: Stack) -> Moment:
    *_, metrics = stack.part("mlserver").part.ports
    return Moment(
        probe.read(stack.envoy_stats_url, usage.running(stack, "envoy")),
        probe.read(f"http://127.0.0.1:{metrics}/metrics", usage.running(stack, "mlserver")),
    )


# --- what is told -----------------------------------------------------------------------------------------------------


def _soaked(seen: Seen) -> tuple[Figure, ...]:
    sent = [answer.at for answer in seen.answers]
    p50, p95, p99 = latencies.quantiles(seen.answers)
    codes = sorted({answer.code for answer in seen.failed})
    failed = f"goal 0, of {len(seen.answers):,} requests" + (f"; codes {codes}" if codes else "")
    return (
        Figure("failed requests", len(seen.failed), "", note=failed),
        Figure("requests sent", len(sent) / (max(sent) - min(sent)), "/s", note=f"asked for: {IN_THE_SOAK:.0f}/s"),
        Figure("all models, as clients see it: p95", p95, "ms", note=latencies.beside(p50, p99)),
    )


def _memory(stack: Stack, loaded_mb: float, began_mb: float, course: Course) -> tuple[Figure, ...]:
    pid = usage.running(stack, "mlserver")
    said = ", ".join(
        f"{name} {'is' if usage.has_mapped(pid, file) else 'is not'} in it" for name, file in HEAVY.items()
    )
    return (
        Figure("memory of MLServer, all models loaded", loaded_mb, "MB", GOAL_MB),
        Figure("memory of MLServer, before the soak", began_mb, "MB", GOAL_MB),
        Figure("memory of MLServer, at most in the soak", max(course.mb), "MB", GOAL_MB, said),
        Figure("its growth per 100,000 requests", course.growth, "MB", note=GROWTH_NOTE),
    )


def _cores(shares: dict[str, float]) -> tuple[Figure, ...]:
    """Who keeps the machine busy, without those who hardly do."""
    return tuple(Figure(f"CPU: {name}", cores, "cores") for name, cores in shares.items() if cores >= LEAST_CORES)


# --- objects ----------------------------------------------------------------------------------------------------------


def _serve(stack: Stack) -> None:
    """All models loaded, and an Experiment that splits the default's requests evenly over the three."""
    stack.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects()}))
    for name in (f"model/{FEEDBACK}", *(f"model/{model}" for model in MODELS), f"experiment/{EXPERIMENT}"):
        stack.kubectl("wait", name, "--for=condition=Ready", "--timeout=60s", "-n", stack.namespace)
    with Traffic(stack.data_plane_url, DEFAULT, AT_LEISURE) as traffic:
        wait(lambda: set(traffic.newest(1).arms) == set(MODELS), "an answer of each model")


def objects() -> list[Object]:
    """The Seldon Models and the Experiment."""
    models = [
        _object("Model", name, {"storageUri": str(ROOT / "models" / "artefacts" / name), "requirements": ["mlserver"]})
        for name in (*MODELS, FEEDBACK)
    ]
    arms = [{"name": name, "weight": 1} for name in MODELS]
    return [*models, _object("Experiment", EXPERIMENT, {"default": DEFAULT, "candidates": arms})]


def _object(kind: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": "models"}
    return {"apiVersion": "mlops.seldon.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
