"""Guardrails on what comes true: the truth arrives later, through a model that counts it, and decides."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from e2e.rollouts import ACCURACY, ERRORS, PROFIT, Object, Rollout, stage
from e2e.story import EXPERIMENTS, MODELS, Story, storage
from e2e.traffic import Outcome, Traffic
from e2e.traffic.labels import Labelling, Quality, Teller, Truth

pytestmark = pytest.mark.stack

PER_SECOND = 80.0
GOOD, WORSE = Quality(accuracy=0.92), Quality(accuracy=0.72)
SLIGHTLY_WORSE = Quality(accuracy=0.8, profit_mean=0.5)
EARNS, LOSES = Quality(profit_mean=0.5), Quality(profit_mean=-0.3)
STAGES = [stage(50), stage(100)]
SECONDS_TO_END = 600.0
YOUNGEST = 1.2  # seconds from a prediction to its label, while clients ask; in the end they tell at once what is left
AGES = "model_prediction_age_seconds_count"
COUNTERS = (
    "model_predictions_labelled_total", "model_predictions_correct_total", "model_profit_count_total", AGES,
)  # fmt: skip
MANY_LABELS = 300  # more than come between a restart and the next scrape
SEED = 7
"""Chance may always be against a good candidate, or for a bad one, in one story of twenty. With this seed both arms
stay within 2.3 standard deviations of how good they are, wherever one begins to count."""


# -- counting


def test_each_label_of_the_market_is_counted_exactly_once(story: Story) -> None:
    arms = _split(story)
    labelling = Labelling(story.feedback, delay_seconds=YOUNGEST, spread_seconds=0.8, lost=0.1, repeated=0.3)
    with story.clients(PER_SECOND, labelling=labelling) as traffic:
        story.until(lambda: min(len(_told(traffic, arm)) for arm in arms) > 200, "labels about both arms are told")
        story.until(lambda: min(_counted(story, AGES, arm) for arm in arms) > 100, "Prometheus has ages")
        ages = [(_younger(story, arm, "1.0"), _younger(story, arm, "60.0") > 0) for arm in arms]
    told, truth = {arm: _told(traffic, arm) for arm in arms}, _teller(traffic).truth
    story.until(lambda: _counts(story, arms) == _counts_of(truth), "Prometheus has every label")

    assert (_teller(traffic).refused, _teller(traffic).given_up) == ([], 0)
    assert ages == [(0, True), (0, True)]
    for arm in arms:
        assert 0.75 * traffic.seen().arms[arm] < truth[arm].labelled < 0.99 * traffic.seen().arms[arm]
        assert _accuracy(story, arm) == truth[arm].correct / truth[arm].labelled
        assert _counted(story, "model_profit_sum", arm) == pytest.approx(truth[arm].profit_sum)
        assert _counted(story, "model_profit_sum_of_squares_total", arm) == pytest.approx(
            truth[arm].profit_sum_of_squares
        )
        assert _counted(story, "model_feedback_repeated_total", arm) > 0
        waits = sum(outcome.told_at - outcome.predicted_at for outcome in told[arm])
        assert 0 < _counted(story, "model_prediction_age_seconds_sum", arm) < waits
        assert all(outcome.regime for outcome in told[arm])
    correct, labelled = (sum(getattr(one, count) for one in truth.values()) for count in ("correct", "labelled"))
    assert correct / labelled > 0.58  # of 600 or more; the market's own are no toss of a coin


# -- deciding


def test_a_less_accurate_candidate_is_rolled_back(story: Story) -> None:
    with _labelled(story, GOOD, WORSE) as traffic:
        story.begin(STAGES, guardrails=[ERRORS, ACCURACY])
        ended = _ended(story)
        story.until(lambda: traffic.seen(ended.traffic["appliedAt"]).arms.total() > 120, "clients ask on")

    assert ended.message.startswith("Rolled back at stage 1 of 2 (50 %): accuracy failed"), ended.message
    assert traffic.seen(ended.traffic["appliedAt"]).share(story.candidate) == 0
    rates = [ended.guardrail("accuracy")[arm]["rate"] for arm in ("baseline", "candidate")]
    assert rates == pytest.approx([GOOD.accuracy, WORSE.accuracy], abs=0.15)
    assert not traffic.seen().failed


def test_a_candidate_that_loses_money_is_rolled_back(story: Story) -> None:
    with _labelled(story, EARNS, LOSES) as traffic:
        story.begin(STAGES, guardrails=[ERRORS, PROFIT])
        ended = _ended(story)

    assert ended.message.startswith("Rolled back at stage 1 of 2 (50 %): profit failed"), ended.message
    assert not traffic.seen().failed


def test_a_candidate_that_is_as_right_and_earns_as_much_is_promoted(story: Story) -> None:
    with _labelled(story, EARNS, EARNS) as traffic:
        story.begin(STAGES, guardrails=[ERRORS, ACCURACY, PROFIT])
        ended = _ended(story)

    assert ended.reasons == ["AttemptStarted", "StageStarted", "StageStarted", "Promoted"]
    assert not traffic.seen().failed


# -- what changes no verdict


def test_late_labels_change_no_verdict(corner: Callable[[str], Story]) -> None:
    good, bad = corner("good"), corner("bad")
    late: dict[str, Any] = {"delay_seconds": 4.0, "spread_seconds": 2.0, "lost": 0.2}
    with _labelled(good, EARNS, EARNS, **late), _labelled(bad, EARNS, SLIGHTLY_WORSE, **late):
        for one in (good, bad):
            one.begin(STAGES, guardrails=[_late(ACCURACY, "6s"), _late(PROFIT, "6s")])
        ended = [_ended(one).status["outcome"] for one in (good, bad)]

    assert ended == ["Promoted", "RolledBack"]


def test_labels_about_the_version_before_are_not_held_against_the_new_one(story: Story) -> None:
    versions = {f"{story.candidate}_1": WORSE, f"{story.candidate}_2": GOOD}
    with _labelled(story, GOOD, GOOD, versions, delay_seconds=20.0, spread_seconds=2.0) as traffic:
        story.begin(STAGES, guardrails=[_late(ACCURACY, "30s")])
        story.until(lambda: traffic.seen().arms[story.candidate] > 120, "the bad version has answered")
        story.patch(MODELS, story.candidate, {"spec": {"storageUri": storage("lightweight")}})
        begun = story.until_rollout(lambda seen: seen.attempt == 2 and seen.is_at(1, 50), "the new one is at 50 %")
        ended = _ended(story)

    bad = f'model_predictions_labelled_total{{model="{story.candidate}", model_version="1"}}'
    assert story.ask(bad) > story.ask(bad, begun.traffic["appliedAt"])
    assert (ended.attempt, ended.status["outcome"]) == (2, "Promoted"), ended.message


def test_counters_that_begin_again_change_no_verdict(story: Story, corner: Callable[[str], Story]) -> None:
    good, bad = corner("good"), corner("bad")
    mlserver = story.stack.part("mlserver")
    with _labelled(good, EARNS, EARNS), _labelled(bad, EARNS, SLIGHTLY_WORSE):
        for one in (good, bad):
            one.begin([stage(30, soak="12s"), stage(100)], guardrails=[ACCURACY, PROFIT], paused=True)
        for one in (good, bad):
            one.until_rollout(lambda seen: seen.weight_in_force == 0, "all traffic is on the baseline")
        for one in (good, bad):
            one.edit(paused=False)
        for one in (good, bad):
            one.until_rollout(lambda seen: seen.weight_in_force == 30, "its first stage is in force")
        labelled = f'sum(model_predictions_labelled_total{{model="{good.baseline}"}})'
        counted, killed_at = story.until(lambda: _many(story, labelled), "labels were counted before"), time.time()
        mlserver.kill()
        mlserver.start()
        ended = [_ended(one).status["outcome"] for one in (good, bad)]
        ended_at = time.time()

    assert ended == ["Promoted", "RolledBack"]
    fewest = f"min_over_time({labelled}[{ended_at - killed_at:.0f}s:1s])"
    assert 0 < story.ask(fewest, ended_at) < counted


# -- how it is told


@contextmanager
def _labelled(
    story: Story, baseline: Quality, candidate: Quality, versions: dict[str, Quality] | None = None, **more: Any
) -> Iterator[Traffic]:
    """Clients of both models who tell what became of the answers, and of whom Prometheus has heard."""
    story.serve_both()
    story.serve_feedback()
    labelling = story.labelling(baseline, candidate, seed=SEED, **more)
    labelling = replace(labelling, arms={**labelling.arms, **(versions or {})})
    with story.clients(PER_SECOND, labelling=labelling) as traffic:
        story.until(lambda: _counted(story, "model_predictions_labelled_total", story.baseline) > 0, "labels arrive")
        yield traffic
    assert not _teller(traffic).refused


def _many(story: Story, labelled: str) -> float | None:
    """How many labels were counted, once they are many."""
    counted = story.ask(labelled)
    return counted if counted > MANY_LABELS else None


def _ended(story: Story) -> Rollout:
    return story.until_rollout(lambda seen: seen.phase in {"Healthy", "Degraded"}, "it has ended", SECONDS_TO_END)


def _late(guardrail: Object, delay: str) -> Object:
    kind = "ratio" if "ratio" in guardrail else "mean"
    return {**guardrail, kind: {**guardrail[kind], "labelDelay": delay}}


def _teller(traffic: Traffic) -> Teller:
    assert traffic.teller is not None
    return traffic.teller


def _split(story: Story) -> tuple[str, str]:
    """Baseline and candidate, between which an Experiment splits what clients ask."""
    story.serve_both()
    story.serve_feedback()
    arms = [{"name": story.baseline, "weight": 70}, {"name": story.candidate, "weight": 30}]
    story.make(EXPERIMENTS, "Experiment", story.name, {"default": story.baseline, "candidates": arms})
    return story.baseline, story.candidate


def _told(traffic: Traffic, arm: str) -> list[Outcome]:
    return [outcome for outcome in traffic.outcomes() if outcome.arm == arm]


def _counts_of(truth: Mapping[str, Truth]) -> dict[str, list[float]]:
    """What each of COUNTERS has to be."""
    return {arm: [one.labelled, one.correct, one.labelled, one.labelled] for arm, one in truth.items()}


def _counts(story: Story, arms: Iterable[str]) -> dict[str, list[float]]:
    return {arm: [_counted(story, counter, arm) for counter in COUNTERS] for arm in arms}


def _accuracy(story: Story, arm: str) -> float:
    """As a dashboard asks for it."""
    counters = (f'sum({counter}{{model="{arm}"}})' for counter in COUNTERS[1::-1])
    return story.ask(" / ".join(counters))


def _younger(story: Story, arm: str, seconds: str) -> float:
    """Labels about this arm that arrived within so many seconds; one of the histogram's edges."""
    return story.ask(f'sum(model_prediction_age_seconds_bucket{{model="{arm}", le="{seconds}"}})')


def _counted(story: Story, counter: str, model: str) -> float:
    """What Prometheus has of a model in the namespace of the stories."""
    return story.ask(f'sum({counter}{{namespace="{story.stack.namespace}", model="{model}"}})')
