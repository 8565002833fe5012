"""What a conformance test can do: make Models and Experiments, watch them, send requests, read Envoy's counters."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from e2e.conformance.history import DEADLINE, History, is_true
from e2e.conformance.target import Target
from e2e.minimesh.crds import EXPERIMENTS, GROUP, MODELS, VERSION
from e2e.minimesh.kube import JSON_PATCH, MERGE_PATCH, ApiError, Kube

Object = dict[str, Any]
Name = Callable[[str], str]

_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Answer:
    """One answer of the data plane."""

    status: int
    route: str | None  # x-seldon-route
    seconds: float
    sent_at: float  # time.monotonic()
    body: bytes = b""


@dataclass
class Traffic:
    """Answers to a steady stream of requests, in the order they were sent."""

    answers: list[Answer] = field(default_factory=list)

    @property
    def errors(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.status != 200]

    def after(self, moment: float) -> list[Answer]:
        """Answers to requests sent after a moment of time.monotonic()."""
        return [answer for answer in self.answers if answer.sent_at > moment]

    async def until_after(self, moment: float, count: int = 1, deadline: float = DEADLINE) -> list[Answer]:
        """The answers to requests sent after a moment, once there are so many."""
        await self.until(lambda: len(self.after(moment)) >= count, deadline)
        return self.after(moment)

    async def until(self, is_so: Callable[[], bool], deadline: float = DEADLINE) -> None:
        """Return when something is so of the answers."""
        async with asyncio.timeout(deadline):
            while not is_so():
                await asyncio.sleep(0.02)


class World:
    """One namespace of a mesh. Everything made through it is deleted by `clean_up`."""

    def __init__(self, target: Target, kube: Kube, client: httpx.AsyncClient) -> None:
        self.target = target
        self.kube = kube
        self._client = client
        self.answered: Counter[str | None] = Counter()  # answers so far, by x-seldon-route
        self._made: list[tuple[str, str]] = []

    async def create_model(self, name: str, uri: str | None = None, **parameters: str) -> Object:
        """Create a Model and return at once."""
        return await self._create(MODELS, "Model", name, self.model_spec(uri, **parameters))

    def model_spec(self, uri: str | None = None, **parameters: str) -> Object:
        extra = [{"name": key, "value": value} for key, value in parameters.items()]
        return {"storageUri": uri or self.target.storage_uri, "requirements": ["mlserver"], "parameters": extra}

    async def model(self, name: str, uri: str | None = None, **parameters: str) -> str:
        """A Model that is available; returns its name."""
        await self.create_model(name, uri, **parameters)
        await self.until(MODELS, name, is_true("ModelReady"))
        return name

    async def create_experiment(
        self, name: str, weights: Mapping[str, int], default: str = "", mirror: tuple[str, int] | None = None
    ) -> Object:
        """Create an Experiment and return at once."""
        return await self._create(EXPERIMENTS, "Experiment", name, experiment_spec(weights, default, mirror))

    async def experiment(
        self, name: str, weights: Mapping[str, int], default: str = "", mirror: tuple[str, int] | None = None
    ) -> str:
        """An Experiment that is ready; returns its name."""
        await self.create_experiment(name, weights, default, mirror)
        await self.until(EXPERIMENTS, name, is_true("Ready"))
        return name

    async def set_weights(self, name: str, weights: Mapping[str, int]) -> Object:
        """Replace the candidates by a JSON merge patch, as users do."""
        return await self.patch(EXPERIMENTS, name, {"spec": {"candidates": candidates(weights)}})

    async def patch(self, plural: str, name: str, patch: Object | list[Object]) -> Object:
        """A merge patch (dict) or a JSON patch (list)."""
        kind = JSON_PATCH if isinstance(patch, list) else MERGE_PATCH
        return await self.kube.call("PATCH", self.kube.path(plural, name), patch, kind)

    async def get(self, plural: str, name: str) -> Object:
        obj = await self.kube.get(plural, name)
        assert obj is not None, f"{plural} {name} is gone"
        return obj

    async def until(self, plural: str, name: str, is_reached: Callable[[Object], bool]) -> Object:
        """Watch the object from its present state until it fits."""
        async with self.watching(plural, name) as history:
            return await history.until(is_reached)

    async def delete(self, plural: str, name: str) -> None:
        """Ask for deletion and return at once."""
        await self.kube.call("DELETE", self.kube.path(plural, name))

    async def until_gone(self, plural: str, name: str, deadline: float = DEADLINE) -> None:
        async with asyncio.timeout(deadline):
            while await self.kube.get(plural, name) is not None:
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def watching(self, plural: str, name: str) -> AsyncIterator[History]:
        """Record the object's versions, its present one first."""
        history = History()
        items, resource_version = await self.kube.list_all(plural)
        for obj in items:
            if obj["metadata"]["name"] == name:
                await history.add("PRESENT", obj)
        task = asyncio.create_task(self._record(plural, name, resource_version, history))
        try:
            yield history
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def ask(self, model: str, route: str | None = None, path_model: str | None = None) -> Answer:
        """One inference request; `route` pins it. With `path_model` the seldon-model header stays away."""
        headers = {} if path_model else {"seldon-model": model}
        if route is not None:
            headers["x-seldon-route"] = route
        sent_at = time.monotonic()
        url = f"{self.target.data_url}/v2/models/{path_model or model}/infer"
        response = await self._client.post(url, json=self.target.request, headers=headers)
        seconds = time.monotonic() - sent_at
        seen = response.headers.get("x-seldon-route")
        self.answered[seen] += 1
        return Answer(response.status_code, seen, seconds, sent_at, response.content)

    async def shares(self, model: str, requests: int = 100) -> Counter[str | None]:
        """Which version answered how many of so many un-pinned requests, all of them with 200."""
        answers = [await self.ask(model) for _ in range(requests)]
        assert {answer.status for answer in answers} == {200}
        return Counter(answer.route for answer in answers)

    async def until_answer(self, model: str, fits: Callable[[Answer], bool], deadline: float = DEADLINE) -> Answer:
        """Ask until an answer fits."""
        async with asyncio.timeout(deadline):
            while not fits(answer := await self.ask(model)):
                await asyncio.sleep(0.01)
        return answer

    @asynccontextmanager
    async def traffic(self, model: str, per_second: float, route: str | None = None) -> AsyncIterator[Traffic]:
        """A steady, open-loop stream of requests for as long as the block lasts."""
        traffic, tasks = Traffic(), set[asyncio.Task[None]]()

        async def one() -> None:
            traffic.answers.append(await self.ask(model, route))

        async def stream() -> None:
            due = time.monotonic()
            while True:
                task = asyncio.create_task(one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                due += 1 / per_second
                await asyncio.sleep(max(0.0, due - time.monotonic()))

        streaming = asyncio.create_task(stream())
        try:
            yield traffic
        finally:
            streaming.cancel()
            await asyncio.gather(streaming, return_exceptions=True)
            await asyncio.gather(*tasks)
            traffic.answers.sort(key=lambda answer: answer.sent_at)

    async def envoy(self, metric: str, **labels: str) -> float | None:
        """The sum of a metric's series that carry these labels, or None when there is none."""
        return await self._metric(self.target.envoy_stats_url, metric, labels)

    async def agent(self, metric: str, **labels: str) -> float | None:
        """The same from the agent's metrics."""
        return await self._metric(self.target.agent_metrics_url, metric, labels)

    async def clean_up(self) -> None:
        """Delete what was made, Experiments first; return when it is gone."""
        for plural, name in reversed(self._made):
            try:
                await self.delete(plural, name)
            except ApiError as error:
                if error.status != 404:
                    raise
        for plural, name in self._made:
            await self.until_gone(plural, name)

    async def _create(self, plural: str, kind: str, name: str, spec: Object) -> Object:
        self._made.append((plural, name))
        obj = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": {"name": name}, "spec": spec}
        return await self.kube.call("POST", self.kube.path(plural), obj)

    async def _record(self, plural: str, name: str, resource_version: str, history: History) -> None:
        async for kind, obj in self.kube.watch(plural, resource_version):
            if obj["metadata"].get("name") == name:
                await history.add(kind, obj)

    async def _metric(self, url: str, metric: str, labels: Mapping[str, str]) -> float | None:
        text = (await self._client.get(url)).text
        # prometheus_client's parser adds `_total` to every counter, which would merge two of Envoy's into one.
        series = re.findall(rf"^{metric}{{(.*)}} (\S+)$", text, re.MULTILINE)
        values = [float(value) for have, value in series if labels.items() <= dict(_LABEL.findall(have)).items()]
        return sum(values) if values else None


def experiment_spec(weights: Mapping[str, int], default: str = "", mirror: tuple[str, int] | None = None) -> Object:
    spec: Object = {"candidates": candidates(weights)}
    if default:
        spec["default"] = default
    if mirror:
        spec["mirror"] = {"name": mirror[0], "percent": mirror[1]}
    return spec


def candidates(weights: Mapping[str, int]) -> list[Object]:
    return [{"name": name, "weight": weight} for name, weight in weights.items()]
