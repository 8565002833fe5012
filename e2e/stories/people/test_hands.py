"""People reach in while a rollout is on: they change weights, pause, delete, and bring new versions."""

from __future__ import annotations

import json
import time

import pytest

from e2e.rollouts import on_soak, stage
from e2e.story import EXPERIMENTS, MODELS, ROLLOUTS, Story, agrees, percents, storage

pytestmark = pytest.mark.stack

LONG = "600s"


def test_weights_changed_by_hand_are_put_right(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic, story.watching_weights() as written:
        story.begin([stage(20, soak=LONG), stage(100)])
        applied = story.until_at(1, 20).traffic["appliedAt"]
        story.until(lambda: (80, 20) in written, "the watch has seen the weights")
        others = [{"name": story.baseline, "weight": 10}, {"name": story.candidate, "weight": 90}]
        story.kubectl(
            "patch", "experiment", story.name, "--type=merge", "-p", json.dumps({"spec": {"candidates": others}})
        )
        story.until(lambda: percents(written)[-2:] == [90, 20], "the weights are put right")
        told = story.until(
            lambda: [event for event in story.events() if event["reason"] == "WeightsChanged"], "an Event says so"
        )
        again = story.until_rollout(lambda seen: seen.is_at(1, 20) and seen.traffic["appliedAt"] > applied, "in force")
        story.until(lambda: traffic.seen(again.traffic["appliedAt"]).arms.total() > 300, "clients ask on")

    assert [event["note"] for event in told] == [
        f"kubectl-patch changed Experiment {story.name} to {story.baseline} 10, {story.candidate} 90: "
        f"put right to {story.baseline} 80, {story.candidate} 20"
    ]
    assert told[0]["type"] == "Warning"
    assert percents(written) == [0, 20, 90, 20]
    assert not agrees(traffic, story.candidate, 20, again.traffic["appliedAt"])
    assert again.reasons == ["AttemptStarted", "StageStarted"]
    assert not traffic.seen().failed


def test_a_rollout_is_deleted_in_a_stage(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic, story.watching_weights() as written:
        story.begin([stage(40, soak=LONG), stage(100)])
        story.until_at(1, 40)
        story.delete(ROLLOUTS, story.name)
        gone_at = _gone_at(story)
        story.until(lambda: traffic.seen(gone_at).arms.total() > 300, "clients ask on")

    assert percents(written) == [0, 40, 0]
    assert traffic.seen(gone_at).share(story.baseline) == 100
    assert not traffic.seen().failed
    _left_nothing_on(story)


def test_a_rollout_is_deleted_while_its_operator_is_down(story: Story) -> None:
    operator = story.stack.part("operator")
    story.serve_both()
    with story.clients() as traffic, story.watching_weights() as written:
        story.begin([stage(40, soak=LONG), stage(100)])
        story.until_at(1, 40)
        operator.kill()
        story.delete(ROLLOUTS, story.name)
        deleted_at = time.time()
        story.until(lambda: traffic.seen(deleted_at).arms.total() > 300, "clients ask on")
        waiting = story.get(ROLLOUTS, story.name)
        split = story.split
        started_at = time.time()
        operator.start()
        gone_at = _gone_at(story)
        story.until(lambda: traffic.seen(gone_at).arms.total() > 300, "clients ask on")

    assert waiting is not None
    assert waiting["metadata"]["deletionTimestamp"]
    assert split == {story.baseline: 60, story.candidate: 40}
    assert not agrees(traffic, story.candidate, 40, deleted_at, started_at)
    assert percents(written) == [0, 40, 0]
    assert traffic.seen(gone_at).share(story.baseline) == 100
    assert not traffic.seen().failed
    _left_nothing_on(story)


def test_a_paused_rollout_holds_and_goes_on(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic:
        story.begin([on_soak(25, soak="6s"), stage(50, soak=LONG), stage(100)])
        story.until_at(1, 25)
        story.edit(paused=True)
        paused = story.until_rollout(lambda seen: seen.phase == "Paused", "it is paused")
        looks = paused.status["looks"]
        held = story.until_rollout(lambda seen: seen.status["looks"] >= looks + 5, "it looks on for ten seconds")
        story.edit(paused=False)
        going_on = story.until_at(2, 50)

    assert paused.condition("Paused") == ("True", "spec.paused is true: set it to false to go on")
    assert paused.message == "spec.paused is true: set it to false to go on"
    assert (held.phase, held.stage, held.weight_in_force) == ("Paused", 1, 25)
    assert held.soaked_seconds < 6
    assert not going_on.is_true("Paused")
    assert going_on.reasons == ["AttemptStarted", "StageStarted", "StageStarted"]
    assert not agrees(traffic, story.candidate, 25, held.traffic["appliedAt"], going_on.traffic["writtenAt"])
    assert not traffic.seen().failed


def test_a_bad_candidate_is_rolled_back_from_a_pause(story: Story) -> None:
    story.serve_both(error_rate=0.3, fault_seed=2)
    story.begin([stage(20), stage(100)])
    story.until_at(1, 20)
    story.edit(paused=True)
    story.until_rollout(lambda seen: seen.phase == "Paused", "it is paused")
    with story.clients() as traffic:  # nobody has seen how bad it is before
        ended = story.until_rollout(lambda seen: seen.phase == "Degraded", "it is rolled back")
        story.until(lambda: traffic.seen(ended.traffic["appliedAt"]).arms.total() > 120, "clients ask on")

    assert ended.reasons == ["AttemptStarted", "StageStarted", "RolledBack"]
    assert "errors failed" in ended.message
    assert traffic.seen(ended.traffic["appliedAt"]).share(story.candidate) == 0


def test_a_new_version_of_the_candidate_begins_again_from_weight_0(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic, story.watching_weights() as written:
        story.begin([on_soak(20), stage(50, soak=LONG), stage(100)])
        story.until_at(2, 50)
        story.patch(MODELS, story.candidate, {"spec": {"storageUri": storage("lightweight")}})
        begun = story.until_rollout(lambda seen: seen.attempt == 2 and seen.is_at(1, 20), "a new attempt is at 20 %")
        going_on = story.until_at(2, 50)

    assert percents(written) == [0, 20, 50, 0, 20, 50]
    assert begun.reasons[-4:] == ["StageStarted", "Superseded", "AttemptStarted", "StageStarted"]
    superseded = begun.status["history"][2]["message"]
    assert superseded == f"Superseded attempt 1: model {story.candidate} got a new version"
    assert begun.guardrail("errors").get("candidate", {}).get("samples", 0) == 0
    assert not agrees(traffic, story.candidate, 20, begun.traffic["appliedAt"], going_on.traffic["writtenAt"])
    assert not traffic.seen().failed


def _gone_at(story: Story) -> float:
    """When the rollout and its Experiment were gone (Unix seconds): Seldon lets go of one that no request meets."""
    story.until_gone(ROLLOUTS, story.name)
    story.until_gone(EXPERIMENTS, story.name)
    return time.time()


def _left_nothing_on(story: Story) -> None:
    """Nothing of the rollout is left, and its Models are as they were."""
    assert story.get(ROLLOUTS, story.name) is None
    assert story.experiment is None
    for name in (story.baseline, story.candidate):
        metadata = (story.get(MODELS, name) or {})["metadata"]
        assert not [one for one in metadata.get("finalizers", []) if "modelrollout" in one]
        assert not [one for one in metadata.get("annotations") or {} if "modelrollout" in one]
        assert not metadata.get("ownerReferences")
