"""A spec that cannot be followed is refused in one sentence, and nothing comes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.rollouts import ERRORS, Object, on_soak, stage
from e2e.stack import CommandError
from e2e.story import ROLLOUTS, Story

pytestmark = pytest.mark.stack

CANARY = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/strategy/properties/canary"
RULES = f"{CANARY}/x-kubernetes-validations"
RISING = "weights must rise from stage to stage, for example 5, 25, 50, 100"


@pytest.mark.parametrize(
    ("stages", "more", "sentence"),
    [
        ([stage(50), stage(25), stage(100)], {}, RISING),
        ([stage(50, soak="5 minutes"), stage(100)], {}, "not a duration: write it like 90s, 10m or 1h30m"),
        (
            [stage(50), stage(100)],
            {"candidates": [{"name": "same"}], "baseline": {"name": "same"}},
            "the baseline 'same' is among the candidates: a candidate must be another model",
        ),
        ([stage(50), stage(100)], {"guardrales": []}, 'unknown field "spec.guardrales"'),
    ],
    ids=["falling weights", "duration in words", "baseline among candidates", "unknown field"],
)
def test_kubectl_hears_why(story: Story, stages: list[Object], more: Object, sentence: str) -> None:
    with pytest.raises(CommandError) as refused:
        _apply(story, story.spec(stages, **more))

    assert sentence in str(refused.value)
    assert story.get(ROLLOUTS, story.name) is None


def test_a_spec_from_before_a_rule_is_refused_by_the_operator(story: Story) -> None:
    story.serve_both()
    with story.clients() as traffic:
        with _without_the_rules_of_canary(story):
            story.will_delete(ROLLOUTS, story.name)
            story.until(
                lambda: _is_taken(story, story.spec([stage(50), stage(25), stage(100)])), "the API server takes it"
            )
        told = story.until_rollout(lambda seen: seen.condition("SpecValid")[0] == "False", "the operator refuses it")
        assert story.experiment is None
        assert traffic.seen().share(story.baseline) == 100
        story.edit(strategy={"canary": {"stages": [on_soak(25, soak="600s"), stage(100)]}})
        story.until_at(1, 25)

    sentence = told.condition("SpecValid")[1]
    assert sentence == f"spec.strategy.canary.stages: {RISING}"
    assert (told.phase, told.message) == ("Degraded", sentence)
    assert told.condition("Stalled") == ("True", sentence)
    assert story.rollout.is_true("SpecValid")


def test_a_candidate_that_turns_bad_under_an_invalid_spec_is_rolled_back(story: Story) -> None:
    story.serve_both()
    bell = story.serve(f"{story.name}-bell", "lightweight")
    rung = f'sum(envoy_cluster_upstream_rq_total{{envoy_cluster_name=~"{bell}_.*"}})'
    turning = {"name": "turning", "query": {"promql": f"({rung} or vector(0)) > bool 0", "max": "0", "for": "0s"}}
    falling = [stage(50), stage(25), stage(100)]
    with story.clients() as traffic:
        story.begin([on_soak(50, soak="600s"), stage(100)], guardrails=[ERRORS, turning])
        story.until_at(1, 50)
        with _without_the_rules_of_canary(story):
            story.until(
                lambda: _is_taken(story, story.spec(falling, guardrails=[ERRORS, turning])), "the API server takes it"
            )
        refused = story.until_rollout(lambda seen: seen.condition("SpecValid")[0] == "False", "the operator refuses it")
        story.stack.part("operator").kill()
        story.stack.part("operator").start()
        with story.clients(per_second=10, name=bell):
            pass
        ended = story.until_rollout(
            lambda seen: seen.phase == "Degraded" and "outcome" in seen.status, "it is rolled back"
        )
        story.until(lambda: traffic.seen(ended.traffic["appliedAt"]).arms.total() > 120, "clients ask on")

    sentence = f"spec.strategy.canary.stages: {RISING}"
    assert (refused.phase, refused.weight_in_force) == ("Degraded", 50)
    assert refused.message == f"{sentence}; until then the last valid spec is followed"
    assert "Rolled back at stage 1 of 2 (50 %): turning was 1 beyond the limit" in ended.message
    assert ended.condition("SpecValid") == ("False", sentence)
    assert story.split == {story.baseline: 100, story.candidate: 0}
    assert traffic.seen(ended.traffic["appliedAt"]).share(story.candidate) == 0


@contextmanager
def _without_the_rules_of_canary(story: Story) -> Iterator[None]:
    """The API server as it was before these rules were thought of."""
    found = json.loads(story.kubectl("get", "crd", "modelrollouts.modelrollout.io", "-o", "json"))
    properties = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    rules = properties["strategy"]["properties"]["canary"]["x-kubernetes-validations"]
    _patch_definition(story, {"op": "remove", "path": RULES})
    try:
        yield
    finally:
        _patch_definition(story, {"op": "add", "path": RULES, "value": rules})


def _patch_definition(story: Story, operation: Object) -> None:
    story.kubectl("patch", "crd", "modelrollouts.modelrollout.io", "--type=json", "-p", json.dumps([operation]))


def _is_taken(story: Story, spec: Object) -> bool:
    try:
        _apply(story, spec)
    except CommandError:
        return False
    return True


def _apply(story: Story, spec: Object) -> None:
    rollout = {
        "apiVersion": "modelrollout.io/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": story.name},
        "spec": spec,
    }
    story.kubectl("apply", "-f", "-", input=json.dumps(rollout))
