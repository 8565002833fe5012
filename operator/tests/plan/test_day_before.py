"""The baseline's day is dear to read: it is asked for once, by the decision with which evidence begins."""

from collections.abc import Callable, Iterator

import pytest
from factories import ERRORS, LATENCY, raw_spec, stage
from modelrollout.api.status import Outcome
from simulator import Simulation

A_DAY = 2  # queries for answers, Envoy's and the agents'; neither knows any, so errors are not asked for
STRICTER = {"name": "errors", "errorRate": {"maxRatio": 1.3}}
Began = Callable[[list[dict[str, object]]], Simulation]


@pytest.fixture
def began() -> Iterator[Began]:
    """A rollout under these guardrails that has been in its first stage for some looks."""
    made: list[Simulation] = []

    def begin(guardrails: list[dict[str, object]]) -> Simulation:
        sim = Simulation(raw_spec(stage(10, soak="1h"), stage(100), guardrails=guardrails))
        made.append(sim)
        _looks(sim, 5)
        assert sim.status.stage is not None
        return sim

    yield begin
    for sim in made:
        sim.close()


def _looks(sim: Simulation, number: int) -> None:
    for _ in range(number):
        sim.run(30)


def test_an_attempt_asks_for_it_once(began: Began) -> None:
    sim = began([ERRORS, LATENCY])
    sim.restart()
    _looks(sim, 10)

    assert len(sim.prometheus.asked_for_a_day) == A_DAY


def test_the_next_attempt_asks_anew(began: Began) -> None:
    sim = began([ERRORS])
    sim.set_model("new", version="v2")
    _looks(sim, 5)

    assert sim.status.attempt == 2
    assert len(sim.prometheus.asked_for_a_day) == 2 * A_DAY


def test_a_rollout_that_waits_to_begin_does_not_ask(began: Began) -> None:
    sim = Simulation(raw_spec(guardrails=[ERRORS, LATENCY], paused=True))
    _looks(sim, 10)
    sim.set_model("new", is_ready=False)
    sim.set_spec(paused=False)
    _looks(sim, 10)
    asked_while_waiting = list(sim.prometheus.asked_for_a_day)
    sim.set_model("new", is_ready=True)
    _looks(sim, 3)
    sim.close()

    assert asked_while_waiting == []
    assert len(sim.prometheus.asked_for_a_day) == A_DAY


def test_a_guardrail_that_was_changed_in_a_stage_begins_with_the_day_too(began: Began) -> None:
    sim = began([ERRORS])
    sim.set_spec(guardrails=[STRICTER])
    _looks(sim, 5)

    assert len(sim.prometheus.asked_for_a_day) == 2 * A_DAY


def test_no_failure_waits_for_it(began: Began) -> None:
    sim = began([ERRORS, LATENCY])
    sim.prometheus.asked_for_a_day.clear()
    sim.error_rate = 0.9
    sim.pass_time(60)
    sim.set_spec(guardrails=[ERRORS, {**LATENCY, "latency": {"floor": "20ms"}}])
    sim.reconcile()

    assert sim.status.outcome is Outcome.ROLLED_BACK
    assert sim.prometheus.asked_for_a_day == []


def test_an_outage_holds_the_beginning(began: Began) -> None:
    sim = Simulation(raw_spec(guardrails=[ERRORS]))
    sim.prometheus.is_down = True
    _looks(sim, 3)
    held = sim.status.stage
    sim.prometheus.is_down = False
    _looks(sim, 3)
    sim.close()

    assert held is None
    assert sim.status.stage is not None
