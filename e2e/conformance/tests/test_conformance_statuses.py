"""The order of status writes: on creation, on edits, on changes of models, on deletion."""

from __future__ import annotations

import asyncio
import time

import pytest

from e2e.conformance.history import Conditions, History, conditions, generation, is_false, is_true
from e2e.conformance.world import Name, World
from e2e.minimesh.crds import EXPERIMENTS, MODELS

pytestmark = pytest.mark.stack

# Long enough that a status write would have come: a healthy mesh needs 10 to 60 ms.
QUIET = 2.0

WORKING: Conditions = {
    "CandidatesReady": ("True", "Candidates ready"),
    "ExperimentReady": ("False", ""),
    "MirrorReady": ("True", "Mirror ready"),
    "Ready": ("False", ""),
}
READY: Conditions = WORKING | {"ExperimentReady": ("True", "experiment active"), "Ready": ("True", "")}


async def test_creation_is_told_in_four_versions(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))

    async with world.watching(EXPERIMENTS, name("e")) as history:
        await world.create_experiment(name("e"), {a: 50, b: 50}, default=a)
        await history.until(is_true("Ready"))

    assert history.statuses() == [{}, {}, WORKING, READY]
    assert [bool(obj["metadata"].get("finalizers")) for _, obj in history.versions] == [False, True, True, True]
    assert {generation(obj) for _, obj in history.versions} == {1}


