"""The end of a rollout is what clients see, not what Seldon says: looks go on until their requests confirm it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.rollouts import ERRORS, Object, Rollout, on_soak, stage
from e2e.story import Story
from e2e.traffic import Traffic

pytestmark = pytest.mark.stack

WEIGHT = 30


def test_a_rollback_that_the_proxy_holds_back_is_written_again(story: Story) -> None:
    with _in_a_stage(story) as traffic:
        story.fault("PUT", f"hold-edit/{story.name}")
        _fail(story)
        told = story.until_rollout(_is_unsure, "Seldon's word is not believed")
        ended = story.until_rollout(_is_confirmed, "clients confirm it")
        after = _ask_on(story, traffic, ended.traffic["appliedAt"])

    assert told.condition("TrafficSynced")[1] == (
        "Seldon says that it took the weights; clients' requests have yet to confirm it."
    )
    assert traffic.seen(told.traffic["appliedAt"], ended.traffic["writtenAt"]).share(story.candidate) > WEIGHT / 2
    assert story.weights == {story.baseline: 1000, story.candidate: 0}
    assert after == 0
    assert _alarms_after_the_rollback(story) > 0
    assert "lookDueAt" not in ended.status
    assert not traffic.seen().failed


def test_a_rollback_that_does_not_reach_the_clients_is_said_until_it_does(story: Story) -> None:
    with _in_a_stage(story) as traffic:
        story.fault("PUT", "scheduler")
        _fail(story)
        told = story.until_rollout(
            lambda seen: bool(seen.traffic.get("mismatch")), "it says that clients still go there"
        )
        story.fault("DELETE", "scheduler?attach_seconds=1")
        ended = story.until_rollout(lambda seen: seen.is_true("TrafficSynced"), "clients confirm it")
        after = _ask_on(story, traffic, float(ended.status["lastLookAt"]))

    status, sentence = told.condition("TrafficSynced")
    assert (told.phase, status) == ("Degraded", "False")
    assert f"{story.candidate} answered " in sentence
    assert "requests, and its weight is 0: check that Seldon's scheduler reaches Envoy" in sentence
    assert told.message.endswith("; clients still reach it: see condition TrafficSynced")
    assert story.weights == {story.baseline: 1000, story.candidate: 0}
    assert _alarms_after_the_rollback(story) == 2
    assert (ended.phase, after) == ("Degraded", 0)
    assert "see condition" not in ended.message
    assert not traffic.seen().failed


def test_clients_who_pin_the_candidate_do_not_keep_a_rollback_from_its_end(story: Story) -> None:
    with _in_a_stage(story) as traffic:
        pinned = {"x-seldon-route": f":{story.candidate}_1:"}
        with Traffic(story.stack.data_plane_url, story.baseline, 4.0, headers=pinned) as loyal:
            _fail(story)
            ended = story.until_rollout(_is_confirmed, "clients confirm it")
            after = _ask_on(story, traffic, ended.traffic["appliedAt"])
            story.until(lambda: loyal.seen(ended.traffic["appliedAt"]).arms.total() > 0, "the loyal ask on")

    assert after == 0
    assert loyal.seen(ended.traffic["appliedAt"]).share(story.candidate) == 100
    assert story.decisions()[-1] == "RolledBack"
    assert not [*traffic.seen().failed, *loyal.seen().failed]


def test_weight_100_that_the_proxy_holds_back_is_written_again_before_the_promotion(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic:
        story.begin([stage(WEIGHT), stage(100)], guardrails=[ERRORS], paused=True)
        story.until_rollout(lambda seen: seen.weight_in_force == 0, "all traffic is on the baseline")
        story.edit(paused=False)
        story.until_at(1, WEIGHT)
        story.fault("PUT", f"hold-edit/{story.name}")
        ended = story.until_rollout(lambda seen: seen.phase == "Healthy", "it is promoted")
        confirmed = story.until_rollout(lambda seen: seen.is_true("TrafficSynced"), "clients confirm it")
        baseline_after = traffic.seen(ended.traffic["appliedAt"]).share(story.baseline)
        story.until(lambda: story.decisions()[-1] == "Promoted", "an Event says so")

    assert story.weights == {story.baseline: 0, story.candidate: 1000}
    assert [event["reason"] for event in story.events()][-2:] == ["SplitNotAsWritten", "Promoted"]
    assert baseline_after == 0
    assert (confirmed.phase, confirmed.weight_in_force) == ("Healthy", 100)
    assert not traffic.seen().failed


@contextmanager
def _in_a_stage(story: Story) -> Iterator[Traffic]:
    """A healthy candidate that has its weight in its first stage, and clients."""
    story.serve_both()
    with story.clients() as traffic:
        story.begin([on_soak(WEIGHT, soak="600s"), stage(100)], guardrails=[ERRORS, _limit(2)])
        story.until_at(1, WEIGHT)
        story.until_rollout(lambda seen: seen.soaked_seconds > 4, "whole looks were made with its weight")
        yield traffic


def _fail(story: Story) -> None:
    """The next look breaks a limit."""
    story.edit(guardrails=[ERRORS, _limit(0)])


def _limit(most: int) -> Object:
    return {"name": "one", "query": {"promql": "vector(1)", "max": str(most), "for": "0s"}}


def _is_confirmed(seen: Rollout) -> bool:
    return seen.phase == "Degraded" and seen.is_true("TrafficSynced")


def _alarms_after_the_rollback(story: Story) -> int:
    """How often it was told that requests do not go where they should."""
    reasons = [event["reason"] for event in story.events()]
    return reasons[reasons.index("RolledBack") :].count("SplitNotAsWritten")


def _is_unsure(seen: Rollout) -> bool:
    return seen.status.get("outcome") == "RolledBack" and seen.condition("TrafficSynced")[0] == "Unknown"


def _ask_on(story: Story, traffic: Traffic, since: float) -> float:
    """The candidate's share of some more seconds of clients' requests."""
    story.until(lambda: traffic.seen(since).arms.total() > 120, "clients ask on")
    return traffic.seen(since).share(story.candidate)
