"""The fault switches, and what happens when parts of the mesh die."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from e2e.conformance.history import conditions, is_false, is_true
from e2e.conformance.world import Name, World
from e2e.minimesh.crds import EXPERIMENTS, MODELS
from e2e.stack import Stack

pytestmark = pytest.mark.stack

# Long enough that a status write or a change of routes would have come.
QUIET = 2.0


async def test_a_negative_weight_blinds_the_controller_until_corrected(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    bad = await world.experiment(name("bad"), {b: 1}, default=b)
    good = await world.experiment(name("good"), {a: 100, b: 0}, default=a)

    await world.set_weights(bad, {b: -1})
    async with world.watching(EXPERIMENTS, good) as history:
        try:
            await world.set_weights(good, {a: 0, b: 100})
            await world.create_experiment(name("new"), {a: 1})
            await asyncio.sleep(QUIET)
            assert {conditions(obj)["Ready"] for _, obj in history.versions} == {("True", "")}
            assert conditions(await world.get(EXPERIMENTS, name("new"))) == {}
            assert set(await world.shares(a, 20)) == {f":{a}_1:"}
        finally:
            await world.set_weights(bad, {b: 1})  # or nothing could be deleted any more
        await history.until_flapped(2)
    await world.until(EXPERIMENTS, name("new"), is_true("Ready"))
    assert set(await world.shares(a, 20)) == {f":{b}_1:"}


async def test_a_held_back_edit_looks_applied_until_other_numbers_are_written(
    world: World, name: Name, faults: httpx.AsyncClient
) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)

    await faults.put(f"/faults/hold-edit/{experiment}")
    async with world.watching(EXPERIMENTS, experiment) as history:
        await world.set_weights(experiment, {a: 0, b: 100})
        await history.until_flapped(2)
    assert set(await world.shares(a, 40)) == {f":{a}_1:"}

    await world.set_weights(experiment, {a: 0, b: 1000})
    await world.until_answer(a, lambda answer: answer.route == f":{b}_1:")
    assert set(await world.shares(a, 40)) == {f":{b}_1:"}


async def test_a_held_back_edit_can_be_released(world: World, name: Name, faults: httpx.AsyncClient) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)
    await faults.put(f"/faults/hold-edit/{experiment}")
    async with world.watching(EXPERIMENTS, experiment) as history:
        await world.set_weights(experiment, {a: 0, b: 100})
        await history.until_flapped(2)

    await faults.delete(f"/faults/hold-edit/{experiment}")

    await world.until_answer(a, lambda answer: answer.route == f":{b}_1:")


async def test_edits_around_a_scheduler_restart_take_effect_late_and_silently(
    world: World, name: Name, faults: httpx.AsyncClient
) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)

    async with world.traffic(a, per_second=20) as traffic, world.watching(EXPERIMENTS, experiment) as history:
        await faults.put("/faults/scheduler")
        await world.set_weights(experiment, {a: 0, b: 100})
        failed = await history.until(is_false("ModelReady"))
        writes = len(history.versions)
        back_at = time.monotonic()
        await faults.delete("/faults/scheduler?attach_seconds=3")
        await world.until_answer(a, lambda answer: answer.route == f":{b}_1:")

    assert "code = Unavailable" in conditions(failed)["ModelReady"][1]
    assert conditions(failed)["Ready"] == ("True", "")
    assert time.monotonic() - back_at >= 3
    assert len(history.versions) == writes
    assert traffic.errors == []


async def test_a_delete_waits_for_the_scheduler(world: World, name: Name, faults: httpx.AsyncClient) -> None:
    a = await world.model(name("a"))
    experiment = await world.experiment(name("e"), {a: 1}, default=a)

    await faults.put("/faults/scheduler")
    await world.delete(EXPERIMENTS, experiment)
    await asyncio.sleep(QUIET)
    assert "deletionTimestamp" in (await world.get(EXPERIMENTS, experiment))["metadata"]

    await faults.delete("/faults/scheduler?attach_seconds=0")
    await world.until_gone(EXPERIMENTS, experiment)


async def test_a_load_can_be_made_to_fail_and_to_take_long(world: World, name: Name, faults: httpx.AsyncClient) -> None:
    a = await world.model(name("a"))

    await faults.put(f"/faults/load/{a}", json={"message": "out of memory"})
    await world.patch(MODELS, a, {"spec": world.model_spec(round="2")})
    failed = await world.until(MODELS, a, lambda obj: obj["status"]["conditions"][0].get("message") == "ModelFailed")
    assert failed["status"]["conditions"][0]["reason"] == "rpc error: code = Internal desc = out of memory"
    assert (await world.ask(a)).route == f":{a}_1:"

    await faults.put(f"/faults/load/{a}", json={"delay_seconds": 1.5})
    async with world.traffic(a, per_second=20) as traffic:
        began = time.monotonic()
        await world.patch(MODELS, a, {"spec": world.model_spec(round="3")})
        await world.until_answer(a, lambda answer: answer.route == f":{a}_3:")
    assert time.monotonic() - began >= 1.5
    assert traffic.errors == []
    await faults.delete(f"/faults/load/{a}")


async def test_a_lost_server_takes_routes_and_readiness_until_it_is_back(
    world: World, name: Name, faults: httpx.AsyncClient
) -> None:
    a = await world.model(name("a"))
    experiment = await world.experiment(name("e"), {a: 1}, default=a)

    await faults.put("/faults/server")
    lost = await world.until(EXPERIMENTS, experiment, is_false("ExperimentReady"))
    model = await world.until(MODELS, a, is_false("Ready"))
    answer = await world.ask(a)
    await faults.delete("/faults/server")

    assert conditions(lost)["CandidatesReady"] == ("False", "Candidates not ready")
    assert model["status"]["conditions"][0]["message"] == "ScheduleFailed"
    assert (answer.status, answer.route) == (404, None)
    await world.until(EXPERIMENTS, experiment, is_true("Ready"))
    assert (await world.ask(a)).route == f":{a}_1:"


async def test_a_switch_with_a_typo_is_refused(faults: httpx.AsyncClient) -> None:
    answer = await faults.put("/faults/load/a", json={"delay": 1})

    assert answer.status_code == 400
    assert "message and delay_seconds" in answer.text


async def test_a_restart_flaps_every_experiment_and_clients_notice_nothing(
    stack: Stack, world: World, name: Name
) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    await world.patch(MODELS, b, {"spec": world.model_spec(round="2")})
    await world.until_answer(b, lambda answer: answer.route == f":{b}_2:")
    experiments = [await world.experiment(name(f"e{n}"), {a: 0, b: 100}, default=(a, "")[n]) for n in range(2)]

    async with (
        world.traffic(a, per_second=20) as traffic,
        world.watching(EXPERIMENTS, experiments[0]) as first,
        world.watching(EXPERIMENTS, experiments[1]) as second,
    ):
        await asyncio.to_thread(stack.part("minimesh").kill)
        await asyncio.to_thread(stack.part("minimesh").start)
        await first.until_flapped(1)
        await second.until_flapped(1)
        await world.set_weights(experiments[0], {a: 100, b: 0})
        switched = await world.until_answer(a, lambda answer: answer.route == f":{a}_1:")
        after = await traffic.until_after(switched.sent_at + switched.seconds)

    assert traffic.errors == []
    assert {answer.route for answer in after} == {f":{a}_1:"}
    assert {answer.route for answer in traffic.answers} == {f":{b}_2:", f":{a}_1:"}


async def test_a_dead_server_is_502_with_a_route_and_no_status(stack: Stack, world: World, name: Name) -> None:
    a = await world.model(name("a"))
    experiment = await world.experiment(name("e"), {a: 1}, default=a)
    await world.shares(a, 5)
    counted = {"model": a, "model_internal": f"{a}_1"}

    async with world.watching(EXPERIMENTS, experiment) as history:
        await asyncio.to_thread(stack.part("mlserver").kill)
        dead = await world.ask(a)
        await asyncio.to_thread(stack.part("mlserver").start)
        await world.until_answer(a, lambda answer: answer.status == 200)

    assert (dead.status, dead.route) == (502, f":{a}_1:")
    assert len(history.versions) == 1
    assert await world.agent("seldon_model_infer_total", code="502", **counted) is None
    assert (await world.agent("seldon_model_infer_api_seconds_count", code="502") or 0) >= 6  # with five retries


async def test_a_restarted_proxy_has_the_current_weights(stack: Stack, world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)

    await asyncio.to_thread(stack.part("envoy").kill)
    async with world.watching(EXPERIMENTS, experiment) as history:
        await world.set_weights(experiment, {a: 0, b: 100})
        await history.until_flapped(2)  # True although no proxy runs
    await asyncio.to_thread(stack.part("envoy").start)

    assert set(await world.shares(a, 20)) == {f":{b}_1:"}
    assert await world.envoy("envoy_cluster_upstream_rq_total", envoy_cluster_name=f"{b}_1_http") == 20


async def test_a_restart_of_the_api_server_is_survived(stack: Stack, world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)

    async with world.traffic(a, per_second=20) as traffic:
        await asyncio.to_thread(stack.part("kube-apiserver").kill)
        await asyncio.to_thread(stack.part("kube-apiserver").start)
        await world.set_weights(experiment, {a: 0, b: 100})
        await world.until_answer(a, lambda answer: answer.route == f":{b}_1:")
        await world.until(EXPERIMENTS, experiment, is_true("Ready"))

    assert traffic.errors == []
