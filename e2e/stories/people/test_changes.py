"""What changes under a running rollout: guardrails, stages, its Experiment and the candidate's Model."""

from __future__ import annotations

import time

import pytest

from e2e.rollouts import ERRORS, Object, on_soak, stage
from e2e.story import EXPERIMENTS, MODELS, Story, within

pytestmark = pytest.mark.stack

LONG = "300s"
QUEUE: Object = {"name": "queue", "query": {"promql": "vector(1)", "max": "2"}}


def test_a_rollout_survives_every_change_in_mid_stage(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic:
        story.begin([on_soak(10, soak="2s"), stage(30, soak=LONG), stage(100)])
        first = story.until_at(2, 30)
        story.edit(
            guardrails=[ERRORS | {"critical": True}, QUEUE], strategy={"canary": {"stages": _plan(30, "2000ms", "5m")}}
        )
        edited = story.until_rollout(
            lambda seen: "PolicyChanged" in seen.reasons and seen.is_at(2, 30), "the guardrails are others"
        )
        uid = (story.experiment or {})["metadata"]["uid"]
        story.delete(EXPERIMENTS, story.name)
        story.until(lambda: (story.experiment or {}).get("metadata", {}).get("uid", uid) != uid, "it is there again")
        made_again = story.until_at(2, 30)
        story.delete(MODELS, story.candidate)
        sentence = f"Model {story.candidate} does not exist: create it, or correct its name"
        story.until_rollout(
            lambda seen: seen.condition("CandidatesReady") == ("False", sentence), "it says what is gone"
        )
        alone_since = time.time()
        story.until(lambda: traffic.seen(alone_since).arms.total() > 120, "clients ask on")
        alone_until = time.time()
        story.serve(story.candidate, "lightweight")
        story.until_rollout(lambda seen: seen.attempt == 2 and seen.is_at(2, 30), "a new attempt is at 30 %")
        story.edit(strategy={"canary": {"stages": [stage(40, soak=LONG), stage(100)]}})
        ended = story.until_rollout(lambda seen: seen.attempt == 3 and seen.is_at(1, 40), "the new plan is followed")

    assert edited.attempt == 1
    assert made_again.attempt == 1
    assert made_again.traffic["experimentUid"] != first.traffic["experimentUid"]
    assert within(traffic, alone_since, alone_until).share(story.candidate) == 0
    superseded = [one for one in reversed(ended.status["history"]) if one["reason"] == "Superseded"]
    assert [one["message"] for one in superseded] == [
        f"Superseded attempt 1: model {story.candidate} got a new version",
        "Superseded attempt 2: the models or the stages of the spec changed",
    ]
    assert all(one["by"] for one in superseded)
    assert ended.status["stageSummary"] == "1/2"


def _plan(weight: int, *soaks: str) -> list[Object]:
    """The plan that the story begins with, its durations written otherwise."""
    return [on_soak(10, soak=soaks[0]), stage(weight, soak=soaks[1]), stage(100)]
