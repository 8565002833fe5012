"""The control plane is a real one: its RBAC refuses, its tokens are issued, its controllers work."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.stack import CommandError, Settings, Stack, recipes

pytestmark = pytest.mark.stack

Eventually = Callable[[Callable[[], bool], str], None]


def test_every_part_tells_its_version_and_its_time(stack: Stack) -> None:
    versions = json.loads(stack.kubectl("version", "-o", "json"))

    assert (
        versions["serverVersion"]["gitVersion"] == versions["clientVersion"]["gitVersion"] == f"v{recipes.KUBERNETES}"
    )
    assert stack.helm("version", "--short").startswith(f"v{recipes.HELM}")
    assert set(stack.settings.parts()) < set(stack.times)


def test_a_service_account_may_do_what_its_role_grants_and_nothing_else(stack: Stack, eventually: Eventually) -> None:
    stack.kubectl("create", "namespace", "rights")
    stack.kubectl("create", "serviceaccount", "reader", "-n", "rights")
    stack.kubectl("create", "role", "reader", "-n", "rights", "--verb=get,list", "--resource=configmaps")
    stack.kubectl("create", "rolebinding", "reader", "-n", "rights", "--role=reader", "--serviceaccount=rights:reader")

    reader = stack.service_account_kubeconfig("rights", "reader")

    def reads() -> bool:
        try:
            return "kube-root-ca.crt" in stack.kubectl("get", "configmaps", kubeconfig=reader)
        except CommandError:
            return False

    # The API server hears of a new role, and the controller of a new namespace, a moment later.
    eventually(reads, "the reader sees the ConfigMap that every namespace gets")
    for forbidden in (
        ("get", "secrets"),
        ("delete", "configmap", "kube-root-ca.crt"),
        ("get", "configmaps", "-n", "default"),
    ):
        with pytest.raises(CommandError, match=r'Forbidden.*"system:serviceaccount:rights:reader" cannot'):
            stack.kubectl(*forbidden, kubeconfig=reader)


def test_what_an_owner_leaves_is_collected(stack: Stack, eventually: Eventually) -> None:
    stack.kubectl("create", "configmap", "owner", "-n", "default")
    uid = stack.kubectl("get", "configmap", "owner", "-n", "default", "-o", "jsonpath={.metadata.uid}")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    owned = {"name": "owned", "namespace": "default", "ownerReferences": [owner]}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": owned}
    stack.kubectl("create", "-f", "-", input=json.dumps(manifest))

    stack.kubectl("delete", "configmap", "owner", "-n", "default")

    eventually(lambda: "owned" not in stack.kubectl("get", "configmaps", "-n", "default"), "the owned one is gone")


def test_a_namespace_goes_with_all_it_holds(stack: Stack) -> None:
    stack.kubectl("create", "namespace", "passing")
    stack.kubectl("create", "configmap", "inside", "-n", "passing")

    stack.kubectl("delete", "namespace", "passing", "--timeout=240s")

    assert "inside" not in stack.kubectl("get", "configmaps", "--all-namespaces")


def test_objects_outlive_a_kill_of_the_api_server(stack: Stack) -> None:
    stack.kubectl("create", "configmap", "kept", "-n", "default")

    stack.part("kube-apiserver").kill()
    stack.part("kube-apiserver").start()

    assert "kept" in stack.kubectl("get", "configmaps", "-n", "default")


def test_a_second_stack_stands_on_a_given_cluster_with_its_own_mesh(
    stack: Stack, tmp_path: Path, eventually: Eventually
) -> None:
    # The first stack plays the cluster where the real Seldon runs: for the second, all of it is somebody else's.
    settings = Settings(
        directory=tmp_path / "second",
        kubeconfig=stack.kubeconfig,
        namespace="elsewhere",
        seldon_is_external=True,
        data_plane_url=stack.data_plane_url,
        envoy_stats_url=f"{stack.envoy_stats_url}?usedonly",
    )

    with Stack(settings) as second:
        assert [process.part.name for process in second.parts()] == ["prometheus"]
        assert second.data_plane_url == stack.data_plane_url
        assert second.prometheus_url != stack.prometheus_url
        assert "elsewhere" in stack.kubectl("get", "namespaces")
        eventually(lambda: has_sample(second, 'up{job="envoy", namespace="elsewhere"} == 1'), "its Envoy is scraped")
    assert stack.part("prometheus").is_running


def has_sample(stack: Stack, query: str) -> bool:
    url = f"{stack.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        return bool(json.load(answer)["data"]["result"])
