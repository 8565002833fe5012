"""What the counters say: attempts and answers, births and deaths of series, errors that retries hide."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from e2e.conformance.history import DEADLINE, is_true
from e2e.conformance.world import Answer, Name, Traffic, World
from e2e.minimesh.crds import EXPERIMENTS, MODELS

pytestmark = pytest.mark.stack

BUCKETS_MS = (
    0.5,
    1,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1000,
    2500,
    5000,
    10000,
    30000,
    60000,
    300000,
    600000,
    1800000,
    3600000,
)


async def test_a_cluster_is_born_with_attempts_at_zero_and_answers_absent(world: World, name: Name) -> None:
    cluster = {"envoy_cluster_name": f"{await world.model(name('a'))}_1_http"}

    assert await world.envoy("envoy_cluster_upstream_rq_total", **cluster) == 0
    assert await world.envoy("envoy_cluster_upstream_rq_xx", **cluster) is None

    await world.shares(name("a"), 5)
    assert await world.envoy("envoy_cluster_upstream_rq_total", **cluster) == 5
    assert await world.envoy("envoy_cluster_upstream_rq_xx", envoy_response_code_class="2", **cluster) == 5
    assert await world.envoy("envoy_cluster_upstream_rq_completed", **cluster) == 5


async def test_the_histogram_counts_answers_in_milliseconds_and_lags(world: World, name: Name) -> None:
    a = await world.model(name("a"))
    cluster = {"envoy_cluster_name": f"{a}_1_http"}

    answers = [await world.ask(a) for _ in range(20)]

    async def count(le: float | str) -> float | None:
        return await world.envoy("envoy_cluster_upstream_rq_time_bucket", le=str(le), **cluster)

    await _until(lambda: count("+Inf"), 20)
    assert [await count(le) for le in BUCKETS_MS].count(None) == 0
    slowest = 1000 * max(answer.seconds for answer in answers)
    assert await count(min(le for le in BUCKETS_MS if le >= slowest)) == 20  # in milliseconds, or less than that
    assert await count("0.5") in range(20)  # and not in seconds


async def test_an_edit_of_an_experiment_moves_no_counter(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await world.model(name("b"))
    experiment = await world.experiment(name("e"), {a: 100, b: 0}, default=a)
    cluster = {"envoy_cluster_name": f"{a}_1_http"}
    await world.shares(a, 10)
    success = {"envoy_rds_route_config": "listener_0", "envoy_http_conn_manager_prefix": "seldon_http"}
    before = await world.envoy("envoy_http_rds_update_success", **success) or 0

    await world.set_weights(experiment, {a: 0, b: 100})
    await world.until_answer(a, lambda answer: answer.route == f":{b}_1:")

    asked = world.answered[f":{a}_1:"]
    assert await world.envoy("envoy_cluster_upstream_rq_total", **cluster) == asked >= 10
    await _until(lambda: world.envoy("envoy_http_rds_update_success", **success), before + 2)


async def test_a_new_version_ends_the_old_series(world: World, name: Name) -> None:
    a = await world.model(name("a"))
    await world.shares(a, 5)

    await world.patch(MODELS, a, {"spec": world.model_spec(round="2")})
    await world.until_answer(a, lambda answer: answer.route == f":{a}_2:")

    await _until(lambda: world.envoy("envoy_cluster_upstream_rq_total", envoy_cluster_name=f"{a}_1_http"), None)
    assert await world.envoy("envoy_cluster_upstream_rq_total", envoy_cluster_name=f"{a}_2_http") == 1


async def test_requests_without_a_route_touch_no_cluster(world: World, name: Name) -> None:
    a = await world.model(name("a"))
    mesh = {"envoy_http_conn_manager_prefix": "seldon_http"}
    before = await world.envoy("envoy_http_no_route", **mesh) or 0

    for _ in range(7):
        assert (await world.ask(a, route=f":{a}_99:")).status == 404

    assert await world.envoy("envoy_http_no_route", **mesh) == before + 7
    assert await world.envoy("envoy_cluster_upstream_rq_total", envoy_cluster_name=f"{a}_1_http") == 0


async def test_the_agent_counts_attempts_across_versions_and_deletion(world: World, name: Name) -> None:
    _need_agent(world)
    a = await world.model(name("a"))
    await world.shares(a, 5)
    await world.patch(MODELS, a, {"spec": world.model_spec(round="2")})
    await world.until_answer(a, lambda answer: answer.route == f":{a}_2:")
    await world.shares(a, 5)
    await world.delete(MODELS, a)
    await world.until_gone(MODELS, a)
    await world.model(a)
    await world.shares(a, 3)

    series = {"model": a, "code": "200", "method_type": "rest"}
    for internal_name in (f"{a}_1", f"{a}_2"):
        read = functools.partial(world.agent, "seldon_model_infer_total", model_internal=internal_name, **series)
        await _until(read, world.answered[f":{internal_name}:"])
    assert (await world.agent("seldon_model_infer_seconds_total", model_internal=f"{a}_1", **series) or 0) > 0


async def test_an_arm_that_always_fails_shows_as_it_is(world: World, name: Name) -> None:
    """Half of 10 requests per second fail: five retries run at once, the rest goes out at once."""
    a, b = await world.model(name("a")), await _failing_model(world, name("b"), "100")
    await world.experiment(name("e"), {a: 50, b: 50}, default=a)

    async with world.traffic(a, per_second=10) as traffic:
        await traffic.until(lambda: len(_of(traffic, b)) >= 20)

    cluster = {"envoy_cluster_name": f"{b}_1_http"}
    share = _of(traffic, b)
    assert Counter(answer.status for answer in share) == {500: len(share)}
    assert len(traffic.errors) == len(share)
    assert await world.envoy("envoy_cluster_upstream_rq_xx", envoy_response_code_class="5", **cluster) == len(share)
    retried = await world.envoy("envoy_cluster_upstream_rq_retry", **cluster) or 0
    assert 5 <= retried < 5 * len(share)
    assert (await world.envoy("envoy_cluster_upstream_rq_retry_overflow", **cluster) or 0) > 0
    assert await world.envoy("envoy_cluster_upstream_rq_total", **cluster) == len(share) + retried
    await _until_attempts(world, len(share) + retried, model=b, code="500")
    assert min(answer.seconds for answer in share) < 0.5 < max(answer.seconds for answer in share)


async def test_retries_hide_an_arm_that_fails_now_and_then(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await _failing_model(world, name("b"), "20")
    await world.experiment(name("e"), {a: 0, b: 100}, default=a)

    # One after the other: more than five that fail at once would not all be tried again.
    await world.shares(a, 60)

    cluster = {"envoy_cluster_name": f"{b}_1_http"}
    assert await world.envoy("envoy_cluster_upstream_rq_xx", envoy_response_code_class="5", **cluster) is None
    retried = await world.envoy("envoy_cluster_upstream_rq_retry", **cluster) or 0
    assert retried > 0
    assert await world.envoy("envoy_cluster_upstream_rq_total", **cluster) == 60 + retried
    await _until_attempts(world, retried, model=b, code="500")


async def test_pinned_requests_are_not_retried(world: World, name: Name) -> None:
    a, b = await world.model(name("a")), await _failing_model(world, name("b"), "100")
    await world.experiment(name("e"), {a: 100, b: 0}, default=a)

    for _ in range(5):
        assert (await world.ask(a, route=f":{b}_1:")).status == 500

    assert await world.envoy("envoy_cluster_upstream_rq_total", envoy_cluster_name=f"{b}_1_http") == 5


async def test_a_failing_mirror_is_unseen_by_clients(world: World, name: Name) -> None:
    a, mirror = await world.model(name("a")), await _failing_model(world, name("m"), "100")
    await world.experiment(name("e"), {a: 1}, default=a, mirror=(mirror, 100))
    cluster = {"envoy_cluster_name": f"{mirror}_1_http"}

    await world.shares(a, 20)

    await _until(lambda: world.envoy("envoy_cluster_upstream_rq_completed", **cluster), 20)
    assert (await world.envoy("envoy_cluster_upstream_rq_total", **cluster) or 0) > 20


async def test_a_slow_mirror_slows_everyone_on_its_server(world: World, name: Name) -> None:
    """The agent has 20 connections for all models; 60 copies per second of 0.5 s each need 30."""
    a, other = await world.model(name("a")), await world.model(name("other"))
    mirror = await _model_told(world, name("m"), delay_ms="500")
    await world.experiment(name("e"), {a: 1}, default=a, mirror=(mirror, 100))

    async with world.traffic(a, per_second=60) as traffic, world.traffic(other, per_second=2) as bystander:
        await bystander.until(lambda: len([answer for answer in bystander.answers if answer.seconds > 0.3]) >= 2)

    assert traffic.errors == bystander.errors == []


@pytest.mark.parametrize("weights", [(0, 0), (2**31 - 1, 2**31 - 1, 2)], ids=["all zero", "a sum over 32 bits"])
async def test_sums_envoy_refuses_freeze_every_route(world: World, name: Name, weights: tuple[int, ...]) -> None:
    arms = [await world.model(name(letter)) for letter in "abc"]
    other, fresh = await world.model(name("other")), name("fresh")
    bad = await world.experiment(name("bad"), {arms[0]: 1, arms[1]: 1}, default=arms[0])
    good = await world.experiment(name("good"), {other: 100, arms[1]: 0}, default=other)
    refused_before = await _refused(world)

    await world.set_weights(bad, dict(zip(arms, weights, strict=False)))
    for listener, before in refused_before.items():
        await _until(functools.partial(_refused_by, world, listener), before + 2)
    await world.until(EXPERIMENTS, bad, is_true("Ready"))  # as if it had worked
    await world.set_weights(good, {other: 0, arms[1]: 100})
    await world.until(EXPERIMENTS, good, is_true("Ready"))
    await world.model(fresh)

    assert len(await world.shares(arms[0], 40)) == 2  # the last accepted split
    assert set(await world.shares(other, 20)) == {f":{other}_1:"}  # others' edits are frozen too
    assert (await world.ask(fresh)).status == 404  # new models have no route

    await world.patch(MODELS, other, {"spec": world.model_spec(round="2")})
    await world.until(MODELS, other, is_true("ModelReady"))
    await world.until_answer(other, lambda answer: answer.status == 503)  # its cluster went, its route stayed

    await world.set_weights(bad, {arms[0]: 1, arms[1]: 1})
    await world.until_answer(fresh, lambda answer: answer.status == 200)
    assert set(await world.shares(other, 20)) == {f":{arms[1]}_1:"}


async def _refused(world: World) -> dict[str, float]:
    return {listener: await _refused_by(world, listener) for listener in ("listener_0", "listener_1")}


async def _refused_by(world: World, listener: str) -> float:
    return await world.envoy("envoy_http_rds_update_rejected", envoy_rds_route_config=listener) or 0


def _of(traffic: Traffic, model: str) -> list[Answer]:
    return [answer for answer in traffic.answers if answer.route == f":{model}_1:"]


async def _failing_model(world: World, name: str, percent: str) -> str:
    return await _model_told(world, name, fail_percent=percent)


async def _model_told(world: World, name: str, **parameters: str) -> str:
    if not world.target.obeys_echo_parameters:
        pytest.skip("needs the echo artefact, which can be told to fail or to be slow")
    return await world.model(name, **parameters)


def _need_agent(world: World) -> None:
    if not world.target.agent_metrics_url:
        pytest.skip("CONFORMANCE_AGENT_METRICS_URL is not set")


async def _until_attempts(world: World, expected: float, **labels: str) -> None:
    if world.target.agent_metrics_url:
        await _until(lambda: world.agent("seldon_model_infer_total", **labels), expected)


async def _until(read: Callable[[], Awaitable[float | None]], expected: float | None) -> None:
    """Return when a counter has reached a value (or is gone, for None); fail with what it was instead."""
    value = await read()
    try:
        async with asyncio.timeout(DEADLINE):
            while value != expected:
                await asyncio.sleep(0.1)
                value = await read()
    except TimeoutError:
        pytest.fail(f"the counter was {value} for {DEADLINE:g} s, not {expected}")
