"""Who answers: splits, pins, mirrors, missing arms, new versions; and that no change costs a client an error."""

from __future__ import annotations

import asyncio
import time

import pytest

from e2e.conformance.history import DEADLINE, is_false, is_true
from e2e.conformance.world import Name, World
from e2e.minimesh.crds import EXPERIMENTS, MODELS

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(
    ("weights", "unpinned", "pinned_to_a", "pinned_to_b", "pinned_to_both"),
    [
        pytest.param((50, 50), "ab", "a", "b", "a", id="50 to 50"),
        pytest.param((100, 0), "a", "a", "b", "a", id="100 to 0"),
        pytest.param((100,), "a", None, None, None, id="one candidate"),
    ],
)
async def test_pins(
    world: World,
    name: Name,
    weights: tuple[int, ...],
    unpinned: str,
    pinned_to_a: str | None,
    pinned_to_b: str | None,
    pinned_to_both: str | None,
) -> None:
    arms = [await world.model(name("a")), await world.model(name("b"))]
    routes = dict(zip("ab", (f":{arm}_1:" for arm in arms), strict=True))
    experiment = await world.experiment(name("e"), dict(zip(arms, weights, strict=False)), default=arms[0])

    for entry in (arms[0], f"{experiment}.experiment"):
        assert set(await world.shares(entry, 40)) == {routes[arm] for arm in unpinned}
        await _assert_pinned(world, entry, routes["a"], pinned_to_a and routes[pinned_to_a])
        await _assert_pinned(world, entry, routes["b"], pinned_to_b and routes[pinned_to_b])
        await _assert_pinned(world, entry, routes["a"] + routes["b"], pinned_to_both and routes[pinned_to_both])
        for unknown in ("", ":nobody_1:", f":{arms[0]}_2:"):
            await _assert_pinned(world, entry, unknown, None)


async def test_a_path_alone_names_the_model(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    await world.experiment(name("e"), {a: 0, b: 100}, default=a)

    assert (await world.ask("", path_model=a)).route == f":{b}_1:"
    assert (await world.ask("", path_model=b)).route == f":{b}_1:"
    assert (await world.ask(b, path_model=None)).route == f":{b}_1:"


async def test_an_unknown_model_is_404_without_body_and_route(world: World, name: Name) -> None:
    answer = await world.ask(name("nobody"))

    assert (answer.status, answer.route, answer.body) == (404, None, b"")


async def test_the_split_follows_the_weights(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    await world.experiment(name("e"), {a: 800, b: 200}, default=a)

    shares = await world.shares(a, 500)

    # 500 requests at 20 %: 100 expected; outside of 45..160 in one of ten thousand million runs.
    assert 45 <= shares[f":{b}_1:"] <= 160
    assert shares.total() == 500


async def test_changing_the_default_moves_the_split(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 0, b: 100}, default=a)

    async with world.watching(EXPERIMENTS, experiment) as history:
        weights = [{"name": a, "weight": 100}, {"name": b, "weight": 0}]
        await world.patch(EXPERIMENTS, experiment, {"spec": {"default": b, "candidates": weights}})
        await history.until(is_false("ExperimentReady"))
        await history.until(lambda _: is_true("ExperimentReady")(history.versions[-1][1]))

    assert set(await world.shares(b, 20)) == {f":{a}_1:"}
    await _assert_pinned(world, a, f":{a}_1:", None)  # its own route is whole again


async def test_weight_edits_reach_clients_before_true_and_without_errors(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)

    async with world.traffic(a, per_second=50) as traffic, world.watching(EXPERIMENTS, experiment) as history:
        for edited in range(2, 12):
            new = (a, b)[edited % 2 == 0]
            await world.set_weights(experiment, {a: 100 * (new == a), b: 100 * (new == b)})
            await history.until_flapped(edited)
            after = await traffic.until_after(time.monotonic(), 10)
            assert {answer.route for answer in after} == {f":{new}_1:"}, "True was written before clients saw the edit"

    assert traffic.errors == []


async def test_a_missing_arm_puts_everything_on_the_default(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 0, b: 100}, default=a)

    async with world.traffic(a, per_second=50) as traffic:
        await world.delete(MODELS, b)
        await world.until(EXPERIMENTS, experiment, is_false("ExperimentReady"))
        after = await traffic.until_after(time.monotonic(), 15)

    assert traffic.errors == []
    assert {answer.route for answer in after} == {f":{a}_1:"}


