"""A candidate that cannot serve gets no traffic, and nobody has to start anything when it can."""

from __future__ import annotations

import pytest

from e2e.rollouts import on_soak, stage
from e2e.story import MODELS, Story, storage

pytestmark = pytest.mark.stack

STAGES = [on_soak(25, soak="600s"), stage(100)]


def test_a_candidate_that_never_becomes_ready_gets_no_traffic_until_it_is_repaired(story: Story) -> None:
    story.serve(story.baseline, "baseline")
    story.make_model(story.candidate, "/no/such/model")
    with story.clients() as traffic:
        story.begin(STAGES)
        waits = story.until_rollout(
            lambda seen: "is not ready: ModelFailed" in seen.condition("CandidatesReady")[1], "it says what is wrong"
        )
        asked = len(traffic.seen().answers)
        story.until(lambda: len(traffic.seen().answers) > asked + 600, "clients ask on")
        still = story.rollout
        assert traffic.seen().share(story.baseline) == 100
        assert story.experiment is None
        story.patch(MODELS, story.candidate, {"spec": {"storageUri": storage("enhanced")}})
        going_on = story.until_at(1, 25)
        story.until(lambda: traffic.newest(5).share(story.candidate) > 5, "clients see the candidate")

    status, sentence = waits.condition("CandidatesReady")
    assert status == "False"
    assert sentence.startswith(f"Model {story.candidate} is not ready: ")
    assert (still.phase, still.stage, still.message) == ("Pending", 0, sentence)
    assert not still.is_true("Stalled")
    assert going_on.is_true("CandidatesReady")
    assert not traffic.seen().failed


def test_a_candidate_that_does_not_exist_gets_no_traffic_until_it_does(story: Story) -> None:
    story.serve(story.baseline, "baseline")
    with story.clients() as traffic:
        story.begin(STAGES)
        sentence = f"Model {story.candidate} does not exist: create it, or correct its name"
        story.until_rollout(
            lambda seen: seen.condition("CandidatesReady") == ("False", sentence), "it says what is missing"
        )
        assert story.experiment is None
        story.serve(story.candidate)
        story.until_at(1, 25)

    assert not traffic.seen().failed
