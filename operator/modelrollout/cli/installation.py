"""Is ModelRollout itself in the cluster, of this version, running and led?"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modelrollout.api import crd
from modelrollout.cli import checks, rights, seeking
from modelrollout.cli.checks import Check
from modelrollout.cli.kube import Kubectl
from modelrollout.cli.refusals import Refused
from modelrollout.cli.rights import Right

DEFINITION = f"{crd.PLURAL}.{crd.GROUP}"
INSTALL = "kubectl apply --server-side -f crds/modelrollouts.yaml"
INSTALL_ALL = "helm install modelrollout charts/modelrollout --namespace modelrollout --create-namespace"
PREFIX = "MODELROLLOUT_"
ABOUT_DEFINITION, ABOUT_OPERATOR = "definition", "operator"
MOST_DIFFERENCES = 3
OWN_NAMESPACE = "metadata.namespace"


@dataclass(frozen=True)
class Operator:
    """A Deployment of the operator. `namespaces` is empty when it runs the rollouts of all."""

    name: str
    namespace: str
    service_account: str
    namespaces: tuple[str, ...]
    image: str
    ready: int
    wanted: int
    settings: Mapping[str, str]

    @property
    def user(self) -> str:
        """Its ServiceAccount as the API server names it."""
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"

    def covers(self, namespace: str) -> bool:
        """Whether it runs the rollouts of this namespace."""
        return not self.namespaces or namespace in self.namespaces


# --- the definition ---------------------------------------------------------------------------------------------------


def definition(door: Kubectl) -> list[Check]:
    """Whether the cluster knows ModelRollouts, and the same as this version does. Raises Refused."""
    try:
        found = seeking.one(door, "customresourcedefinitions.apiextensions.k8s.io", DEFINITION, namespaced=False)
    except Refused as refused:
        return _by_its_resources(door, str(refused))
    if found is None:
        sentence = f"CustomResourceDefinition {DEFINITION} is not in the cluster"
        return [checks.bad(ABOUT_DEFINITION, sentence, f"{INSTALL}\nor, with the operator: {INSTALL_ALL}")]
    if not seeking.is_true(found, "Established"):
        why = seeking.condition(found, "NamesAccepted").get("message", "the API server has not established it")
        sentence = f"CustomResourceDefinition {DEFINITION} is there and not in use: {why}"
        return [checks.bad(ABOUT_DEFINITION, sentence, f"kubectl describe crd {DEFINITION}")]
    return [_of_this_version(found)]


def _of_this_version(found: Mapping[str, Any]) -> Check:
    versions = {one["name"]: one for one in found["spec"]["versions"]}
    if crd.VERSION not in versions:
        sentence = f"the definition has {', '.join(versions)}, and this plugin speaks {crd.VERSION}"
        return checks.bad(ABOUT_DEFINITION, sentence, f"take both of one version: {INSTALL}")
    ours = crd.definition()["spec"]["versions"][0]["schema"]
    differ = differences(ours, versions[crd.VERSION]["schema"])
    if not differ:
        return checks.good(ABOUT_DEFINITION, f"{DEFINITION} is the one of this version ({crd.VERSION})")
    sentence = (
        f"the definition is not the one of this version: it differs in {seeking.listed(differ, MOST_DIFFERENCES)}"
    )
    return checks.bad(ABOUT_DEFINITION, sentence, f"take both of one version: {INSTALL}")


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where two schemas differ but in words, as people write fields: spec.analysis.alpha."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = [key for key in dict.fromkeys([*ours, *theirs]) if key != "description"]
        return [one for key in keys for one in differences(ours.get(key), theirs.get(key), _inner(path, key))]
    return [] if ours == theirs else [path or "everything"]


def _inner(path: str, key: str) -> str:
    """The words of a schema itself are no fields."""
    if key in ("openAPIV3Schema", "properties", "items"):
        return path
    return f"{path}.{key}".lstrip(".")


def _by_its_resources(door: Kubectl, why: str) -> list[Check]:
    """The definition cannot be read; whether rollouts are known can be seen without a right."""
    known = door.run("api-resources", f"--api-group={crd.GROUP}", "-o", "name", namespaced=False)
    if DEFINITION not in known.split():
        return [checks.bad(ABOUT_DEFINITION, "the cluster does not know ModelRollouts", INSTALL)]
    sentence = f"the cluster knows ModelRollouts; whether in this version cannot be seen: {why}"
    return [checks.unknown(ABOUT_DEFINITION, sentence)]


# --- the operator -----------------------------------------------------------------------------------------------------


def operators(door: Kubectl, namespace: str | None) -> list[Operator]:
    """Every Deployment of the operator, in this namespace or in all. Raises Refused."""
    where = ("-n", namespace) if namespace else ("--all-namespaces",)
    labels = ("-l", "app.kubernetes.io/component=operator")
    found = seeking.all_of(door, "deployments.apps", *where, *labels, namespaced=False)
    return [operator_of(one) for one in found if any(name.startswith(PREFIX) for name in _settings(one))]


def state(door: Kubectl, found: Operator, namespace: str, now: float) -> list[Check]:
    """Whether it is ready, runs the rollouts of this namespace, and has a leader."""
    told = f"{found.name} in namespace {found.namespace}"
    said = [_readiness(found, told)]
    if not found.covers(namespace):
        sentence = (
            f"{told} does not run the rollouts of namespace {namespace}, only of {seeking.listed(found.namespaces)}"
        )
        cure = f"helm upgrade {found.name} ... --set 'watchNamespaces={{{','.join((*found.namespaces, namespace))}}}'"
        said.append(checks.careful(ABOUT_OPERATOR, sentence, cure))
    return [*said, *_leadership(door, found, now)]


def rights_of(door: Kubectl, found: Operator, namespace: str) -> list[Check]:
    """Whether its ServiceAccount may do everything that it does. Raises Refused."""
    if rights.missing(door, [rights.IMPERSONATING], found.namespace):
        sentence = f"whether {found.user} has its rights cannot be asked: you may not act as it"
        cure = f"a Role of yours in namespace {found.namespace} needs the rule\n{rights.IMPERSONATING.rule}"
        return [checks.unknown(ABOUT_OPERATOR, sentence, cure)]
    needed: list[tuple[str, Sequence[Right]]] = [(place, rights.OPERATOR) for place in found.namespaces or (namespace,)]
    if name := found.settings.get(f"{PREFIX}LEASE_NAME"):
        needed.append((found.settings.get(f"{PREFIX}LEASE_NAMESPACE") or found.namespace, rights.lease(name)))
    said = [
        _lack(found, place, right)
        for place, asked in needed
        for right in rights.missing(door, asked, place, found.user)
    ]
    places = seeking.listed(list(dict.fromkeys(place for place, _ in needed)))
    return said or [checks.good(ABOUT_OPERATOR, f"its ServiceAccount has all rights that it needs ({places})")]


def secrets(door: Kubectl, found: Operator, namespace: str, names: Sequence[str]) -> list[Check]:
    """Which of these Secrets it may not read; nothing when that cannot be asked. Raises Refused."""
    if not names or rights.missing(door, [rights.IMPERSONATING], found.namespace):
        return []
    lacking = rights.missing(door, [rights.secret(name) for name in names], namespace, found.user)
    cure = f"helm upgrade {found.name} ... --set 'prometheus.secretNames={{{','.join(names)}}}'"
    return [
        checks.bad(ABOUT_OPERATOR, f"{found.user} may not {right.told} in namespace {namespace}", cure)
        for right in lacking
    ]


def _lack(found: Operator, namespace: str, right: Right) -> Check:
    sentence = f"{found.user} may not {right.told} in namespace {namespace}"
    cure = f"helm upgrade with rbac.create=true, or a Role there bound to it with the rule\n{right.rule}"
    return checks.bad(ABOUT_OPERATOR, sentence, cure)


def operator_of(found: Mapping[str, Any]) -> Operator:
    """The operator that a Deployment runs."""
    pod = seeking.at(found, "spec", "template", "spec")
    container, variables = _container(found), _settings(found)
    arguments = [_expanded(str(one), variables) for one in container.get("args") or []]
    watched = [one.removeprefix("--namespace=") for one in arguments if one.startswith("--namespace=")]
    return Operator(
        name=seeking.name(found),
        namespace=str(seeking.at(found, "metadata", "namespace")),
        service_account=str(pod.get("serviceAccountName") or "default"),
        namespaces=() if "--all-namespaces" in arguments else tuple(watched),
        image=str(container.get("image", "")),
        ready=int(seeking.at(found, "status", "readyReplicas") or 0),
        wanted=int(seeking.at(found, "spec", "replicas") or 0),
        settings=variables,
    )


def _expanded(argument: str, variables: Mapping[str, str]) -> str:
    """The argument with its $(NAMES) filled in, as the kubelet does."""
    return re.sub(r"\$\((\w+)\)", lambda name: variables.get(name[1], name[0]), argument)


def _container(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container with settings of ours."""
    containers = seeking.at(found, "spec", "template", "spec", "containers") or [{}]
    ours = (one for one in containers if any(var["name"].startswith(PREFIX) for var in one.get("env") or []))
    chosen: Mapping[str, Any] = next(ours, containers[0])
    return chosen


