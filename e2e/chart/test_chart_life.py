"""A release's life on a real API server: installed, tested, upgraded from the chart before, uninstalled."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart_release import CRD, NAME, Release
from modelrollout.cli import main as plugin

from e2e import waiting
from e2e.stack import CommandError, Stack, paths

pytestmark = pytest.mark.stack

PREVIOUS = Path(__file__).parent / "previous" / NAME
"""The chart as it was before it had replicas, monitors and alerts. No version was published before that."""
ROLLOUT = yaml.safe_load((paths.ROOT / "operator" / "tests" / "api" / "corpus" / "good" / "minimal.yaml").read_text())
LETS_GO = '--patch={"metadata":{"finalizers":null}}'

# Every value that the chart before had, set to something.
KEPT = (
    *("image.repository=example.com/operator", "image.tag=v1", "image.pullPolicy=Always", "crds.install=true"),
    *("prometheus.address=http://p:9090", "prometheus.scrapeInterval=30s", "prometheus.secretNames={a}"),
    *("serviceAccount.annotations.role=x", "service.port=9000", "service.annotations.a=b", "watchNamespaces={one}"),
    *("podLabels.team=ml", "podAnnotations.note=x", "nodeSelector.disk=ssd", "tolerations[0].operator=Exists"),
    *("resources.limits.memory=1Gi", "imagePullSecrets[0].name=pull", "rbac.create=true"),
)


@pytest.fixture
def rollout(stack: Stack) -> Iterator[str]:
    """Creates a rollout as soon as its kind is there; whatever is left of it goes with the test."""
    name = ROLLOUT["metadata"]["name"]
    yield name
    if CRD in stack.kubectl("get", "crd", "-o", "name") and _rollout(stack):
        stack.kubectl("patch", "modelrollouts", name, "-n", stack.namespace, "--type=merge", LETS_GO)
        stack.kubectl("delete", "modelrollouts", name, "-n", stack.namespace, "--ignore-not-found")


def _declare(stack: Stack) -> None:
    manifest = {**ROLLOUT, "metadata": {**ROLLOUT["metadata"], "namespace": stack.namespace}}
    stack.kubectl("create", "-f", "-", input=json.dumps(manifest))


def _rollout(stack: Stack) -> dict[str, Any]:
    """The rollout's metadata; empty when it is gone."""
    found = json.loads(stack.kubectl("get", "modelrollouts", "-n", stack.namespace, "-o", "json"))["items"]
    return dict(found[0]["metadata"]) if found else {}


def _deployment(stack: Stack) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(stack.kubectl("get", f"deployment/{NAME}", "-n", stack.namespace, "-o", "json"))
    return dict(spec["spec"])


def test_it_says_what_to_do_next(stack: Stack, installed: str) -> None:
    manifest = installed.split("<<EOF\n", 1)[1].split("\n  EOF", 1)[0]

    assert f"runs the rollouts of the namespace {stack.namespace}" in installed
    assert "WARNING" not in installed
    assert f"kubectl delete modelrollouts --all --namespace {stack.namespace}" in installed
    stack.kubectl("--namespace", stack.namespace, "create", "--dry-run=server", "-f", "-", input=manifest)


def test_the_plugin_understands_what_the_notes_tell_it(installed: str) -> None:
    told = [line.split()[2:] for line in installed.splitlines() if line.startswith("  kubectl modelrollout")]

    assert [command for command, *_ in told] == ["doctor", "get", "explain"]
    for command, *rest in told:
        plugin.parser(command).parse_args(rest)


def test_the_commands_of_the_readme_are_taken(stack: Stack) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (paths.CHART / "README.md").read_text(), re.DOTALL)
    installs = [line for block in blocks for line in block.splitlines() if line.startswith("helm install")]

    assert len(installs) == 2
    for line in installs:
        _, *arguments = line.replace("charts/modelrollout", str(paths.CHART)).split()
        # --create-namespace does nothing in a dry run, and objects of these names may be another release's.
        stack.helm(*arguments, "--dry-run=server", "--take-ownership")


@pytest.mark.usefixtures("installed")
def test_helm_test_tells_a_release_that_works_from_one_that_does_not(
    stack: Stack, release: Release, tmp_path: Path
) -> None:
    # The API server hears of the account's roles a moment later; until then it would answer 403.
    untaken = "Lease models/modelrollout answers 404: no replica leads yet"
    without = waiting.until(lambda: _failed(release, tmp_path, untaken), "nobody leads yet")

    lease = {"MODELROLLOUT_LEASE_NAME": NAME, "MODELROLLOUT_LEASE_NAMESPACE": stack.namespace}
    stack.start_operator(environment=lease)
    whole = waiting.until(lambda: _passed(release, tmp_path), "the release works", describe=str)
    stack.part("operator").stop()

    assert "does not answer" in without
    assert [line.split(":")[0] for line in whole.splitlines()] == ["ok"] * 4


