"""What kubectl says when it fails, as one sentence with the cure."""

import re
from collections.abc import Sequence

NO_KUBECTL = "kubectl is not on PATH: install kubectl 1.26 or newer, this plugin reaches the cluster through it"
NO_DEFINITION = (
    "the cluster does not know ModelRollouts: install the operator with its CustomResourceDefinition, "
    "kubectl apply --server-side -f crds/modelrollouts.yaml or helm install modelrollout charts/modelrollout"
)
NO_SELDON = "the cluster does not know Seldon's Experiments and Models: install Seldon Core 2 and its definitions"
_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_NOT_FOUND = re.compile(r'modelrollouts\.modelrollout\.io "(?P<name>[^"]*)" not found')
_SELDON = re.compile(r'type "(experiments|models)')


def sentence(stderr: str, arguments: Sequence[str]) -> str:
    """One sentence for what kubectl printed to stderr when it was called with these arguments."""
    text = " ".join(stderr.split())
    if forbidden := _FORBIDDEN.search(text):
        return _not_allowed(**forbidden.groupdict())
    if "the server doesn't have a resource type" in text or "no matches for kind" in text:
        return NO_DEFINITION if "modelrollout" in text.lower() else NO_SELDON if _SELDON.search(text) else _bare(text)
    if found := _NOT_FOUND.search(text):
        return f"there is no rollout '{found['name']}' there: look for it with kubectl modelrollout list -A"
    if "unknown flag" in text or "unknown shorthand flag" in text or "unknown command" in text:
        return (
            f"this kubectl is too old for 'kubectl {arguments[0]}' as it was called ({_bare(text)}): take 1.26 or newer"
        )
    return _bare(text) or f"kubectl {arguments[0]} failed and said nothing"


def _not_allowed(user: str, verb: str, resource: str, group: str, namespace: str | None) -> str:
    where = f" in namespace {namespace}" if namespace else " in the whole cluster"
    rule = f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["{verb}"]}}'
    kind = "Role" if namespace else "ClusterRole"
    return f"{user} may not {verb} {resource}{where}: a {kind} of theirs needs the rule {rule}"


def _bare(text: str) -> str:
    """The text without kubectl's own "error:" before it."""
    for prefix in ("error: ", "Error from server ", "Error: "):
        text = text.removeprefix(prefix)
    return text
