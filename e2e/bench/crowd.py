"""Many rollouts without any model: their objects on the real API server, and a Seldon that only writes statuses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from kubernetes import client, config, watch
from urllib3.exceptions import HTTPError

from e2e.bench.exporter import Arm
from e2e.minimesh import crds
from e2e.stack import Stack

SELDON = (crds.GROUP, crds.VERSION)
OURS = ("modelrollout.io", "v1alpha1")
MERGE = "application/merge-patch+json"
CANDIDATE_WEIGHT = 25
REQUESTS_PER_SECOND = 40.0
WRITERS = 4

Object = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """The two arms of one rollout, and its traffic."""

    name: str
    baseline: Arm
    candidate: Arm

    @property
    def arms(self) -> tuple[Arm, Arm]:
        return self.baseline, self.candidate


def pairs(count: int) -> list[Pair]:
    """So many rollouts, each with a little more traffic than the one before, so that no two look alike."""
    return [_pair(number) for number in range(count)]


def _pair(number: int) -> Pair:
    rate = REQUESTS_PER_SECOND + number / 10
    share = CANDIDATE_WEIGHT / 100
    return Pair(
        f"rollout-{number:03d}",
        Arm(f"baseline-{number:03d}", rate * (1 - share)),
        Arm(f"candidate-{number:03d}", rate * share),
    )


class Crowd:
    """Models and rollouts on the API server; from `with` on, Experiments are answered as Seldon would."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))
        self._objects = client.CustomObjectsApi(self._client)
        self._namespace = namespace
        self._answered: dict[str, int] = {}
        self._watch = watch.Watch()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._answer_all, daemon=True, name="seldon")

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._watch.stop()
        self._client.close()

    def make_models(self, pairs: Iterable[Pair]) -> None:
        """Both models of each pair, ready."""
        self._in_parallel(self._make_model, [arm.model for pair in pairs for arm in pair.arms])

    def make_rollouts(self, pairs: Iterable[Pair], interval: str) -> None:
        """The ModelRollouts, which stay in their first stage for good."""
        self._in_parallel(lambda pair: self._create(OURS, "modelrollouts", rollout(pair, interval)), pairs)

    def delete_rollout(self, name: str) -> None:
        """Delete it, and what it owns with it."""
        self._objects.delete_namespaced_custom_object(*OURS, self._namespace, "modelrollouts", name)

    def rollouts(self) -> dict[str, Object]:
        """All ModelRollouts by name."""
        listed = self._objects.list_namespaced_custom_object(*OURS, self._namespace, "modelrollouts")
        return {found["metadata"]["name"]: found for found in listed["items"]}

    def _make_model(self, name: str) -> None:
        spec = {"storageUri": "gs://bench/model", "requirements": ["sklearn"]}
        self._create(SELDON, crds.MODELS, _object(SELDON, "Model", name, spec))
        self._say(crds.MODELS, name, {"ModelReady": "True", "Ready": "True"})

    def _create(self, group: tuple[str, str], plural: str, body: Object) -> None:
        self._objects.create_namespaced_custom_object(*group, self._namespace, plural, body)

    def _say(self, plural: str, name: str, conditions: dict[str, str]) -> None:
        status = {"conditions": [{"type": kind, "status": value} for kind, value in conditions.items()]}
        self._objects.patch_namespaced_custom_object_status(
            *SELDON, self._namespace, plural, name, {"status": status}, _content_type=MERGE
        )

    def _answer_all(self) -> None:
        listing = (self._objects.list_namespaced_custom_object, *SELDON, self._namespace, crds.EXPERIMENTS)
        while not self._stopping.is_set():
            try:
                for event in self._watch.stream(*listing, timeout_seconds=60):
                    self._answer(event["type"], event["object"])
            except (client.ApiException, HTTPError):
                self._stopping.wait(0.5)  # the API server is busy, or the stack is going down

    def _answer(self, kind: str, found: Object) -> None:
        """Seldon takes up a new generation: for a moment it is not ready, and then it is."""
        metadata = found["metadata"]
        if kind == "DELETED" or self._answered.get(metadata["uid"]) == metadata["generation"]:
            return
        self._answered[metadata["uid"]] = metadata["generation"]
        for ready in ("False", "True"):
            try:
                self._say(crds.EXPERIMENTS, metadata["name"], {"ExperimentReady": ready, "Ready": ready})
            except client.ApiException as refused:
                if refused.status != 404:
                    raise

    def _in_parallel(self, work: Any, over: Iterable[Any]) -> None:
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(work, over))


def rollout(pair: Pair, interval: str) -> Object:
    """A ModelRollout with three guardrails that stays at its first weight for a day."""
    spec = {
        "baseline": {"name": pair.baseline.model},
        "candidates": [{"name": pair.candidate.model}],
        "strategy": {"canary": {"stages": [{"weight": CANDIDATE_WEIGHT, "soak": "24h"}, {"weight": 100}]}},
        "guardrails": [
            {"name": "errors", "errorRate": {}},
            {"name": "latency", "latency": {}},
            {"name": "shared", "query": {"promql": "count(up)", "min": "1"}},
        ],
        "analysis": {"interval": interval},
    }
    return _object(OURS, "ModelRollout", pair.name, spec)


def apply_seldons_kinds(stack: Stack) -> None:
    """The definitions of Seldon's kinds, on a stack without minimesh."""
    listed = {"apiVersion": "v1", "kind": "List", "items": crds.all_crds()}
    stack.kubectl("apply", "-f", "-", input=json.dumps(listed))
    stack.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")


def _object(group: tuple[str, str], kind: str, name: str, spec: Object) -> Object:
    return {"apiVersion": "/".join(group), "kind": kind, "metadata": {"name": name}, "spec": spec}
