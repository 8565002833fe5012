"""The plan: which processes make up a node, as data. Nothing here starts anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from e2e.node.places import Place
from e2e.stack.certificates import Authority, Pair
from e2e.stack.parts import Part, Ready

FIRST = ("etcd", "containerd", "kube-apiserver")
"""The rest starts when the API server answers."""


@dataclass(frozen=True)
class Keys:
    """Certificates and keys of the node's control plane, and kubeconfigs named after their users."""

    authority: Path
    server: Pair
    kubelet: Pair
    """What the kubelet serves with."""
    to_kubelets: Pair
    """What the API server calls it with."""
    service_accounts: Path
    clients: Mapping[str, Pair]
    """By the name of the kubeconfig: admin, controller-manager, scheduler, proxy, node."""


def keys(place: Place, pki: Path) -> Keys:
    """Fresh ones, written to `pki`."""
    authority = Authority(pki)
    return Keys(
        authority=authority.file,
        server=authority.server("kube-apiserver", ("127.0.0.1", place.first_service, place.node)),
        kubelet=authority.server("kubelet", (place.node,)),
        to_kubelets=authority.client("kube-apiserver-kubelet-client", "system:masters"),
        service_accounts=authority.key("service-accounts"),
        clients={
            "admin": authority.client("admin", "system:masters"),
            "controller-manager": authority.client("system:kube-controller-manager"),
            "scheduler": authority.client("system:kube-scheduler"),
            "proxy": authority.client("system:kube-proxy"),
            "node": authority.client("system:node:node", "system:nodes"),
        },
    )


def parts(place: Place, own: Keys, tools: Mapping[str, Path], pki: Path, directory: Path) -> list[Part]:
    """Every part, to be started inside the node's namespaces; of all, only the API server tells when it is ready."""
    etc = directory / "etc"
    flags: dict[str, dict[str, object]] = {
        "etcd": _etcd(directory / "etcd"),
        "containerd": {"config": etc / "containerd.toml"},
        "kube-apiserver": _kube_apiserver(place, own),
        "kube-controller-manager": _kube_controller_manager(place, own, pki),
        "kube-scheduler": {"kubeconfig": pki / "scheduler.kubeconfig", "leader-elect": "false"},
        "kubelet": {
            "config": etc / "kubelet.yaml",
            "kubeconfig": pki / "node.kubeconfig",
            "hostname-override": "node",
            "node-ip": place.node,
        },
        "kube-proxy": {"config": etc / "proxy.yaml"},
        "coredns": {"conf": etc / "Corefile"},
    }
    return [_part(place, own, name, tools.get(name, Path(name)), given) for name, given in flags.items()]


def _etcd(directory: Path) -> dict[str, object]:
    return {
        "data-dir": directory,
        "listen-client-urls": "http://127.0.0.1:2379",
        "advertise-client-urls": "http://127.0.0.1:2379",
        "listen-peer-urls": "http://127.0.0.1:2380",
        "unsafe-no-fsync": "true",
    }


def _kube_apiserver(place: Place, own: Keys) -> dict[str, object]:
    return {
        "etcd-servers": "http://127.0.0.1:2379",
        "bind-address": "0.0.0.0",
        "advertise-address": place.node,
        "service-cluster-ip-range": place.services,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "allow-privileged": "true",
        "client-ca-file": own.authority,
        "tls-cert-file": own.server.certificate,
        "tls-private-key-file": own.server.key,
        "kubelet-client-certificate": own.to_kubelets.certificate,
        "kubelet-client-key": own.to_kubelets.key,
        "kubelet-certificate-authority": own.authority,
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": own.service_accounts,
        "service-account-signing-key-file": own.service_accounts,
    }


def _kube_controller_manager(place: Place, own: Keys, pki: Path) -> dict[str, object]:
    return {
        "kubeconfig": pki / "controller-manager.kubeconfig",
        "use-service-account-credentials": "true",
        "service-account-private-key-file": own.service_accounts,
        "root-ca-file": own.authority,
        "leader-elect": "false",
        "cluster-cidr": place.pods,
        "allocate-node-cidrs": "false",
    }


def _part(place: Place, own: Keys, name: str, program: Path, flags: Mapping[str, object]) -> Part:
    return Part(
        name=name,
        command=(str(program), *(f"--{flag}={value}" for flag, value in flags.items())),
        address=place.api,
        ports=(),
        ready=Ready(f"{place.api}/readyz", own.authority),
        # No way leads from the node to a proxy.
        environment={"NO_PROXY": "*", "no_proxy": "*"},
    )
