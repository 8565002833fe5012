"""The example repository as Argo CD would apply it: marked as its own, client-side or server-side, and compared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml

from e2e.stack import CommandError, Stack
from e2e.stack.paths import ROOT

Object = dict[str, Any]

EXAMPLE = ROOT / "charts" / "argocd" / "example"
APPLICATION = "financial-inference"
TRACKING_ID = "argocd.argoproj.io/tracking-id"
TRACKING_LABEL = "app.kubernetes.io/instance"


@dataclass(frozen=True)
class Mode:
    """One of Argo CD's two ways to apply."""

    name: str
    flags: tuple[str, ...] = ()

    def apply(self, stack: Stack, *manifests: Object) -> str:
        """What kubectl says of each object."""
        return stack.kubectl("apply", *self.flags, "-n", stack.namespace, "-f", "-", input=_list(manifests))

    def drift(self, stack: Stack, *manifests: Object) -> str:
        """What another apply would change, as `kubectl diff` shows it; empty when nothing would."""
        try:
            return stack.kubectl("diff", *self.flags, "-n", stack.namespace, "-f", "-", input=_list(manifests))
        except CommandError as found:  # exit code 1: there is a difference
            return str(found)


CLIENT_SIDE = Mode("client-side")
SERVER_SIDE = Mode("server-side", ("--server-side", "--field-manager=argocd-controller"))


def manifests(folder: str) -> list[Object]:
    """All objects of one folder of the example, in the order of their waves."""
    files = sorted((EXAMPLE / folder).glob("*.yaml"))
    found = [each for file in files for each in yaml.safe_load_all(file.read_text()) if each]
    return sorted(found, key=wave)


def wave(manifest: Object) -> int:
    """Its place in the order of a sync."""
    return int(manifest["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", "0"))


def tracked(manifest: Object, namespace: str) -> Object:
    """The object with the label and the annotation by which Argo CD knows its own."""
    metadata = manifest["metadata"]
    group = manifest["apiVersion"].partition("/")[0]
    identity = f"{APPLICATION}:{group}/{manifest['kind']}:{namespace}/{metadata['name']}"
    labels = {**metadata.get("labels", {}), TRACKING_LABEL: APPLICATION}
    annotations = {**metadata.get("annotations", {}), TRACKING_ID: identity}
    return {**manifest, "metadata": {**metadata, "labels": labels, "annotations": annotations}}


def _list(manifests: tuple[Object, ...]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
