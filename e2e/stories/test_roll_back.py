"""A bad candidate is rolled back in its first stage, for the reason that a person would give."""

from __future__ import annotations

import pytest

from e2e.rollouts import ERRORS, LATENCY, Rollout, stage
from e2e.story import Story

pytestmark = pytest.mark.stack

STAGES = [stage(20), stage(60), stage(100)]


def test_a_slow_candidate_is_rolled_back(story: Story) -> None:
    story.serve_both(delay_ms=400)
    with story.clients() as traffic:
        story.begin(STAGES, guardrails=[ERRORS, LATENCY])
        ended = _rolled_back(story)
        gone_at = ended.traffic["appliedAt"]
        story.until(lambda: traffic.seen(gone_at).arms.total() > 120, "clients ask on")

    assert traffic.seen(gone_at).share(story.candidate) == 0
    assert not traffic.seen().failed
    assert "Rolled back at stage 1 of 3 (20 %): latency failed" in ended.message
    assert ended.guardrail("latency")["verdict"] == "Fail"
    assert ended.guardrail("errors")["verdict"] != "Fail"


def test_an_erring_candidate_is_rolled_back_though_retries_hide_its_errors(story: Story) -> None:
    story.serve_both(error_rate=0.3, fault_seed=1)
    with story.clients() as traffic:
        story.begin(STAGES, guardrails=[ERRORS])
        ended = _rolled_back(story)
        gone_at = ended.traffic["appliedAt"]
        story.until(lambda: traffic.seen(gone_at).arms.total() > 120, "clients ask on")

    seen = [answer for answer in traffic.seen().answers if answer.arm == story.candidate]
    failed_for_clients = sum(not answer.is_ok for answer in seen) / len(seen)
    assert traffic.seen(gone_at).share(story.candidate) == 0
    assert "Rolled back at stage 1 of 3 (20 %): errors failed" in ended.message
    assert ended.guardrail("errors")["candidate"]["rate"] > 0.15 > 3 * failed_for_clients


def _rolled_back(story: Story) -> Rollout:
    """The rollout once it is, and says so in every place where people and tools look."""
    ended = story.until_rollout(lambda seen: seen.phase == "Degraded", "it is rolled back")
    assert ended.status["outcome"] == "RolledBack"
    assert ended.reasons == ["AttemptStarted", "StageStarted", "RolledBack"]
    assert ended.condition("Stalled") == ("True", ended.message)
    assert not ended.is_true("Ready")
    assert ended.condition("GuardrailsPassing")[0] == "False"
    story.until_told(ended.reasons)
    assert story.split == {story.baseline: 100, story.candidate: 0}
    return ended
