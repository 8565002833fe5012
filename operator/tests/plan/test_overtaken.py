"""An order that comes while Prometheus hangs: the reading is given up, and the order is carried out at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from factories import raw_spec, stage
from modelrollout.api.status import Outcome
from modelrollout.cluster import ROLLOUT
from modelrollout.controller import read_status
from simulator import KEY, Simulation

LONG = raw_spec(stage(50, "100h", maxDuration="200h"), stage(100))


@contextmanager
def hanging() -> Iterator[Simulation]:
    """A rollout in its first stage whose next look never gets an answer."""
    sim = Simulation(LONG)
    try:
        for _ in range(4):
            sim.run(31)
        sim.prometheus.hangs = True
        sim.pass_time(31)
        yield sim
    finally:
        sim.close()


def test_an_abort_does_not_wait_for_the_answer() -> None:
    with hanging() as sim:
        sim.play(_abort_while_it_reads(sim))

        assert (sim.status.outcome, sim.weight) == (Outcome.ROLLED_BACK, 0)


def test_an_order_that_is_read_with_the_rollout_asks_nothing_of_prometheus() -> None:
    with hanging() as sim:
        sim.tell("abort@now")
        sim.controller.heard(ROLLOUT, KEY, sim.rollout)
        asked = sim.prometheus.hanging
        sim.play(asyncio.wait_for(sim.controller.reconcile(KEY), 10))

        assert (sim.status.outcome, sim.weight) == (Outcome.ROLLED_BACK, 0)
        assert sim.prometheus.hanging == asked


def test_news_that_is_no_order_ends_no_reading() -> None:
    async def meanwhile() -> None:
        reading = asyncio.create_task(sim.controller.reconcile(KEY))
        await _until_it_hangs(sim)
        sim.controller.heard(ROLLOUT, KEY, sim.rollout)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not reading.done()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    with hanging() as sim:
        sim.play(meanwhile())

        assert read_status(sim.rollout).outcome is None


async def _abort_while_it_reads(sim: Simulation) -> None:
    reading = asyncio.create_task(sim.controller.reconcile(KEY))
    await _until_it_hangs(sim)
    sim.tell("abort@now")
    sim.controller.heard(ROLLOUT, KEY, sim.rollout)
    await asyncio.wait_for(reading, 10)


async def _until_it_hangs(sim: Simulation) -> None:
    while not sim.prometheus.hanging:
        await asyncio.sleep(0)
