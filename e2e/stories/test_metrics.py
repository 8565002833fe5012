"""Whatever is wrong with the metrics is said in one sentence, and no client is sent anywhere on account of it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from e2e.gate import gate, page
from e2e.rollouts import ERRORS, LATENCY, Object, Rollout, on_soak, stage
from e2e.stack.certificates import Authority, Pair
from e2e.story import Story, percents

pytestmark = pytest.mark.stack

TOKEN = "open-sesame"
STAGES = [on_soak(25), stage(50, soak="60s"), stage(100)]
UP = 'max(up{job="envoy"})'


def test_a_query_that_cannot_be_used_holds_the_rollout_until_it_is_corrected(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic, story.watching_weights() as written:
        story.begin(STAGES, guardrails=_with_query("sum("))
        _until_blind(story, "queue: Guardrail queue: Prometheus refuses the query: ")
        story.edit(guardrails=_with_query("envoy_cluster_upstream_rq_completed"))
        _until_blind(
            story,
            "queue: The query of guardrail queue gives several series: aggregate it, for example with max(...).",
        )
        story.edit(guardrails=_with_query("no_such_metric"))
        _until_blind(story, "queue: The query of guardrail queue gives no series.")
        held = story.rollout
        story.edit(guardrails=_with_query(UP))
        story.until_rollout(lambda seen: seen.is_true("MetricsAvailable"), "it sees")
        going_on = story.until_at(2, 50)

    assert (held.stage, held.weight_in_force, held.soaked_seconds) == (1, 25, 0)
    assert percents(written) == [0, 25, 50]
    assert going_on.reasons == ["AttemptStarted", "StageStarted", *["PolicyChanged"] * 3, "StageStarted"]
    assert going_on.guardrail("queue")["verdict"] == "Pass"
    assert not traffic.seen().failed


def test_a_query_beyond_its_limit_rolls_back(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic:
        limit: Object = {"name": "queue", "query": {"promql": UP, "max": "0.5", "for": "4s"}}
        story.begin([stage(25, soak="60s"), stage(100)], guardrails=[ERRORS, limit])
        ended = story.until_rollout(lambda seen: seen.phase == "Degraded", "it is rolled back")
        story.until(lambda: traffic.seen(ended.traffic["appliedAt"]).arms.total() > 120, "clients ask on")

    assert ended.message == "Rolled back at stage 1 of 2 (25 %): queue was 0.5 beyond the limit for 4s"
    assert traffic.seen(ended.traffic["appliedAt"]).share(story.candidate) == 0
    assert not traffic.seen().failed


@pytest.fixture
def server(tmp_path: Path) -> tuple[Path, Pair]:
    """A private CA and a certificate of it."""
    authority = Authority(tmp_path / "pki")
    return authority.file, authority.server("prometheus")


def test_a_prometheus_that_cannot_be_asked_is_named_and_nothing_begins(
    story: Story, corner: Callable[[str], Story], server: tuple[Path, Pair]
) -> None:
    prometheus_url = story.stack.prometheus_url
    authority, pair = server
    _secret(story, "story-token", {"token": TOKEN})
    _secret(story, "story-other-token", {"token": "wrong"})
    _secret(story, "story-trust", {"token": TOKEN, "ca.crt": authority.read_text()})
    with ExitStack() as doors:
        closed = f"http://127.0.0.1:{doors.enter_context(_closed_port())}"
        site = doors.enter_context(page())
        guarded = doors.enter_context(gate(prometheus_url, TOKEN))
        private = doors.enter_context(gate(prometheus_url, TOKEN, pair))
        table: dict[str, tuple[Object, str, Object]] = {
            "closed": (
                {"address": closed},
                f"Prometheus at {closed} refuses the connection: is it running, on this port?",
                {"address": prometheus_url},
            ),
            "site": (
                {"address": site},
                f"Prometheus at {site} answers HTML, not the Prometheus API: check the path.",
                {"address": prometheus_url},
            ),
            "nobody": (
                {"address": guarded},
                f"Prometheus at {guarded} refuses the credentials (HTTP 401): check the token or password.",
                {"secretRef": {"name": "story-token"}},
            ),
            "stranger": (
                {"address": guarded, "secretRef": {"name": "story-other-token"}},
                f"Prometheus at {guarded} refuses the credentials (HTTP 401): check the token or password.",
                {"secretRef": {"name": "story-token"}},
            ),
            "untrusted": (
                {"address": private, "secretRef": {"name": "story-token"}},
                f"The TLS certificate of Prometheus at {private} is not trusted: "
                "unable to get local issuer certificate: check its CA certificate.",
                {"secretRef": {"name": "story-trust"}},
            ),
            "absent": (
                {"address": guarded, "secretRef": {"name": "story-absent"}},
                "Secret story-absent of spec.prometheus.secretRef does not exist: create it, or correct its name",
                {"secretRef": {"name": "story-token"}},
            ),
            "forbidden": (
                {"address": guarded, "secretRef": {"name": "not-for-the-operator"}},
                "The operator may not read Secret not-for-the-operator of spec.prometheus.secretRef: "
                "add it to prometheus.secretNames of its chart",
                {"secretRef": {"name": "story-token"}},
            ),
        }
        told = {name: corner(name) for name in table}
        for number, (name, one) in enumerate(told.items()):
            one.serve_both()
            doors.enter_context(one.clients(per_second=10))
            # Latency cannot begin without the baseline's past, errors can: neither may begin without Prometheus.
            one.begin(STAGES, guardrails=[ERRORS, LATENCY][: 1 + number % 2], prometheus=table[name][0])
        for name, one in told.items():
            _until_blind(one, table[name][1])
        for one in told.values():
            one.until(lambda one=one: one.weights == {one.baseline: 100, one.candidate: 0}, "it has its Experiment")
            assert one.rollout.stage == 0
        for name, one in told.items():
            one.edit(prometheus=table[name][2])
        for one in told.values():
            one.until_rollout(lambda seen: seen.stage > 0 and seen.is_true("MetricsAvailable"), "it begins and sees")


def _with_query(promql: str) -> list[Object]:
    return [ERRORS, {"name": "queue", "query": {"promql": promql, "max": "50"}}]


def _until_blind(story: Story, sentence: str) -> Rollout:
    def says(seen: Rollout) -> bool:
        status, message = seen.condition("MetricsAvailable")
        return status == "False" and message.startswith(sentence)

    return story.until_rollout(says, sentence)


def _secret(story: Story, name: str, values: dict[str, str]) -> None:
    literals = [f"--from-literal={key}={value}" for key, value in values.items()]
    story.kubectl("delete", "secret", name, "--ignore-not-found")
    story.kubectl("create", "secret", "generic", name, *literals)


@contextmanager
def _closed_port() -> Iterator[int]:
    """A port on which nobody listens, nor can begin to."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        yield int(chosen.getsockname()[1])
