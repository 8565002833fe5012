"""What the chart grants: to the operator what it needs and nothing else, to people what their roles say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chart_release import Release

from e2e import waiting
from e2e.stack import Stack

pytestmark = pytest.mark.stack

RIGHTS = {
    *(f"{verb} modelrollout.io/modelrollouts" for verb in ("get", "list", "watch", "patch", "update")),
    *(f"{verb} modelrollout.io/modelrollouts/status" for verb in ("get", "patch", "update")),
    "update modelrollout.io/modelrollouts/finalizers",
    *(f"{verb} mlops.seldon.io/experiments" for verb in ("get", "list", "watch", "create", "patch", "update")),
    *(f"{verb} mlops.seldon.io/models" for verb in ("get", "list", "watch")),
    *(f"{verb} {group}/events" for verb in ("create", "patch") for group in ("", "events.k8s.io")),
}
LEASE = {
    "create coordination.k8s.io/leases",
    *(f"{verb} coordination.k8s.io/leases modelrollout" for verb in ("get", "patch", "update")),
}
ALONE = ["replicas=1", "leaderElection.enabled=false"]

ANSWERS = {
    "watch modelrollouts.modelrollout.io": True,
    "patch modelrollouts.modelrollout.io --subresource=status": True,
    "create experiments.mlops.seldon.io": True,
    "patch experiments.mlops.seldon.io": True,
    "watch models.mlops.seldon.io": True,
    "create events.events.k8s.io": True,
    "update leases.coordination.k8s.io/modelrollout": True,
    "update leases.coordination.k8s.io/another": False,
    "list leases.coordination.k8s.io": False,
    "delete leases.coordination.k8s.io/modelrollout": False,
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

KIND = "modelrollouts.modelrollout.io"
MAY = {
    ("view", f"watch {KIND}"): True,
    ("view", f"patch {KIND}"): False,
    ("edit", f"create {KIND}"): True,
    ("edit", f"patch {KIND}"): True,
    ("edit", f"delete {KIND}"): True,
    ("edit", f"patch {KIND} --subresource=status"): False,
    ("admin", f"patch {KIND}"): True,
    ("admin", f"patch {KIND} --subresource=status"): False,
}


def _rights(stack: Stack, namespace: str, account: Path) -> set[str]:
    """All rights in the namespace, as the API server tells them to the account itself, but those everybody has."""
    review: dict[str, Any] = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
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


def _until_rights(stack: Stack, namespace: str, account: Path, rights: set[str]) -> None:
    """The API server hears of new roles, and of those of the test before that are gone, a moment later."""

    def others() -> str:
        return f"too many or too few: {sorted(_rights(stack, namespace, account) ^ rights)}"

    waiting.until(lambda: _rights(stack, namespace, account) == rights, f"its rights in {namespace}", describe=others)


# -- of the operator


@pytest.mark.usefixtures("installed")
def test_the_account_has_these_rights_in_its_namespace_and_no_other(stack: Stack, release: Release) -> None:
    account = release.account()

    _until_rights(stack, stack.namespace, account, RIGHTS | LEASE)
    _until_rights(stack, "other", account, set())
    assert {question: release.may(question, kubeconfig=account) for question in ANSWERS} == ANSWERS


@pytest.mark.parametrize(
    "installed", [["watchNamespaces={one,two}", "prometheus.secretNames={prom-auth}"]], indirect=True
)
@pytest.mark.usefixtures("installed")
def test_the_rights_are_where_it_watches_with_the_named_secrets(stack: Stack, release: Release) -> None:
    account = release.account()

    for namespace in ("one", "two"):
        _until_rights(stack, namespace, account, RIGHTS | {"get /secrets prom-auth"})
    _until_rights(stack, stack.namespace, account, LEASE)
    _until_rights(stack, "other", account, set())


@pytest.mark.parametrize("installed", [["clusterWide=true", *ALONE]], indirect=True)
@pytest.mark.usefixtures("installed")
def test_the_rights_are_everywhere_when_it_is_cluster_wide(stack: Stack, release: Release) -> None:
    account = release.account()

    for namespace in (stack.namespace, "one", "other"):
        _until_rights(stack, namespace, account, RIGHTS)


# -- of people


@pytest.mark.usefixtures("installed")
def test_people_may_what_their_role_says(stack: Stack, release: Release) -> None:
    for role in ("view", "edit", "admin"):
        name = f"people-{role}"
        stack.kubectl("create", "rolebinding", name, f"--clusterrole={role}", f"--user={role}", "--namespace=one")

    def answers() -> dict[tuple[str, str], bool]:
        return {(who, asks): release.may(asks, f"--as={who}", "--namespace=one") for who, asks in MAY}

    # The controller manager adds the rules to the roles a moment after the chart is installed.
    waiting.until(lambda: release.may(f"patch {KIND}", "--as=admin", "--namespace=one"), "admins may patch rollouts")
    waiting.until(lambda: answers() == MAY, "the roles are complete", describe=lambda: str(answers()))

    release.install(["rbac.aggregate.edit=false"])
    waiting.until(
        lambda: not release.may(f"patch {KIND}", "--as=edit", "--namespace=one"), "editors may not patch any more"
    )
    assert release.may(f"patch {KIND}", "--as=admin", "--namespace=one")
    stack.kubectl("delete", "rolebinding", "--namespace=one", "--all")
