"""Prometheus scrapes the stack's parts every second, labelled as in a cluster, and survives a kill with its data."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from e2e.stack import Stack

pytestmark = pytest.mark.stack

Eventually = Callable[[Callable[[], bool], str], None]


def ask(stack: Stack, query: str) -> list[dict[str, Any]]:
    url = f"{stack.prometheus_url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return result


def up(stack: Stack) -> dict[tuple[str, str], str]:
    return {(each["metric"]["job"], each["metric"]["namespace"]): each["value"][1] for each in ask(stack, "up")}


def test_every_target_is_scraped_with_its_namespace(stack: Stack, eventually: Eventually) -> None:
    # The operator's target is there from the start; nothing answers there until somebody starts it.
    expected = {("envoy", "models"): "1", ("mlserver", "models"): "1", ("minimesh", "models"): "1"}
    expected["operator", "models"] = "0"

    eventually(lambda: up(stack) == expected, "envoy, mlserver and minimesh are up, the operator is not")


def test_counters_of_envoy_arrive(stack: Stack, eventually: Eventually) -> None:
    query = 'envoy_server_uptime{namespace="models", job="envoy"}'

    eventually(lambda: len(ask(stack, query)) == 1, "Envoy's uptime is in Prometheus")


def test_what_was_scraped_before_a_kill_is_there_after_it(stack: Stack, eventually: Eventually) -> None:
    eventually(lambda: bool(ask(stack, 'up{job="envoy"}')), "a first sample")
    before = float(ask(stack, 'timestamp(up{job="envoy"})')[0]["value"][1])
    sample = f'up{{job="envoy"}} @ {before}'
    (said,) = ask(stack, sample)
    address = stack.prometheus_url

    stack.part("prometheus").kill()
    assert not stack.part("prometheus").is_running
    stack.part("prometheus").start()

    assert stack.prometheus_url == address
    assert [kept["value"][1] for kept in ask(stack, sample)] == [said["value"][1]]
