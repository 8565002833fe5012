"""A good candidate takes over, stage by stage, and no client notices."""

from __future__ import annotations

from itertools import pairwise

import pytest

from e2e.rollouts import ERRORS, Object, Rollout, on_soak, stage
from e2e.story import Story, agrees, within

pytestmark = pytest.mark.stack

LATENCY_ON_A_BUSY_MACHINE: Object = {"name": "latency", "latency": {"floor": "500ms"}}
WEIGHTS = [5, 25, 50, 100]


def test_a_good_candidate_is_promoted_and_no_client_notices(story: Story) -> None:
    story.serve_both()
    with story.clients(per_second=80) as traffic:
        begun = traffic.seen().answers[-1].at
        story.begin(
            [on_soak(5, requests=10), on_soak(25, requests=50), stage(50), stage(100)],
            guardrails=[ERRORS, LATENCY_ON_A_BUSY_MACHINE],
        )
        taken = [story.until_at(number, weight).traffic for number, weight in enumerate(WEIGHTS, 1)]
        promoted = story.until_rollout(lambda seen: seen.phase == "Healthy", "it is promoted")

    assert not traffic.seen().failed
    bounds = [*(at["writtenAt"] for at in taken[1:]), float("inf")]
    assert not list(filter(None, (
        agrees(traffic, story.candidate, weight, at["appliedAt"], end)
        for weight, at, end in zip(WEIGHTS, taken, bounds, strict=True)
    )))  # fmt: skip
    assert traffic.seen(taken[-1]["appliedAt"]).share(story.candidate) == 100
    assert within(traffic, begun, taken[0]["writtenAt"]).share(story.candidate) == 0
    _tells_its_story(story, promoted)


def _tells_its_story(story: Story, promoted: Rollout) -> None:
    decided = ["AttemptStarted", *["StageStarted"] * 4, "Promoted"]
    assert promoted.reasons == decided
    story.until_told(decided)
    assert [event["reason"] for event in story.events()] == decided, "the split was doubted though it was as written"
    times = [entry["time"] for entry in reversed(promoted.status["history"])]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert story.split == {story.baseline: 0, story.candidate: 100}
    assert promoted.is_true("Ready")
    assert not promoted.is_true("Stalled")
    assert promoted.status["stageSummary"] == "4/4"
    assert _columns(story) == {
        "NAME": story.name,
        "PHASE": "Healthy",
        "STAGE": "4/4",
        "WEIGHT": "100",
        "CANDIDATE": story.candidate,
    }


def _columns(story: Story) -> dict[str, str]:
    """What `kubectl get` shows of the rollout, without its age."""
    titles, row = (line.split() for line in story.kubectl("get", "rollouts", story.name).splitlines())
    return {title: cell for title, cell in zip(titles, row, strict=True) if title != "AGE"}
