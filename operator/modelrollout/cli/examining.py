"""What the doctor asks, in which order; a question that cannot be asked is a line in the list, never the end of it."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from modelrollout import asking
from modelrollout.cli import checks, installation, kube, metering, reaching, rights, seeking, serving
from modelrollout.cli.checks import Check
from modelrollout.cli.installation import Operator
from modelrollout.cli.kube import Kubectl
from modelrollout.cli.refusals import Refused

PATIENCE = "--request-timeout=10s"
AT_ONCE = 4
ABOUT_YOU, ABOUT_ARGO = "your rights", "Argo CD"
HEALTH = "resource.customizations.health.modelrollout.io_ModelRollout"


@dataclass(frozen=True)
class Ground:
    """Where the doctor stands: how to ask, of which namespace, and what time the cluster has."""

    door: Kubectl
    namespace: str
    options: argparse.Namespace
    now: float


def examine(options: argparse.Namespace) -> Iterator[list[Check]]:
    """Every group of answers as soon as it is there. Raises Refused for a --prometheus that is no address."""
    if options.prometheus:
        metering.connection(options)
    door = _door(options)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        known = pool.submit(_known, door, options.namespace)
        reachable, said = _reached(door)
    if not reachable:
        yield said
        if options.prometheus:
            yield _said(metering.ABOUT, lambda: metering.check(options, options.namespace or "default", [], []))
        return
    namespace, drift, told = known.result()
    yield [*said, *told]
    yield from _in_cluster(Ground(door, namespace, options, asking.now() + drift))


def _door(options: argparse.Namespace) -> Kubectl:
    """The door to the cluster, that gives up in time."""
    door = kube.door(options)
    return replace(door, flags=(*door.flags, PATIENCE))


def _reached(door: Kubectl) -> tuple[bool, list[Check]]:
    try:
        return reaching.reach(door)
    except Refused as refused:
        return False, [checks.bad(reaching.ABOUT, str(refused), "")]


def _known(door: Kubectl, asked: str | None) -> tuple[str, float, list[Check]]:
    """The namespace to look at, how many seconds the cluster's clock is ahead, and who asks. Raises Refused."""
    namespace = asked or reaching.namespace_of(door)
    return namespace, *reaching.who(door, namespace)


def _in_cluster(ground: Ground) -> Iterator[list[Check]]:
    # kubectl takes a tenth of a second each, most of it to start.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        seen = pool.submit(_operators, ground)
        rollouts: list[Any] = []
        steps: list[tuple[str, Callable[[], list[Check]]]] = [
            (installation.ABOUT_DEFINITION, lambda: installation.definition(ground.door)),
            (installation.ABOUT_OPERATOR, lambda: [*seen.result()[1], *_of_operators(ground, seen.result()[0])]),
            (ABOUT_YOU, lambda: _rights(ground)),
            (serving.ABOUT, lambda: serving.seldon(ground.door, ground.namespace)),
            (serving.ABOUT_ROLLOUTS, lambda: _rollouts(ground, seen.result()[0], rollouts)),
            (ABOUT_ARGO, lambda: argo_cd(ground.door)),
        ]
        *answers, of_argo = [pool.submit(_said, about, step) for about, step in steps]
        yield from (answer.result() for answer in answers)
        asked = (ground.options, ground.namespace, seen.result()[0], rollouts)
        yield _said(metering.ABOUT, lambda: metering.check(*asked))
        yield of_argo.result()


def _said(about: str, step: Callable[[], list[Check]]) -> list[Check]:
    """The answers, or why there are none."""
    try:
        return step()
    except Refused as refused:
        return [checks.unknown(about, str(refused))]


# --- the operator, and rights -----------------------------------------------------------------------------------------


def _operators(ground: Ground) -> tuple[list[Operator], list[Check]]:
    """The operators, or why none was found."""
    about, asked = installation.ABOUT_OPERATOR, ground.options.operator_namespace
    try:
        found = installation.operators(ground.door, asked)
    except Refused as refused:
        cure = "" if asked else "name its namespace with --operator-namespace"
        return [], [checks.unknown(about, f"the operator's Deployment cannot be seen: {refused}", cure)]
    if found:
        return found, []
    where = f"in namespace {asked}" if asked else "in any namespace"
    return [], [checks.bad(about, f"no operator runs {where}", installation.INSTALL_ALL)]


def _of_operators(ground: Ground, found: Sequence[Operator]) -> list[Check]:
    said: list[Check] = []
    for one in found:
        said += installation.state(ground.door, one, ground.namespace, ground.now)
        ask = partial(installation.rights_of, ground.door, one, ground.namespace)
        said += _said(installation.ABOUT_OPERATOR, ask)
    return said


def _rights(ground: Ground) -> list[Check]:
    """What the person who asks may do. Without seeing nothing works; without the rest somebody else steers."""
    said: list[Check] = []
    purposes = (
        ("see rollouts and what they are about", rights.SEEING, checks.bad),
        ("steer them", rights.STEERING, checks.careful),
        ("apply and delete them", rights.APPLYING, checks.careful),
    )
    for purpose, needed, judged in purposes:
        lacking = rights.missing(ground.door, needed, ground.namespace)
        if lacking:
            told = "; ".join(right.told for right in lacking)
            rules = "\n".join(right.rule for right in lacking)
            cure = f"a Role of yours in namespace {ground.namespace} needs\n{rules}"
            said.append(judged(ABOUT_YOU, f"you may not {purpose}: {told} is not allowed", cure))
        else:
            said.append(checks.good(ABOUT_YOU, f"you may {purpose} in namespace {ground.namespace}"))
    return said


def _rollouts(ground: Ground, operators: Sequence[Operator], found: list[Any]) -> list[Check]:
    """What stands in their way; what was `found` is left for the next questions."""
    found += serving.rollouts_of(ground.door, ground.namespace)
    said = _secrets(ground, operators, found)
    return said + serving.rollouts(found, serving.models_of(ground.door, ground.namespace), ground.namespace)


def _secrets(ground: Ground, operators: Sequence[Operator], rollouts: list[Any]) -> list[Check]:
    """Whether the operator may read the credentials that rollouts name."""
    named = {seeking.at(one, "spec", "prometheus", "secretRef", "name") for one in rollouts} - {None}
    mine = [one for one in operators if one.covers(ground.namespace)]
    return [check for one in mine for check in installation.secrets(ground.door, one, ground.namespace, sorted(named))]


# --- Argo CD ----------------------------------------------------------------------------------------------------------


def argo_cd(door: Kubectl) -> list[Check]:
    """Whether Argo CD, if it is there, knows how a rollout is. Raises Refused."""
    where = ("--all-namespaces", "--field-selector", "metadata.name=argocd-cm")
    found = seeking.all_of(door, "configmaps", *where, namespaced=False)
    if not found:
        return [checks.unknown(ABOUT_ARGO, "it is not in this cluster (no ConfigMap argocd-cm)")]
    place = seeking.at(found[0], "metadata", "namespace")
    data = seeking.at(found[0], "data") or {}
    if HEALTH in data or "modelrollout.io/ModelRollout" in str(data.get("resource.customizations", "")):
        return [checks.good(ABOUT_ARGO, f"it knows the health of a rollout (ConfigMap argocd-cm in {place})")]
    cure = f"kubectl patch configmap argocd-cm -n {place} --patch-file charts/argocd/argocd-cm.yaml"
    sentence = "it does not know the health of a rollout: an Application is Healthy while its rollout is Degraded"
    return [checks.careful(ABOUT_ARGO, sentence, cure)]
