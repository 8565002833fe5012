"""What the doctor asks, in which order; a question that cannot be asked is a line in the list, never the end of it."""

import argparse
import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from modelrollout import asking, errors
from modelrollout.api import spec as api_spec
from modelrollout.api.contract import DURATION, seconds
from modelrollout.api.spec import RolloutSpec
from modelrollout.cli import checks, installation, kube, measured, rights, seeking, serving
from modelrollout.cli.checks import Check
from modelrollout.cli.findings import Level
from modelrollout.cli.installation import PREFIX, Operator
from modelrollout.cli.kube import Kubectl
from modelrollout.cli.refusals import USAGE, Refused
from modelrollout.observe.batching import Reader
from modelrollout.observe.prometheus import Connection

OLDEST_KUBECTL = 26
MOST_SKEW = 1  # minor versions
MOST_DRIFT_SECONDS = 5.0
PATIENCE = "--request-timeout=10s"
AT_ONCE = 4
ABOUT_CLUSTER, ABOUT_YOU, ABOUT_PROMETHEUS, ABOUT_ARGO = "cluster", "your rights", "Prometheus", "Argo CD"
FORWARD = """make it reachable from here, and name it, for example
kubectl port-forward -n monitoring svc/prometheus-operated 9090
kubectl modelrollout doctor --prometheus http://127.0.0.1:9090"""
HEALTH = "resource.customizations.health.modelrollout.io_ModelRollout"


@dataclass(frozen=True)
class Ground:
    """Where the doctor stands: how to ask, of which namespace, and the operators that were found."""

    door: Kubectl
    namespace: str
    options: argparse.Namespace
    now: float
    operators: tuple[Operator, ...] = ()


def examine(options: argparse.Namespace) -> Iterator[list[Check]]:
    """Every group of answers as soon as it is there. Raises Refused for a --prometheus that is no address."""
    if options.prometheus:
        _connection(options)
    door = _door(options)
    try:
        reachable, said = _versions(door)
    except Refused as refused:
        reachable, said = False, [checks.bad(ABOUT_CLUSTER, str(refused), "")]
    if not reachable:
        yield said
        if options.prometheus:
            ground = Ground(door, options.namespace or "default", options, asking.now())
            yield _said(ABOUT_PROMETHEUS, lambda: _prometheus(ground, []))
        return
    namespace = options.namespace or _namespace(door)
    drift, told = _who(door, namespace)
    yield [*said, *told]
    yield from _in_cluster(Ground(door, namespace, options, asking.now() + drift))


def _door(options: argparse.Namespace) -> Kubectl:
    """The door to the cluster, that gives up in time."""
    door = kube.door(options)
    return replace(door, flags=(*door.flags, PATIENCE))


def _in_cluster(ground: Ground) -> Iterator[list[Check]]:
    found, said = _operators(ground)
    ground = replace(ground, operators=tuple(found))
    rollouts: list[Any] = []
    steps: list[tuple[str, Callable[[], list[Check]]]] = [
        (installation.ABOUT_DEFINITION, lambda: installation.definition(ground.door)),
        (installation.ABOUT_OPERATOR, lambda: [*said, *_of_operators(ground)]),
        (ABOUT_YOU, lambda: _rights(ground)),
        (serving.ABOUT, lambda: serving.seldon(ground.door, ground.namespace)),
        (serving.ABOUT_ROLLOUTS, lambda: _rollouts(ground, rollouts)),
    ]
    # kubectl takes a tenth of a second each, most of it to start.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(_said, about, step) for about, step in steps]
        yield from (answer.result() for answer in answers)
    yield _said(ABOUT_PROMETHEUS, lambda: _prometheus(ground, rollouts))
    yield _said(ABOUT_ARGO, lambda: argo_cd(ground.door))


def _said(about: str, step: Callable[[], list[Check]]) -> list[Check]:
    """The answers, or why there are none."""
    try:
        return step()
    except Refused as refused:
        return [checks.unknown(about, str(refused))]


# --- the cluster, and who asks ----------------------------------------------------------------------------------------


