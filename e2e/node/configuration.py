"""The node's configuration files, as text. Nothing here starts or writes anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from e2e.node.places import Place

SOCKET = "/run/containerd/containerd.sock"
"""Inside the node, where /run is its own: a path below the checkout may be too long for a socket."""


def files(place: Place, pki: Path, etc: Path, images: Path, pause: str) -> dict[Path, str]:
    """Every file by its path. `images` is where containerd keeps what it imported."""
    return {
        etc / "containerd.toml": containerd(images, etc / "cni", pause),
        etc / "cni" / "10-node.conflist": json.dumps(pod_network(place)),
        etc / "kubelet.yaml": yaml.safe_dump(kubelet(place, pki, etc)),
        etc / "proxy.yaml": yaml.safe_dump(proxy(place, pki)),
        etc / "Corefile": dns(place, pki),
        # Names outside the cluster have no answer here.
        etc / "resolv.conf": "options edns0\n",
    }


def containerd(images: Path, networks: Path, pause: str) -> str:
    # A machine may deny root the right to lower oom scores, and no container starts that asks for it.
    return f"""version = 2
root = "{images}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{networks}"
"""


def pod_network(place: Place) -> dict[str, Any]:
    """A link from each pod to the node; no address translation, so pods reach this machine and nothing beyond."""
    addresses = {
        "type": "host-local",
        "dataDir": "/run/cni-addresses",
        "routes": [{"dst": "0.0.0.0/0"}],
        "ranges": [[{"subnet": place.pods_of_the_node}]],
    }
    link = {"type": "ptp", "ipMasq": False, "mtu": 1400, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "node", "plugins": [link]}


def kubelet(place: Place, pki: Path, etc: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.name}",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "clusterDomain": "cluster.local",
        "clusterDNS": [place.node],
        "resolvConf": str(etc / "resolv.conf"),
        "makeIPTablesUtilChains": False,
        # What is removed cannot be pulled again, and a full disk is the machine's affair.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "memory.available": "100Mi",
        },
        "nodeStatusUpdateFrequency": "5s",
    }


def proxy(place: Place, pki: Path) -> dict[str, Any]:
    # Zero leaves the connection tracker as it is: its size is the whole machine's.
    tracker = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": place.pods,
        "clientConnection": {"kubeconfig": str(pki / "proxy.kubeconfig")},
        "hostnameOverride": "node",
        "oomScoreAdj": 0,
        "conntrack": tracker,
    }


def dns(place: Place, pki: Path) -> str:
    return f""".:53 {{
  bind {place.node}
  errors
  kubernetes cluster.local in-addr.arpa {{
    kubeconfig {pki / "admin.kubeconfig"}
    pods insecure
    ttl 5
  }}
  cache 5
  loadbalance
}}
"""
