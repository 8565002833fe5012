"""Parts die in a stage and come back: the weight is held, and the evidence counts once."""

from __future__ import annotations

import time

import pytest

from e2e.rollouts import Object, Rollout, on_soak, stage
from e2e.story import Story, agrees

pytestmark = pytest.mark.stack

INTERVAL_SECONDS = 2.0
# Passes after thousands of requests: until then everything rests on what was counted.
LONG_OPEN: Object = {"name": "errors", "errorRate": {"floor": "0.1%"}}


def test_prometheus_dies_in_a_stage_and_the_weight_is_held(story: Story) -> None:
    prometheus = story.stack.part("prometheus")
    story.serve_both()
    with story.clients() as traffic:
        story.begin([on_soak(25, soak="12s"), stage(50), stage(100)])
        story.until_rollout(lambda seen: seen.is_at(1, 25) and seen.is_true("MetricsAvailable"), "a look was made")
        prometheus.kill()
        blind = story.until_rollout(
            lambda seen: seen.condition("MetricsAvailable")[0] == "False", "it says that it sees nothing"
        )
        asked = len(traffic.seen().answers)
        story.until(lambda: len(traffic.seen().answers) > asked + 600, "clients ask on for many looks")
        held = story.rollout
        prometheus.start()
        sees = story.until_rollout(lambda seen: seen.is_true("MetricsAvailable"), "it sees again")
        going_on = story.until_at(2, 50)

    url = story.stack.prometheus_url
    assert blind.condition("MetricsAvailable")[1] == (
        f"Prometheus at {url} refuses the connection: is it running, on this port?"
    )
    assert held.message == "Nothing to judge: the weights are held, see condition MetricsAvailable"
    assert (held.stage, held.weight_in_force, held.phase) == (1, 25, "Progressing")
    assert held.soaked_seconds == blind.soaked_seconds < 12
    assert sees.soaked_seconds <= held.soaked_seconds + 2 * INTERVAL_SECONDS
    assert going_on.reasons == ["AttemptStarted", "StageStarted", "StageStarted"]
    assert not agrees(traffic, story.candidate, 25, held.traffic["appliedAt"], going_on.traffic["writtenAt"])
    assert not traffic.seen().failed


def test_the_operator_is_killed_in_a_stage_and_counts_every_request_once(story: Story) -> None:
    operator = story.stack.part("operator")
    story.serve_both()
    with story.clients() as traffic, story.watching_weights() as written:
        _until_scraped(story)
        story.begin([stage(40, soak="60s"), stage(100)], guardrails=[LONG_OPEN])
        counted_from = story.until_at(1, 40).status["lastLookAt"]
        for _ in range(2):
            story.until_rollout(lambda seen: _samples(seen) > 0 and _is_open(seen), "some evidence was counted")
            looks = story.rollout.status["looks"]
            operator.kill()
            operator.start()
            _looks_on(story, looks)
        seen = story.rollout

    until = seen.status["lastLookAt"]
    counted = _completed(story, until) - _completed(story, counted_from)
    asked = traffic.seen(counted_from - 1, until + 1).arms.total()
    assert _samples(seen) == counted
    assert traffic.seen(counted_from + 2, until - 2).arms.total() <= counted <= asked
    assert written == [(100, 0), (60, 40)]
    assert seen.reasons == ["AttemptStarted", "StageStarted"]
    assert not agrees(traffic, story.candidate, 40, seen.traffic["appliedAt"])
    assert not traffic.seen().failed


def _until_scraped(story: Story) -> None:
    """Returns when Prometheus has known both arms for longer than the first block reaches back.

    Before that their first block is dropped, for nobody knows where they began to count.
    """
    both = f'envoy_cluster_name=~"({story.baseline}|{story.candidate})_.*"'
    query = f"count(last_over_time(envoy_cluster_upstream_rq_total{{{both}}}[1m]))"
    story.until(lambda: story.ask(query, time.time() - 2 * INTERVAL_SECONDS) == 2, "Prometheus knows both arms")


def _looks_on(story: Story, looks: int) -> None:
    """Returns after more looks than are gathered for one write."""
    story.until_rollout(lambda seen: seen.status["looks"] >= looks + 5, "it looks on")


def _is_open(seen: Rollout) -> bool:
    """True while the evidence does not suffice for a verdict."""
    return bool(seen.status["verdict"] == "Inconclusive")


def _samples(seen: Rollout) -> int:
    guardrail = seen.guardrail("errors")
    return sum(guardrail.get(arm, {}).get("samples", 0) for arm in ("baseline", "candidate"))


def _completed(story: Story, at: float) -> float:
    """Requests that Envoy had completed for both arms by then, as Prometheus knows it."""
    clusters = f'envoy_cluster_name=~"({story.baseline}|{story.candidate})_.*"'
    query = f"sum(last_over_time(envoy_cluster_upstream_rq_completed{{{clusters}}}[1m]))"
    return story.ask(query, at)
