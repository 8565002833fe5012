"""One story's corner of the stack: its own Models, Experiment, ModelRollout and clients, and how to read them.

Names are the story's own, so stories could run beside each other. What a story made is gone when it ends.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import yaml
from kubernetes import client, config, watch

from e2e import waiting
from e2e.rollouts import ERRORS, Object, Rollout
from e2e.stack import Stack
from e2e.stack.errors import tail
from e2e.stack.paths import ROOT
from e2e.traffic import Seen, Traffic
from e2e.traffic.labels import Labelling, Quality

T = TypeVar("T")

ROLLOUTS = ("modelrollout.io", "v1alpha1", "modelrollouts")
EXPERIMENTS = ("mlops.seldon.io", "v1alpha1", "experiments")
MODELS = ("mlops.seldon.io", "v1alpha1", "models")
EVENTS = ("events.k8s.io", "v1", "events")
SECONDS_TO_TAKE_UP = 240.0
PER_SECOND = 60.0
AT_ONCE = 60  # with more under way clients wait: requests that a busy machine cannot serve would fail one day


class Story:
    """What one story makes and reads. `clean_up` takes it all away again."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self.name = name
        self.baseline = f"{name}-baseline"
        self.candidate = f"{name}-candidate"
        self.feedback = f"{name}-feedback"
        self._objects = client.CustomObjectsApi(config.new_client_from_config(str(stack.kubeconfig)))
        self._made: list[tuple[tuple[str, str, str], str]] = []

    # -- Models

    def serve(self, name: str, artefact: str = "enhanced", **parameters: object) -> str:
        """A Model that is ready to answer; `parameters` are its faults."""
        self.make_model(name, storage(artefact), **parameters)
        self.until(lambda: self.model_is_ready(name), f"Model {name} is ready", SECONDS_TO_TAKE_UP)
        return name

    def serve_both(self, **faults_of_the_candidate: object) -> None:
        """Baseline and candidate."""
        self.make_model(self.baseline, storage("baseline"))
        self.serve(self.candidate, "enhanced", **faults_of_the_candidate)
        self.until(lambda: self.model_is_ready(self.baseline), "the baseline is ready", SECONDS_TO_TAKE_UP)

    def serve_feedback(self) -> None:
        """The model that clients tell what became of predictions."""
        self.serve(self.feedback, "feedback")

    def make_model(self, name: str, storage_uri: str, **parameters: object) -> None:
        """A Model, without waiting for it."""
        listed = [{"name": key, "value": str(value)} for key, value in parameters.items()]
        spec = {"storageUri": storage_uri, "requirements": ["mlserver"], "parameters": listed}
        self.make(MODELS, "Model", name, spec)

    def model_is_ready(self, name: str) -> bool:
        found = self.get(MODELS, name) or {}
        conditions = (found.get("status") or {}).get("conditions", [])
        return any(one["type"] == "ModelReady" and one["status"] == "True" for one in conditions)

    # -- the rollout

    def begin(self, stages: list[Object], name: str = "", **spec: Any) -> None:
        """A ModelRollout, from baseline to candidate unless `spec` says otherwise; looks come every two seconds."""
        self.make(ROLLOUTS, "ModelRollout", name or self.name, self.spec(stages, **spec))

    def spec(self, stages: list[Object], **spec: Any) -> Object:
        return {
            "baseline": {"name": self.baseline},
            "candidates": [{"name": self.candidate}],
            "strategy": {"canary": {"stages": stages}},
            "guardrails": [ERRORS],
            "analysis": {"interval": "2s"},
            **spec,
        }

    def edit(self, **spec: Any) -> None:
        """A merge patch of the rollout's spec."""
        self.patch(ROLLOUTS, self.name, {"spec": spec})

    @property
    def rollout(self) -> Rollout:
        return self.rollout_named(self.name)

    def rollout_named(self, name: str) -> Rollout:
        return Rollout(self.get(ROLLOUTS, name) or {})

    def until(self, condition: Callable[[], T], what: str, deadline_seconds: float = waiting.DEADLINE_SECONDS) -> T:
        """See `waiting.until`; tells everything of the rollout when it never comes."""
        return waiting.until(condition, what, deadline_seconds, self.describe)

    def until_rollout(
        self, fits: Callable[[Rollout], bool], what: str, deadline_seconds: float = waiting.DEADLINE_SECONDS
    ) -> Rollout:
        """The rollout as soon as it fits."""

        def read() -> Rollout | None:
            found = self.rollout
            return found if fits(found) else None

        found = self.until(read, what, deadline_seconds)
        assert found is not None
        return found

    def until_at(self, number: int, weight: int) -> Rollout:
        """The rollout once it is in this stage with its weight in force."""
        return self.until_rollout(lambda seen: seen.is_at(number, weight), f"stage {number} is at {weight} %")

    def events(self, about: str = "") -> list[Object]:
        """Events about the rollout, oldest first."""
        listed = self._objects.list_namespaced_custom_object(EVENTS[0], EVENTS[1], self.stack.namespace, EVENTS[2])
        mine = [
            event for event in listed["items"] if (event.get("regarding") or {}).get("name") == (about or self.name)
        ]
        return sorted(mine, key=lambda event: str(event["eventTime"]))

    def decisions(self) -> list[str]:
        """Reasons of the Events about the rollout, oldest first, but for SplitNotAsWritten.

        A fair split looks unfair once in a thousand times; then it is written again in other numbers, which decides
        nothing about the candidate.
        """
        reasons = [str(event["reason"]) for event in self.events()]
        return [reason for reason in reasons if reason != "SplitNotAsWritten"]

    def until_told(self, decisions: list[str]) -> None:
        """Returns when Events tell these decisions and no others; they come a moment after the status."""
        self.until(lambda: self.decisions() == decisions, f"Events tell {', '.join(decisions)}")

    # -- the Experiment

    @property
    def experiment(self) -> Object | None:
        return self.get(EXPERIMENTS, self.name)

    @property
    def weights(self) -> dict[str, int]:
        """As written on the Experiment; empty without one."""
        spec = (self.experiment or {}).get("spec", {})
        return {arm["name"]: arm["weight"] for arm in spec.get("candidates", [])}

    @property
    def split(self) -> dict[str, int]:
        """The weights in percent: the same split may be written in other numbers."""
        weights = self.weights
        return {name: 100 * weight // sum(weights.values()) for name, weight in weights.items()}

    @contextmanager
    def watching_weights(self) -> Iterator[list[tuple[int, ...]]]:
        """Every change of the Experiment's weights, in its arms' order, from here on; () when it goes."""
        where = (EXPERIMENTS[0], EXPERIMENTS[1], self.stack.namespace, EXPERIMENTS[2])
        begins_after = self._objects.list_namespaced_custom_object(*where)["metadata"]["resourceVersion"]
        written, ending = list[tuple[int, ...]](), threading.Event()
        watcher = threading.Thread(target=self._watch_weights, args=(written, begins_after, ending), daemon=True)
        watcher.start()
        try:
            yield written
            self.until(
                lambda: (written or [()])[-1] == tuple(self.weights.values()), "the watch has told of all weights"
            )
        finally:
            ending.set()
            watcher.join()

    def _watch_weights(self, written: list[tuple[int, ...]], version: str, ending: threading.Event) -> None:
        objects = client.CustomObjectsApi(config.new_client_from_config(str(self.stack.kubeconfig)))
        where = (EXPERIMENTS[0], EXPERIMENTS[1], self.stack.namespace, EXPERIMENTS[2])
        while not ending.is_set():
            stream = watch.Watch()
            for event in stream.stream(
                objects.list_namespaced_custom_object,
                *where,
                field_selector=f"metadata.name={self.name}",
                resource_version=version,
                timeout_seconds=1,
            ):
                arms = [] if event["type"] == "DELETED" else event["object"]["spec"]["candidates"]
                weights = tuple(arm["weight"] for arm in arms)
                if written[-1:] != [weights]:
                    written.append(weights)
            version = stream.resource_version

    # -- clients

    @contextmanager
    def clients(
        self, per_second: float = PER_SECOND, name: str = "", labelling: Labelling | None = None, windows: int = 1
    ) -> Iterator[Traffic]:
        """Clients of the baseline's name, whom somebody answers already."""
        model = name or self.baseline
        traffic = Traffic(
            self.stack.data_plane_url,
            model,
            per_second,
            longest_seconds=1800,
            labelling=labelling,
            windows=windows,
            most_at_once=AT_ONCE,
        )
        with traffic:
            self.until(lambda: len(traffic.seen().answers) > per_second, "clients are answered", SECONDS_TO_TAKE_UP)
            yield traffic

    def labelling(self, baseline: Quality, candidate: Quality, **more: Any) -> Labelling:
        """Labels about both arms; `more` says how late they are and how many are lost or repeated."""
        return Labelling(self.feedback, {self.baseline: baseline, self.candidate: candidate}, **more)

    def fault(self, method: str, path: str, body: Mapping[str, object] | None = None) -> None:
        """Turns one of minimesh's switches."""
        import httpx

        address = f"{self.stack.minimesh_url}/faults/{path}"
        httpx.request(method, address, json=body, timeout=60).raise_for_status()

    # -- Prometheus

    def ask(self, query: str, at: float | None = None) -> float:
        """The value of a query with one series, now or at a time (Unix seconds); 0 when it has none."""
        asked = urllib.parse.urlencode({"query": query, "time": f"{time.time() if at is None else at:.3f}"})
        with urllib.request.urlopen(f"{self.stack.prometheus_url}/api/v1/query?{asked}") as answer:
            found = json.load(answer)["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    # -- objects

    def make(self, kind: tuple[str, str, str], called: str, name: str, spec: Object) -> None:
        self.will_delete(kind, name)
        body = {
            "apiVersion": f"{kind[0]}/{kind[1]}",
            "kind": called,
            "metadata": {"name": name, "namespace": self.stack.namespace},
            "spec": spec,
        }
        self._objects.create_namespaced_custom_object(kind[0], kind[1], self.stack.namespace, kind[2], body)

    def will_delete(self, kind: tuple[str, str, str], name: str) -> None:
        """Leaves an object that somebody else makes to `clean_up`."""
        self._made.append((kind, name))

    def get(self, kind: tuple[str, str, str], name: str) -> Object | None:
        try:
            found: Object = self._objects.get_namespaced_custom_object(
                kind[0], kind[1], self.stack.namespace, kind[2], name
            )
        except client.ApiException as refused:
            if refused.status == 404:
                return None
            raise
        return found

    def objects(self, kind: tuple[str, str, str]) -> dict[str, Object]:
        """All objects of a kind by name."""
        listed = self._objects.list_namespaced_custom_object(kind[0], kind[1], self.stack.namespace, kind[2])
        return {found["metadata"]["name"]: found for found in listed["items"]}

    def patch(self, kind: tuple[str, str, str], name: str, body: Object) -> None:
        self._objects.patch_namespaced_custom_object(
            kind[0], kind[1], self.stack.namespace, kind[2], name, body, _content_type="application/merge-patch+json"
        )

    def delete(self, kind: tuple[str, str, str], name: str) -> None:
        """Asks for it, and does not wait; nothing happens when there is none."""
        try:
            self._objects.delete_namespaced_custom_object(kind[0], kind[1], self.stack.namespace, kind[2], name)
        except client.ApiException as refused:
            if refused.status != 404:
                raise

    def until_gone(self, kind: tuple[str, str, str], name: str) -> None:
        self.until(lambda: self.get(kind, name) is None, f"{name} is gone")

    def kubectl(self, *arguments: str, input: str | None = None) -> str:
        return self.stack.kubectl(*arguments, "-n", self.stack.namespace, input=input)

    def clean_up(self) -> None:
        """Rollouts first: their operator still moves traffic while it lets go."""
        for kinds in ((ROLLOUTS,), (EXPERIMENTS,), (MODELS,)):
            mine = [(kind, name) for kind, name in self._made if kind in kinds]
            for kind, name in mine:
                self.delete(kind, name)
            for kind, name in mine:
                self.until_gone(kind, name)

    # -- when it goes wrong

    def describe(self) -> str:
        """Status, Experiment, Events and the operator's last words."""
        status = {key: value for key, value in self.rollout.status.items() if key not in ("engine", "kopf")}
        experiment = self.experiment or {}
        parts = {
            "status": yaml.safe_dump(status, sort_keys=False),
            "experiment": json.dumps({key: experiment.get(key) for key in ("spec", "status")}, indent=1),
            "events": "\n".join(f"{one['eventTime']} {one['reason']}: {one['note']}" for one in self.events()),
            "operator": tail(self.stack.part("operator").log, 40),
            "time": f"{time.time():.1f}",
        }
        return "\n".join(f"--- {title} of {self.name}\n{text}" for title, text in parts.items())


def storage(artefact: str) -> str:
    """Where Seldon finds one of our models."""
    return str(ROOT / "models" / "artefacts" / artefact)


def percents(written: list[tuple[int, ...]]) -> list[int]:
    """The candidate's shares one after the other; the same share in other numbers is no other share."""
    shares = [100 * weights[1] // sum(weights) for weights in written if weights]
    return [share for place, share in enumerate(shares) if shares[place - 1 : place] != [share]]


def within(traffic: Traffic, since: float, until: float = float("inf")) -> Seen:
    """Answers to requests that were sent and answered in this time: what was in force in it decided who answered.

    A request that was sent just before other weights, on a busy machine, may meet these.
    """
    return Seen(tuple(answer for answer in traffic.seen(since).answers if answer.at + answer.seconds < until))


def agrees(traffic: Traffic, arm: str, percent: float, since: float, until: float = float("inf")) -> str:
    """Empty when clients saw this share for the arm, else a sentence.

    Five standard deviations of a fair split: one healthy run in two million is refused.
    """
    seen = within(traffic, since, until)
    total, share = seen.arms.total(), seen.share(arm)
    slack = 500 * (percent / 100 * (1 - percent / 100) / max(total, 1)) ** 0.5
    if total >= 30 and abs(share - percent) <= slack:
        return ""
    return f"{arm} answered {share:.1f} % of {total} requests, which is not {percent:g} %"