async def test_an_edit_flaps_once_and_starts_from_the_old_status(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    async with world.watching(EXPERIMENTS, experiment) as history:
        await world.set_weights(experiment, {a: 20, b: 80})
        await history.until_flapped(2)

    edited = [obj for _, obj in history.versions if generation(obj) == 2]
    assert [conditions(obj) for obj in edited] == [READY, WORKING, READY]


async def test_edits_50_ms_apart_flap_each(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    async with world.watching(EXPERIMENTS, experiment) as history:
        await world.set_weights(experiment, {a: 20, b: 80})
        await history.until_flapped(2)
        await world.set_weights(experiment, {a: 30, b: 70})
        await history.until_flapped(3)

    for edited in (2, 3):
        assert [conditions(obj) for _, obj in history.versions if generation(obj) == edited] == [READY, WORKING, READY]


async def test_edits_back_to_back_end_in_one_flap_of_the_last(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    async with world.watching(EXPERIMENTS, experiment) as history:
        await asyncio.gather(*(world.set_weights(experiment, {a: 20 + n, b: 80 - n}) for n in range(4)))
        await history.until_flapped(5)
        await asyncio.sleep(QUIET)

    last = [conditions(obj) for _, obj in history.versions if generation(obj) == 5]
    assert last == [READY, WORKING, READY] or last == [WORKING, READY]  # it may follow an earlier flap's False


async def test_the_same_spec_and_labels_cause_no_write(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    async with world.watching(EXPERIMENTS, experiment) as history:
        await world.set_weights(experiment, {a: 50, b: 50})
        await world.patch(EXPERIMENTS, experiment, {"metadata": {"labels": {"team": "inference"}}})
        await history.until(lambda obj: "labels" in obj["metadata"])
        await asyncio.sleep(QUIET)

    assert len(history.versions) == 2  # the one before, and the label


async def test_a_missing_candidate_is_one_write(world: World, name: Name) -> None:
    a = await world.model(name("a"))

    async with world.watching(EXPERIMENTS, name("e")) as history:
        await world.create_experiment(name("e"), {a: 50, name("missing"): 50}, default=a)
        await history.until(is_false("Ready"))
        await asyncio.sleep(QUIET)

    written = [status for status in history.statuses() if status]
    assert len(written) == 1
    _assert_inactive(written[0], name("missing"), name("e"))
    assert written[0]["CandidatesReady"] == ("False", "Candidates not ready")
    assert written[0]["MirrorReady"] == ("True", "Mirror ready")


async def test_a_missing_mirror_leaves_the_candidates_ready(world: World, name: Name) -> None:
    a = await world.model(name("a"))

    async with world.watching(EXPERIMENTS, name("e")) as history:
        await world.create_experiment(name("e"), {a: 1}, default=a, mirror=(name("missing"), 100))
        status = conditions(await history.until(is_false("Ready")))

    _assert_inactive(status, name("missing"), name("e"))
    assert status["CandidatesReady"] == ("True", "Candidates ready")
    assert status["MirrorReady"] == ("False", "Mirror not ready")


async def test_an_arriving_candidate_turns_the_experiment_active_first(world: World, name: Name) -> None:
    a = await world.model(name("a"))
    await world.create_experiment(name("e"), {a: 50, name("late"): 50}, default=a)

    async with world.watching(EXPERIMENTS, name("e")) as history:
        await history.until(is_false("Ready"))
        await world.model(name("late"))
        ready = await history.until(is_true("Ready"))

    assert generation(ready) == 1
    assert _first(history, "ExperimentReady", "True") < _first(history, "CandidatesReady", "True")
    assert conditions(ready) == READY


async def test_a_new_model_version_takes_only_candidates_ready_away(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    async with world.watching(EXPERIMENTS, experiment) as history:
        spec = world.model_spec(world.target.other_storage_uri, round="2")
        await world.patch(MODELS, b, {"spec": spec})
        await history.until(is_false("CandidatesReady"))
        await _until_last(history, READY)

    loading = READY | {
        "CandidatesReady": ("False", "Candidates not ready"),
        "Ready": ("False", "Candidates not ready"),
    }
    assert [status for status in history.statuses() if status != READY] == [loading]
    assert {generation(obj) for _, obj in history.versions} == {1}


async def test_a_version_that_cannot_load_leaves_candidates_unready(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)
    good = (await world.get(MODELS, b))["spec"]["storageUri"]

    await world.patch(MODELS, b, {"spec": {"storageUri": "/no/such/folder"}})
    broken = await world.until(MODELS, b, lambda obj: obj["status"]["conditions"][0].get("message") == "ModelFailed")
    status = conditions(await world.until(EXPERIMENTS, experiment, is_false("CandidatesReady")))

    assert "/no/such/folder" in broken["status"]["conditions"][0]["reason"]
    assert status["ExperimentReady"] == ("True", "experiment active")
    assert set(await world.shares(a, 60)) == {f":{a}_1:", f":{b}_1:"}  # the previous artefact keeps its share
    await world.patch(MODELS, b, {"spec": {"storageUri": good, "memory": "1Mi"}})
    await world.until(EXPERIMENTS, experiment, is_true("Ready"))
    assert f":{b}_3:" in await world.shares(a, 60)  # the failed version had number 2


async def test_a_deleted_model_takes_candidates_away_before_activity(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    async with world.watching(EXPERIMENTS, experiment) as history:
        await world.delete(MODELS, b)
        inactive = await history.until(is_false("ExperimentReady"))

    assert _first(history, "CandidatesReady", "False") < _first(history, "ExperimentReady", "False")
    _assert_inactive(conditions(inactive), b, experiment)


async def test_deletion_is_marked_then_done(world: World, name: Name) -> None:
    a = await world.model(name("a"))

    async def deleted() -> tuple[float, History]:
        experiment = await world.experiment(name("e"), {a: 1}, default=a)
        async with world.watching(EXPERIMENTS, experiment) as history:
            began = time.monotonic()
            await world.delete(EXPERIMENTS, experiment)
            await history.until_deleted()
        return time.monotonic() - began, history

    took, history = await deleted()
    tries = 1
    while took >= 3.0:  # well below the 4 s of an unknown one, which every try would take
        assert (tries := tries + 1) <= 3, f"the deletion took {took:.1f} s"
        took, history = await deleted()

    marked = [obj for kind, obj in history.versions if kind == "MODIFIED" and "deletionTimestamp" in obj["metadata"]]
    assert generation(marked[0]) == 2
    assert history.versions[-1][0] == "DELETED"


async def _until_last(history: History, status: Conditions) -> None:
    await history.until(lambda _: history.statuses()[-1] == status)


def _first(history: History, kind: str, status: str) -> int:
    return next(n for n, item in enumerate(history.statuses()) if item.get(kind, ("", ""))[0] == status)


def _assert_inactive(status: Conditions, missing: str, experiment: str) -> None:
    explained = f"no live replica for model {missing} for model route {experiment}.experiment"
    assert status["ExperimentReady"] in (("False", ""), ("False", explained))
    assert status["Ready"][0] == "False"
