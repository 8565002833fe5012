"""The operator as a part: with the rights that the chart gives its ServiceAccount, never the admin's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from e2e.stack import CommandError, Process, Stack

pytestmark = pytest.mark.stack

Eventually = Callable[[Callable[[], bool], str], None]


@pytest.fixture
def operator(stack: Stack) -> Iterator[Process]:
    stack.install_chart()
    yield stack.start_operator()
    stack.part("operator").kill()
    stack.helm("uninstall", "modelrollout", "--namespace", stack.namespace)


def test_the_operator_has_the_charts_rights_and_no_more(stack: Stack, operator: Process) -> None:
    rights = stack.access.operator_kubeconfig()
    who = json.loads(stack.kubectl("auth", "whoami", "-o", "json", kubeconfig=rights))["status"]["userInfo"]

    assert operator.part.environment["KUBECONFIG"] == str(rights)
    assert who["username"] == "system:serviceaccount:models:modelrollout"
    assert "system:masters" not in who["groups"]
    stack.kubectl("get", "modelrollouts", kubeconfig=rights)
    with pytest.raises(CommandError, match="Forbidden"):
        stack.kubectl("get", "secrets", kubeconfig=rights)


def test_the_operator_comes_back_after_a_kill_and_takes_other_settings(
    stack: Stack, operator: Process, eventually: Eventually
) -> None:
    operator.kill()
    operator.start()
    eventually(operator.part.ready, "it answers after the kill")

    other = stack.start_operator(environment={"MODELROLLOUT_LOG_FORMAT": "json"})

    assert not operator.is_running
    eventually(other.part.ready, "it answers with other settings")
    eventually(lambda: other.log.read_text().startswith("{"), "its log is JSON")
