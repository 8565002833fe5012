"""Looks at exporters that Prometheus scrapes every second, while they fail, die, restart and give birth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

import pytest
from modelrollout.observe.batching import Reader
from modelrollout.observe.evidence import Arms, LookAsk, NoData, Reason
from modelrollout.observe.looks import read_look
from modelrollout.observe.prometheus import Connection
from prometheus_bench import Cluster, Exporter, Prometheus, eventually, running_prometheus

pytestmark = pytest.mark.stack

NAMESPACES = ("steady", "births", "failing", "dying")
# Scrapes come every second; a look that allows them two is not upset by a busy machine.
SCRAPE_SECONDS = 2.0
SCRAPES_TO_STALE = 7


@pytest.fixture
def exporters() -> Iterator[dict[str, Exporter]]:
    """Each with a baseline and a candidate that have counted 50."""
    exporters = {
        name: Exporter([Cluster(name, f"{arm}_1_http", 50, retried=5, errors=2) for arm in ("base", "cand")])
        for name in NAMESPACES
    }
    for exporter in exporters.values():
        exporter.start()
    yield exporters
    for exporter in exporters.values():
        exporter.die()


@pytest.fixture
def prometheus(exporters: dict[str, Exporter], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with running_prometheus(tmp_path_factory.mktemp("live"), [], exporters.values()) as prometheus:
        yield prometheus


async def test_no_event_is_lost_or_counted_twice_whatever_befalls_the_exporters(
    exporters: dict[str, Exporter], prometheus: Prometheus, reader: Reader
) -> None:
    steady, births, failing, dying = exporters.values()
    settle(prometheus, exporters.values())
    first = prometheus.now(fresh=exporters.values())

    count(steady, 100)
    failing.is_failing = True
    count(failing, 40)
    dying.die()
    births.clusters[1] = Cluster("births", "cand_2_http", 30)  # a new version, and with it a new series
    births.clusters.append(Cluster("births", "cand_2_http", 20, instance="b"))  # as another replica of Envoy sees it
    settle(prometheus, (steady, births))
    eventually(lambda: failing.failures >= SCRAPES_TO_STALE, "scrapes fail")
    second = prometheus.now(fresh=(steady, births))

    failing.is_failing = False
    # A restart that no scrape saw; at once, for a scrape in the middle would see two.
    steady.clusters = [replace(cluster, completed=7, retried=3, errors=1) for cluster in steady.clusters]
    # A restart after a death, with fewer of everything than before.
    dying.clusters = [replace(cluster, completed=9, retried=4, errors=1) for cluster in dying.clusters]
    dying.start()
    settle(prometheus, exporters.values())
    third = prometheus.now(fresh=exporters.values())

    async def look(namespace: str, since: float, until: float) -> Arms | NoData:
        connection = Connection(prometheus.address)
        ask = LookAsk(connection, namespace, "base", "cand", since, until, SCRAPE_SECONDS, edges_ms=(5, 10))
        return (await read_look(reader, ask)).arms

    assert of_candidate(await look("steady", first, second)) == (100, 0, 0, 100)
    assert of_candidate(await look("steady", second, third)) == (7, 4, 1, 7)
    assert of_candidate(await look("births", first, second)) == (50, 0, 0, 50)
    assert of_candidate(await look("births", second, third)) == (0, 0, 0, 0)
    for namespace in ("failing", "dying"):
        missed = await look(namespace, first, second)
        assert isinstance(missed, NoData)
        assert (missed.reason, missed.drops_block) == (Reason.STALE_ARM, False)
    # The block grew over the outage, and holds all of it.
    assert of_candidate(await look("failing", first, third)) == (40, 0, 0, 40)
    assert of_candidate(await look("dying", first, third)) == (9, 5, 1, 9)


def of_candidate(arms: Arms | NoData) -> tuple[float, float, float, float]:
    assert isinstance(arms, Arms), arms
    got = arms.candidate
    assert got.buckets[5] == 0
    return got.completed, got.troubled, got.server_errors, got.buckets[10]


def count(exporter: Exporter, requests: int) -> None:
    for cluster in exporter.clusters:
        cluster.completed += requests


def settle(prometheus: Prometheus, exporters: Iterable[Exporter]) -> None:
    for exporter in exporters:
        eventually(partial(prometheus.holds, exporter), "Prometheus holds what the exporter shows")
