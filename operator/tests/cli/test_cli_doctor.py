"""What the doctor concludes from what it was told, and that it survives a cluster that has nothing."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from modelrollout.api import crd
from modelrollout.cli import checks, installation, metering, reaching, rights, serving
from modelrollout.cli import main as plugin
from modelrollout.cli.checks import Mark
from modelrollout.cli.screen import Screen

from e2e.stack import Settings, Stack

ROOT = Path(__file__).resolve().parents[3]
NOW = 1_700_000_000.0


# --- conclusions ------------------------------------------------------------------------------------------------------


def version(minor: str) -> dict[str, Any]:
    return {"minor": minor, "gitVersion": f"v1.{minor}.0"}


@pytest.mark.parametrize(
    ("client", "server", "mark", "words"),
    [
        ("32", "33", Mark.GOOD, "kubectl v1.32.0, Kubernetes v1.33.0"),
        ("30+", "33", Mark.CAREFUL, "kubectl v1.30+.0, Kubernetes v1.33.0"),
        ("25", "33", Mark.BAD, "kubectl v1.25.0 is too old"),
        ("32", None, Mark.BAD, "the cluster does not answer: refused"),
    ],
)
def test_kubectl_and_the_cluster_must_go_together(client: str, server: str | None, mark: Mark, words: str) -> None:
    told = {"clientVersion": version(client), "serverVersion": server and version(server)}
    [said] = reaching.versions(told, "refused")

    assert (said.mark, said.sentence) == (mark, words)
    assert bool(said.cure) == (mark is not Mark.GOOD)


def test_a_context_that_does_not_exist_is_no_old_kubectl() -> None:
    [said] = reaching.versions({}, 'error: context "elsewhere" does not exist')

    assert (said.mark, said.sentence) == (
        Mark.BAD,
        'kubectl cannot ask the cluster: context "elsewhere" does not exist',
    )
    assert "--kubeconfig" in said.cure


def test_a_clock_that_differs_by_less_than_it_can_tell_does_not_drift() -> None:
    told = "2023-11-14T22:13:20Z"  # NOW, in whole seconds

    assert reaching.drifted(told, NOW + 0.2, NOW + 0.9) == 0
    assert reaching.drifted(told, NOW - 60, NOW - 59) == pytest.approx(59)
    assert reaching.drifted(told, NOW + 60, NOW + 61) == pytest.approx(-60)
    assert reaching.drifted("", NOW, NOW) == 0


@pytest.mark.parametrize(
    ("measured", "mark"), [(None, Mark.UNKNOWN), (15.0, Mark.GOOD), (1.0, Mark.GOOD), (30.0, Mark.BAD)]
)
def test_looks_must_not_come_before_the_samples(measured: float | None, mark: Mark) -> None:
    said = metering.scrapes(measured, 15.0, "inference")

    assert said.mark is mark
    assert (mark is Mark.BAD) == ("prometheus.scrapeInterval=30s" in said.cure)


@pytest.mark.parametrize(
    ("lease", "mark"),
    [
        (None, Mark.BAD),
        ({"spec": {"holderIdentity": ""}}, Mark.BAD),
        (
            {"spec": {"holderIdentity": "a", "leaseDurationSeconds": 8, "renewTime": "2023-11-14T22:13:18.5Z"}},
            Mark.GOOD,
        ),
        ({"spec": {"holderIdentity": "a", "leaseDurationSeconds": 8, "renewTime": "2023-11-14T22:12:18.5Z"}}, Mark.BAD),
    ],
)
def test_a_lease_that_nobody_renews_is_nobodys(lease: dict[str, Any] | None, mark: Mark) -> None:
    assert installation.lead(lease, "modelrollout", "ops", NOW).mark is mark


def test_another_definition_is_told_by_its_fields_not_by_its_words() -> None:
    ours = crd.definition()["spec"]["versions"][0]["schema"]
    theirs = json.loads(json.dumps(ours))
    spec = theirs["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["paused"]["description"] = "another word"
    assert installation.differences(ours, theirs) == []

    spec["analysis"]["properties"]["alpha"]["maxLength"] = 99
    del spec["guardrails"]["items"]["properties"]["critical"]
    assert installation.differences(ours, theirs) == ["spec.guardrails.critical", "spec.analysis.alpha.maxLength"]


def test_the_version_of_seldon_is_that_of_its_schedulers_image() -> None:
    def workload(image: str) -> dict[str, Any]:
        return {"spec": {"template": {"spec": {"containers": [{"image": image}]}}}}

    assert serving.version([workload("registry:5000/seldonio/seldon-scheduler:2.10.2")]) == "2.10.2"
    assert serving.version([workload("registry:5000/seldonio/seldon-scheduler")]) == ""


def test_an_operator_is_known_by_its_settings_wherever_they_come_from() -> None:
    env = [
        {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {"name": "MODELROLLOUT_PROMETHEUS_ADDRESS", "value": "http://p:9090"},
        {"name": "MODELROLLOUT_LEASE_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
    ]
    container = {"image": "i:1", "args": ["run", "--namespace=$(POD_NAMESPACE)", "--namespace=b"], "env": env}
    pod = {"serviceAccountName": "robot", "containers": [{"name": "sidecar"}, container]}
    deployment = {"metadata": {"name": "m", "namespace": "ops"}, "spec": {"replicas": 2, "template": {"spec": pod}}}
    found = installation.operator_of(deployment)

    assert (found.user, found.namespaces) == ("system:serviceaccount:ops:robot", ("ops", "b"))
    assert found.settings["MODELROLLOUT_LEASE_NAMESPACE"] == "ops"
    assert (found.covers("b"), found.covers("c")) == (True, False)


def test_the_rights_asked_for_are_those_that_the_chart_grants() -> None:
    helpers = (ROOT / "charts" / "modelrollout" / "templates" / "_helpers.tpl").read_text()
    block = re.search(r'define "modelrollout.rules" -}}\n(.*?){{- with .Values.prometheus.secretNames', helpers, re.S)
    assert block is not None
    granted = {
        (group, resource, verb)
        for rule in yaml.safe_load(block[1])
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    assert {(right.group, right.resource, verb) for right in rights.OPERATOR for verb in right.verbs} == granted


def test_a_missing_right_is_named_with_the_rule_that_grants_it() -> None:
    right = rights.Right("mlops.seldon.io", "models", ("get", "list", "watch"), named="m")

    assert right.told == "get, list and watch models m"
    assert yaml.safe_load(right.rule) == [
        {
            "apiGroups": ["mlops.seldon.io"],
            "resources": ["models"],
            "resourceNames": ["m"],
            "verbs": ["get", "list", "watch"],
        }
    ]


def test_rollouts_are_told_what_stands_in_their_way() -> None:
    spec = {"baseline": {"name": "old"}, "candidates": [{"name": "new"}]}
    conditions = [
        {"type": "MetricsAvailable", "status": "False", "message": "Prometheus did not answer"},
        {"type": "Stalled", "status": "True", "message": "Rolled back"},
        {"type": "TrafficSynced", "status": "Unknown"},
    ]
    found = {"metadata": {"name": "fraud"}, "spec": spec, "status": {"conditions": conditions}}
    said = serving.rollouts([found], {"old": {}}, "inference")

    assert [(one.mark, one.sentence) for one in said] == [
        (Mark.BAD, "fraud: Model new does not exist"),
        (Mark.CAREFUL, "fraud: Stalled: Rolled back"),
        (Mark.CAREFUL, "fraud: MetricsAvailable: Prometheus did not answer"),
    ]


def test_the_list_has_a_heading_for_each_group_and_a_cure_below() -> None:
    listed = [checks.good("a", "well"), checks.bad("a", "ill", "one\ntwo"), checks.careful("b", "odd", "")]

    assert checks.text(listed, Screen()) == "a\n  ✔ well\n  ✘ ill\n      one\n      two\nb\n  ! odd"
    assert checks.closing(listed) == "1 thing to mend and 1 to look at."
    assert checks.closing(listed[:1]) == "All is well."


def test_the_list_fits_the_terminal_but_for_what_is_to_be_copied() -> None:
    cure = "kubectl logs -n inference -l app.kubernetes.io/component=operator --tail=50"
    listed = [checks.bad("operator", "nobody leads: \x1b[2JLease modelrollout has no holder at all", cure)]

    assert checks.text(listed, Screen(40)).splitlines() == [
        "operator",
        "  ✘ nobody leads:  [2JLease modelrollout",
        "    has no holder at all",
        f"      {cure}",
    ]


# --- a cluster that has nothing ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API server, and nothing of ours or Seldon's in it."""
    without = frozenset({"kube-controller-manager", "mlserver", "minimesh", "envoy", "prometheus"})
    with Stack(Settings(directory=tmp_path_factory.mktemp("bare"), namespace="default", without=without)) as stack:
        yield stack