def _versions(door: Kubectl) -> tuple[bool, list[Check]]:
    """Whether the cluster answers, and how kubectl and it go together. Raises Refused when there is no kubectl."""
    done = door.ask("version", "-o", "json", namespaced=False)
    try:
        told = json.loads(done.stdout)
    except json.JSONDecodeError:
        told = {}
    return bool(told.get("serverVersion")), versions(told, " ".join(done.stderr.split()))


def versions(told: dict[str, Any], trouble: str) -> list[Check]:
    """What `kubectl version -o json` said, and what it complained of."""
    client, server = told.get("clientVersion") or {}, told.get("serverVersion")
    mine = _minor(client)
    if mine < OLDEST_KUBECTL:
        sentence = f"kubectl {client.get('gitVersion', 'of an unknown version')} is too old"
        return [checks.bad(ABOUT_CLUSTER, sentence, f"install kubectl 1.{OLDEST_KUBECTL} or newer")]
    if server is None:
        cure = "check the context (kubectl config current-context), the network and --kubeconfig"
        return [checks.bad(ABOUT_CLUSTER, f"the cluster does not answer: {trouble or 'no reason was given'}", cure)]
    sentence = f"kubectl {client['gitVersion']}, Kubernetes {server['gitVersion']}"
    if abs(mine - _minor(server)) > MOST_SKEW:
        cure = "take a kubectl of the cluster's version: further apart they are not supported"
        return [checks.careful(ABOUT_CLUSTER, sentence, cure)]
    return [checks.good(ABOUT_CLUSTER, sentence)]


def _minor(version: dict[str, Any]) -> int:
    digits = "".join(letter for letter in str(version.get("minor", "")) if letter.isdigit())
    return int(digits or 0)


def _namespace(door: Kubectl) -> str:
    """The context's."""
    told = door.ask("config", "view", "--minify", "-o", "jsonpath={..namespace}", namespaced=False).stdout.strip()
    return told or "default"


def _who(door: Kubectl, namespace: str) -> tuple[float, list[Check]]:
    """How many seconds the cluster's clock is ahead of ours, and who we are there."""
    before = asking.now()
    done = door.ask("auth", "whoami", "-o", "json", namespaced=False)
    after = asking.now()
    if done.returncode:
        return 0.0, [checks.unknown(ABOUT_CLUSTER, f"namespace {namespace}; who you are there cannot be seen")]
    told = json.loads(done.stdout)
    user = seeking.at(told, "status", "userInfo", "username")
    said = [checks.good(ABOUT_CLUSTER, f"you are {user}, and look at namespace {namespace}")]
    drift = drifted(str(seeking.at(told, "metadata", "creationTimestamp") or ""), before, after)
    if abs(drift) > MOST_DRIFT_SECONDS:
        sentence = f"this machine's clock is {abs(drift):.0f} s {'behind' if drift > 0 else 'ahead of'} the cluster's"
        said.append(checks.careful(ABOUT_CLUSTER, sentence, "let it be set from the network: timedatectl set-ntp true"))
    return drift, said


def drifted(told: str, before: float, after: float) -> float:
    """How far a clock that told this time, in whole seconds, is ahead of ours; 0 within what cannot be told apart."""
    try:
        theirs = datetime.fromisoformat(told).timestamp()
    except ValueError:
        return 0.0
    if before - 1 <= theirs <= after + 1:
        return 0.0
    return theirs - after if theirs > after else theirs - before


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


def _of_operators(ground: Ground) -> list[Check]:
    said: list[Check] = []
    for one in ground.operators:
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


def _rollouts(ground: Ground, found: list[Any]) -> list[Check]:
    """What stands in their way; what was `found` is left for the next questions."""
    found += serving.rollouts_of(ground.door, ground.namespace)
    said = _secrets(ground, found)
    return said + serving.rollouts(found, serving.models_of(ground.door, ground.namespace), ground.namespace)


def _secrets(ground: Ground, rollouts: list[Any]) -> list[Check]:
    """Whether the operator may read the credentials that rollouts name."""
    named = {seeking.at(one, "spec", "prometheus", "secretRef", "name") for one in rollouts} - {None}
    mine = [one for one in ground.operators if one.covers(ground.namespace)]
    return [check for one in mine for check in installation.secrets(ground.door, one, ground.namespace, sorted(named))]


