"""A look that changes only what the evidence says is written upon what was read before; before a move all is read."""

from collections.abc import Iterator

import pytest
from factories import ERRORS, NAME, raw_spec, stage
from modelrollout.api.status import Outcome, Verdict
from modelrollout.cluster import Kind, Object
from simulator import Simulation

MOST_LOOKS = 200


@pytest.fixture
def sim() -> Iterator[Simulation]:
    """In a stage that soaks long after its guardrail has passed."""
    played = Simulation(raw_spec(stage(50, "100h", maxDuration="200h"), stage(100), guardrails=[ERRORS]))
    played.per_second = 20.0
    for _ in range(4):
        played.run(31)
    assert played.status.guardrails[0].verdict is Verdict.INCONCLUSIVE
    yield played
    played.close()


def test_a_pass_that_opens_nothing_is_written_without_reading_again(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _until(Verdict.PASS, sim, monkeypatch)

    assert sim.status.verdict is Verdict.PASS
    assert read == []


def test_before_a_failure_moves_the_weights_everything_is_read(
    sim: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.error_rate = 0.2

    read = _until(Verdict.FAIL, sim, monkeypatch)

    assert sim.status.outcome is Outcome.ROLLED_BACK
    assert read[:2] == [NAME, NAME]  # the rollout and its Experiment


def _until(verdict: Verdict, sim: Simulation, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was read from the API server for the look that came to this verdict."""
    read, get = list[str](), sim.api.get

    async def noted(kind: Kind, namespace: str, name: str) -> Object | None:
        read.append(name)
        return await get(kind, namespace, name)

    monkeypatch.setattr(sim.api, "get", noted)
    for _ in range(MOST_LOOKS):
        read.clear()
        sim.run(31)
        if sim.status.guardrails[0].verdict is verdict:
            return read
    raise AssertionError(f"no look came to {verdict}")
