"""Real models about a market whose truth comes later: what is wrong more often is rolled back, and a market that turns
rolls back nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rolloutmodels.climates import CALM, VOLATILE

from e2e.demo import market
from e2e.rollouts import ACCURACY, ERRORS, Object, on_soak, stage
from e2e.story import Story
from e2e.traffic import Traffic
from e2e.traffic.labels import Labelling

pytestmark = pytest.mark.stack

PER_SECOND, WINDOWS = 40.0, 8
SECONDS_TO_END = 300.0


def test_a_market_that_turns_rolls_back_nobody(story: Story) -> None:
    """Both arms are wrong more often from one look to the next, the candidate by far more than it may be worse."""
    with _asked(story, "enhanced") as traffic:
        traffic.rule(CALM)
        story.begin([on_soak(25, "6s", 100), stage(50), stage(100)], guardrails=[ERRORS, _accuracy("3pp")])
        story.until_at(1, 25)
        story.until(lambda: len(traffic.outcomes()) > 2000, "there are labels of calm times")
        turned = story.until_at(2, 50).traffic["appliedAt"]
        traffic.rule(VOLATILE)
        ended = story.until_rollout(lambda seen: seen.phase in {"Healthy", "Degraded"}, "it has ended", SECONDS_TO_END)

    told = traffic.outcomes()
    before = market.accuracies(one for one in told if one.predicted_at < turned)[story.baseline]
    after = market.accuracies(one for one in told if one.predicted_at > turned + 2)[story.baseline]
    assert ended.status["outcome"] == "Promoted", ended.message
    assert before - after > 3
    assert not traffic.seen().failed


def test_a_faster_model_that_is_wrong_more_often_is_rolled_back(story: Story) -> None:
    with _asked(story, "lightweight") as traffic:
        story.begin([stage(50), stage(100)], guardrails=[ERRORS, _accuracy("1pp")])
        ended = story.until_rollout(lambda seen: seen.phase in {"Healthy", "Degraded"}, "it has ended", SECONDS_TO_END)

    assert ended.message.startswith("Rolled back at stage 1 of 2 (50 %): accuracy failed"), ended.message
    assert not traffic.seen().failed


def _accuracy(most: str) -> Object:
    return {**ACCURACY, "ratio": {**ACCURACY["ratio"], "maxDrop": most, "labelDelay": "2s"}}


@contextmanager
def _asked(story: Story, candidate: str) -> Iterator[Traffic]:
    """Clients who ask for eight predictions at a time, and tell what came true."""
    story.serve(story.baseline, "baseline")
    story.serve(story.candidate, candidate)
    story.serve_feedback()
    with story.clients(PER_SECOND, labelling=Labelling(story.feedback), windows=WINDOWS) as traffic:
        story.until(lambda: traffic.outcomes(), "labels are told")
        yield traffic
    assert traffic.teller is not None
    assert not traffic.teller.refused
