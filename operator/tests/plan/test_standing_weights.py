"""Weights that stand since an earlier attempt are as written, though the present one never wrote any."""

from collections.abc import Iterator

import pytest
from factories import CANDIDATE, ERRORS, raw_spec, stage
from modelrollout.api.status import Outcome
from simulator import Simulation


@pytest.fixture
def sim() -> Iterator[Simulation]:
    """A second attempt that waits for its candidate, with all traffic where the first attempt put it back."""
    played = Simulation(raw_spec(stage(50, "100h", maxDuration="200h"), stage(100), guardrails=[ERRORS]))
    played.run(31)
    assert played.weight == 50
    played.set_model(CANDIDATE, is_ready=False)
    _tell(played, "abort@first")
    _tell(played, "retry@second")
    assert (played.status.attempt, played.status.stage_summary, played.weight) == (2, "0/2", 0)
    yield played
    played.close()


def test_an_attempt_that_is_aborted_before_it_wrote_weights_raises_no_alarm(sim: Simulation) -> None:
    assert sim.status.traffic.written_at is None

    _tell(sim, "abort@third")

    assert sim.status.outcome is Outcome.ROLLED_BACK
    assert _synced(sim) == ("True", "AsWritten")


def _tell(sim: Simulation, text: str) -> None:
    sim.tell(text)
    for _ in range(4):
        sim.run(31)


def _synced(sim: Simulation) -> tuple[str, str]:
    found = next(one for one in sim.status.conditions if one.type == "TrafficSynced")
    return found.status, found.reason
