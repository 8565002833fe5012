"""Does the cluster answer, how do kubectl and it go together, who asks, and what time is it there?"""

import json
from datetime import datetime
from typing import Any

from modelrollout import asking
from modelrollout.cli import checks, seeking
from modelrollout.cli.checks import Check
from modelrollout.cli.kube import Kubectl

OLDEST_KUBECTL = 26
MOST_SKEW = 1  # minor versions
MOST_DRIFT_SECONDS = 5.0
ABOUT = "cluster"
CURE = "check the context (kubectl config current-context), the network and --kubeconfig"


def reach(door: Kubectl) -> tuple[bool, list[Check]]:
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
    if not client and trouble:  # with a kubeconfig that it cannot follow, it does not even say who it is
        return [checks.bad(ABOUT, f"kubectl cannot ask the cluster: {trouble.removeprefix('error: ')}", CURE)]
    if mine < OLDEST_KUBECTL:
        sentence = f"kubectl {client.get('gitVersion', 'of an unknown version')} is too old"
        return [checks.bad(ABOUT, sentence, f"install kubectl 1.{OLDEST_KUBECTL} or newer")]
    if server is None:
        return [checks.bad(ABOUT, f"the cluster does not answer: {trouble or 'no reason was given'}", CURE)]
    sentence = f"kubectl {client['gitVersion']}, Kubernetes {server['gitVersion']}"
    if abs(mine - _minor(server)) > MOST_SKEW:
        cure = "take a kubectl of the cluster's version: further apart they are not supported"
        return [checks.careful(ABOUT, sentence, cure)]
    return [checks.good(ABOUT, sentence)]


def _minor(version: dict[str, Any]) -> int:
    digits = "".join(letter for letter in str(version.get("minor", "")) if letter.isdigit())
    return int(digits or 0)


def namespace_of(door: Kubectl) -> str:
    """The context's."""
    told = door.ask("config", "view", "--minify", "-o", "jsonpath={..namespace}", namespaced=False).stdout.strip()
    return told or "default"


def who(door: Kubectl, namespace: str) -> tuple[float, list[Check]]:
    """How many seconds the cluster's clock is ahead of ours, and who we are there."""
    before = asking.now()
    done = door.ask("auth", "whoami", "-o", "json", namespaced=False)
    after = asking.now()
    if done.returncode:
        return 0.0, [checks.unknown(ABOUT, f"namespace {namespace}; who you are there cannot be seen")]
    told = json.loads(done.stdout)
    user = seeking.at(told, "status", "userInfo", "username")
    said = [checks.good(ABOUT, f"you are {user}, and look at namespace {namespace}")]
    drift = drifted(str(seeking.at(told, "metadata", "creationTimestamp") or ""), before, after)
    if abs(drift) > MOST_DRIFT_SECONDS:
        sentence = f"this machine's clock is {abs(drift):.0f} s {'behind' if drift > 0 else 'ahead of'} the cluster's"
        said.append(checks.careful(ABOUT, sentence, "let it be set from the network: timedatectl set-ntp true"))
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