async def test_a_mirror_that_is_not_there_takes_the_split_away(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 0, b: 100}, default=a)

    await world.patch(EXPERIMENTS, experiment, {"spec": {"mirror": {"name": name("missing"), "percent": 100}}})
    await world.until(EXPERIMENTS, experiment, is_false("MirrorReady"))

    assert set(await world.shares(a, 20)) == {f":{a}_1:"}
    await world.model(name("missing"))
    await world.until(EXPERIMENTS, experiment, is_true("Ready"))
    assert set(await world.shares(a, 20)) == {f":{b}_1:"}


async def test_without_the_default_model_both_entries_are_404(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    await world.delete(MODELS, a)
    await world.until(EXPERIMENTS, experiment, is_false("ExperimentReady"))

    for entry in (a, f"{experiment}.experiment"):
        assert (await world.ask(entry)).status == 404
    assert (await world.ask(b)).status == 200


async def test_deletion_ends_the_split_without_errors(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 0, b: 100}, default=a)

    async with world.traffic(a, per_second=50) as traffic:
        await world.delete(EXPERIMENTS, experiment)
        await world.until_gone(EXPERIMENTS, experiment)
        after = await traffic.until_after(time.monotonic(), 15)

    assert traffic.errors == []
    assert {answer.route for answer in after} == {f":{a}_1:"}
    assert (await world.ask(f"{experiment}.experiment")).status == 404
    await _assert_pinned(world, a, f":{b}_1:", None)
    await _assert_pinned(world, a, f":{a}_1:", None)


@pytest.mark.parametrize("arm", ["a", "b"], ids=["the default", "a candidate"])
async def test_a_new_version_takes_over_without_errors(world: World, name: Name, arm: str) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    await world.experiment(name("e"), {a: 50, b: 50}, default=a)
    old, new = f":{name(arm)}_1:", f":{name(arm)}_2:"

    async with world.traffic(a, per_second=50) as traffic:
        await world.patch(MODELS, name(arm), {"spec": world.model_spec(world.target.other_storage_uri, round="2")})
        await world.until_answer(a, lambda answer: answer.route == new)
        after = await traffic.until_after(time.monotonic(), 25)

    assert traffic.errors == []
    assert old not in {answer.route for answer in after}
    await _assert_pinned(world, a, old, None)
    await _assert_pinned(world, a, new, new)


async def test_version_numbers_start_again_with_a_new_model(world: World, name: Name) -> None:
    a = await world.model(name("a"))
    await world.patch(MODELS, a, {"spec": world.model_spec(round="2")})
    await world.until_answer(a, lambda answer: answer.route == f":{a}_2:")

    await world.delete(MODELS, a)
    await world.until_gone(MODELS, a)
    assert (await world.ask(a)).status == 404
    await world.model(a)

    assert (await world.ask(a)).route == f":{a}_1:"


async def test_replicas_alone_make_no_version(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))

    await world.patch(MODELS, a, {"spec": {"minReplicas": 1}})
    await world.patch(MODELS, b, {"spec": world.model_spec(round="2")})  # later, so that the former was handled
    await world.until_answer(b, lambda answer: answer.route == f":{b}_2:")

    assert (await world.ask(a)).route == f":{a}_1:"


@pytest.mark.parametrize(("percent", "least", "most"), [(100, 100, 100), (50, 25, 75), (0, 0, 0), (250, 100, 100)])
async def test_mirrors_copy_their_share_of_unpinned_requests(
    world: World, name: Name, percent: int, least: int, most: int
) -> None:
    a, b, mirror = await world.model(name("a")), await world.model(name("b")), await world.model(name("m"))
    await world.experiment(name("e"), {a: 50, b: 50}, default=a, mirror=(mirror, percent))
    copies = {"envoy_cluster_name": f"{mirror}_1_http"}

    await world.shares(a, 100)
    for _ in range(20):
        assert (await world.ask(a, route=f":{b}_1:")).status == 200  # pinned: never copied

    await _until_counted(world, "envoy_cluster_upstream_rq_total", least, **copies)
    await asyncio.sleep(0.5)
    assert least <= (await world.envoy("envoy_cluster_upstream_rq_total", **copies) or 0) <= most


async def _until_counted(world: World, metric: str, least: float, **labels: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while (await world.envoy(metric, **labels) or 0) < least:
            await asyncio.sleep(0.05)


async def _assert_pinned(world: World, entry: str, route: str, expected: str | None) -> None:
    answer = await world.ask(entry, route=route)
    assert (answer.status, answer.route) == ((200, expected) if expected else (404, None)), (entry, route)
