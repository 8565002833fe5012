"""A data plane for tests that send real traffic: models, Experiments, and what the feedback model has counted."""

from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import dataclass

from e2e import waiting
from e2e.stack import Stack
from e2e.stack.paths import ROOT

_GROUP = "mlops.seldon.io/v1alpha1"


@dataclass(frozen=True)
class Mesh:
    """A data plane where Experiment `pair` splits requests evenly over `blue` and `green`; `feedback` takes labels."""

    stack: Stack

    @property
    def url(self) -> str:
        return self.stack.data_plane_url

    def serve(self, model: str, artefact: str) -> None:
        """Load an artefact as this model, in the place of what it was."""
        spec = {"storageUri": str(ROOT / "models" / "artefacts" / artefact), "requirements": ["mlserver"]}
        self._apply("Model", model, spec)
        self._wait_until_ready("model", model)

    def split(self, experiment: str, *models: str) -> None:
        """An Experiment that gives each of these models the same share."""
        self._apply("Experiment", experiment, {"candidates": [{"name": model, "weight": 50} for model in models]})
        self._wait_until_ready("experiment", experiment)

    def counted(self, metric: str, model: str) -> float:
        """The sum of a metric of the feedback model about this one."""
        page = urllib.request.urlopen(self._metrics_url, timeout=30).read().decode()
        return sum(float(value) for value in re.findall(rf'^{metric}{{model="{model}",[^}}]*}} (\S+)$', page, re.M))

    @property
    def _metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.stack.part('mlserver').part.ports[-1]}/metrics"

    def _apply(self, kind: str, name: str, spec: dict[str, object]) -> None:
        body = {"apiVersion": _GROUP, "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.stack.kubectl("apply", "-f", "-", input=json.dumps(body))

    def _wait_until_ready(self, kind: str, name: str) -> None:
        def is_ready() -> bool:
            found = json.loads(self.stack.kubectl("get", kind, name, "-o", "json"))
            status = found.get("status") or {}
            ready = any((one["type"], one["status"]) == ("Ready", "True") for one in status.get("conditions", []))
            return ready and "generation" in found["metadata"]

        waiting.until(is_ready, f"{kind} {name} is ready")
