"""Grafana's dashboards on the running stack: each query has an answer, and a rollout that is gone leaves no series."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest

from e2e import dashboards
from e2e.dashboards import Query
from e2e.rollouts import ACCURACY, ERRORS, LATENCY, PROFIT, stage
from e2e.story import ROLLOUTS, Story
from e2e.traffic.labels import Labelling

pytestmark = pytest.mark.stack

QUERIES = list(dashboards.queries(dashboards.read()))
MAY_BE_EMPTY = {
    "rollouts: How long attempts take": "no attempt has ended",
    "rollouts: Weights put right": "nobody else changed any",
    **dict.fromkeys(map(str, (q for q in QUERIES if q.where == "mark Ended")), "no attempt has ended"),
    **dict.fromkeys(map(str, (q for q in QUERIES if q.where == "mark Stage")), "the stage began a minute ago"),
}
GRAFANAS = {"__rate_interval": "15s", "__range": "1m", "window": "1m"}


def test_every_query_has_an_answer_while_a_rollout_runs_and_the_rollouts_own_end_with_it(story: Story) -> None:
    story.serve_both()
    story.serve_feedback()
    labelling = Labelling(story.feedback, delay_seconds=1.0)
    # A busy machine is no harm of the candidate, nor is chance: it goes on whatever they find.
    rails = [ERRORS, *({**rail, "action": "Report"} for rail in (LATENCY, ACCURACY, PROFIT))]
    asked = [query for query in QUERIES if str(query) not in MAY_BE_EMPTY]
    with story.clients(labelling=labelling):
        story.begin([stage(50, soak="300s"), stage(100)], guardrails=rails)
        story.until_at(1, 50)
        story.kubectl("annotate", "mro", story.name, "modelrollout.io/action=pause@dashboards?by=alice")
        story.until(lambda: not _unanswered(story, asked), "every query has an answer")
        answers = {query: _answer(story, query) for query in QUERIES}

    for query, answer in answers.items():
        for series in answer:
            assert not series["metric"] or query.labels() <= set(series["metric"]), str(query)
    story.delete(ROLLOUTS, story.name)
    story.until(lambda: not _own_series(story), "its series are gone")


def test_only_queries_that_exist_are_excused() -> None:
    assert set(MAY_BE_EMPTY) <= set(map(str, QUERIES))


def _unanswered(story: Story, queries: list[Query]) -> list[str]:
    return [str(query) for query in queries if not _answer(story, query)]


def _answer(story: Story, query: Query) -> list[dict[str, Any]]:
    """Series that Prometheus gives for the query about this story's rollout."""
    values = {
        **GRAFANAS,
        "namespace": story.stack.namespace,
        "modelrollout": story.name,
        "baseline": story.baseline,
        "candidate": story.candidate,
        "where": ".*",
        "guardrail": "latency",
    }
    return _series(story, query.filled(values))


def _own_series(story: Story) -> list[dict[str, Any]]:
    return _series(story, f'{{modelrollout="{story.name}"}}')


def _series(story: Story, query: str) -> list[dict[str, Any]]:
    asked = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{story.stack.prometheus_url}/api/v1/query?{asked}") as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found