def _failed(release: Release, folder: Path, words: str) -> str:
    """What it complains of, once that holds these words."""
    run = release.check(folder)
    return run.stderr if run.returncode == 1 and words in run.stderr else ""


def _passed(release: Release, folder: Path) -> str:
    run = release.check(folder)
    return run.stdout if run.returncode == 0 else ""


def test_the_chart_before_is_upgraded_with_its_values_and_can_be_rolled_back(stack: Stack, release: Release) -> None:
    release.install(KEPT, chart=PREVIOUS)
    before = _deployment(stack)

    release.install((), "--reuse-values")
    alone = _deployment(stack)
    release.install((), "--reset-then-reuse-values")
    after = _deployment(stack)
    release.install(("replicas=1", "leaderElection.enabled=false"), "--reset-then-reuse-values")
    single = _deployment(stack)
    stack.helm("rollback", NAME, "1", "--namespace", stack.namespace)
    back = _deployment(stack)
    release.uninstall()

    assert (before["replicas"], before["strategy"]) == (1, {"type": "Recreate"})
    assert (alone["replicas"], alone["strategy"]) == (1, {"type": "Recreate"})
    assert (after["replicas"], after["strategy"]["type"]) == (2, "RollingUpdate")
    assert (single["replicas"], single["strategy"]) == (1, {"type": "Recreate"})
    assert back == before
    (was,), (now,) = (each["template"]["spec"]["containers"] for each in (before, after))
    assert (now["image"], now["resources"]) == (was["image"], was["resources"])
    assert {variable["name"] for variable in was["env"]} < {variable["name"] for variable in now["env"]}
    assert now["args"] == was["args"] == ["run", "--namespace=one"]


def test_rollouts_outlive_the_release_and_the_next_one_lets_them_go(
    stack: Stack, release: Release, rollout: str
) -> None:
    release.install()
    stack.start_operator()
    _declare(stack)
    waiting.until(lambda: _rollout(stack).get("finalizers"), "the operator holds the rollout")
    stack.part("operator").stop()
    release.uninstall()

    left = stack.kubectl("--namespace", stack.namespace, "get", "deployments,roles,rolebindings,services", "-o", "name")
    assert NAME not in left
    assert _rollout(stack)["name"] == rollout
    stack.kubectl("delete", "modelrollouts", rollout, "-n", stack.namespace, "--wait=false")
    assert _rollout(stack)["finalizers"] == ["modelrollout.io/traffic"]

    release.install()
    stack.start_operator()
    waiting.until(lambda: not _rollout(stack), "the next operator lets the rollout go")
    stack.part("operator").stop()
    release.uninstall()


def test_the_definition_goes_with_the_release_when_asked_and_nothing_is_stuck(
    stack: Stack, release: Release, rollout: str, tmp_path: Path
) -> None:
    said = release.install(["crds.keep=false"])
    stack.start_operator()
    _declare(stack)
    waiting.until(lambda: _rollout(stack).get("finalizers"), "the operator holds the rollout")
    stack.part("operator").stop()
    release.uninstall()

    # The words of the notes, for whoever did not delete the rollouts first.
    assert "The CustomResourceDefinition stays" not in said
    assert f"kubectl patch modelrollout my-model --namespace {stack.namespace} --type=merge --patch" in said
    stack.kubectl("patch", "modelrollout", rollout, "--namespace", stack.namespace, "--type=merge", LETS_GO)
    stack.kubectl("wait", "--for=delete", f"crd/{CRD}", "--timeout=280s")

    warned = release.install(["crds.install=false"])
    check = release.check(tmp_path)
    release.uninstall()

    assert f"WARNING: the CustomResourceDefinition {CRD} is not in this cluster" in warned
    assert "install the CustomResourceDefinition" in check.stderr


def test_a_definition_of_another_version_is_told(release: Release, tmp_path: Path) -> None:
    older = shutil.copytree(paths.CHART, tmp_path / NAME)
    about = older / "Chart.yaml"
    about.write_text(about.read_text().replace("ersion: 0.1.0", "ersion: 0.0.9"))
    release.install(chart=older)

    said = release.install(["crds.install=false"])
    release.uninstall()

    assert "WARNING: the CustomResourceDefinition in this cluster is of version 0.0.9, the operator of 0.1.0." in said


def test_a_second_release_is_told_what_is_there_already(stack: Stack, release: Release) -> None:
    release.install()
    second = ("upgrade", "--install", "second", str(paths.CHART), "--namespace", "other")

    with pytest.raises(CommandError, match="exists and cannot be imported into the current release"):
        stack.helm(*second)
    leave_out = ["crds.install", *(f"rbac.aggregate.{role}" for role in ("view", "edit", "admin"))]
    stack.helm(*second, *(part for value in leave_out for part in ("--set", f"{value}=false")))

    stack.helm("uninstall", "second", "--namespace", "other")
    release.uninstall()
