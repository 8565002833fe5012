"""What the scheduler refuses: late, once, in a condition of an odd type, and at everybody's expense."""

from __future__ import annotations

import asyncio
import time

import pytest

from e2e.conformance.history import History, conditions, generation, is_false, is_true, revision
from e2e.conformance.world import Name, World, candidates
from e2e.minimesh.crds import EXPERIMENTS

pytestmark = pytest.mark.stack

PREFIX = "rpc error: code = FailedPrecondition desc = "
# Three tries, 2 s apart.
TRYING = 4.0


async def test_each_refusal_has_its_own_words(world: World, name: Name) -> None:
    """Four new Experiments at once; one worker takes 4 s for each."""
    a = await world.model(name("a"))
    await world.experiment(name("holder"), {a: 1}, default=a)
    stolen, lost, empty, twice = name("stolen"), name("lost"), name("empty"), name("twice")

    await world.create_experiment(stolen, {name("other"): 1}, default=a)  # would also fail as "not found"
    await world.create_experiment(lost, {a: 1}, default=name("other"))
    await world.create_experiment(empty, {})
    await world.create_experiment(twice, {a: 1}, mirror=(a, 100))

    baseline = (
        f"Resource {a} already in experiment {stolen} as a baseline. "
        "A model or pipeline can only appear in one experiment as a baseline"
    )
    assert await _refusal(world, stolen) == baseline
    assert (
        await _refusal(world, lost)
        == f"default model/pipeline {name('other')} not found in experiment {lost} candidates"
    )
    assert await _refusal(world, empty) == f"experiment {empty} has no candidates or mirror"
    duplicate = f"each candidate and mirror must be unique but found resource {a} duplicated in experiment {twice}"
    assert await _refusal(world, twice) == duplicate

    # Any change of the spec is tried again; and what was accepted once is deleted at once.
    for refused in (stolen, lost, empty, twice):
        whole = {"spec": {"candidates": candidates({a: 1}), "default": None, "mirror": None}}
        await world.patch(EXPERIMENTS, refused, whole)
        await world.until(EXPERIMENTS, refused, is_true("ExperimentReady"))


async def test_a_refused_edit_changes_nothing_but_model_ready(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)
    before = conditions(await world.get(EXPERIMENTS, experiment))

    async with world.watching(EXPERIMENTS, experiment) as history:
        began = time.monotonic()
        await world.patch(EXPERIMENTS, experiment, {"spec": {"candidates": candidates({b: 100})}})
        refused = await history.until(is_false("ModelReady"))
        took = time.monotonic() - began
        assert took >= TRYING - 0.1
        assert len(history.versions) == 3  # before, the edit, the refusal
        assert set(await world.shares(a, 20)) == {f":{a}_1:"}

        # The same text again: nothing is written. What is refused stays latched through success.
        await world.patch(EXPERIMENTS, experiment, {"spec": {"candidates": candidates({b: 50})}})
        await history.until(lambda obj: generation(obj) == 3)
        await asyncio.sleep(TRYING + 1)
        assert len(history.versions) == 4
        await world.set_weights(experiment, {a: 0, b: 100})
        await history.until(lambda obj: generation(obj) == 4 and is_false("ExperimentReady")(obj))

    status = conditions(refused)
    text = f"default model/pipeline {a} not found in experiment {experiment} candidates"
    assert status == before | {"ModelReady": ("False", PREFIX + text)}
    marks = [item for item in refused["status"]["conditions"] if item["type"] == "ModelReady"]
    assert marks[0]["severity"] == "Info"
    healed = conditions(await world.until(EXPERIMENTS, experiment, is_true("ExperimentReady")))
    assert healed == before | {"ModelReady": ("False", PREFIX + text)}
    assert set(await world.shares(a, 20)) == {f":{b}_1:"}


async def test_an_edit_within_four_seconds_wipes_the_refusal_out(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))

    async def edited_twice() -> tuple[float, History]:
        experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)
        async with world.watching(EXPERIMENTS, experiment) as history:
            began = time.monotonic()
            await world.set_weights(experiment, {b: 100})
            await asyncio.sleep(1)
            await world.set_weights(experiment, {a: 20, b: 80})
            took = time.monotonic() - began
            await history.until_flapped(3)
            await asyncio.sleep(1)
        return took, history

    took, history = await edited_twice()
    while took >= TRYING:  # this machine stood still: the first edit was refused before the second came
        await world.delete(EXPERIMENTS, name("e"))
        await world.until_gone(EXPERIMENTS, name("e"))
        took, history = await edited_twice()

    assert all("ModelReady" not in status for status in history.statuses())


async def test_a_refusal_holds_up_all_other_experiments(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)

    async with world.watching(EXPERIMENTS, name("bad")) as bad, world.watching(EXPERIMENTS, experiment) as held_up:
        await world.create_experiment(name("bad"), {})
        await world.set_weights(experiment, {a: 0, b: 100})
        refused = await bad.until(is_false("ModelReady"))
        handled = await held_up.until(lambda obj: generation(obj) == 2 and is_false("ExperimentReady")(obj))
    await world.until_answer(a, lambda answer: answer.route == f":{b}_1:")

    assert revision(refused) < revision(handled)


async def test_deleting_a_refused_experiment_takes_four_seconds(world: World, name: Name) -> None:
    await world.create_experiment(name("bad"), {})
    refused = await world.until(EXPERIMENTS, name("bad"), is_false("ModelReady"))

    began = time.monotonic()
    await world.delete(EXPERIMENTS, name("bad"))
    await world.until_gone(EXPERIMENTS, name("bad"))

    assert list(conditions(refused)) == ["ModelReady"]
    assert time.monotonic() - began >= TRYING - 0.1


async def _refusal(world: World, experiment: str) -> str:
    refused = conditions(await world.until(EXPERIMENTS, experiment, is_false("ModelReady")))
    reason = refused["ModelReady"][1]
    assert reason.startswith(PREFIX)
    return reason.removeprefix(PREFIX)
