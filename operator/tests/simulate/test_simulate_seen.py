"""What was seen becomes a world: shares, moments, quantiles and the course of a day."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from modelrollout.api.spec import Guardrail
from modelrollout.judge.arrays import floats
from modelrollout.judge.histograms import Histogram
from modelrollout.observe.traffic import Traffic
from modelrollout.plan.world import ArmSums
from modelrollout.simulate import worlds
from modelrollout.simulate.qualities import Errors, Recorded, Values
from modelrollout.simulate.seen import Seen, quantile_ms
from modelrollout.simulate.shares import Ramp
from modelrollout.simulate.worlds import World

PAST = Histogram((5.0, 10.0, 25.0, 50.0, inf), (0.0, 500.0, 900.0, 1000.0, 1000.0))
ERRORS = Guardrail.model_validate({"name": "errors", "errorRate": {}})
ANSWERS = Guardrail.model_validate({"name": "answers", "errorRate": {"of": "Answers"}})
RUNS = 400


def seen(hours: float = 2.0, **fields: object) -> Seen:
    """One request per second, known of every window."""
    requests = {60.0 * minute: 60.0 for minute in range(1, round(60 * hours) + 1)}
    traffic = Traffic(60.0, requests, troubled=30.0, server_errors=10.0, latency=None, counted={})
    return Seen("m", 0.0, 3600 * hours, replace(traffic, **fields), PAST)


def test_shares_of_errors_are_those_that_the_guardrail_counts() -> None:
    assert (seen().errors(ERRORS), seen().errors(ANSWERS)) == (30 / 7200, 10 / 7200)


def test_shares_are_never_nothing_and_never_all() -> None:
    outcomes = {"never": ArmSums(100, 0, 0), "always": ArmSums(100, 100, 100)}

    assert [seen(counted=outcomes).bad(name) for name in ("never", "always", "unknown")] == [0.005, 0.995, None]


def test_values_keep_mean_and_deviation_and_a_constant_has_hardly_any() -> None:
    values = {"profit": ArmSums(100, -20, 29), "constant": ArmSums(10, 30, 90)}

    assert seen(counted=values).value("profit") == pytest.approx((-0.2, 0.5))
    assert seen(counted=values).value("constant") == (3.0, pytest.approx(3e-9))


@pytest.mark.parametrize(("quantile", "at_ms"), [(0.25, 7.5), (0.5, 10.0), (0.95, 37.5)])
def test_quantiles_are_those_of_a_dashboard(quantile: float, at_ms: float) -> None:
    assert quantile_ms(PAST, quantile) == at_ms


def test_a_quantile_beyond_the_last_edge_says_so() -> None:
    slow = Histogram((10.0, inf), (1.0, 100.0))

    assert quantile_ms(slow, 0.5) == inf
    assert replace(seen(), latency=slow).told().endswith("p50 beyond 10 ms, p95 beyond 10 ms")
    assert replace(seen(), latency=None).told().endswith("no latency histogram")


def test_less_than_a_day_has_no_course() -> None:
    assert seen(hours=23).course() == ()


def test_a_course_begins_at_the_hour_at_which_the_past_ends_and_unseen_hours_have_the_mean() -> None:
    day = {60.0 * minute: 120.0 if minute <= 60 else 60.0 for minute in range(1, 1441) if not 120 < minute <= 180}

    course = seen(hours=24, requests=day).course()

    mean = sum(day.values()) / len(day)
    assert course == pytest.approx([120 / mean, 60 / mean, 1.0, *[60 / mean] * 21])


def test_recorded_latencies_come_back_as_they_were() -> None:
    arm = Recorded(PAST).draw(np.full(RUNS, 1000.0), 1.0, np.random.default_rng(1))

    assert arm.events.mean(axis=0) == pytest.approx([1000, 500, 100, 0], abs=4)


def test_a_slower_candidate_is_beyond_an_edge_as_the_baseline_is_beyond_an_earlier_one() -> None:
    slower = Recorded(PAST).beyond(2.0)

    assert slower == pytest.approx([PAST.survival(edge / 2) for edge in (5.0, 10.0, 25.0, 50.0)])
    assert slower[1] == 1.0
    assert slower[3] == pytest.approx(0.1)


def test_values_have_their_mean_and_scatter() -> None:
    quality = Values(-0.1, 0.5)

    arm = quality.draw(np.full(RUNS, 200.0), 0.8, np.random.default_rng(2))

    means = arm.events[:, 0] / arm.total
    variances = (arm.squares[:, 0] - arm.total * means**2) / (arm.total - 1)
    assert means.mean() == pytest.approx(-0.1 - 0.2 * 0.5, abs=4 * 0.5 / np.sqrt(200 * RUNS))
    assert means.std() == pytest.approx(0.5 / np.sqrt(200), rel=0.15)
    assert variances.mean() == pytest.approx(0.25, rel=0.02)


def test_values_of_no_request_and_of_one_are_exact() -> None:
    arm = Values(3.0, 0.5).draw(floats([0.0, 1.0]), 1.0, np.random.default_rng(3))

    assert (arm.events[0, 0], arm.squares[0, 0]) == (0.0, 0.0)
    assert arm.squares[1, 0] == pytest.approx(arm.events[1, 0] ** 2)


@pytest.mark.parametrize("quality", [Errors(0.1, part=0.1), Values(1.0, 0.5, part=0.1)])
def test_outcomes_are_known_of_a_part_of_the_requests(quality: Errors | Values) -> None:
    arm = quality.draw(np.full(RUNS, 1000.0), 1.0, np.random.default_rng(4))

    assert arm.total.mean() == pytest.approx(100, abs=2)
    assert (arm.events[:, 0] / arm.total).mean() == pytest.approx(0.1 if isinstance(quality, Errors) else 1.0, rel=0.05)


def test_traffic_follows_its_course_day_after_day() -> None:
    course = (0.0, 2.0, *[1.0] * 22)
    quality, sharing = {"e": Errors(0.5)}, Ramp((0.5,))
    world = World("course", 10.0, quality, hours=26, interval_seconds=600, sharing=sharing, course=course)

    pairs = [look.measured["e"] for look in worlds.looks(world, RUNS, worlds.generator(world.name))]

    requests = [float((pair.baseline.total + pair.candidate.total).mean()) for pair in pairs]
    assert requests[:6] == [0.0] * 6
    assert requests[6:12] == pytest.approx([12_000] * 6, rel=0.01)
    assert requests[12:144] == pytest.approx([6_000] * 132, rel=0.01)
    assert requests[144:] == pytest.approx([0.0] * 6 + [12_000] * 6, rel=0.01)
