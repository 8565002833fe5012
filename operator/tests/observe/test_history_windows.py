"""A baseline's last day in a real Prometheus: windows of requests and errors, and its replicas as pseudo arms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from modelrollout.observe.batching import Reader
from modelrollout.observe.history import HistoryAsk, read_windows
from modelrollout.observe.prometheus import MOST_POINTS, Connection, Grid
from modelrollout.plan.world import History, Windows
from prometheus_bench import Prometheus, Series, running_prometheus

pytestmark = pytest.mark.stack

DAY, SCRAPE = 86_400, 60
UNTIL = 1_700_000_040.0
SCRAPES = range(DAY // SCRAPE + 1)


def at(number: int) -> float:
    return UNTIL - DAY + SCRAPE * number


def steady(name: str, labels: str, per_scrape: float, numbers: range = SCRAPES) -> Series:
    return Series(name, labels, [(at(number), 1000 + per_scrape * number) for number in numbers])


def envoy(cluster: str, completed: float, retried: float, errors: float, numbers: range = SCRAPES) -> Iterator[Series]:
    labels = f'namespace="models",envoy_cluster_name="{cluster}"'
    yield steady("envoy_cluster_upstream_rq_completed", labels, completed, numbers)
    yield steady("envoy_cluster_upstream_rq_retry_success", labels, retried, numbers)
    yield steady("envoy_cluster_upstream_rq_xx", f'{labels},envoy_response_code_class="5"', errors, numbers)


def agent(model: str, replica: str, answers: float, errors: float) -> Iterator[Series]:
    labels = f'namespace="models",model="{model}",{replica}'
    yield steady("seldon_model_infer_total", f'{labels},code="200"', answers - errors)
    yield steady("seldon_model_infer_total", f'{labels},code="500"', errors / 2)
    yield steady("seldon_model_infer_total", f'{labels},code="Internal"', errors / 2)


def history() -> Iterator[Series]:
    yield from envoy("base_1_http", 60, 4, 2)
    yield from envoy("base_1_grpc", 30, 0, 0)
    yield from envoy("base-2_1_http", 500, 0, 0)
    yield from envoy("young_1_http", 60, 0, 6, range(SCRAPES[-11], SCRAPES[-1] + 1))
    samples = [(at(number), 100.0 * (number if number < 700 else number - 700)) for number in SCRAPES]
    restarted = 'namespace="models",envoy_cluster_name="restarted_1_http"'
    yield Series("envoy_cluster_upstream_rq_completed", restarted, samples)
    yield from agent("base", 'pod="only",instance="a",server_replica="0"', 40, 4)
    yield from agent("base", 'pod="only",instance="b",server_replica="1"', 50, 0)
    yield from agent("base", 'pod="idle",instance="c",server_replica="2"', 0, 0)
    yield from agent("young", 'server_replica="0"', 40, 4)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with running_prometheus(tmp_path_factory.mktemp("history"), history(), []) as prometheus:
        yield prometheus


@pytest.fixture
def ask(prometheus: Prometheus) -> HistoryAsk:
    return HistoryAsk(Connection(prometheus.address), "models", "base", UNTIL, interval_seconds=60)


async def test_a_day_is_read_in_windows_of_one_look(reader: Reader, ask: HistoryAsk) -> None:
    found = await read_windows(reader, ask)

    # Both protocols together; 4 requests of a window were saved by a retry, 2 were errors.
    assert found.errors == Windows(60.0, (90.0,) * 1440, (6.0,) * 1440)
    assert found.notes == ()


async def test_replicas_are_told_apart_by_the_first_label_that_can(reader: Reader, ask: HistoryAsk) -> None:
    found = await read_windows(reader, ask)

    # Only one pod had traffic, two instances had: busiest first.
    assert found.replicas == (
        Windows(60.0, (50.0,) * 1440, (0.0,) * 1440),
        Windows(60.0, (40.0,) * 1440, (4.0,) * 1440),
    )


@pytest.mark.parametrize(
    ("interval", "step", "windows"), [(1, 30, 2880), (30, 30, 2880), (70, 70, 1234), (3600, 3600, 24)]
)
async def test_however_short_looks_are_a_day_stays_cheap(
    interval: float, step: float, windows: int, reader: Reader, ask: HistoryAsk
) -> None:
    found = (await read_windows(reader, replace(ask, interval_seconds=interval))).errors

    assert found is not None
    assert (found.step_seconds, len(found.total), len(found.events)) == (step, windows, windows)
    assert sum(found.total) == pytest.approx(DAY / SCRAPE * 90, rel=0.002)


async def test_what_is_not_known_is_empty_in_its_window(reader: Reader, ask: HistoryAsk) -> None:
    found = (await read_windows(reader, replace(ask, model="young"))).errors

    assert found is not None
    assert found.total == (0.0,) * 1430 + (60.0,) * 10
    assert found.events == (0.0,) * 1430 + (6.0,) * 10


async def test_a_restart_costs_its_window_and_nothing_else(reader: Reader, ask: HistoryAsk) -> None:
    found = (await read_windows(reader, replace(ask, model="restarted"))).errors

    assert found is not None
    assert found.total == (100.0,) * 699 + (0.0,) + (100.0,) * 740
    assert set(found.events) == {0.0}


async def test_a_past_that_nobody_saw_says_so(reader: Reader, ask: HistoryAsk) -> None:
    assert await read_windows(reader, replace(ask, model="nobody")) == History(
        None,
        (),
        (
            "Prometheus knows no traffic of model nobody in the last 24 hours.",
            "No label pod, instance or server_replica of seldon_model_infer_total"
            " tells replicas of model nobody apart.",
        ),
    )


async def test_one_replica_is_no_pair_of_arms(reader: Reader, ask: HistoryAsk) -> None:
    found = await read_windows(reader, replace(ask, model="young"))

    assert found.replicas == ()
    assert len(found.notes) == 1
    assert len(reader._answers) == 3  # its errors are not even asked for


async def test_an_outage_leaves_the_past_unknown(reader: Reader, ask: HistoryAsk, unused: Callable[[], str]) -> None:
    address = unused()
    found = await read_windows(reader, replace(ask, connection=Connection(address)))

    refused = f"Prometheus at {address} refuses the connection: is it running, on this port?"
    assert found == History(None, (), (refused, refused))


async def test_two_who_ask_for_the_same_past_share_it(reader: Reader, ask: HistoryAsk, prometheus: Prometheus) -> None:
    assert await read_windows(reader, ask) is not await read_windows(reader, ask)
    assert len(reader._answers) == 4


@pytest.mark.parametrize(("until", "step"), [(MOST_POINTS, 1.0), (-1, 1.0), (10, 0.0)])
def test_a_grid_that_prometheus_would_refuse_is_none(until: float, step: float) -> None:
    with pytest.raises(ValueError, match="a grid must have"):
        Grid(0.0, until, step)


def test_a_time_off_the_grid_is_none_of_its_times() -> None:
    grid = Grid(100.5, 190.5, 30.0)

    assert (grid.points, grid.place(160.5)) == (4, 2)
    with pytest.raises(ValueError, match="is no time of"):
        grid.place(220.5)


async def test_a_range_is_read_at_the_very_milliseconds_asked_for(reader: Reader, prometheus: Prometheus) -> None:
    (row,) = await reader.rows(Connection(prometheus.address), "time()", Grid(UNTIL + 0.125, UNTIL + 1.125, 0.5))

    assert row.values == {0: UNTIL + 0.125, 1: UNTIL + 0.625, 2: UNTIL + 1.125}
