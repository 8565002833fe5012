"""The operator without Seldon, and without its own kind: it says what is missing, and goes on when it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from chart_release import establish

from e2e import waiting
from e2e.minimesh import crds
from e2e.stack import Settings, Stack, paths

pytestmark = pytest.mark.stack


@pytest.fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API server that knows no kind of ours or of Seldon's."""
    without = frozenset({"mlserver", "minimesh", "envoy", "prometheus"})
    with Stack(Settings(directory=tmp_path_factory.mktemp("bare"), without=without)) as stack:
        yield stack


def test_it_names_each_missing_kind_and_begins_when_all_are_there(bare: Stack) -> None:
    operator = bare.start_operator(kubeconfig=bare.kubeconfig)

    _until_logged(bare, "does not serve modelrollouts.modelrollout.io in version v1alpha1: install it with the chart")
    bare.kubectl("create", "-f", str(paths.ROOT / "crds" / "modelrollouts.yaml"))
    _until_logged(bare, "does not serve experiments.mlops.seldon.io in version v1alpha1: install Seldon Core v2")
    establish(bare, crds.all_crds())
    bare.kubectl("create", "-f", "-", "--namespace", bare.namespace, input=_minimal(bare.namespace))

    waiting.until(lambda: _message(bare) != "", "the operator follows the rollout", 120)
    assert "Model baseline-predictor does not exist" in _message(bare)
    assert operator.is_running


def _minimal(namespace: str) -> str:
    text = (paths.ROOT / "operator" / "tests" / "api" / "corpus" / "good" / "minimal.yaml").read_text()
    return text.replace("namespace: default", f"namespace: {namespace}")


def _message(stack: Stack) -> str:
    found = json.loads(stack.kubectl("get", "modelrollouts", "-n", stack.namespace, "-o", "json"))["items"]
    return str((found[0].get("status") or {}).get("message", ""))


def _until_logged(stack: Stack, words: str) -> None:
    log = stack.part("operator").log
    waiting.until(lambda: words in log.read_text(), f"the log says: {words}", 60)
