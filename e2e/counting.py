"""What a rollout's evidence counted, beside what Envoy counted and what clients saw."""

from __future__ import annotations

import time

from e2e.rollouts import Object, Rollout
from e2e.story import Story
from e2e.traffic import Traffic

INTERVAL_SECONDS = 2.0
# Nothing passes it within a story: until then everything rests on what was counted.
NEVER_DONE: Object = {"name": "errors", "errorRate": {"floor": "0.02%"}}
LATEST_SECONDS = 5.0
"""So old a counter's last known value may be when a block begins or ends."""


def until_scraped(story: Story) -> None:
    """Returns when Prometheus has known both arms for longer than the first block reaches back.

    Before that their first block is dropped, for nobody knows where they began to count.
    """
    query = f"count(last_over_time(envoy_cluster_upstream_rq_total{{{_both(story)}}}[1m]))"
    story.until(lambda: story.ask(query, time.time() - 2 * INTERVAL_SECONDS) == 2, "Prometheus knows both arms")


def samples(seen: Rollout) -> int:
    """Requests of both arms in the evidence."""
    guardrail = seen.guardrail("errors")
    return sum(guardrail.get(arm, {}).get("samples", 0) for arm in ("baseline", "candidate"))


def miscounted(story: Story, seen: Rollout, traffic: Traffic) -> str:
    """Empty when every request since the evidence began is in it once, else a sentence.

    What clients saw says it too, within bounds: whoever asked after the beginning and had the answer before the end is
    in it, and nobody is whose answer came before or who asked later. How long answers take does not matter.
    """
    since, until = seen.counted_from, float(seen.status["lastLookAt"])
    counted = _completed(story, until) - _completed(story, since)
    answers = [answer for answer in traffic.seen().answers if answer.arm]
    least = sum(since < one.at and one.at + one.seconds < until - LATEST_SECONDS for one in answers)
    most = sum(since - LATEST_SECONDS < one.at + one.seconds and one.at < until for one in answers)
    if samples(seen) == counted and least <= counted <= most:
        return ""
    return f"{samples(seen)} samples; Envoy completed {counted:.0f} requests, and clients know of {least} to {most}"


def _completed(story: Story, at: float) -> float:
    """Requests that Envoy had completed for both arms by then, as Prometheus knows it."""
    return story.ask(f"sum(last_over_time(envoy_cluster_upstream_rq_completed{{{_both(story)}}}[1m]))", at)


def _both(story: Story) -> str:
    return f'envoy_cluster_name=~"({story.baseline}|{story.candidate})_.*"'
