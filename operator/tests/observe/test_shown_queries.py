"""The PromQL that people are shown, asked of a real Prometheus: it gives the shares and means that the look counted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from factories import ERRORS, HISTORY, LATENCY, spec
from modelrollout.api.spec import RolloutSpec
from modelrollout.observe import shown, views
from modelrollout.observe.batching import Reader
from modelrollout.observe.looks import read_look
from modelrollout.observe.prometheus import Connection
from modelrollout.plan import engine
from modelrollout.plan.world import ArmCounts, ArmSums, LookData
from prometheus_bench import Cluster, Exported, Labelled, Prometheus, Series, past, running_prometheus

SCRAPE = 15
SINCE = 1_700_000_010.0  # five seconds before a scrape
FIRST, LAST = -60, 12
BLOCK = 60.0

OWN = {"total": "labelled_total"}
PROFIT = {"count": "labelled_total", "sum": "profit_sum", "sumOfSquares": "profit_squares"}
SHARES: dict[str, Any] = {
    "good": {"ratio": {"good": "good_total", **OWN}},
    "good-by-bad": {"ratio": {"bad": "good_total", "maxDrop": "2pp", **OWN}},
    "bad": {"ratio": {"bad": "good_total", "maxRatio": 1.5, **OWN}},
    "bad-by-good": {"ratio": {"good": "good_total", "maxRatio": 1.5, **OWN}},
}
GUARDRAILS = [
    ERRORS,
    {"name": "answers", "errorRate": {"of": "Answers"}},
    LATENCY,
    *({"name": name, **rail} for name, rail in SHARES.items()),
    {"name": "profit", "mean": PROFIT},
    {"name": "depth", "query": {"promql": 'max(depth{model="{{model}}"})', "max": "5"}},
]


def scrape(number: int) -> float:
    return SINCE + 5 + SCRAPE * number


def cluster(namespace: str, name: str, per_scrape: int, count: int, **more: Any) -> Cluster:
    """Half of the requests retried, every fifth in error."""
    completed = per_scrape * count
    return Cluster(namespace, name, completed, retried=completed // 2, errors=completed // 5, **more)


def exported(number: int) -> Iterator[Exported]:
    count = number - FIRST + 1
    for namespace in ("calm", "edited", "restarted", "quiet"):
        yield cluster(namespace, "base_1_http", 100, count)
        yield Labelled(namespace, "base_7", 10 * count, good=8 * count, profit=-4 * count, squares=6 * count)
    yield cluster("calm", "cand_4_http", 10, count, slow_ms=250)
    yield cluster("calm", "cand_4_grpc", 20, count)
    yield Labelled("calm", "cand", 5 * count, good=3 * count, profit=2.5 * count, squares=4 * count)
    is_new = number >= 2
    yield cluster("edited", f"cand_{4 + is_new}_http", 10, number - 1 if is_new else count, slow_ms=500)
    yield Labelled("edited", f"cand_{4 + is_new}", 5 * count, good=3 * count)
    yield cluster("restarted", "cand_4_http", 10, number - 1 if is_new else count)
    yield Labelled("restarted", "cand", 5 * (number - 1 if is_new else count), good=number - 1 if is_new else count)
    yield Cluster("quiet", "cand_4_http")
    yield Labelled("calm", "other", 7 * count, good=count)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    numbers = range(FIRST, LAST)
    written = past((scrape(number), one) for number in numbers for one in exported(number))
    depth = Series("depth", 'namespace="calm",model="cand"', [(scrape(number), 7.0) for number in numbers])
    with running_prometheus(tmp_path_factory.mktemp("shown"), [*written, depth], []) as prometheus:
        yield prometheus


def guarded(**fields: Any) -> RolloutSpec:
    return spec(guardrails=GUARDRAILS, baseline="base", candidate="cand", analysis={"interval": "1m"}, **fields)


def share(arm: ArmCounts, part: float) -> float:
    return part / arm.requests


def wanted(look: LookData, name: str, arm: ArmCounts, sums: ArmSums | None) -> float:
    """What the look counted, as people know it."""
    match name:
        case "errors":
            return share(arm, arm.troubled)
        case "answers":
            return share(arm, arm.server_errors)
        case "latency":
            return 1 - arm.at_or_below[25] / arm.timed
    assert sums is not None
    bad = sums.events / sums.total
    return bad if name in ("bad", "bad-by-good", "profit") else 1 - bad


async def answers(
    of: RolloutSpec, namespace: str, prometheus: Prometheus, reader: Reader
) -> tuple[LookData, dict[str, dict[str, float]]]:
    """The look, and what each shown query says of each model."""
    stored, connection = engine.open_all(of, HISTORY), Connection(prometheus.address)
    ask = views.ask(of, stored, connection, namespace, (SINCE, SINCE + BLOCK), SCRAPE)
    look = views.look(await read_look(reader, ask), shown.texts(of, stored, namespace))
    assert isinstance(look, LookData), look
    found = {name: await reader.query(connection, text, SINCE + BLOCK) for name, text in look.asked.items()}
    return look, {name: {one.labels.get("model", ""): one.value for one in rows} for name, rows in found.items()}


@pytest.mark.stack
@pytest.mark.parametrize("namespace", ["calm", "edited", "restarted"])
async def test_the_shown_query_says_what_the_look_counted(
    namespace: str, prometheus: Prometheus, reader: Reader
) -> None:
    look, said = await answers(guarded(), namespace, prometheus, reader)
    no_query = {"depth"}
    left_out = set(look.gaps)  # where a counter began again the look counts nothing, and the query what is left

    assert left_out == ({*SHARES, "profit"} if namespace == "restarted" else set())
    for name in look.asked.keys() - left_out - no_query:
        base, cand = look.counted.get(name, (None, None))
        expected = {
            "base": wanted(look, name, look.baseline, base),
            "cand": wanted(look, name, look.candidate, cand),
        }
        assert said[name] == pytest.approx(expected), name


@pytest.mark.stack
async def test_the_numbers_are_those_that_were_exported(prometheus: Prometheus, reader: Reader) -> None:
    _, said = await answers(guarded(), "calm", prometheus, reader)

    assert said == {
        "errors": pytest.approx({"base": 0.7, "cand": 0.7}),
        "answers": pytest.approx({"base": 0.2, "cand": 0.2}),
        "latency": pytest.approx({"base": 0, "cand": 1 / 3}),
        "good": pytest.approx({"base": 0.8, "cand": 0.6}),
        "good-by-bad": pytest.approx({"base": 0.2, "cand": 0.4}),
        "bad": pytest.approx({"base": 0.8, "cand": 0.6}),
        "bad-by-good": pytest.approx({"base": 0.2, "cand": 0.4}),
        "profit": pytest.approx({"base": -0.4, "cand": 0.5}),
        "depth": {"": 7.0},
    }


@pytest.mark.stack
async def test_matchers_take_the_namespaces_place(prometheus: Prometheus, reader: Reader) -> None:
    _, said = await answers(guarded(prometheus={"matchers": 'namespace="calm"'}), "else", prometheus, reader)

    assert said["errors"] == pytest.approx({"base": 0.7, "cand": 0.7})
    assert said["good"] == pytest.approx({"base": 0.8, "cand": 0.6})


@pytest.mark.stack
async def test_an_arm_without_requests_has_no_share(prometheus: Prometheus, reader: Reader) -> None:
    _, said = await answers(guarded(), "quiet", prometheus, reader)

    assert said["errors"] == {"base": pytest.approx(0.7)}
    assert all(math.isfinite(value) for value in said["errors"].values())


def test_the_queries_stay_the_same_from_look_to_look() -> None:
    of = guarded()
    stored = engine.open_all(of, HISTORY)

    assert shown.texts(of, stored, "models") == shown.texts(of, engine.reopened(stored), "models")
    assert shown.texts(of, stored, "models").keys() == {rail.name for rail in of.guardrails}


def test_a_latency_guardrail_without_edges_yet_has_no_query() -> None:
    assert "latency" not in shown.texts(guarded(), [], "models")


def test_names_of_usual_length_fit_into_the_status() -> None:
    long = spec(
        guardrails=GUARDRAILS, baseline="fraud-detector-2026-11-20-retrained", candidate="fraud-detector-next-1"
    )
    found = shown.texts(long, engine.open_all(long, HISTORY), "financial-inference-production")

    assert found.keys() == {rail.name for rail in long.guardrails}


def test_a_query_that_is_too_long_for_the_status_is_left_out() -> None:
    promql = "max(" + "depth + " * 400 + "depth)"
    long = spec(guardrails=[ERRORS, {"name": "depth", "query": {"promql": promql, "max": "5"}}])

    assert shown.texts(long, [], "models").keys() == {"errors"}
