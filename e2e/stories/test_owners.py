"""An Experiment that is somebody else's is not touched, and the sentence says whose it is."""

from __future__ import annotations

import json

import pytest

from e2e.rollouts import Object, Rollout, on_soak, stage
from e2e.story import EXPERIMENTS, ROLLOUTS, Story

pytestmark = pytest.mark.stack

STAGES = [on_soak(25, soak="600s"), stage(100)]


def test_an_experiment_of_a_person_is_left_alone_until_it_is_gone(story: Story) -> None:
    story.serve_both()
    _apply_experiment(story, story.name)
    before = _settled(story)
    with story.clients() as traffic:
        story.begin(STAGES)
        _stalls(
            story,
            story.name,
            f"Experiment {story.name} belongs to somebody else (last written by kubectl-create): "
            "choose another spec.experiment.name, or delete it",
        )
        assert story.experiment == before
        assert traffic.seen().share(story.baseline) == 100
        story.delete(EXPERIMENTS, story.name)
        story.until_at(1, 25)

    assert not traffic.seen().failed


def test_an_experiment_of_another_rollout_is_left_alone(story: Story) -> None:
    story.serve_both()
    story.begin(STAGES, paused=True)
    before = _settled(story)
    second = f"{story.name}-second"
    story.begin(STAGES, name=second, experiment={"name": story.name})
    _stalls(
        story,
        second,
        f"Experiment {story.name} belongs to ModelRollout {story.name}: "
        "choose another spec.experiment.name, or delete it",
    )
    assert story.experiment == before
    story.delete(ROLLOUTS, second)
    story.until_gone(ROLLOUTS, second)
    assert story.experiment == before


def test_a_baseline_that_another_experiment_holds_is_left_alone_until_it_is_free(story: Story) -> None:
    story.serve_both()
    holder = f"{story.name}-holder"
    _apply_experiment(story, holder)
    story.begin(STAGES)
    _stalls(
        story,
        story.name,
        f"Model {story.baseline} is already the default of Experiment {holder}: "
        "a model can be that of one Experiment only, so delete that Experiment or choose another baseline",
    )
    assert story.experiment is None
    story.delete(EXPERIMENTS, holder)
    story.until_rollout(lambda seen: seen.is_at(1, 25), "it goes on by itself")


def _apply_experiment(story: Story, name: str) -> None:
    arms = [{"name": story.baseline, "weight": 100}, {"name": story.candidate, "weight": 0}]
    experiment = {
        "apiVersion": "mlops.seldon.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {"default": story.baseline, "candidates": arms},
    }
    story.will_delete(EXPERIMENTS, name)
    story.kubectl("create", "-f", "-", input=json.dumps(experiment))


def _settled(story: Story) -> Object:
    """The Experiment once Seldon has nothing more to write to it."""

    def read() -> Object | None:
        conditions = ((story.experiment or {}).get("status") or {}).get("conditions", [])
        return (
            story.experiment if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions) else None
        )

    found = story.until(read, "the Experiment is ready")
    assert found is not None
    return found


def _stalls(story: Story, name: str, sentence: str) -> None:
    def says() -> Rollout | None:
        seen = story.rollout_named(name)
        return seen if seen.condition("Stalled") == ("True", sentence) else None

    found = story.until(says, sentence)
    assert found is not None
    assert (found.phase, found.message, found.stage) == ("Degraded", sentence, 0)
    assert found.condition("Reconciling") == ("False", "Nothing goes on until a person acts: see condition Stalled.")
    assert found.condition("TrafficSynced") == ("False", "No weights have been written yet.")
