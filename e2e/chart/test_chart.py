"""The chart with the real Helm on a real API server: what it renders, refuses, installs, grants and leaves behind."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from modelrollout import __main__ as program
from modelrollout import settings

from e2e.minimesh import crds
from e2e.stack import CommandError, Settings, Stack, paths

pytestmark = pytest.mark.stack

CHART = str(paths.CHART)
DEFINITION = paths.ROOT / "crds" / "modelrollouts.yaml"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
TERM = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0]"

VALUE_SETS = {
    "defaults": [],
    "cluster-wide": ["clusterWide=true"],
    "two-namespaces": ["watchNamespaces={one,two}"],
    "nothing-optional": [
        "crds.install=false",
        "serviceAccount.create=false",
        "rbac.create=false",
        "service.create=false",
    ],
    "everything": [
        *(f"image.digest={DIGEST}", "imagePullSecrets[0].name=pull", "prometheus.secretNames={a,b}"),
        *("podLabels.team=ml", "podAnnotations.note=x", "nodeSelector.disk=ssd", "tolerations[0].operator=Exists"),
        *("crds.annotations.argocd\\.argoproj\\.io/sync-options=Prune=false", "serviceAccount.annotations.role=x"),
        *("service.annotations.prometheus\\.io/scrape=yes", "fullnameOverride=mr"),
        *(f"{TERM}.key=disk", f"{TERM}.operator=Exists"),
    ],
}
REFUSED = {
    "prometheus.adress=http://p:9090": "additional properties 'adress' not allowed",
    "replicas=2": "additional properties 'replicas' not allowed",
    "prometheus.address=prometheus:9090": "at '/prometheus/address': 'prometheus:9090' does not match pattern",
    "prometheus.scrapeInterval=15": "at '/prometheus/scrapeInterval': got number, want string",
    "image.pullPolicy=Sometimes": "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
    "image.digest=latest": "at '/image/digest': 'latest' does not match pattern",
    "watchNamespaces={One}": "at '/watchNamespaces/0': 'One' does not match pattern",
    "clusterWide=true,watchNamespaces={one}": "clusterWide already covers watchNamespaces: set one of the two",
}

Object = dict[str, Any]

RIGHTS = {
    *(f"{verb} modelrollout.io/modelrollouts" for verb in ("get", "list", "watch", "patch", "update")),
    *(f"{verb} modelrollout.io/modelrollouts/status" for verb in ("get", "patch", "update")),
    "update modelrollout.io/modelrollouts/finalizers",
    *(f"{verb} mlops.seldon.io/experiments" for verb in ("get", "list", "watch", "create", "patch", "update")),
    *(f"{verb} mlops.seldon.io/models" for verb in ("get", "list", "watch")),
    *(f"{verb} {group}/events" for verb in ("create", "patch") for group in ("", "events.k8s.io")),
}


ANSWERS = {
    "watch modelrollouts.modelrollout.io": True,
    "patch modelrollouts.modelrollout.io --subresource=status": True,
    "create experiments.mlops.seldon.io": True,
    "patch experiments.mlops.seldon.io": True,
    "watch models.mlops.seldon.io": True,
    "create events.events.k8s.io": True,
    "create modelrollouts.modelrollout.io": False,
    "delete modelrollouts.modelrollout.io": False,
    "delete experiments.mlops.seldon.io": False,
    "patch models.mlops.seldon.io": False,
    "get secrets": False,
    "list secrets": False,
    "get configmaps": False,
    "list pods": False,
    "list namespaces": False,
    "list customresourcedefinitions.apiextensions.k8s.io": False,
    "watch modelrollouts.modelrollout.io --all-namespaces": False,
    "create serviceaccounts --subresource=token": False,
    "escalate roles.rbac.authorization.k8s.io": False,
    "impersonate users": False,
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API server with nothing in it but namespaces and Seldon's kinds, which `can-i` must know by name."""
    without = frozenset({"mlserver", "minimesh", "envoy", "prometheus"})
    with Stack(Settings(directory=tmp_path_factory.mktemp("chart"), without=without)) as stack:
        for namespace in ("one", "two", "other"):
            stack.kubectl("create", "namespace", namespace)
        for definition in crds.all_crds():
            stack.kubectl("create", "-f", "-", input=json.dumps(definition))
            name = definition["metadata"]["name"]
            stack.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"crd/{name}")
        yield stack


