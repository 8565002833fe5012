"""Seldon says one thing and its proxy does another: what clients see decides."""

from __future__ import annotations

import time

import pytest

from e2e.rollouts import on_soak, stage
from e2e.story import Story, agrees, within

pytestmark = pytest.mark.stack

APPLY_DEADLINE_SECONDS = 10.0


@pytest.mark.parametrize("held", [1, 2], ids=["first stage", "second stage"])
def test_weights_that_the_proxy_holds_back_are_written_again(story: Story, held: int) -> None:
    story.serve_both()
    weights = [40, 70]
    with story.clients(per_second=100) as traffic, story.watching_weights() as written:
        if held == 1:
            story.begin([on_soak(40), on_soak(70), stage(100)], paused=True)
            story.until_rollout(lambda seen: seen.weight_in_force == 0, "all traffic is on the baseline")
        else:
            story.begin([on_soak(40, soak="8s"), on_soak(70), stage(100)])
            story.until_at(1, 40)
        story.fault("PUT", f"hold-edit/{story.name}")
        story.edit(paused=False)
        told = story.until(
            lambda: [event for event in story.events() if event["reason"] == "SplitNotAsWritten"], "it notices"
        )
        again = story.until_rollout(
            lambda seen: (
                seen.stage == held and seen.traffic["scale"] == 10 and seen.weight_in_force == weights[held - 1]
            ),
            "the weights are written in other numbers",
        )
        going_on = story.until_rollout(lambda seen: seen.stage == held + 1, "it goes on")

    low = weights[held - 1]
    assert (1000 - 10 * low, 10 * low) in written
    assert "written again in other numbers" in told[0]["note"]
    assert len(told) == 1
    assert not agrees(traffic, story.candidate, low, again.traffic["appliedAt"], going_on.traffic["writtenAt"])
    assert not traffic.seen().failed


def test_weights_written_around_a_restart_of_the_scheduler_are_in_force_after_the_deadline(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic:
        story.begin([on_soak(40), on_soak(70), stage(100)], paused=True)
        story.until_rollout(lambda seen: seen.weight_in_force == 0, "all traffic is on the baseline")
        story.fault("PUT", "scheduler")
        story.fault("DELETE", "scheduler?attach_seconds=3600")
        story.edit(paused=False)
        story.until(lambda: story.weights.get(story.candidate) == 40, "the weights of stage 1 are written")
        written_at = time.time()
        story.until(lambda: traffic.seen(written_at).arms.total() > 60, "clients ask on")
        attached_at = time.time()
        story.fault("DELETE", "scheduler?attach_seconds=0")
        at = story.until_at(1, 40)
        going_on = story.until_at(2, 70)

    assert at.traffic["appliedAt"] - at.traffic["writtenAt"] >= APPLY_DEADLINE_SECONDS
    assert within(traffic, written_at, attached_at).share(story.baseline) == 100
    assert not agrees(traffic, story.candidate, 40, at.traffic["appliedAt"], going_on.traffic["writtenAt"])
    assert not traffic.seen().failed
