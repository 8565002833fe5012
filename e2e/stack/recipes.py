"""What each tool is built from. A change of a recipe, or of the files it names, rebuilds its tool."""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

from e2e.stack import paths

KUBERNETES = "1.36.3"
PROMETHEUS = "3.15.0"
HELM = "4.3.1"


@dataclass(frozen=True)
class Recipe:
    """One `go build`. `module` and `sum` name a published module; without them `directory` of the checkout is built."""

    name: str
    version: str
    minutes: int
    """How long the first build takes on two cores, roughly: said to whoever waits."""
    makes: tuple[str, ...]
    """Names in `.cache/bin`. With `links`, the first is the binary and the rest are links to it."""
    packages: tuple[str, ...]
    linker_flags: str = "-s -w"
    tags: str = ""
    module: str = ""
    sum: str = ""
    """The module's `h1:` hash: what is built is what was tried."""
    directory: Path | None = None
    links: bool = False

    def stamp(self) -> str:
        """Version and a hash of everything the binary depends on, on one line."""
        told = [self.module, self.sum, self.linker_flags, self.tags, *self.packages, *self.makes]
        digest = hashlib.sha256("\n".join([*told, platform.system(), platform.machine()]).encode())
        if self.directory:
            for file in (*(f"{package}/main.go" for package in self.packages), "go.mod", "go.sum"):
                digest.update((self.directory / file).read_bytes())
        return f"{self.version} {digest.hexdigest()[:16]}"


def _kubernetes_version() -> str:
    """Linker flags that stamp the version: Helm and kubectl read it from the API server, charts depend on it."""
    major, minor, _ = KUBERNETES.split(".")
    values = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    where = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return "-s -w " + " ".join(f"-X {path}.{name}={value}" for path in where for name, value in values.items())


CONTROL_PLANE = Recipe(
    name="the control plane",
    version=KUBERNETES,
    minutes=6,
    makes=("controlplane", "etcd", "kube-apiserver", "kube-controller-manager", "kubectl"),
    links=True,
    packages=(".",),
    linker_flags=_kubernetes_version(),
    directory=paths.CONTROL_PLANE,
)
# Only what runs pods needs the next three (`--cluster=node`), so nobody else waits for them.
NODE = Recipe(
    name="the node's programs",
    version=KUBERNETES,
    minutes=2,
    makes=("node", "kube-scheduler", "kubelet", "kube-proxy"),
    links=True,
    packages=("./node",),
    linker_flags=_kubernetes_version(),
    directory=paths.CONTROL_PLANE,
)
PAUSE = Recipe(
    name="pause", version="1", minutes=1, makes=("pause",), packages=("./pause",), directory=paths.CONTROL_PLANE
)
DNS = Recipe(
    name="coredns",
    version="1.14.7",
    minutes=2,
    makes=("coredns",),
    links=True,
    packages=(".",),
    directory=paths.ROOT / "e2e" / "node" / "dns",
)
PROMETHEUS_AND_PROMTOOL = Recipe(
    name="prometheus",
    version=PROMETHEUS,
    minutes=3,
    makes=("prometheus", "promtool"),
    packages=("./cmd/prometheus", "./cmd/promtool"),
    # Without service discovery plugins: the stack's targets are static, and the clouds' clients are half the build.
    tags="remove_all_sd,netgo",
    linker_flags=f"-s -w -X github.com/prometheus/common/version.Version={PROMETHEUS}",
    module="github.com/prometheus/prometheus@v0.315.0",
    sum="h1:sFGZWmC2Hk9N1NBJGCnXYZb5hyLCq8yuAMoEjLAg6ac=",
)
HELM_4 = Recipe(
    name="helm",
    version=HELM,
    minutes=3,
    makes=("helm",),
    packages=("./cmd/helm",),
    linker_flags=f"-s -w -X helm.sh/helm/v4/internal/version.version=v{HELM}",
    module=f"helm.sh/helm/v4@v{HELM}",
    sum="h1:UndCoLe9UPmNoL7IvWzaUXveL7T5t/ijoorEmgJdI9g=",
)

ALL = (CONTROL_PLANE, PROMETHEUS_AND_PROMTOOL, HELM_4)
FOR_A_NODE = (NODE, PAUSE, DNS)
