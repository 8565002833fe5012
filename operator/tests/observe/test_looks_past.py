"""Looks at a past that we wrote ourselves, in a real Prometheus: every count is known beforehand."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import httpx
import pytest
from modelrollout import errors, telemetry
from modelrollout.observe import batching, queries
from modelrollout.observe.batching import Question, Reader
from modelrollout.observe.evidence import ArmCounts, Arms, LookAsk, LookData, NoData, Reason
from modelrollout.observe.looks import read_history, read_look
from modelrollout.observe.prometheus import Connection, PrometheusClient
from modelrollout.observe.queries import Scope, Template
from modelrollout.observe.sources import ENVOY
from prometheus_bench import EDGES_MS, Cluster, Prometheus, Series, past, running_prometheus
from prometheus_client import Counter

pytestmark = pytest.mark.stack

SCRAPE = 15
SINCE = 1_700_000_010.0  # five seconds before a scrape
FIRST, LAST = -240, 20  # scrapes before and after SINCE: an hour and five minutes
BLOCK = 60.0  # four scrapes: numbers 0 to 3


def scrape(number: int) -> float:
    return SINCE + 5 + SCRAPE * number


def grown(namespace: str, name: str, per_scrape: int, number: int, **more: object) -> Cluster:
    """A cluster that has counted steadily since FIRST; every second request retried, every fifth in error."""
    count = per_scrape * (number - FIRST + 1)
    return Cluster(namespace, name, count, retried=count // 2, errors=count // 5, **more)  # type: ignore[arg-type]


def history() -> Iterator[tuple[float, Cluster]]:
    numbers = range(FIRST, LAST)
    for namespace in ("calm", "restarted", "edited", "born", "stale", "silent", "lone-silent", "quiet", "odd_names"):
        yield from ((scrape(number), grown(namespace, "base_1_http", 100, number)) for number in numbers)
    for number in numbers:
        yield scrape(number), grown("calm", "cand_4_http", 10, number, slow_ms=250)
        yield scrape(number), grown("calm", "cand_4_grpc", 10, number)
        # The block begins after scrape -1 and ends with scrape 3; in between many requests come and go.
        yield scrape(number), grown("crowded", "base_1_http", 100, number, under_way={-1: 9, 3: 4}.get(number, 50))
        yield scrape(number), grown("crowded", "cand_1_http", 10, number, under_way={-1: 2, 3: 6}.get(number, 50))
        if number >= 2:
            yield scrape(number), grown("crowded", "cand_2_http", 10, number, under_way=3)
        # Envoy restarted between scrapes 1 and 2, and has counted 30 and 40 since.
        again = grown("restarted", "cand_1_http", 10, number if number < 2 else FIRST + number)
        yield scrape(number), again
        if number < 1:
            yield scrape(number), grown("edited", "cand_1_http", 10, number)
        if number >= 2:  # a new version of a model that was there, born with 10 requests
            yield scrape(number), grown("edited", "cand_2_http", 10, FIRST + number - 2)
            yield scrape(number), grown("born", "cand_1_http", 10, FIRST + number - 2)
        if number < 1:
            yield scrape(number), grown("stale", "cand_1_http", 10, number)
        yield scrape(number), grown("silent", "cand_1_http", 10, number, instance="seen")
        if number < -60 or number >= 2:  # 15 minutes unseen, counting all the while
            yield scrape(number), grown("silent", "cand_1_http", 10, number, instance="unseen")
            yield scrape(number), grown("lone-silent", "cand_1_http", 10, number)
        yield scrape(number), Cluster("quiet", "cand_1_http")
        yield scrape(number), grown("odd_names", "base_1_http_7_http", 10, number)


def oddities() -> list[Series]:
    nan = [(scrape(number), math.nan) for number in range(FIRST, LAST)]
    return [
        Series("envoy_cluster_upstream_rq_completed", 'namespace="quiet",envoy_cluster_name="nan_1_http"', nan),
        Series("envoy_cluster_upstream_rq_total", 'namespace="quiet",envoy_cluster_name="nan_1_http"', nan),
        Series("depth", 'model="cand"', [(scrape(number), 7.0) for number in range(FIRST, LAST)]),
        Series("depth", 'model="base"', [(scrape(number), 0.0) for number in range(FIRST, LAST)]),
    ]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    written = past(history()) + oddities()
    with running_prometheus(tmp_path_factory.mktemp("past"), written, []) as prometheus:
        yield prometheus


@pytest.fixture
def ask(prometheus: Prometheus) -> LookAsk:
    connection = Connection(prometheus.address)
    return LookAsk(connection, "calm", "base", "cand", SINCE, SINCE + BLOCK, SCRAPE, edges_ms=(100, 250))


BASE = ArmCounts(400, 280, 80, {100: 400, 250: 400, math.inf: 400})


async def test_a_look_counts_exactly_what_happened_in_the_block(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, ask)

    # Two protocols of 40 each; only those over gRPC took less than 250 ms.
    candidate = ArmCounts(80, 56, 16, {100: 40, 250: 80, math.inf: 80})
    assert look.arms == Arms(baseline=BASE, candidate=candidate)
    assert (look.since, look.until, look.values) == (SINCE, SINCE + BLOCK, {})


async def test_adjacent_blocks_add_up(reader: Reader, ask: LookAsk) -> None:
    cuts = [SINCE, SINCE + 7, SINCE + 31.5, SINCE + BLOCK]
    looks = [await read_look(reader, replace(ask, since=since, until=until)) for since, until in pairwise(cuts)]

    assert sum(arms(look).candidate.completed for look in looks) == 80
    assert sum(arms(look).candidate.buckets[100] for look in looks) == 40


def arms(look: LookData) -> Arms:
    assert isinstance(look.arms, Arms), look.arms
    return look.arms


async def test_only_what_is_asked_for_is_read(reader: Reader, ask: LookAsk) -> None:
    before = sent()
    look = await read_look(reader, replace(ask, errors=False, edges_ms=()))

    assert arms(look).candidate == ArmCounts(80, 0, 0, {})
    assert sent() - before == 4


async def test_how_many_more_are_under_way_is_the_difference_of_both_ends(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, namespace="crowded"))

    # Of the candidate's two versions one went from 2 to 6, and one that was born in the block ended with 3.
    assert (arms(look).baseline.under_way, arms(look).candidate.under_way) == (4 - 9, 6 - 2 + 3)


@pytest.mark.parametrize(
    ("namespace", "completed"),
    [
        ("restarted", 40),  # since the restart; the 20 before it went with the old counter, and none is invented
        ("edited", 10 + 20),  # one scrape of the old version, then the new one stands at 20
        ("quiet", 0),  # scraped, but never asked anything: zero is a fact here
    ],
)
async def test_restarts_births_and_silence_are_counted_right(
    namespace: str, completed: float, reader: Reader, ask: LookAsk
) -> None:
    look = await read_look(reader, replace(ask, namespace=namespace))

    assert arms(look).baseline == BASE
    assert arms(look).candidate.completed == arms(look).candidate.buckets[math.inf] == completed


async def test_names_with_numbers_and_underscores_are_told_apart(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, namespace="odd_names", candidate="base_1_http"))

    assert arms(look).candidate.completed == 40
    assert arms(look).baseline.completed == 400


NO_LOOK: dict[str, tuple[Callable[[LookAsk], LookAsk], Reason, str | None]] = {
    "an arm that nobody ever saw": (
        lambda ask: replace(ask, candidate="nobody"),
        Reason.NO_SERIES,
        "Prometheus has no series of model nobody: send requests, or check that Seldon's Envoy is up and scraped,"
        " and the namespace or prometheus.matchers.",
    ),
    "another namespace": (
        lambda ask: replace(ask, namespace="elsewhere"),
        Reason.NO_SERIES,
        "Prometheus has no series of models base and cand: send requests, or check that Seldon's Envoy is up and"
        " scraped, and the namespace or prometheus.matchers.",
    ),
    "an arm that fell silent": (
        lambda ask: replace(ask, namespace="stale"),
        Reason.STALE_ARM,
        "The newest sample of model cand is older than two scrapes: check that Seldon's Envoy is up and scraped,"
        " and the namespace or prometheus.matchers.",
    ),
    "one replica that was silent for longer than W": (
        lambda ask: replace(ask, namespace="silent"),
        Reason.RE_ANCHORED,
        "Series of model cand came back after a long silence: counting starts here.",
    ),
    "a whole arm that was silent for longer than W": (
        lambda ask: replace(ask, namespace="lone-silent"),
        Reason.RE_ANCHORED,
        "Prometheus did not see model cand when this block began: counting starts here.",
    ),
    "an arm that was born in the block": (
        lambda ask: replace(ask, namespace="born"),
        Reason.RE_ANCHORED,
        "Prometheus did not see model cand when this block began: counting starts here.",
    ),
    "a counter that is not a number": (
        lambda ask: replace(ask, namespace="quiet", candidate="nan"),
        Reason.NOT_FINITE,
        "A counter in Prometheus is NaN or infinite.",
    ),
    "a block longer than anyone wants to read": (
        lambda ask: replace(ask, since=SINCE - 100_000),
        Reason.TOO_OLD,
        "The last look is too long ago to read on from it: counting starts here.",
    ),
    "matchers that do not parse": (
        lambda ask: replace(ask, matchers="namespace=calm"),
        Reason.QUERY_REFUSED,
        None,
    ),
}


@pytest.mark.parametrize("case", NO_LOOK)
async def test_each_kind_of_missing_evidence_has_its_own_reason(case: str, reader: Reader, ask: LookAsk) -> None:
    change, reason, sentence = NO_LOOK[case]

    look = await read_look(reader, change(ask))

    assert isinstance(look.arms, NoData), look.arms
    assert look.arms.reason is reason
    assert look.arms.message == sentence or sentence is None
    assert look.arms.drops_block is (reason in (Reason.RE_ANCHORED, Reason.TOO_OLD))


@pytest.mark.parametrize("namespace", ["born", "silent", "lone-silent"])
async def test_the_look_after_a_dropped_block_counts_again(namespace: str, reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, namespace=namespace, since=SINCE + BLOCK, until=SINCE + 2 * BLOCK))

    assert arms(look).candidate.completed == (80 if namespace == "silent" else 40)


async def test_matchers_replace_the_namespace(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, namespace="elsewhere", matchers='namespace="calm", instance="a",'))

    assert arms(look).candidate.completed == 80


# --- free queries -----------------------------------------------------------------------------------------------------


async def test_a_free_query_stands_or_falls_alone(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(
        reader,
        replace(
            ask,
            queries={
                "one": 'depth{model="cand"}',
                "number": "3 * 2",
                "none": "no_such_metric",
                "several": "depth",
                "nan": '0 * depth{model="cand"} / 0',
                "infinite": "1 / 0",
                "broken": "max(",
                "text": '"seven"',
                "range": "depth[5m]",
            },
        ),
    )

    assert arms(look).candidate.completed == 80
    values = dict(look.values)
    assert (values.pop("one"), values.pop("number")) == (7.0, 6.0)
    told = {name: (value.reason, value.message) for name, value in values.items() if isinstance(value, NoData)}
    assert told == {
        "none": (Reason.NO_SERIES, "The query of guardrail none gives no series."),
        "several": (
            Reason.SEVERAL_SERIES,
            "The query of guardrail several gives several series: aggregate it, for example with max(...).",
        ),
        "nan": (Reason.NOT_FINITE, "The query of guardrail nan gives NaN or infinity."),
        "infinite": (Reason.NOT_FINITE, "The query of guardrail infinite gives NaN or infinity."),
        "broken": (
            Reason.QUERY_REFUSED,
            "Guardrail broken: Prometheus refuses the query:"
            ' invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
        ),
        "text": (Reason.QUERY_REFUSED, "Guardrail text: The query cannot be used: it gives text; a number is needed."),
        "range": (
            Reason.QUERY_REFUSED,
            "Guardrail range: The query cannot be used: it gives a range of values;"
            " an instant vector or a number is needed.",
        ),
    }


async def test_values_are_read_even_when_an_arm_is_missing(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, candidate="nobody", queries={"depth": "max(depth)"}))

    assert isinstance(look.arms, NoData)
    assert look.values == {"depth": 7.0}


# --- history ----------------------------------------------------------------------------------------------------------


async def test_history_is_the_baselines_last_hour_over_all_edges(reader: Reader, ask: LookAsk) -> None:
    got = await read_history(reader, ask.connection, "calm", "base", SINCE + 10)

    assert not isinstance(got, NoData)
    assert got.edges_ms == (*EDGES_MS, math.inf)
    assert got.cumulative == tuple(24_000.0 if edge >= 10 else 0.0 for edge in got.edges_ms)


async def test_history_of_a_model_without_a_histogram_is_no_data(reader: Reader, ask: LookAsk) -> None:
    got = await read_history(reader, ask.connection, "quiet", "cand", SINCE)

    assert isinstance(got, NoData)
    assert got.reason is Reason.NO_SERIES


# --- queries ----------------------------------------------------------------------------------------------------------


SCOPES = {
    "one namespace": Scope(frozenset({"calm"})),
    "two namespaces": Scope(frozenset({"calm", "quiet"})),
    "as many namespaces as are named": Scope(frozenset(f"team-{number:03}-inference" for number in range(47))),
    "too many namespaces to name": Scope(frozenset(f"team-{number:03}-inference" for number in range(200))),
    "matchers": Scope(frozenset(), 'job="x"'),
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("template", Template)
def test_prometheus_parses_every_template(template: Template, scope: str, prometheus: Prometheus) -> None:
    text = queries.text(template, ENVOY, SCOPES[scope], 30.5, EDGES_MS)

    prometheus.ask(text, SINCE)

    assert len(str(httpx.URL("http://x/api/v1/query", params={"query": text}))) < 8_000


async def test_every_edge_of_envoy_is_found_by_its_value(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, edges_ms=EDGES_MS))

    assert tuple(arms(look).baseline.buckets) == (*EDGES_MS, math.inf)


async def test_an_edge_that_the_histogram_does_not_have_is_absent(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, edges_ms=(42.0, 100.0)))

    assert tuple(arms(look).baseline.buckets) == tuple(arms(look).candidate.buckets) == (100.0, math.inf)


async def test_edges_of_an_arm_without_a_histogram_yet_stand_at_zero(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, namespace="quiet", edges_ms=(42.0, 100.0)))

    assert arms(look).candidate.buckets == {100.0: 0.0, math.inf: 0.0}
    assert arms(look).baseline.buckets == {100.0: 400.0, math.inf: 400.0}


# --- batching ---------------------------------------------------------------------------------------------------------


def sent() -> float:
    return _total(telemetry.QUERIES)


def asked() -> float:
    return _total(telemetry.ASKS)


def _total(counter: Counter) -> float:
    samples = [sample for metric in counter.collect() for sample in metric.samples]
    return sum(sample.value for sample in samples if sample.name.endswith("_total"))


def answered(prometheus: Prometheus) -> float:
    """How many queries Prometheus says it was sent."""
    lines = httpx.get(f"{prometheus.address}/metrics", timeout=60).text.splitlines()
    mine = [line for line in lines if line.startswith("prometheus_http_requests_total") and '"/api/v1/query"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in mine)


@pytest.mark.parametrize("rollouts", [1, 200])
async def test_two_hundred_rollouts_send_as_many_queries_as_one(
    rollouts: int, reader: Reader, ask: LookAsk, prometheus: Prometheus
) -> None:
    namespaces = ["calm", "quiet", *(f"team-{number:03}-inference" for number in range(198))][:rollouts]
    asks = [replace(ask, namespace=name, edges_ms=(100.0, 250.0 * (1 + len(name) % 3))) for name in namespaces]
    before, asked_before, answered_before = sent(), asked(), answered(prometheus)

    looks = await asyncio.gather(*(arriving_late(reader, one, place) for place, one in enumerate(asks)))

    assert arms(looks[0]).candidate.completed == 80
    assert sent() - before == answered(prometheus) - answered_before == 7
    assert asked() - asked_before == 7 * rollouts


async def arriving_late(reader: Reader, ask: LookAsk, place: int) -> LookData:
    await asyncio.sleep(0.001 * (place % 10))
    return await read_look(reader, ask)


async def test_askers_that_a_busy_machine_held_up_are_waited_for(reader: Reader, ask: LookAsk) -> None:
    before = sent()
    tasks = [
        asyncio.create_task(arriving_late(reader, replace(ask, namespace=name), place))
        for name, place in (("calm", 0), ("quiet", 9))
    ]
    await asyncio.sleep(0.003)  # Now the first has joined, and the second is on its way.
    time.sleep(0.1)  # the machine is busy with something else

    looks = await asyncio.gather(*tasks)

    assert [arms(look).baseline for look in looks] == [BASE, BASE]
    assert sent() - before == 7


async def test_who_comes_after_the_answer_takes_it_along(
    reader: Reader, ask: LookAsk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "KEPT_SECONDS", 600.0)  # longer than any machine stands still
    first = await read_look(reader, ask)
    before = sent()

    second = await read_look(reader, replace(ask, edges_ms=(250,)))

    assert sent() == before
    assert arms(second).candidate.completed == arms(first).candidate.completed
    assert set(arms(second).candidate.buckets) == {250, math.inf}


async def test_who_comes_after_the_answer_and_wants_more_asks_again(reader: Reader, ask: LookAsk) -> None:
    await read_look(reader, ask)

    look = await read_look(reader, replace(ask, namespace="quiet"))

    assert arms(look).baseline == BASE


async def test_the_same_free_query_of_many_rollouts_is_sent_once(reader: Reader, ask: LookAsk) -> None:
    before = sent()
    asks = [replace(ask, candidate=name, queries={"depth": "max(depth)"}) for name in ("cand", "base", "nobody")]

    looks = await asyncio.gather(*(read_look(reader, one) for one in asks))

    assert [look.values for look in looks] == [{"depth": 7.0}] * 3
    assert sent() - before == 8


async def test_one_failure_reaches_every_asker_and_nobody_afterwards(reader: Reader, prometheus: Prometheus) -> None:
    question = Question(Connection(prometheus.address), Template.COMPLETED, SINCE, 30.0, matchers="no matcher")

    first = await asyncio.gather(*(reader.table(question, "calm") for _ in range(3)), return_exceptions=True)
    second = await asyncio.gather(reader.table(question, "calm"), return_exceptions=True)

    assert isinstance(first[0], errors.QueryRefused)
    assert first[0] is first[1] is first[2]
    assert second[0] is not first[0]


async def test_an_asker_who_gives_up_takes_nothing_from_the_others(reader: Reader, ask: LookAsk) -> None:
    leaving, staying = (asyncio.create_task(read_look(reader, ask)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()

    assert arms(await staying).candidate.completed == 80


async def test_an_outage_is_no_data_for_everything(reader: Reader, ask: LookAsk, unused: Callable[[], str]) -> None:
    away = replace(ask, connection=Connection(unused()), queries={"depth": "max(depth)"})

    look = await read_look(reader, away)

    assert isinstance(look.arms, NoData)
    assert look.arms.reason is Reason.UNREACHABLE
    assert look.values == {"depth": look.arms}
    assert not look.arms.drops_block


async def test_the_client_reads_numbers_vectors_and_odd_values(prometheus: Prometheus, reader: Reader) -> None:
    client: PrometheusClient = reader._client(Connection(prometheus.address))

    assert [sample.value for sample in await client.query("2", SINCE)] == [2.0]
    assert [sample.value for sample in await client.query("vector(-1/0)", SINCE)] == [-math.inf]
    assert await client.query("nothing", SINCE) == []