# --- Prometheus -------------------------------------------------------------------------------------------------------


def _prometheus(ground: Ground, rollouts: list[Any]) -> list[Check]:
    known = next((one.settings for one in ground.operators), {})
    address = known.get(f"{PREFIX}PROMETHEUS_ADDRESS", "")
    if not ground.options.prometheus:
        told = f"the operator asks {address}; " if address else ""
        return [checks.unknown(ABOUT_PROMETHEUS, f"{told}it was not asked from here", FORWARD)]
    written = known.get(f"{PREFIX}SCRAPE_INTERVAL", "15s")
    configured = seconds(written) if written and _is_duration(written) else 15.0
    connection = _connection(ground.options)
    specs = [(seeking.name(one), spec) for one in rollouts if (spec := _spec(one)) is not None]
    try:
        return asyncio.run(_ask(connection, ground, specs, configured))
    except errors.MetricsError as silent:
        cure = "check --prometheus, and --token-file when it wants to know who asks"
        return [checks.bad(ABOUT_PROMETHEUS, str(silent), cure)]


def _connection(options: argparse.Namespace) -> Connection:
    try:
        return asking.connection(options, asking.settings(), None)
    except (asking.Refused, errors.SettingsInvalid) as wrong:
        raise Refused(str(wrong), USAGE) from wrong


async def _ask(
    connection: Connection, ground: Ground, specs: list[tuple[str, RolloutSpec]], configured: float
) -> list[Check]:
    reader = Reader()
    try:
        asked = measured.Measured(reader, connection, ground.namespace, round(asking.now(), 3))
        await asked.answers()
        said = [checks.good(ABOUT_PROMETHEUS, f"{connection.shown} answers")]
        matchers = next((spec.prometheus.matchers for _, spec in specs), None)
        said.append(scrapes(await asked.scrape_seconds(matchers), configured, ground.namespace))
        for name, spec in specs:
            said += await _of_rollout(asked, name, spec)
        return said
    finally:
        await reader.close()


def scrapes(measured_seconds: float | None, configured: float, namespace: str) -> Check:
    """Whether the operator knows how often Prometheus scrapes: looks lag by that much."""
    if measured_seconds is None:
        sentence = f"how often it scrapes Envoy for namespace {namespace} cannot be measured: too few samples"
        cure = "check that Seldon's Envoy is scraped (metric envoy_cluster_upstream_rq_total), and send some requests"
        return checks.unknown(ABOUT_PROMETHEUS, sentence, cure)
    if measured_seconds > 1.5 * configured:
        sentence = f"it scrapes every {measured_seconds:.3g} s, and the operator believes every {configured:g} s"
        cure = (
            f"helm upgrade ... --set prometheus.scrapeInterval={measured_seconds:.0f}s: else looks come before the data"
        )
        return checks.bad(ABOUT_PROMETHEUS, sentence, cure)
    return checks.good(
        ABOUT_PROMETHEUS, f"it scrapes every {measured_seconds:.3g} s (the operator is told {configured:g} s)"
    )


async def _of_rollout(asked: measured.Measured, name: str, spec: RolloutSpec) -> list[Check]:
    metrics, edges = await asked.missing(spec), await asked.edges(spec)
    where = "check that it is scraped, its name, and the namespace or prometheus.matchers"
    said = [
        (checks.bad if level is Level.ERROR else checks.careful)(ABOUT_PROMETHEUS, f"{name}: {told}", where)
        for level, told in metrics
    ]
    if not metrics:
        said.append(checks.good(ABOUT_PROMETHEUS, f"{name}: every metric of its guardrails is there"))
    said += [checks.careful(ABOUT_PROMETHEUS, f"{name}: {told}", "") for _, told in edges]
    if not edges and any(rail.latency is not None for rail in spec.guardrails):
        said.append(checks.good(ABOUT_PROMETHEUS, f"{name}: bucket edges lie near its latency limits"))
    return said


def _spec(found: Any) -> RolloutSpec | None:
    try:
        return api_spec.parse(found["spec"])
    except (errors.SpecInvalid, KeyError):
        return None


def _is_duration(written: str) -> bool:
    return re.fullmatch(DURATION, written) is not None and seconds(written) > 0


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
