"""What Helm renders of the chart, and a real API server takes; what the schema refuses, and with what words."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import Any

import modelrollout
import pytest
import yaml
from chart_release import Release, one
from modelrollout import __main__ as program
from modelrollout import settings
from modelrollout.api import spec as specs

from e2e.stack import CommandError, Stack, paths

pytestmark = pytest.mark.stack

CHART = str(paths.CHART)
DEFINITION = paths.ROOT / "crds" / "modelrollouts.yaml"
ALERTS = yaml.safe_load((paths.CHART / "files" / "alerts.yaml").read_text())
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
TERM = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]"
SPREAD = "topologySpreadConstraints[0]"
ALONE = ("replicas=1", "leaderElection.enabled=false")

ALWAYS = {"CustomResourceDefinition", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "Service", "Deployment"}
DEFAULT = ALWAYS | {"PodDisruptionBudget"}

VALUE_SETS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "defaults": ((), DEFAULT),
    "one replica, no election": (ALONE, ALWAYS),
    "one replica with election": (("replicas=1",), ALWAYS),
    "three replicas": (("replicas=3",), DEFAULT),
    "no budget": (("podDisruptionBudget.enabled=false",), ALWAYS),
    "cluster-wide": (("clusterWide=true",), DEFAULT | {"ClusterRoleBinding"}),
    "two namespaces": (("watchNamespaces={one,two}",), DEFAULT),
    "nothing optional": (
        (
            *("crds.install=false", "serviceAccount.create=false", "rbac.create=false", "service.create=false"),
            *ALONE,
        ),
        {"Deployment"},
    ),
    "a definition that goes": (("crds.keep=false",), DEFAULT),
    "a second release": (
        ("crds.install=false", *(f"rbac.aggregate.{role}=false" for role in ("view", "edit", "admin"))),
        DEFAULT - {"CustomResourceDefinition", "ClusterRole"},
    ),
    "only admins steer": (("rbac.aggregate.edit=false",), DEFAULT),
    "nobody reads": (("rbac.aggregate.view=false",), DEFAULT),
    "an account of one's own": (
        ("serviceAccount.create=false", "serviceAccount.name=mine"),
        DEFAULT - {"ServiceAccount"},
    ),
    "a service monitor": (
        ("serviceMonitor.enabled=true", "serviceMonitor.interval=30s", "serviceMonitor.additionalLabels.release=prom"),
        DEFAULT | {"ServiceMonitor"},
    ),
    "a pod monitor without a service": (
        ("podMonitor.enabled=true", "service.create=false"),
        DEFAULT - {"Service"} | {"PodMonitor"},
    ),
    "alerts": (("prometheusRule.enabled=true",), DEFAULT | {"PrometheusRule"}),
    "alerts with runbooks, one left out": (
        (
            *("prometheusRule.enabled=true", "prometheusRule.runbookUrl=https://example.com/runbooks/"),
            *("prometheusRule.additionalLabels.release=prom", "prometheusRule.disabled={ModelRolloutStuck}"),
        ),
        DEFAULT | {"PrometheusRule"},
    ),
    "dashboards": (("dashboards.enabled=true",), DEFAULT | {"ConfigMap"}),
    "dashboards elsewhere": (
        ("dashboards.enabled=true", "dashboards.namespace=monitoring", "dashboards.annotations.grafana_folder=ML"),
        DEFAULT | {"ConfigMap"},
    ),
    "a network policy": (("networkPolicy.enabled=true",), DEFAULT | {"NetworkPolicy"}),
    "a narrow network policy": (
        (
            *("networkPolicy.enabled=true", "networkPolicy.apiServerPorts={8443}"),
            "networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.team=monitoring",
            "networkPolicy.extraEgress[0].to[0].ipBlock.cidr=10.0.0.0/8",
            "prometheus.address=https://prometheus.example.com/base",
        ),
        DEFAULT | {"NetworkPolicy"},
    ),
    "a platform that chooses the user": (
        tuple(f"podSecurityContext.{user}=null" for user in ("runAsUser", "runAsGroup", "fsGroup")),
        DEFAULT,
    ),
    "more environment": (
        (
            *("extraEnv[0].name=HTTPS_PROXY", "extraEnv[0].value=http://proxy:3128"),
            *("extraEnv[1].name=NODE", "extraEnv[1].valueFrom.fieldRef.fieldPath=spec.nodeName"),
        ),
        DEFAULT,
    ),
    "placed": (
        (
            *("priorityClassName=system-cluster-critical", "nodeSelector.disk=ssd", "tolerations[0].operator=Exists"),
            *(f"{SPREAD}.maxSkew=1", f"{SPREAD}.topologyKey=zone", f"{SPREAD}.whenUnsatisfiable=DoNotSchedule"),
            *(f"{TERM}.key=disk", f"{TERM}.operator=Exists"),
        ),
        DEFAULT,
    ),
    "names and marks": (
        (
            *("fullnameOverride=mr", f"image.digest={DIGEST}", "imagePullSecrets[0].name=pull"),
            *("podLabels.team=ml", "podAnnotations.note=x", "serviceAccount.annotations.role=x"),
            *("service.annotations.prometheus\\.io/scrape=yes", "prometheus.secretNames={a,b}"),
            "crds.annotations.argocd\\.argoproj\\.io/sync-options=Prune=false",
        ),
        DEFAULT,
    ),
    "the longest name": ((f"fullnameOverride={'n' * 63}", "dashboards.enabled=true"), DEFAULT | {"ConfigMap"}),
}
REFUSED = {
    "prometheus.adress=http://p:9090": "additional properties 'adress' not allowed",
    "replica=2": "additional properties 'replica' not allowed",
    "replicas=0": "at '/replicas': minimum: got 0, want 1",
    "leaderElection.enabled=false": "replicas is 2 and leaderElection.enabled is false: all of them would write",
    "prometheus.address=prometheus:9090": "at '/prometheus/address': 'prometheus:9090' does not match pattern",
    "prometheus.scrapeInterval=15": "at '/prometheus/scrapeInterval': got number, want string",
    "image.pullPolicy=Sometimes": "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
    "image.digest=latest": "at '/image/digest': 'latest' does not match pattern",
    "watchNamespaces={One}": "at '/watchNamespaces/0': 'One' does not match pattern",
    "clusterWide=true,watchNamespaces={one}": "clusterWide already covers watchNamespaces: set one of the two",
    "serviceMonitor.enabled=true,podMonitor.enabled=true": "Prometheus would count everything twice: enable one of the",
    "serviceMonitor.enabled=true,service.create=false": "serviceMonitor.enabled needs the Service: set service.create",
    "serviceMonitor.labels.a=b": "at '/serviceMonitor': additional properties 'labels' not allowed",
    "prometheusRule.enabled=true,prometheusRule.disabled={Stuck}": "names Stuck, which is no alert of the chart",
    "prometheusRule.runbookUrl=docs": "at '/prometheusRule/runbookUrl': 'docs' does not match pattern",
    "podSecurityContext.runAsNonRoot=false": "at '/podSecurityContext/runAsNonRoot': value must be true",
    "podSecurityContext.runAsUser=0": "at '/podSecurityContext/runAsUser': minimum: got 0, want 1",
    "podSecurityContext.seccompProfile.type=Unconfined": "value must be one of 'RuntimeDefault', 'Localhost'",
    "extraEnv[0].name=MODELROLLOUT_HOST": "extraEnv names MODELROLLOUT_HOST, which the chart sets itself",
    "networkPolicy.apiServerPorts={70000}": "at '/networkPolicy/apiServerPorts/0': maximum: got 70,000, want 65,535",
    "rbac.aggregate.viewer=true": "at '/rbac/aggregate': additional properties 'viewer' not allowed",
}


def _pod(release: Release, values: tuple[str, ...] = ()) -> dict[str, Any]:
    pod: dict[str, Any] = one(release.render(values), "Deployment")["spec"]["template"]["spec"]
    return pod


@pytest.mark.parametrize(("values", "kinds"), VALUE_SETS.values(), ids=VALUE_SETS)
def test_it_is_lint_free_and_the_server_takes_every_object(
    stack: Stack, release: Release, values: tuple[str, ...], kinds: set[str]
) -> None:
    sets = [part for value in values for part in ("--set", value)]

    stack.helm("lint", "--strict", CHART, *sets)
    manifests = release.render(values)

    assert {manifest["kind"] for manifest in manifests} == kinds
    # The definition has a test of its own: the server takes a second over its rules.
    release.accepts([manifest for manifest in manifests if manifest["kind"] != "CustomResourceDefinition"])


@pytest.mark.parametrize(("value", "words"), REFUSED.items(), ids=REFUSED)
def test_wrong_values_are_refused_by_name(release: Release, value: str, words: str) -> None:
    with pytest.raises(CommandError) as refusal:
        release.render([value])

    assert words in str(refusal.value)


def test_a_server_without_rules_in_the_definition_is_refused(release: Release) -> None:
    with pytest.raises(
        CommandError, match=r"requires kubeVersion: >=1\.29\.0-0 .* incompatible with Kubernetes v1\.28"
    ):
        release.render((), "--kube-version=1.28.0")


def test_the_rendered_definition_is_the_committed_one_and_is_kept(release: Release) -> None:
    rendered = one(release.render(), "CustomResourceDefinition")

    release.accepts([rendered])
    assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert rendered["spec"] == yaml.safe_load(DEFINITION.read_text())["spec"]
    assert "annotations" not in one(release.render(["crds.keep=false"]), "CustomResourceDefinition")["metadata"]


def test_every_value_has_a_comment_and_a_schema() -> None:
    lines = (paths.CHART / "values.yaml").read_text().splitlines()
    schema = json.loads((paths.CHART / "values.schema.json").read_text())

    for above, line in itertools.pairwise(lines):
        if not line or line.lstrip().startswith("#"):
            continue
        is_told = above.lstrip().startswith("#")
        if not line.startswith(" "):
            parent_is_told, is_section = is_told, line.endswith(":")
        assert is_told or parent_is_told or (is_section and not line.startswith(" ")), f"{line} has no comment"
    assert set(yaml.safe_load("\n".join(lines))) == set(schema["properties"]) - {"global"}


def test_what_the_chart_says_of_itself_is_so(release: Release) -> None:
    about = yaml.safe_load((paths.CHART / "Chart.yaml").read_text())
    told = {key.removeprefix("artifacthub.io/"): yaml.safe_load(text) for key, text in about["annotations"].items()}
    ((image,), (kind,)) = (told["images"], told["crds"])
    manifests = release.render()
    spec = one(manifests, "CustomResourceDefinition")["spec"]

    assert about["version"] == about["appVersion"] == modelrollout.__version__
    assert image["image"] == _pod(release)["containers"][0]["image"]
    assert (kind["kind"], kind["version"]) == (spec["names"]["kind"], spec["versions"][0]["name"])
    for example in told["crdsExamples"]:
        specs.parse(example["spec"])


def test_the_tables_of_the_readme_are_fresh() -> None:
    subprocess.run([sys.executable, str(paths.CHART.parent / "readme.py"), "--check"], check=True)


# -- the pods


@pytest.mark.parametrize(
    ("values", "command"),
    [
        ((), ["run", "--namespace=models"]),
        (("clusterWide=true",), ["run", "--all-namespaces"]),
        (("watchNamespaces={one,two}",), ["run", "--namespace=one", "--namespace=two"]),
    ],
)
def test_the_operator_understands_what_the_pod_tells_it(
    release: Release, values: tuple[str, ...], command: list[str]
) -> None:
    pod = _pod(release, values)
    (container,) = pod["containers"]
    downward = {"metadata.namespace": "models", "metadata.name": "modelrollout-7d9f"}
    told = {
        each["name"]: each["value"] if "value" in each else downward[each["valueFrom"]["fieldRef"]["fieldPath"]]
        for each in container["env"]
    }

    arguments = [argument.replace("$(POD_NAMESPACE)", told["POD_NAMESPACE"]) for argument in container["args"]]
    options = program.parser().parse_args(arguments)
    chosen = settings.read(told)

    assert arguments == command
    assert options.all_namespaces != bool(options.namespace)
    assert (chosen.host, chosen.metrics_port, chosen.health_port, chosen.log_format) == ("0.0.0.0", 8080, 8081, "json")
    assert (chosen.lease_namespace, chosen.lease_name) == ("models", "modelrollout")
    assert told["POD_ID"] == "modelrollout-7d9f"
    assert pod["enableServiceLinks"] is False


def test_an_update_leaves_an_operator_ready(release: Release) -> None:
    strategies = {replicas: one(release.render([f"replicas={replicas}"]), "Deployment")["spec"] for replicas in (1, 2)}

    for replicas, unavailable in ((1, 0), (2, 1)):
        spec = strategies[replicas]
        assert spec["replicas"] == replicas
        assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": unavailable, "maxSurge": 1}


def test_without_election_one_operator_is_gone_before_the_next_comes(release: Release) -> None:
    deployment = one(release.render(ALONE), "Deployment")["spec"]
    (container,) = deployment["template"]["spec"]["containers"]

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    assert not [each["name"] for each in container["env"] if "LEASE" in each["name"]]


@pytest.mark.usefixtures("installed")
def test_the_pods_are_allowed_where_only_restricted_pods_are(stack: Stack, release: Release) -> None:
    stack.kubectl("label", "namespace", stack.namespace, "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    operator: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "operator"},
        "spec": _pod(release),
    }
    create = ("--namespace", stack.namespace, "create", "--dry-run=server", "--validate=strict", "-f", "-")

    for pod in (operator, release.test_pod()):
        stack.kubectl(*create, input=json.dumps(pod))

        pod["spec"]["containers"][0]["securityContext"].pop("capabilities")
        with pytest.raises(CommandError, match="violates PodSecurity"):
            stack.kubectl(*create, input=json.dumps(pod))


def test_nothing_takes_the_pod_of_helm_test_for_an_operator(release: Release) -> None:
    labels = release.test_pod()["metadata"]["labels"].items()
    manifests = release.render()
    selectors = [
        one(manifests, "Deployment")["spec"]["selector"]["matchLabels"],
        one(manifests, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        one(manifests, "Service")["spec"]["selector"],
    ]

    assert [selector for selector in selectors if selector.items() <= labels] == []


# -- what watches it


def test_the_alerts_are_those_of_the_file_with_links_to_runbooks_that_exist(release: Release) -> None:
    (values, _) = VALUE_SETS["alerts with runbooks, one left out"]
    rule = one(release.render(values), "PrometheusRule")
    alerts = [alert for group in rule["spec"]["groups"] for alert in group["rules"]]
    expected = [
        alert for group in ALERTS["groups"] for alert in group["rules"] if alert["alert"] != "ModelRolloutStuck"
    ]

    assert rule["metadata"]["labels"]["release"] == "prom"
    assert [(alert["alert"], alert["expr"]) for alert in alerts] == [(each["alert"], each["expr"]) for each in expected]
    for alert in alerts:
        page = alert["annotations"]["runbook_url"].removeprefix("https://example.com/runbooks/")
        assert (paths.ROOT / "docs" / "runbooks" / page).exists()
    plain = one(release.render(["prometheusRule.enabled=true"]), "PrometheusRule")
    assert "runbook_url" not in json.dumps(plain)


def test_each_dashboard_is_in_a_map_that_grafana_finds(release: Release) -> None:
    (values, _) = VALUE_SETS["dashboards elsewhere"]
    maps = [each for each in release.render(values) if each["kind"] == "ConfigMap"]
    files = {file.name: file.read_text() for file in (paths.CHART / "files" / "dashboards").glob("*.json")}

    assert {name: text for each in maps for name, text in each["data"].items()} == files
    for each in maps:
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert each["metadata"]["annotations"] == {"grafana_folder": "ML"}
        assert each["metadata"]["namespace"] == "monitoring"


def test_a_narrow_network_policy_names_what_the_operator_needs(release: Release) -> None:
    (values, _) = VALUE_SETS["a narrow network policy"]
    spec = one(release.render(values), "NetworkPolicy")["spec"]
    metrics, health = spec["ingress"]
    known, more = spec["egress"]

    assert [port["port"] for port in known["ports"]] == [53, 53, 8443, 443]
    assert more == {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}
    assert {"namespaceSelector": {"matchLabels": {"team": "monitoring"}}} in metrics["from"]
    assert {"podSelector": {"matchLabels": release.test_pod()["metadata"]["labels"]}} in metrics["from"]
    assert "from" not in health
