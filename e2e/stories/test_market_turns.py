"""Real models about a market whose truth comes later: what is wrong more often is rolled back, and a market that turns
rolls back nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from rolloutmodels.climates import CALM, VOLATILE

from e2e.rollouts import ACCURACY, ERRORS, Object, on_soak, stage
from e2e.story import Story
from e2e.traffic import Outcome, Traffic
from e2e.traffic.labels import Labelling

pytestmark = pytest.mark.stack

PER_SECOND, WINDOWS = 40.0, 8
SECONDS_TO_END = 600.0
# With the usual 5 % chance alone would roll this candidate back in one run of a thousand.
LITTLE_CHANCE: Object = {"interval": "2s", "alpha": "0.01%"}


def test_a_market_that_turns_rolls_back_nobody(story: Story) -> None:
    """Both arms are wrong more often from one look to the next, the candidate by far more than it may be worse."""
    with _asked(story, "enhanced") as traffic:
        traffic.rule(CALM)
        stages = [on_soak(25, "6s", 100), stage(50), stage(100)]
        story.begin(stages, guardrails=[ERRORS, _accuracy("4pp")], analysis=LITTLE_CHANCE)
        story.until_at(1, 25)
        story.until(lambda: len(traffic.outcomes()) > 2000, "there are labels of calm times")
        story.until_at(2, 50)
        traffic.rule(VOLATILE)
        turned = time.time()
        ended = story.until_rollout(lambda seen: seen.phase in {"Healthy", "Degraded"}, "it has ended", SECONDS_TO_END)

    before = [one for one in traffic.outcomes() if one.predicted_at < turned]
    after = [one for one in traffic.outcomes() if one.predicted_at > turned + 5]
    assert ended.status["outcome"] == "Promoted", ended.message
    assert {one.regime for one in after} == {"volatile"}
    assert _correct_percent(before) - _correct_percent(after) > 1.5  # 6 by the market's law, give or take 1
    assert not traffic.seen().failed


def test_a_faster_model_that_is_wrong_more_often_is_rolled_back(story: Story) -> None:
    with _asked(story, "lightweight") as traffic:
        story.begin([stage(50), stage(100)], guardrails=[ERRORS, _accuracy("1pp")])
        ended = story.until_rollout(lambda seen: seen.phase in {"Healthy", "Degraded"}, "it has ended", SECONDS_TO_END)

    assert ended.message.startswith("Rolled back at stage 1 of 2 (50 %): accuracy failed"), ended.message
    assert not traffic.seen().failed


def _correct_percent(told: list[Outcome]) -> float:
    return 100 * sum(one.is_correct for one in told) / len(told)


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
