"""The plan: which processes make up a stack, as data. Nothing here starts anything.

etcd <- kube-apiserver <- kube-controller-manager
                       <- minimesh (needs mlserver too) <- envoy
prometheus scrapes envoy, mlserver, minimesh and the operator.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from e2e.stack import paths
from e2e.stack.certificates import Certificates
from e2e.stack.parts import Part, Ready
from e2e.stack.ports import Ports
from e2e.stack.settings import Settings

# What an operator's objects need: namespaces and ServiceAccounts that come and go, owner references that are obeyed,
# aggregated ClusterRoles. No pods run here, so nothing that makes or places pods.
CONTROLLERS = (
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "garbage-collector-controller",
    "clusterrole-aggregation-controller",
)


@dataclass(frozen=True)
class Ground:
    """What the plan stands on: chosen, built or made before it."""

    settings: Settings
    ports: Ports
    tools: Mapping[str, Path]
    kubeconfig: Path
    """The admin's."""
    certificates: Certificates | None
    """Of our own control plane; None for a given cluster."""

    @property
    def directory(self) -> Path:
        return self.settings.directory

    def url(self, port: int, path: str = "", scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{port}{path}"


def parts(ground: Ground) -> list[Part]:
    """Every part of a stack but the operator, which comes and goes on its own."""
    make = {
        "etcd": etcd,
        "kube-apiserver": kube_apiserver,
        "kube-controller-manager": kube_controller_manager,
        "mlserver": mlserver,
        "minimesh": minimesh,
        "envoy": envoy,
        "prometheus": prometheus,
    }
    return [make[name](ground) for name in ground.settings.parts()]


def etcd(ground: Ground) -> Part:
    client, peer = ground.url(ground.ports.etcd), ground.url(ground.ports.etcd_peer)
    flags = {
        "name": "stack",
        "data-dir": ground.directory / "etcd" / "data",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"stack={peer}",
        # A stack's data may be lost with the machine, not with a process: the kernel still has what was written.
        "unsafe-no-fsync": "true",
    }
    return Part(
        name="etcd",
        command=_command(ground.tools["etcd"], flags),
        address=client,
        ports=(ground.ports.etcd, ground.ports.etcd_peer),
        ready=Ready(f"{client}/health"),
    )


def kube_apiserver(ground: Ground) -> Part:
    own = _certificates(ground)
    flags = {
        "etcd-servers": ground.url(ground.ports.etcd),
        "bind-address": "127.0.0.1",
        "secure-port": ground.ports.kube_apiserver,
        "advertise-address": "127.0.0.1",
        # The Endpoints of Service `kubernetes` may not be loopback, and nothing here runs in a pod to need them.
        "endpoint-reconciler-type": "none",
        "service-cluster-ip-range": "10.0.0.0/24",
        "authorization-mode": "RBAC",
        "client-ca-file": own.authority,
        "tls-cert-file": own.server.certificate,
        "tls-private-key-file": own.server.key,
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": own.service_accounts,
        "service-account-signing-key-file": own.service_accounts,
        "allow-privileged": "true",
    }
    address = ground.url(ground.ports.kube_apiserver, scheme="https")
    return Part(
        name="kube-apiserver",
        command=_command(ground.tools["kube-apiserver"], flags),
        address=address,
        ports=(ground.ports.kube_apiserver,),
        ready=Ready(f"{address}/readyz", own.authority),
        needs=("etcd",),
    )


def kube_controller_manager(ground: Ground) -> Part:
    own = _certificates(ground)
    flags = {
        "kubeconfig": ground.directory / "pki" / "controller-manager.kubeconfig",
        "bind-address": "127.0.0.1",
        "secure-port": ground.ports.kube_controller_manager,
        "tls-cert-file": own.server.certificate,
        "tls-private-key-file": own.server.key,
        "service-account-private-key-file": own.service_accounts,
        "root-ca-file": own.authority,
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "controllers": ",".join(CONTROLLERS),
    }
    address = ground.url(ground.ports.kube_controller_manager, scheme="https")
    return Part(
        name="kube-controller-manager",
        command=_command(ground.tools["kube-controller-manager"], flags),
        address=address,
        ports=(ground.ports.kube_controller_manager,),
        ready=Ready(f"{address}/healthz", own.authority),
        needs=("kube-apiserver",),
    )


def mlserver(ground: Ground) -> Part:
    ports, models = ground.ports, ground.directory / "models"
    settings = {
        # True, its default, logs every request and costs each about 0.1 ms.
        "debug": False,
        "host": "127.0.0.1",
        "http_port": ports.mlserver_http,
        "grpc_port": ports.mlserver_grpc,
        "metrics_port": ports.mlserver_metrics,
        # Workers are 165 MB each, and with them a custom runtime that is loaded by the API cannot be pickled.
        "parallel_workers": 0,
        # Seldon's agent loads models by the API; so does minimesh.
        "load_models_at_startup": False,
        "metrics_dir": str(ground.directory / "mlserver"),
    }
    address = ground.url(ports.mlserver_http)
    return Part(
        name="mlserver",
        command=(sys.executable, "-c", "from mlserver.cli import main; main()", "start", str(models)),
        address=address,
        ports=(ports.mlserver_http, ports.mlserver_grpc, ports.mlserver_metrics),
        ready=Ready(f"{address}/v2/health/ready"),
        environment={**_python(), "OMP_NUM_THREADS": "1"},
        files={models / "settings.json": _json(settings)},
    )


def minimesh(ground: Ground) -> Part:
    ports, directory = ground.ports, ground.directory / "minimesh"
    settings = {
        "kubeconfig": str(ground.kubeconfig),
        "namespace": ground.settings.namespace,
        "directory": str(directory),
        "model_repository": str(ground.directory / "models"),
        "mlserver_url": ground.url(ports.mlserver_http),
        "envoy": {
            "data_port": ports.envoy_data,
            "mirror_port": ports.envoy_mirror,
            "agent_port": ports.envoy_agent,
            "admin_port": ports.envoy_admin,
        },
        "http_port": ports.minimesh,
    }
    address = ground.url(ports.minimesh)
    return Part(
        name="minimesh",
        command=(sys.executable, "-m", "e2e.minimesh", "run", "--config", str(directory / "settings.json")),
        address=address,
        ports=(ports.minimesh,),
        ready=Ready(f"{address}/healthz"),
        needs=("kube-apiserver", "mlserver"),
        environment=_python(),
        files={directory / "settings.json": _json(settings)},
    )


def envoy(ground: Ground) -> Part:
    ports = ground.ports
    bootstrap = ground.directory / "minimesh" / "envoy.yaml"
    # Without hot restart Envoy takes no shared memory, so several stacks can run at once.
    options = ("--concurrency", "1", "--disable-hot-restart")
    return Part(
        name="envoy",
        command=(str(ground.tools["envoy"]), "-c", str(bootstrap), *options),
        address=ground.url(ports.envoy_data),
        ports=(ports.envoy_data, ports.envoy_mirror, ports.envoy_agent, ports.envoy_admin),
        ready=Ready(ground.url(ports.envoy_admin, "/ready")),
        needs=("minimesh",),
    )


def prometheus(ground: Ground) -> Part:
    directory = ground.directory / "prometheus"
    address = ground.url(ground.ports.prometheus)
    flags = {
        "config.file": directory / "prometheus.yml",
        "storage.tsdb.path": directory / "data",
        "web.listen-address": urlsplit(address).netloc,
    }
    return Part(
        name="prometheus",
        command=_command(ground.tools["prometheus"], flags),
        address=address,
        ports=(ground.ports.prometheus,),
        ready=Ready(f"{address}/-/ready"),
        files={directory / "prometheus.yml": yaml.safe_dump(_scrapes(ground), sort_keys=False)},
    )


def operator(
    ground: Ground, kubeconfig: Path, namespace: str, environment: Mapping[str, str], name: str = "operator"
) -> Part:
    """The operator under the rights of `kubeconfig`; `environment` goes over the stack's own settings for it.

    As part `standby` it is a second replica; Prometheus does not scrape that one.
    """
    ports = ground.ports
    metrics, health = {
        "operator": (ports.operator_metrics, ports.operator_health),
        "standby": (ports.standby_metrics, ports.standby_health),
    }[name]
    defaults = {
        "KUBECONFIG": str(kubeconfig),
        "MODELROLLOUT_PROMETHEUS_ADDRESS": ground.url(ports.prometheus),
        "MODELROLLOUT_SCRAPE_INTERVAL": f"{round(1000 * ground.settings.scrape_seconds)}ms",
        "MODELROLLOUT_METRICS_PORT": str(metrics),
        "MODELROLLOUT_HEALTH_PORT": str(health),
    }
    return Part(
        name=name,
        command=(sys.executable, "-m", "modelrollout", "run", "--namespace", namespace),
        address=ground.url(metrics, "/metrics"),
        ports=(metrics, health),
        ready=Ready(ground.url(health, "/healthz")),
        environment={**_python(), **defaults, **environment},
    )


def _scrapes(ground: Ground) -> dict[str, Any]:
    """Prometheus' configuration: static targets, labelled as a PodMonitor would label them."""
    ports, running = ground.ports, ground.settings.parts()
    places = {
        "envoy": ground.url(ports.envoy_admin, "/stats/prometheus"),
        "mlserver": ground.url(ports.mlserver_metrics, "/metrics"),
        "minimesh": ground.url(ports.minimesh, "/metrics"),
    }
    jobs = [_job(name, place, ground.settings.namespace) for name, place in places.items() if name in running]
    if ground.settings.seldon_is_external:
        jobs.append(_job("envoy", ground.settings.envoy_stats_url, ground.settings.namespace))
    more = {**ground.settings.extra_targets, "operator": ground.url(ports.operator_metrics, "/metrics")}
    jobs += [_job(name, place, ground.settings.namespace) for name, place in more.items()]
    jobs[-1]["honor_labels"] = True  # the operator's series name the namespace of the rollout that they are about
    every = round(1000 * ground.settings.scrape_seconds)
    timing = {"scrape_interval": f"{every}ms", "scrape_timeout": f"{round(0.9 * every)}ms"}
    return {"global": timing, "scrape_configs": jobs}


def _job(name: str, url: str, namespace: str) -> dict[str, Any]:
    place = urlsplit(url)
    return {
        "job_name": name,
        "scheme": place.scheme,
        "metrics_path": place.path or "/metrics",
        "params": parse_qs(place.query, keep_blank_values=True),
        "static_configs": [{"targets": [place.netloc], "labels": {"namespace": namespace}}],
        # MLServer names a text format that Prometheus 3 does not know and would refuse.
        "fallback_scrape_protocol": "PrometheusText0.0.4",
    }


def _certificates(ground: Ground) -> Certificates:
    if ground.certificates is None:
        raise ValueError("a given cluster has its own control plane; settings.parts() leaves ours out")
    return ground.certificates


def _command(program: Path, flags: Mapping[str, object]) -> tuple[str, ...]:
    return (str(program), *(f"--{name}={value}" for name, value in flags.items()))


def _python() -> dict[str, str]:
    """Environment of parts written in Python: the checkout's packages, whether installed or not."""
    folders: Iterable[Path] = (paths.ROOT, paths.ROOT / "operator", paths.ROOT / "models")
    no_proxy = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
    found = os.pathsep.join(map(str, folders))
    return {"PYTHONPATH": found, "PYTHONUNBUFFERED": "1", "NO_PROXY": no_proxy, "no_proxy": no_proxy}


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"


def describe(part: Part) -> dict[str, Any]:
    """A part as plain values, for `stack.json`."""
    return {**asdict(part), "files": [str(file) for file in part.files], "ready": part.ready.url}
