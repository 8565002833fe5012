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
_UNKNOWN_KIND = re.compile(r"the server doesn't have a resource type|no matches for kind|could not find the requested")
_SELDON = re.compile(r"\b(experiments?|models?)\b")
_REFUSED = re.compile(r"The connection to the server (?P<server>\S+) was refused")
_TOO_OLD = re.compile(r"unknown (?:shorthand )?(?:flag|command)")
_NOISE = re.compile(r"[EWIF]\d{4} |See 'kubectl |Usage:$")  # klog's lines before the sentence, advice after it


def sentence(stderr: str, arguments: Sequence[str]) -> str:
    """One sentence for what kubectl printed to stderr when it was called with these arguments."""
    lines = [line for line in stderr.splitlines() if not _NOISE.match(line)]
    text = " ".join(" ".join(lines).split())
    if found := _FORBIDDEN.search(text):
        return _not_allowed(**found.groupdict())
    if _UNKNOWN_KIND.search(text):
        return _unknown_kind(text, arguments)
    if found := _NOT_FOUND.search(text):
        return f"there is no rollout '{found['name']}' there: look for it with kubectl modelrollout list -A"
    if found := _REFUSED.search(text):
        return f"nothing answers at {found['server']}: check --context, --kubeconfig or KUBECONFIG, and the cluster"
    if _TOO_OLD.search(text):
        return f"this kubectl is too old ({arguments[0]}: {_bare(text)}): install kubectl 1.26 or newer"
    return _bare(text) or f"kubectl {arguments[0]} failed and said nothing"


def _not_allowed(user: str, verb: str, resource: str, group: str, namespace: str | None) -> str:
    where = f" in namespace {namespace}" if namespace else " in the whole cluster"
    rule = f'{{apiGroups: ["{group}"], resources: ["{resource}"], verbs: ["{verb}"]}}'
    kind = "Role" if namespace else "ClusterRole"
    return f"{user} may not {verb} {resource}{where}: a {kind} of theirs needs the rule {rule}"


def _unknown_kind(text: str, arguments: Sequence[str]) -> str:
    asked = " ".join(arguments[1:2])
    if "modelrollout" in text.lower() or "modelrollout" in asked:
        return NO_DEFINITION
    return NO_SELDON if _SELDON.search(text) or _SELDON.search(asked) else _bare(text)


def _bare(text: str) -> str:
    """The text without kubectl's own "error:" before it."""
    for prefix in ("error: ", "Error from server ", "Error: "):
        text = text.removeprefix(prefix)
    return text