@pytest.fixture
def installed(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """The release `modelrollout` in the stack's namespace, with the values of the parameter; what Helm said of it.

    The definition stays from test to test, as it does for users: a busy API server may take minutes to delete one.
    """
    said = _install(stack, getattr(request, "param", []))
    yield said
    stack.helm("uninstall", "modelrollout", "--namespace", stack.namespace)


def _install(stack: Stack, values: list[str]) -> str:
    sets = [part for value in values for part in ("--set", value)]
    return stack.helm("install", "modelrollout", CHART, "--namespace", stack.namespace, *sets)


def _render(stack: Stack, values: list[str]) -> list[Object]:
    sets = [part for value in values for part in ("--set", value)]
    text = stack.helm("template", "modelrollout", CHART, "--namespace", stack.namespace, *sets)
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def _one(manifests: list[Object], kind: str) -> Object:
    (found,) = [manifest for manifest in manifests if manifest["kind"] == kind]
    return found


def _rights(stack: Stack, namespace: str, account: Path) -> set[str]:
    """All rights in the namespace, as the API server tells them to the account itself, but those everybody has."""
    review: Object = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
    review["spec"] = {"namespace": namespace}
    # Validation would list the definitions, which is no right of the account.
    create = ("create", "--validate=false", "-f", "-", "-o", "json")
    answer = stack.kubectl(*create, input=json.dumps(review), kubeconfig=account)
    return {
        " ".join([verb, f"{group}/{resource}", *([name] if name else [])])
        for rule in json.loads(answer)["status"]["resourceRules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        if not resource.startswith("selfsubject")
    }


def _account(stack: Stack) -> Path:
    return stack.service_account_kubeconfig(stack.namespace, "modelrollout")


# -- what it renders


def test_the_rendered_definition_is_the_committed_one_and_is_kept(stack: Stack) -> None:
    rendered = _one(_render(stack, []), "CustomResourceDefinition")

    assert rendered["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert rendered["spec"] == yaml.safe_load(DEFINITION.read_text())["spec"]


@pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
def test_it_is_lint_free_and_the_server_takes_every_object(stack: Stack, values: list[str]) -> None:
    sets = [part for value in values for part in ("--set", value)]

    stack.helm("lint", "--strict", CHART, *sets)
    for manifest in _render(stack, values):
        stack.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", input=json.dumps(manifest))


@pytest.mark.parametrize(("value", "words"), REFUSED.items(), ids=REFUSED)
def test_wrong_values_are_refused_by_name(stack: Stack, value: str, words: str) -> None:
    with pytest.raises(CommandError) as refusal:
        _render(stack, [value])

    assert words in str(refusal.value)


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


@pytest.mark.parametrize(
    ("values", "command"),
    [
        ([], ["run", "--namespace=models"]),
        (["clusterWide=true"], ["run", "--all-namespaces"]),
        (["watchNamespaces={one,two}"], ["run", "--namespace=one", "--namespace=two"]),
    ],
)
def test_the_operator_understands_what_the_pod_tells_it(stack: Stack, values: list[str], command: list[str]) -> None:
    pod = _one(_render(stack, values), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    options = program.parser().parse_args(command)
    told = settings.read({variable["name"]: variable["value"] for variable in container["env"]})

    assert container["args"] == command
    assert options.all_namespaces != bool(options.namespace)
    assert (told.host, told.metrics_port, told.health_port, told.log_format) == ("0.0.0.0", 8080, 8081, "json")
    assert pod["enableServiceLinks"] is False


@pytest.mark.usefixtures("installed")
def test_the_pod_is_allowed_where_only_restricted_pods_are(stack: Stack) -> None:
    stack.kubectl("label", "namespace", stack.namespace, "pod-security.kubernetes.io/enforce=restricted", "--overwrite")
    template = _one(_render(stack, []), "Deployment")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator"}, "spec": template["spec"]}
    create = ("--namespace", stack.namespace, "create", "--dry-run=server", "-f", "-")

    stack.kubectl(*create, input=json.dumps(pod))

    pod["spec"]["containers"][0]["securityContext"].pop("capabilities")
    with pytest.raises(CommandError, match="violates PodSecurity"):
        stack.kubectl(*create, input=json.dumps(pod))


# -- what it installs, grants and leaves behind


def test_it_says_what_to_do_next(stack: Stack, installed: str) -> None:
    manifest = installed.split("<<EOF\n", 1)[1].split("\n  EOF", 1)[0]

    assert f"runs the rollouts of the namespace {stack.namespace}" in installed
    stack.kubectl("--namespace", stack.namespace, "create", "--dry-run=server", "-f", "-", input=manifest)


@pytest.mark.usefixtures("installed")
def test_the_account_has_these_rights_in_its_namespace_and_no_other(stack: Stack) -> None:
    account = _account(stack)

    assert _rights(stack, stack.namespace, account) == RIGHTS
    assert _rights(stack, "other", account) == set()


@pytest.mark.parametrize(
    "installed", [["watchNamespaces={one,two}", "prometheus.secretNames={prom-auth}"]], indirect=True
)
@pytest.mark.usefixtures("installed")
def test_the_rights_are_where_it_watches_with_the_named_secrets(stack: Stack) -> None:
    account = _account(stack)

    for namespace in ("one", "two"):
        assert _rights(stack, namespace, account) == RIGHTS | {"get /secrets prom-auth"}
    for namespace in (stack.namespace, "other"):
        assert _rights(stack, namespace, account) == set()


@pytest.mark.parametrize("installed", [["clusterWide=true"]], indirect=True)
@pytest.mark.usefixtures("installed")
def test_the_rights_are_everywhere_when_it_is_cluster_wide(stack: Stack) -> None:
    account = _account(stack)

    for namespace in (stack.namespace, "one", "other"):
        assert _rights(stack, namespace, account) == RIGHTS


@pytest.mark.usefixtures("installed")
def test_the_account_may_do_its_work_and_nothing_else(stack: Stack) -> None:
    account = _account(stack)

    assert {question: _may(stack, account, question) for question in ANSWERS} == ANSWERS


def _may(stack: Stack, account: Path, question: str) -> bool:
    try:
        stack.kubectl("auth", "can-i", *question.split(), kubeconfig=account)
    except CommandError as refusal:
        if "error" in str(refusal).lower():
            raise
        return False
    return True


def test_rollouts_outlive_the_release_and_the_next_one_finds_them(stack: Stack) -> None:
    rollout = (paths.ROOT / "operator" / "tests" / "api" / "corpus" / "good" / "minimal.yaml").read_text()
    _install(stack, [])
    stack.kubectl("create", "-f", "-", input=rollout)

    stack.helm("uninstall", "modelrollout", "--namespace", stack.namespace)

    left = stack.kubectl("--namespace", stack.namespace, "get", "deployments,roles,rolebindings,services", "-o", "name")
    assert "modelrollout" not in left
    assert "financial-predictor" in stack.kubectl("get", "modelrollouts", "--namespace", "default")
    _install(stack, [])
    assert "financial-predictor" in stack.kubectl("get", "modelrollouts", "--namespace", "default")
    stack.helm("uninstall", "modelrollout", "--namespace", stack.namespace)
    stack.kubectl("delete", "modelrollout", "financial-predictor", "--namespace", "default")
