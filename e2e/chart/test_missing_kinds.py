"""The operator without Seldon's kinds, and without its own: it says what is missing, and goes on when it comes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from chart_release import establish

from e2e import waiting
from e2e.minimesh import crds
from e2e.stack import Settings, Stack, paths

pytestmark = pytest.mark.stack

FIRST = "experiments.mlops.seldon.io in version v1alpha1"
OURS = "install it with the chart"
SELDONS = "install Seldon Core v2"
NO_MODELS = (
    "Model baseline-predictor does not exist: "
    f"this cluster does not serve models.mlops.seldon.io in version v1alpha1: {SELDONS}"
)


@pytest.fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An API server that knows no kind of ours or of Seldon's."""
    without = frozenset({"mlserver", "minimesh", "envoy", "prometheus"})
    with Stack(Settings(directory=tmp_path_factory.mktemp("bare"), without=without)) as stack:
        yield stack


def test_it_names_each_missing_kind_and_works_with_what_is_there(bare: Stack) -> None:
    operator = bare.start_operator(kubeconfig=bare.kubeconfig)

    _until_logged(bare, f"does not serve modelrollouts.modelrollout.io in version v1alpha1: {OURS}")
    bare.kubectl("create", "-f", str(paths.ROOT / "crds" / "modelrollouts.yaml"))
    _until_logged(bare, f"does not serve {FIRST}: {SELDONS}")
    _make_rollout(bare)
    _until_said(bare, NO_MODELS)
    bare.kubectl("delete", "modelrollouts", "--all", "--namespace", bare.namespace, "--timeout=240s")

    establish(bare, crds.all_crds())
    _until_logged(bare, "begins anew: all kinds of Seldon are there now")
    _make_rollout(bare)
    _until_said(bare, "Model baseline-predictor does not exist: create it")
    _make_model(bare)
    _until_said(bare, "Model baseline-predictor is not ready")  # without a watch it would be known in five minutes

    bare.kubectl("delete", "crd", *(each["metadata"]["name"] for each in crds.all_crds()), "--timeout=240s")
    waiting.until(lambda: not operator.is_running, "the operator ends", 60, operator.log.read_text)
    gone = operator.log.read_text()
    left_with = operator.exit_code
    operator.start()  # as a kubelet does
    _until_logged(bare, f"does not serve {FIRST}: {SELDONS}")
    _until_said(bare, NO_MODELS)
    operator.stop()

    assert "ends: a kind was taken away: " in gone
    assert (left_with, operator.exit_code) == (1, 0)


def _make_rollout(stack: Stack) -> None:
    stack.kubectl("create", "-f", "-", "--namespace", stack.namespace, input=_minimal(stack.namespace))


def _make_model(stack: Stack) -> None:
    model = {"apiVersion": "mlops.seldon.io/v1alpha1", "kind": "Model", "metadata": {"name": "baseline-predictor"}}
    whole = model | {"spec": {"storageUri": "gs://models/any"}}
    stack.kubectl("create", "-f", "-", "--namespace", stack.namespace, input=json.dumps(whole))


def _minimal(namespace: str) -> str:
    text = (paths.ROOT / "operator" / "tests" / "api" / "corpus" / "good" / "minimal.yaml").read_text()
    return text.replace("namespace: default", f"namespace: {namespace}")


def _until_said(stack: Stack, words: str) -> None:
    waiting.until(lambda: words in _message(stack), f"the rollout says: {words}", 120, lambda: _message(stack))


def _message(stack: Stack) -> str:
    found = json.loads(stack.kubectl("get", "modelrollouts", "-n", stack.namespace, "-o", "json"))["items"]
    return str((found[0].get("status") or {}).get("message", ""))


def _until_logged(stack: Stack, words: str) -> None:
    log = stack.part("operator").log
    waiting.until(lambda: words in log.read_text(), f"the log says: {words}", 60, log.read_text)
