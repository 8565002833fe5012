"""A look that is read again later saw the same, whatever happened since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from modelrollout.observe import past
from modelrollout.observe.batching import Reader
from modelrollout.observe.evidence import CountedArms, LookAsk, LookData, MeanAsk, NoData, RatioAsk, Reason
from modelrollout.observe.looks import read_look
from modelrollout.observe.prometheus import Connection
from modelrollout.plan.world import ArmSums
from prometheus_bench import Cluster, Exporter, Labelled, Prometheus, eventually, running_prometheus

pytestmark = pytest.mark.stack

COUNTERS = {
    "accuracy": RatioAsk("labelled_total", "good_total", part_is_good=True, label="model"),
    "profit": MeanAsk("labelled_total", "profit_sum", "profit_squares", label="model"),
}


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    clusters = [Cluster("models", f"{arm}_1_http", 50) for arm in ("base", "cand")]
    labelled = [Labelled("models", arm, 50, 40, 5, 9) for arm in ("base", "cand_1")]
    exporter = Exporter([*clusters, *labelled])
    exporter.start()
    yield exporter
    exporter.die()


@pytest.fixture
def prometheus(exporter: Exporter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with running_prometheus(tmp_path_factory.mktemp("again"), [], [exporter]) as prometheus:
        yield prometheus


def settle(prometheus: Prometheus, exporter: Exporter) -> float:
    eventually(lambda: prometheus.holds(exporter), "Prometheus holds what the exporter shows")
    return prometheus.now(fresh=[exporter])


async def test_past_looks_equal_those_that_were_made_live(
    exporter: Exporter, prometheus: Prometheus, reader: Reader
) -> None:
    ends = [settle(prometheus, exporter)]
    ask = LookAsk(Connection(prometheus.address), "models", "base", "cand", 0.0, 1.0, 2.0, counters=COUNTERS)
    live: list[LookData] = []

    async def look() -> None:
        ends.append(settle(prometheus, exporter))
        live.append(await read_look(reader, replace(ask, since=ends[-2], until=ends[-1])))

    exporter.clusters[1].completed += 100
    exporter.clusters[3] = Labelled("models", "cand_1", 60, 43, -15, 59)  # a loss of 20
    await look()
    exporter.clusters[3] = Labelled("models", "cand_1", 20, 10, 2, 8)  # a restart
    await look()
    exporter.clusters.append(Labelled("models", "cand_2", 6, 5, 3, 4))  # a new version
    await look()

    other = Reader()
    again = await past.read_looks(other, past.over(ask, pairwise(ends)))
    await other.close()

    assert again == live
    first, restarted, third = live
    assert first.counted["accuracy"] == CountedArms(ArmSums(0, 0, 0), ArmSums(10, 7, 7))
    assert first.counted["profit"] == CountedArms(ArmSums(0, 0, 0), ArmSums(10, -20, 50))
    gap = restarted.counted["profit"]
    assert isinstance(gap, NoData)
    assert gap.reason is Reason.RE_ANCHORED
    assert third.counted["profit"] == CountedArms(ArmSums(0, 0, 0), ArmSums(6, 3, 4))


def test_blocks_on_a_grid_touch_and_leave_no_part_of_one() -> None:
    assert past.blocks(100.0, 190.5, 30.0) == [(100.0, 130.0), (130.0, 160.0), (160.0, 190.0)]
    assert past.blocks(0.1, 0.4, 0.1) == [(0.1, 0.2), (0.2, 0.3), (0.3, 0.4)]
    assert past.blocks(0.0, 10.0, 30.0) == []
