"""What a running stack offers to whoever uses it, from this process or another: addresses, kubectl and Helm."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from e2e.stack import kubeconfigs, paths
from e2e.stack.errors import CommandError

SECONDS_FOR_A_COMMAND = 300


@dataclass(frozen=True)
class Access:
    """Addresses of a stack. `load` gives those of one that `python -m e2e.stack up` started."""

    directory: Path
    kubeconfig: Path
    """The admin's."""
    namespace: str
    prometheus_url: str
    data_plane_url: str
    envoy_stats_url: str
    mlserver_url: str
    minimesh_url: str
    operator_metrics_url: str
    kubectl_binary: Path
    helm_binary: Path

    @classmethod
    def load(cls, directory: Path) -> Access:
        """From `stack.json`; FileNotFoundError when no stack was ever ready there."""
        told = json.loads((directory / "stack.json").read_text())["access"]
        for file in ("directory", "kubeconfig", "kubectl_binary", "helm_binary"):
            told[file] = Path(told[file])
        return cls(**told)

    def describe(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}

    def kubectl(self, *arguments: str, input: str | None = None, kubeconfig: Path | None = None) -> str:
        """What kubectl prints, as the admin or with another kubeconfig; raises `CommandError` with its complaint."""
        environment = {**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig)}
        return _run([str(self.kubectl_binary), *arguments], environment, input)

    def helm(self, *arguments: str) -> str:
        """What Helm prints, as the admin; raises `CommandError` with its complaint."""
        # Helm's own files in our directory: the user's repositories and registry logins are none of our business.
        homes = {
            f"HELM_{kind}_HOME": str(self.directory / "helm" / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")
        }
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), **homes}
        return _run([str(self.helm_binary), *arguments], environment)

    def install_chart(
        self, release: str = "modelrollout", values: Mapping[str, object] | None = None, chart: Path = paths.CHART
    ) -> str:
        """Installs or upgrades our chart in the stack's namespace: CRD, RBAC, ServiceAccount; what Helm prints.

        Nothing here runs pods, so nothing is waited for. `values` are set as JSON: strings stay strings.
        """
        settings = [
            each for key, value in (values or {}).items() for each in ("--set-json", f"{key}={json.dumps(value)}")
        ]
        return self.helm("upgrade", "--install", release, str(chart), "--namespace", self.namespace, *settings)

    def operator_kubeconfig(self, release: str = "modelrollout") -> Path:
        """A kubeconfig with the rights of the ServiceAccount that the chart made: what the operator runs with."""
        one = f"--selector=app.kubernetes.io/instance={release}"
        name = self.kubectl(
            "get", "serviceaccount", one, "-n", self.namespace, "-o", "jsonpath={.items[*].metadata.name}"
        )
        if not name:
            raise CommandError(f"Release {release} has no ServiceAccount in namespace {self.namespace}.")
        return self.service_account_kubeconfig(self.namespace, name)

    def service_account_kubeconfig(self, namespace: str, name: str, duration: str = "24h") -> Path:
        """A kubeconfig with a real token of that ServiceAccount, by the TokenRequest API."""
        token = self.kubectl("create", "token", name, "--namespace", namespace, "--duration", duration).strip()
        file = self.directory / "pki" / f"{namespace}.{name}.kubeconfig"
        return kubeconfigs.with_token(file, self.kubeconfig, token, namespace)


def _run(command: list[str], environment: dict[str, str], input: str | None = None) -> str:
    asked = " ".join([Path(command[0]).name, *command[1:]])
    try:
        done = subprocess.run(
            command, env=environment, input=input, capture_output=True, text=True, timeout=SECONDS_FOR_A_COMMAND
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{asked} had no answer within {SECONDS_FOR_A_COMMAND} s.") from None
    if done.returncode != 0:
        raise CommandError(f"{asked} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
