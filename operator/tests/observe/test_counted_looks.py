"""The user's own counters in a real Prometheus, over a past that we wrote: every count is known beforehand."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from modelrollout import telemetry
from modelrollout.observe import past
from modelrollout.observe.batching import Reader
from modelrollout.observe.evidence import CountedArms, LookAsk, LookData, MeanAsk, NoData, RatioAsk, Reason
from modelrollout.observe.looks import read_look
from modelrollout.observe.prometheus import Connection
from modelrollout.observe.queries import Template
from modelrollout.plan.world import ArmSums
from prometheus_bench import Labelled, Prometheus, Series, running_prometheus
from prometheus_bench import past as written_past

pytestmark = pytest.mark.stack

SCRAPE = 15
SINCE = 1_700_000_010.0  # five seconds before a scrape
FIRST, LAST = -120, 12  # scrapes before and after SINCE: half an hour and three minutes
BLOCK = 60.0  # four scrapes: numbers 0 to 3

ACCURACY = RatioAsk("labelled_total", "good_total", part_is_good=True, label="model")
PROFIT = MeanAsk("labelled_total", "profit_sum", "profit_squares", label="model")
BASE, BASE_PROFIT = ArmSums(40, 8, 8), ArmSums(40, -16, 24)
NOTHING = ArmSums(0, 0, 0)


def scrape(number: int) -> float:
    return SINCE + 5 + SCRAPE * number


def grown(namespace: str, model: str, number: int, per_scrape: int = 10, **more: object) -> Labelled:
    """Steadily since FIRST: four fifths good, each losing 0.4, and squares of 0.6."""
    total = per_scrape * (number - FIRST + 1)
    known = {"good": 0.8 * total, "profit": -0.4 * total, "squares": 0.6 * total} | more
    return Labelled(namespace, model, total, **known)  # type: ignore[arg-type]


NAMESPACES = (
    *("steady", "edited", "unlabelled", "born", "first-good", "restarted", "half-restarted", "stale", "stale-part"),
    *("missed-start", "silent", "replica", "nan", "skewed", "no-values", "part-silent"),
)


def exported(number: int) -> Iterator[Labelled]:
    """Everything that one scrape saw."""
    yield from (grown(namespace, "base", number) for namespace in NAMESPACES)
    yield grown("steady", "cand_3", number, 5)
    yield grown("steady", "other", number, 7)
    if number < 1:
        yield grown("edited", "cand_1", number, 5)
    if number >= 2:  # a new version of a model that was there, and a model that was not
        yield grown("edited", "cand_2", FIRST + number - 2, 5)
        yield grown("born", "cand", FIRST + number - 2, 5)
    yield grown("first-good", "cand", number, 5, good=None if number < 2 else 3.0)
    yield grown("restarted", "cand", number if number < 2 else FIRST + number, 5)
    # Good ones fell between scrapes 1 and 2; the total, after more traffic than ever before, did not.
    total = grown("half-restarted", "cand", number, 5).total
    yield Labelled("half-restarted", "cand", total, good=total if number < 2 else total - 400)
    if number < 1:
        yield grown("stale", "cand", number, 5)
    yield grown("stale-part", "cand", number, 5, good=None if number >= 1 else 5.0)
    if not -4 <= number < 0:
        yield grown("missed-start", "cand", number, 5)
    yield grown("silent", "cand", number, 5)
    if number < -60 or number >= 2:  # fifteen minutes unseen, counting all the while
        yield grown("silent", "cand", number, 5, more='instance="b"')
    yield grown("replica", "cand", number, 5)
    if number >= 2:
        yield grown("replica", "cand", FIRST + number - 2, 5, more='instance="b"')
    yield grown("nan", "cand", number, 5, good=math.nan)
    yield grown("skewed", "cand", number, 5, good=6.0 * (number - FIRST + 1))
    yield replace(grown("no-values", "cand", FIRST, 5), profit=float(number))
    is_silent = -60 <= number < 2
    yield grown("part-silent", "cand", number, 5, **({"good": None} if is_silent else {}))


def by_outcome() -> Iterator[Series]:
    """One metric with the outcome in a label; after a restart between scrapes 1 and 2 the good ones overtook."""
    for model in ("base", "cand"):
        for outcome in ("good", "bad"):
            steps = {"good": 2.0, "bad": 8.0} if model == "cand" else {"good": 9.0, "bad": 1.0}
            samples = []
            for number in range(FIRST, LAST):
                value = steps[outcome] * (number - FIRST + 1)
                if model == "cand" and number >= 2:
                    value = {"good": 300.0, "bad": 300.0}[outcome] + number
                samples.append((scrape(number), value))
            yield Series("outcomes_total", f'namespace="split",model="{model}",outcome="{outcome}"', samples)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    written = written_past((scrape(number), one) for number in range(FIRST, LAST) for one in exported(number))
    with running_prometheus(tmp_path_factory.mktemp("counted"), [*written, *by_outcome()], []) as prometheus:
        yield prometheus


@pytest.fixture
def ask(prometheus: Prometheus) -> LookAsk:
    counters = {"accuracy": ACCURACY, "profit": PROFIT}
    connection = Connection(prometheus.address)
    return LookAsk(connection, "steady", "base", "cand", SINCE, SINCE + BLOCK, SCRAPE, errors=False, counters=counters)


def arms(look: LookData, name: str = "accuracy") -> CountedArms:
    found = look.counted[name]
    assert isinstance(found, CountedArms), found
    return found


async def test_shares_and_means_are_counted_exactly(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, ask)

    assert look.counted == {
        "accuracy": CountedArms(BASE, ArmSums(20, 4, 4)),
        "profit": CountedArms(BASE_PROFIT, ArmSums(20, -8, 12)),
    }


async def test_bad_ones_may_be_counted_instead_of_good_ones(reader: Reader, ask: LookAsk) -> None:
    bad = RatioAsk("labelled_total", "good_total", part_is_good=False, label="model")
    look = await read_look(reader, replace(ask, counters={"accuracy": bad}))

    assert arms(look).candidate == ArmSums(20, 16, 16)


async def test_adjacent_blocks_of_counters_add_up(reader: Reader, ask: LookAsk) -> None:
    cuts = [SINCE, SINCE + 7, SINCE + 31.5, SINCE + BLOCK]
    looks = [await read_look(reader, replace(ask, since=since, until=until)) for since, until in pairwise(cuts)]

    assert sum(arms(look).candidate.total for look in looks) == 20
    assert sum(arms(look, "profit").candidate.events for look in looks) == pytest.approx(-8)


COUNTED = {
    "a new version in the middle of the block": ("edited", ArmSums(5 + 10, 1 + 2, 3)),
    "an arm of which nothing is labelled yet": ("unlabelled", NOTHING),
    "the first good one in the middle of the block": ("first-good", ArmSums(20, 17, 17)),
    "a new replica": ("replica", ArmSums(20 + 10, 4 + 2, 6)),
    "more good ones than there are at all": ("skewed", ArmSums(20, 0, 0)),
}


@pytest.mark.parametrize(("namespace", "candidate"), COUNTED.values(), ids=COUNTED)
async def test_what_begins_late_or_overlaps_is_counted_right(
    namespace: str, candidate: ArmSums, reader: Reader, ask: LookAsk
) -> None:
    look = await read_look(reader, replace(ask, namespace=namespace))

    assert arms(look).baseline == BASE
    assert rounded(arms(look).candidate) == candidate


def rounded(sums: ArmSums) -> ArmSums:
    return ArmSums(round(sums.total, 6), round(sums.events, 6), round(sums.squares, 6))


async def test_a_mean_of_no_values_has_no_sum(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, namespace="no-values"))

    assert arms(look, "profit").candidate == NOTHING


BEGAN = "of model cand began again in this block: counting starts here."
OUTCOMES = RatioAsk("outcomes_total", 'outcomes_total{outcome="good"}', part_is_good=True, label="model")
NOWHERE = RatioAsk("labeled_total", "good_total", part_is_good=True, label="model")
GAPS: dict[str, tuple[Callable[[LookAsk], LookAsk], Reason, str]] = {
    "a metric that does not exist": (
        lambda ask: replace(ask, counters={"accuracy": NOWHERE}),
        Reason.NO_SERIES,
        "Prometheus has no series of labeled_total for models base and cand: check that the metric is scraped,"
        " its label model, and the namespace or prometheus.matchers.",
    ),
    "a label that the metric does not have": (
        lambda ask: replace(ask, counters={"accuracy": replace(ACCURACY, label="arm")}),
        Reason.NO_SERIES,
        "Prometheus has no series of labelled_total for models base and cand: check that the metric is scraped,"
        " its label arm, and the namespace or prometheus.matchers.",
    ),
    "an arm that is first labelled in the block": (
        lambda ask: replace(ask, namespace="born"),
        Reason.RE_ANCHORED,
        "Prometheus did not see labelled_total of model cand when this block began: counting starts here.",
    ),
    "an arm whose scrapes failed when the block began": (
        lambda ask: replace(ask, namespace="missed-start"),
        Reason.RE_ANCHORED,
        "Prometheus did not see labelled_total of model cand when this block began: counting starts here.",
    ),
    "an arm that fell silent": (
        lambda ask: replace(ask, namespace="stale"),
        Reason.STALE_ARM,
        "The newest sample of labelled_total for model cand is older than two scrapes:"
        " check that it is scraped, and prometheus.scrapeInterval.",
    ),
    "good ones that fell silent": (
        lambda ask: replace(ask, namespace="stale-part"),
        Reason.STALE_ARM,
        "The newest sample of good_total for model cand is older than two scrapes:"
        " check that it is scraped, and prometheus.scrapeInterval.",
    ),
    "a replica that was silent for longer than W": (
        lambda ask: replace(ask, namespace="silent"),
        Reason.RE_ANCHORED,
        "Series of labelled_total for model cand came back after a long silence: counting starts here.",
    ),
    "good ones that were silent for longer than W": (
        lambda ask: replace(ask, namespace="part-silent"),
        Reason.RE_ANCHORED,
        "Series of good_total for model cand came back after a long silence: counting starts here.",
    ),
    "counters that began again": (
        lambda ask: replace(ask, namespace="restarted"),
        Reason.RE_ANCHORED,
        f"labelled_total {BEGAN}",
    ),
    "good ones that began again while the total overtook": (
        lambda ask: replace(ask, namespace="half-restarted"),
        Reason.RE_ANCHORED,
        f"good_total {BEGAN}",
    ),
    "bad ones that began again while the good ones overtook": (
        lambda ask: replace(ask, namespace="split", counters={"accuracy": OUTCOMES}),
        Reason.RE_ANCHORED,
        f"outcomes_total {BEGAN}",
    ),
    "a counter that is not a number": (
        lambda ask: replace(ask, namespace="nan"),
        Reason.NOT_FINITE,
        "good_total of model cand is NaN or infinite.",
    ),
    "a metric that does not parse": (
        lambda ask: replace(ask, counters={"accuracy": replace(ACCURACY, part="good_total{x=1}")}),
        Reason.QUERY_REFUSED,
        'Prometheus refuses the query: invalid parameter "query": 1:',
    ),
}


@pytest.mark.parametrize("case", GAPS)
async def test_a_block_is_left_out_for_both_arms_with(case: str, reader: Reader, ask: LookAsk) -> None:
    change, reason, sentence = GAPS[case]

    found = (await read_look(reader, change(ask))).counted["accuracy"]

    assert isinstance(found, NoData), found
    assert found.reason is reason
    assert found.message.startswith(f"Guardrail accuracy: {sentence}")


async def test_a_sum_does_not_count_through_a_restart(reader: Reader, ask: LookAsk) -> None:
    found = (await read_look(reader, replace(ask, namespace="restarted"))).counted["profit"]

    assert found == NoData(Reason.RE_ANCHORED, f"Guardrail profit: labelled_total {BEGAN}")


@pytest.mark.parametrize("namespace", ["born", "restarted", "half-restarted", "silent", "missed-start"])
async def test_the_look_after_a_block_left_out_counts_again(namespace: str, reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, namespace=namespace, since=SINCE + BLOCK, until=SINCE + 2 * BLOCK))

    assert arms(look).baseline == BASE
    assert arms(look).candidate.total == (40 if namespace == "silent" else 20)


async def test_trouble_with_one_guardrails_counters_is_its_own(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, counters={"typo": NOWHERE, "accuracy": ACCURACY}))

    assert isinstance(look.counted["typo"], NoData)
    assert arms(look).baseline == BASE


async def test_a_metric_that_names_its_own_namespace_is_found_there(reader: Reader, ask: LookAsk) -> None:
    place = '{namespace="steady"}'
    elsewhere = RatioAsk(f"labelled_total{place}", f"good_total{place}", part_is_good=True, label="model")

    look = await read_look(reader, replace(ask, namespace="models", counters={"accuracy": elsewhere}))

    assert arms(look) == CountedArms(BASE, ArmSums(20, 4, 4))


async def test_matchers_hold_for_counters_too(reader: Reader, ask: LookAsk) -> None:
    look = await read_look(reader, replace(ask, namespace="models", matchers='namespace="steady"'))

    assert arms(look) == CountedArms(BASE, ArmSums(20, 4, 4))


async def test_a_block_that_is_too_long_is_not_read(reader: Reader, ask: LookAsk) -> None:
    found = (await read_look(reader, replace(ask, since=SINCE - 100_000))).counted["accuracy"]

    assert isinstance(found, NoData)
    assert found.reason is Reason.TOO_OLD


async def test_an_outage_is_a_gap_for_every_guardrail(reader: Reader, ask: LookAsk, unused: Callable[[], str]) -> None:
    look = await read_look(reader, replace(ask, connection=Connection(unused())))

    assert {name: getattr(found, "reason", None) for name, found in look.counted.items()} == {
        "accuracy": Reason.UNREACHABLE,
        "profit": Reason.UNREACHABLE,
    }


# Envoy: fresh, newborn, completed, under way. Each of four counters: fresh twice, newborn, and how much it grew.
QUERIES = 4 + 4 * 4


@pytest.mark.parametrize("rollouts", [1, 50])
async def test_any_number_of_rollouts_that_count_the_same_send_the_same_queries(
    rollouts: int, reader: Reader, ask: LookAsk
) -> None:
    namespaces = ["steady", *(f"team-{number}" for number in range(rollouts - 1))]
    before = sent()

    looks = await asyncio.gather(*(read_look(reader, replace(ask, namespace=name)) for name in namespaces))

    assert arms(looks[0]).baseline == BASE
    assert sent() - before == QUERIES


@pytest.mark.parametrize("namespace", NAMESPACES)
async def test_looks_that_are_read_many_at_once_are_the_same(namespace: str, reader: Reader, ask: LookAsk) -> None:
    free = {"depth": 'sum(labelled_total{model="cand"})'}
    asked = replace(ask, namespace=namespace, edges_ms=(10.0,), errors=True, queries=free)
    asks = past.over(asked, past.blocks(SINCE - 60.1, SINCE + 120, 30.0))
    together = past.GridReader(SINCE - 60.1, 30.0)

    one_by_one = await past.read_looks(reader, asks)
    at_once = await past.read_looks(together, asks)
    await together.close()

    assert len(at_once) == 6
    assert at_once == one_by_one


async def test_a_block_of_another_length_is_read_alone(ask: LookAsk) -> None:
    together = past.GridReader(SINCE, 30.0)
    looks = await past.read_looks(together, past.over(ask, [(SINCE, SINCE + 60), (SINCE + 1, SINCE + 31)]))
    await together.close()

    assert [arms(look).baseline.total for look in looks] == [40, 20]
    assert together._stretches.keys() == {asked for asked in together._stretches if asked[0].template is Template.FRESH}


async def test_a_day_of_looks_sends_few_queries(ask: LookAsk) -> None:
    together = past.GridReader(SINCE, 30.0)
    before = sent()
    looks = await past.read_looks(together, past.over(ask, past.blocks(SINCE - 1200, SINCE + 120, 30.0)))
    await together.close()

    assert len(looks) == 44
    assert sum(arms(look).candidate.total for look in looks) == 44 * 10
    assert sent() - before == 2 * QUERIES - 4 * 2  # Before and after SINCE; both ends of a block share a query.


def sent() -> float:
    samples = [sample for metric in telemetry.QUERIES.collect() for sample in metric.samples]
    return sum(sample.value for sample in samples if sample.name.endswith("_total"))
