"""Looks that were not worth a write yet are forgotten when somebody else wrote the status meanwhile."""

from collections.abc import Collection, Iterator

import pytest
from factories import ERRORS, raw_spec, stage
from modelrollout.api.status import RolloutStatus
from modelrollout.cluster import ROLLOUT
from modelrollout.observe.batching import Question, Table
from modelrollout.observe.queries import Template
from modelrollout.plan import engine
from simulator import INTERVAL, Simulation


@pytest.fixture
def sim() -> Iterator[Simulation]:
    """In a long stage, with looks in memory that the status does not have yet."""
    played = Simulation(raw_spec(stage(50, "100h", maxDuration="200h"), stage(100), guardrails=[ERRORS]))
    for _ in range(4):
        played.run(31)
    yield played
    played.close()


def _write(sim: Simulation, **fields: object) -> None:
    """Somebody else writes fields of the status."""
    found = sim.rollout
    sim.api.put(ROLLOUT, {**found, "status": {**found["status"], **fields}})


def _until_written(sim: Simulation) -> RolloutStatus:
    """The status after looks enough for a write."""
    before = sim.status.looks
    for _ in range(7):
        sim.run(31)
    assert sim.status.looks != before
    return sim.status


def test_what_somebody_else_wrote_is_gone_on_from(sim: Simulation) -> None:
    _write(sim, looks=1000)

    assert _until_written(sim).looks >= 1005


def test_a_look_of_ours_that_somebody_else_wrote_as_well_counts_once(sim: Simulation) -> None:
    """The other one began where the status stood, so it counted what we had counted and not written."""
    began = sim.status.last_look_at
    assert began is not None
    seen_before = engine.unpack(sim.status.engine[0])[1].seen
    sim.change_leaders()
    for _ in range(6):
        sim.run(31)
    sim.change_leaders()
    ended = _until_written(sim)

    assert ended.last_look_at is not None
    counted = engine.unpack(ended.engine[0])[1].seen
    asked = sim.counters.between("new", began, ended.last_look_at)[0]
    before, after = (float(one.candidate_total[0, 0]) for one in (seen_before, counted))
    assert after - before == pytest.approx(asked, rel=1e-5)


def test_what_the_framework_notes_in_the_status_leaves_our_looks_as_they_are(sim: Simulation) -> None:
    """The next look reads on from the last one in memory, and not from the last one that was written."""
    asked: list[float] = []
    read = sim.prometheus.table

    async def table(question: Question, namespace: str, edges: Collection[float] | None = ()) -> Table:
        if question.template is Template.COMPLETED:
            asked.append(question.window_seconds)
        return await read(question, namespace, edges)

    sim.prometheus.table = table  # type: ignore[method-assign]
    _write(sim, kopf={"progress": {"release": "later"}})
    sim.run(31)

    assert asked == [INTERVAL]
    assert sim.status.kopf == {"progress": {"release": "later"}}
