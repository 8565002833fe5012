"""Parts die in a stage and come back: the weight is held, and the evidence counts once."""

from __future__ import annotations

import pytest

from e2e.counting import INTERVAL_SECONDS, NEVER_DONE, miscounted, samples, until_scraped
from e2e.rollouts import Rollout, on_soak, stage
from e2e.story import Story, agrees, percents

pytestmark = pytest.mark.stack


def test_prometheus_dies_in_a_stage_and_the_weight_is_held(story: Story) -> None:
    prometheus, url = story.stack.part("prometheus"), story.stack.prometheus_url
    silent = f"Prometheus at {url} refuses the connection: is it running, on this port?"
    story.serve_both()
    with story.clients() as traffic:
        story.begin([on_soak(25, soak="12s"), stage(50, soak="600s"), stage(100)])
        story.until_rollout(lambda seen: seen.is_at(1, 25) and seen.is_true("MetricsAvailable"), "a look was made")
        prometheus.kill()
        blind = story.until_rollout(
            lambda seen: seen.condition("MetricsAvailable") == ("False", silent), "it says that it sees nothing"
        )
        asked = len(traffic.seen().answers)
        story.until(lambda: len(traffic.seen().answers) > asked + 600, "clients ask on for many looks")
        held = story.rollout
        prometheus.start()
        sees = story.until_rollout(lambda seen: seen.is_true("MetricsAvailable"), "it sees again")
        going_on = story.until_at(2, 50)

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
        until_scraped(story)
        story.begin([stage(40, soak="600s"), stage(100)], guardrails=[NEVER_DONE])
        begun = story.until_at(1, 40)
        for _ in range(2):
            story.until_rollout(lambda seen: samples(seen) > 0 and _is_open(seen), "some evidence was counted")
            looks = story.rollout.status["looks"]
            operator.kill()
            operator.start()
            _looks_on(story, looks)
        seen = story.rollout

    assert not miscounted(story, seen, traffic)
    assert percents(written) == [0, 40]
    assert seen.reasons == ["AttemptStarted", "StageStarted"]
    assert not agrees(traffic, story.candidate, 40, begun.traffic["appliedAt"])
    assert not traffic.seen().failed


def _looks_on(story: Story, looks: int) -> None:
    """Returns after more looks than are gathered for one write."""
    story.until_rollout(lambda seen: seen.status["looks"] >= looks + 5, "it looks on")


def _is_open(seen: Rollout) -> bool:
    """True while the evidence does not suffice for a verdict."""
    return bool(seen.status["verdict"] == "Inconclusive")
