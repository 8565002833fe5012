"""What kubectl says when it fails becomes one sentence with the cure."""

import pytest
from modelrollout.cli import failures

GET = ("get", "modelrollouts.modelrollout.io", "fraud")

# As kubectl 1.36 printed it; the last two as kubectl 1.19 and 1.25 do for what came later.
SAID = {
    'Error from server (NotFound): modelrollouts.modelrollout.io "fraud" not found\n': (
        "there is no rollout 'fraud' there: look for it with kubectl modelrollout list -A"
    ),
    'error: the server doesn\'t have a resource type "modelrollouts"\n': failures.NO_DEFINITION,
    'Error from server (Forbidden): modelrollouts.modelrollout.io "fraud" is forbidden: User "bob" cannot get resource '
    '"modelrollouts" in API group "modelrollout.io" in the namespace "models"\n': (
        "bob may not get modelrollouts in namespace models: a Role of theirs needs the rule "
        '{apiGroups: ["modelrollout.io"], resources: ["modelrollouts"], verbs: ["get"]}'
    ),
    "Error from server (Forbidden): customresourcedefinitions.apiextensions.k8s.io is forbidden: User "
    '"system:serviceaccount:a:b" cannot list resource "customresourcedefinitions" in API group "apiextensions.k8s.io" '
    "at the cluster scope": (
        "system:serviceaccount:a:b may not list customresourcedefinitions in the whole cluster: a ClusterRole of "
        'theirs needs the rule {apiGroups: ["apiextensions.k8s.io"], resources: ["customresourcedefinitions"], '
        'verbs: ["list"]}'
    ),
    'E1121 19:28:38.004807   15063 memcache.go:265] "Unhandled Error" err="couldn\'t get current server API"\n'
    "The connection to the server 127.0.0.1:9 was refused - did you specify the right host or port?\n": (
        "nothing answers at 127.0.0.1:9: check --context, --kubeconfig or KUBECONFIG, and the cluster"
    ),
    "error: stat /nowhere: no such file or directory\n": "stat /nowhere: no such file or directory",
    "Error in configuration: context was not found for specified context: b\n": (
        "Error in configuration: context was not found for specified context: b"
    ),
    "": "kubectl get failed and said nothing",
    "Error: unknown flag: --output-watch-events\nSee 'kubectl get --help' for usage.\n": (
        "this kubectl is too old (get: unknown flag: --output-watch-events): install kubectl 1.26 or newer"
    ),
    "error: unknown command \"whoami\"\nSee 'kubectl auth -h' for help and examples\n": (
        'this kubectl is too old (get: unknown command "whoami"): install kubectl 1.26 or newer'
    ),
}


@pytest.mark.parametrize("stderr", SAID)
def test_one_sentence_says_what_is_wrong_and_what_cures_it(stderr: str) -> None:
    assert failures.sentence(stderr, GET) == SAID[stderr]


@pytest.mark.parametrize("kind", ["experiments", "models"])
def test_a_cluster_without_seldon_is_told_apart_from_one_without_us(kind: str) -> None:
    said = f'error: the server doesn\'t have a resource type "{kind}"\n'

    assert failures.sentence(said, ("get", f"{kind}.mlops.seldon.io/fraud")) == failures.NO_SELDON