def _settings(found: Mapping[str, Any]) -> dict[str, str]:
    """Its environment; of what comes from elsewhere only the pod's own namespace is known."""
    namespace = str(seeking.at(found, "metadata", "namespace"))
    listed = _container(found).get("env") or []
    its_own = {one["name"] for one in listed if seeking.at(one, "valueFrom", "fieldRef", "fieldPath") == OWN_NAMESPACE}
    return {one["name"]: namespace if one["name"] in its_own else str(one.get("value", "")) for one in listed}


def _readiness(found: Operator, told: str) -> Check:
    if found.ready and found.ready >= found.wanted:
        return checks.good(ABOUT_OPERATOR, f"{told}: {found.ready} of {found.wanted} replicas ready ({found.image})")
    sentence = f"{told}: {found.ready} of {found.wanted} replicas ready ({found.image})"
    cure = f"kubectl describe deployment {found.name} -n {found.namespace}"
    if not found.wanted:
        cure = f"kubectl scale deployment {found.name} -n {found.namespace} --replicas=2"
    judged = checks.careful if found.ready else checks.bad
    return judged(ABOUT_OPERATOR, sentence, cure)


def _leadership(door: Kubectl, found: Operator, now: float) -> list[Check]:
    """Whether one of the replicas leads; nothing is said of an operator without election."""
    name = found.settings.get(f"{PREFIX}LEASE_NAME")
    if not name:
        return []
    place = found.settings.get(f"{PREFIX}LEASE_NAMESPACE") or found.namespace
    try:
        lease = seeking.one(replace(door, namespace=place), "leases.coordination.k8s.io", name)
    except Refused as refused:
        return [checks.unknown(ABOUT_OPERATOR, f"who leads cannot be seen: {refused}")]
    return [lead(lease, name, place, now)]


def lead(lease: Mapping[str, Any] | None, name: str, namespace: str, now: float) -> Check:
    """Who holds the Lease; `now` in Unix seconds by the cluster's clock."""
    logs = f"kubectl logs -n {namespace} -l app.kubernetes.io/component=operator --tail=50"
    holder = seeking.at(lease, "spec", "holderIdentity")
    if not holder:
        return checks.bad(ABOUT_OPERATOR, f"nobody leads: Lease {name} in namespace {namespace} has no holder", logs)
    renewed = seeking.at(lease, "spec", "renewTime") or ""
    lasts = float(seeking.at(lease, "spec", "leaseDurationSeconds") or 0)
    try:
        age = now - datetime.fromisoformat(renewed).timestamp()
    except ValueError:
        age = 0.0
    if age > 2 * lasts + 5:
        sentence = f"nobody leads: {holder} renewed Lease {name} last {age:.0f} s ago, which lasts {lasts:g} s"
        return checks.bad(ABOUT_OPERATOR, sentence, logs)
    return checks.good(ABOUT_OPERATOR, f"{holder} leads")
