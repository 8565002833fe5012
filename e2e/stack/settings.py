"""What may be chosen about a stack."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2e.stack import paths
from e2e.stack.errors import MissingError

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager")
SELDON = ("mlserver", "minimesh", "envoy")
PARTS = (*CONTROL_PLANE, *SELDON, "prometheus")


@dataclass(frozen=True)
class Settings:
    """One stack. The defaults are what `python -m e2e.stack up` starts."""

    directory: Path = field(default_factory=lambda: paths.CACHE / "stack" / "default")
    """Its own: data, configuration and logs. Emptied when the stack starts."""
    namespace: str = "models"
    without: frozenset[str] = frozenset()
    """Parts to leave out."""
    kubeconfig: Path | None = None
    """Use that cluster, with its admin's rights, in place of a control plane of our own."""
    kind: bool = False
    """Make a kind cluster in place of a control plane of our own; needs Docker."""
    node: bool = False
    """Start a whole Kubernetes with a node that runs pods, in namespaces of its own; needs root, and Debian."""
    seldon_is_external: bool = False
    """The cluster runs the real Seldon: no minimesh, Envoy or MLServer here, and the two addresses below are needed."""
    data_plane_url: str = ""
    envoy_stats_url: str = ""
    operator: bool = False
    """Install the chart and run the operator under its ServiceAccount, last."""
    scrape_seconds: float = 1.0
    """How often Prometheus scrapes; the operator is told the same."""
    extra_targets: Mapping[str, str] = field(default_factory=dict)
    """Other exporters for Prometheus to scrape: job name to address, path included."""
    ready_within_seconds: float = 300
    """Of each part, from its own start. A busy machine is no failure."""

    @property
    def name(self) -> str:
        """The stack's name in a form that a kind cluster may have."""
        return "modelrollout-" + re.sub(r"[^a-z0-9]+", "-", self.directory.name.lower()).strip("-")

    @property
    def has_own_control_plane(self) -> bool:
        return self.kubeconfig is None and not self.kind and not self.node

    def parts(self) -> tuple[str, ...]:
        """The parts to start, in the order in which people read them."""
        left_out = set(self.without)
        if not self.has_own_control_plane:
            left_out.update(CONTROL_PLANE)
        if self.seldon_is_external:
            left_out.update(SELDON)
        return tuple(part for part in PARTS if part not in left_out)

    def check(self) -> None:
        """Raises `MissingError` with one sentence when the settings contradict each other."""
        for problem in self._problems():
            raise MissingError(problem)

    def _problems(self) -> list[str]:
        addresses = (self.data_plane_url, self.envoy_stats_url)
        unknown = sorted(self.without - set(PARTS))
        found = [
            (bool(unknown), f"--without names {', '.join(unknown)}; the parts are {', '.join(PARTS)}."),
            (
                (self.kubeconfig is not None) + self.kind + self.node > 1,
                "--kubeconfig, --cluster=kind and --cluster=node each choose the cluster; give one.",
            ),
            (
                self.kubeconfig is not None and not self.kubeconfig.exists(),
                f"--kubeconfig is {self.kubeconfig}, which does not exist.",
            ),
            (
                self.seldon_is_external and not all(addresses),
                "--seldon=external needs --data-plane-url (where clients call Seldon's Envoy) and "
                "--envoy-stats-url (its /stats/prometheus).",
            ),
            (
                self.seldon_is_external and self.has_own_control_plane,
                "--seldon=external needs the cluster where Seldon runs: give --kubeconfig.",
            ),
            (
                not self.seldon_is_external and any(addresses),
                "--data-plane-url and --envoy-stats-url belong to --seldon=external; without it the stack has its own.",
            ),
        ]
        return [problem for is_so, problem in found if is_so]