@pytest.mark.stack
def test_a_cluster_without_anything_is_told_what_to_install(
    bare: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bare.access.kubectl_binary.parent), prepend=":")
    arguments = ["doctor", "--kubeconfig", str(bare.kubeconfig), "--prometheus", "http://127.0.0.1:1"]
    code = plugin.main(arguments)
    said = capsys.readouterr().out

    assert code == 1
    for line in (
        "✔ you are admin, and look at namespace default",
        "✘ CustomResourceDefinition modelrollouts.modelrollout.io is not in the cluster",
        "kubectl apply --server-side -f crds/modelrollouts.yaml",
        "✘ no operator runs in any namespace",
        "✘ the cluster does not know models.mlops.seldon.io and experiments.mlops.seldon.io",
        "– the cluster does not know ModelRollouts",
        "✘ Prometheus at http://127.0.0.1:1",
        "– it is not in this cluster (no ConfigMap argocd-cm)",
    ):
        assert line in said, said


@pytest.mark.stack
def test_who_may_do_nothing_is_told_what_to_ask_for(
    bare: Stack, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bare.access.kubectl_binary.parent), prepend=":")
    code = plugin.main(["doctor", "--kubeconfig", str(bare.kubeconfig), "--as", "alice", "-o", "json"])
    said = {one["sentence"]: one for one in json.loads(capsys.readouterr().out)}

    assert code == 1
    seeing = next(one for sentence, one in said.items() if sentence.startswith("you may not see rollouts"))
    assert (
        '- {apiGroups: ["modelrollout.io"], resources: ["modelrollouts"], verbs: [get, list, watch]}' in seeing["cure"]
    )
    assert any("alice may not list deployments in the whole cluster" in sentence for sentence in said)
    assert all(one["mark"] != "good" for one in said.values() if one["about"] == "Argo CD")


@pytest.mark.stack
def test_a_cluster_that_is_away_ends_the_list_early(
    bare: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bare.access.kubectl_binary.parent), prepend=":")
    nowhere = tmp_path / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    config = {"clusters": [cluster], "contexts": [context], "users": [{"name": "u"}], "current-context": "c"}
    nowhere.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}))

    assert plugin.main(["doctor", "--kubeconfig", str(nowhere)]) == 1
    said = capsys.readouterr().out
    assert "✘ the cluster does not answer: " in said
    assert said.endswith("1 thing to mend.\n")
