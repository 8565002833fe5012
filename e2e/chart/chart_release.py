"""The chart as a release of the real Helm, for the tests of this folder."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from e2e.stack import CommandError, Stack, paths

Object = dict[str, Any]

NAME = "modelrollout"
NAMESPACES = ("one", "two", "other", "monitoring")
CRD = "modelrollouts.modelrollout.io"


@dataclass(frozen=True)
class Release:
    """The release `modelrollout` in the stack's namespace. `values` are as after Helm's --set."""

    stack: Stack

    def render(self, values: list[str] | tuple[str, ...] = (), *options: str) -> list[Object]:
        """Every object but the hooks; raises CommandError with Helm's complaint."""
        text = self._helm("template", values, "--no-hooks", *options)
        return [manifest for manifest in yaml.safe_load_all(text) if manifest]

    def test_pod(self, values: list[str] | tuple[str, ...] = ()) -> Object:
        """What `helm test` would run."""
        pod: Object = yaml.safe_load(self._helm("template", values, "--show-only", "templates/test.yaml"))
        return pod

    def install(self, values: list[str] | tuple[str, ...] = (), *options: str, chart: Path = paths.CHART) -> str:
        """Installs or upgrades it; what Helm says."""
        return self._helm("upgrade", values, "--install", *options, chart=chart)

    def uninstall(self) -> str:
        return self.stack.helm("uninstall", NAME, "--namespace", self.stack.namespace)

    def account(self) -> Path:
        """A kubeconfig with the rights of the operator."""
        return self.stack.service_account_kubeconfig(self.stack.namespace, NAME)

    def check(self, folder: Path, values: list[str] | tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Runs what `helm test` runs in its pod, as a process with the same account; it tries each thing once."""
        (container,) = self.test_pod(values)["spec"]["containers"]
        (_, dash_c, script), arguments = container["command"], container["args"]
        known = yaml.safe_load(self.account().read_text())
        (folder / "token").write_text(known["users"][0]["user"]["token"])
        cluster = yaml.safe_load(self.stack.kubeconfig.read_text())["clusters"][0]["cluster"]
        (folder / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
        place = urlsplit(cluster["server"])
        # No Service leads anywhere here: the operator's own address stands in for it.
        there = [option for option in arguments if not option.startswith("--metrics=")]
        command = [sys.executable, dash_c, script, *there, f"--metrics={self.stack.operator_metrics_url}"]
        return subprocess.run(
            [*command, f"--account={folder}", "--within=0"],
            env={"KUBERNETES_SERVICE_HOST": str(place.hostname), "KUBERNETES_SERVICE_PORT": str(place.port)},
            capture_output=True,
            text=True,
        )

    def accepts(self, manifests: list[Object]) -> None:
        """The API server takes every object as it stands, unknown fields refused; raises CommandError."""
        how = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
        self.stack.kubectl("apply", *how, "-f", "-", input=yaml.safe_dump_all(manifests))

    def may(self, question: str, *who: str, kubeconfig: Path | None = None) -> bool:
        """What `kubectl auth can-i` answers, for a kubeconfig or for somebody given by --as."""
        try:
            self.stack.kubectl("auth", "can-i", *question.split(), *who, kubeconfig=kubeconfig)
        except CommandError as refusal:
            if "error" in str(refusal).lower():
                raise
            return False
        return True

    def _helm(self, verb: str, values: list[str] | tuple[str, ...], *options: str, chart: Path = paths.CHART) -> str:
        sets = [part for value in values for part in ("--set", value)]
        return self.stack.helm(verb, NAME, str(chart), "--namespace", self.stack.namespace, *options, *sets)


def one(manifests: list[Object], kind: str, name: str | None = None) -> Object:
    """The object of that kind, and of that name where there are several."""
    (found,) = [each for each in manifests if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return found


def definition(kind: str, plural: str) -> Object:
    """A kind of monitoring.coreos.com that takes anything: what the server checks then is that it is an object."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


def establish(stack: Stack, definitions: list[Object]) -> None:
    """Creates the definitions and waits until the API server serves their kinds."""
    stack.kubectl("create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions}))
    names = [f"crd/{each['metadata']['name']}" for each in definitions]
    stack.kubectl("wait", "--for=condition=Established", "--timeout=240s", *names)
