"""The promise, by simulation: at most alpha false rollbacks and false passes at any number of looks, and soon enough.

Seeds are the names of the scenarios, so a failure is no accident of the day: either the judge changed, or its
promise is broken. Rates count as broken when their 99 % interval (Wilson) lies above the bound. The whole tables, with
more runs and longer days, are made by the bench.
"""

from dataclasses import replace

import pytest
from modelrollout.simulate import jobs, runs, scenarios, summary, targets, variations, waiting
from modelrollout.simulate.jobs import Job, Results
from modelrollout.simulate.ours import Ours
from modelrollout.simulate.runs import Until
from modelrollout.simulate.scenarios import ACCURACY, ERRORS, INFORMED, KINDS, P95, Kind
from modelrollout.simulate.shares import Ramp
from modelrollout.simulate.targets import Target
from modelrollout.simulate.worlds import World

OURS = "ModelRollout"
RUNS = 400
SHORT_HOURS = 8.0
CALM = [(kind, traffic) for kind in (ERRORS, ACCURACY) for traffic in (10.0, 100.0)] + [(P95, 10.0)]
HARMFUL = [(kind, traffic) for kind in KINDS for traffic in (10.0, 100.0)]
STRESSED = [name for name in scenarios.STRESS if name not in scenarios.WITH_HISTORY]
SESSIONS, NOISE = scenarios.WITH_HISTORY[1:]
MARGINS = [(name, at) for name in waiting.PASSES for at in ((10.0, 0.25), (100.0, 0.05))]


def failed(world: World, judge: Ours, count: int = RUNS, until: Until = Until.END) -> runs.Times:
    """When our judge failed and passed each run of this world."""
    return runs.drive(world, [judge], count, until)[judge.name]


def keep(target: Target) -> None:
    """Fail the test when the target is missed, with what was measured."""
    assert target.is_met, f"{target.sentence}, measured {target.measured}"


@pytest.mark.parametrize(("kind", "traffic"), CALM, ids=lambda value: getattr(value, "key", value))
def test_an_identical_candidate_is_left_alone(kind: Kind, traffic: float) -> None:
    world = replace(scenarios.cell(kind, traffic, False), hours=SHORT_HOURS)

    keep(targets.valid(world.name, failed(world, scenarios.ours(scenarios.rule_of(kind))).failed))


@pytest.mark.parametrize("name", STRESSED)
def test_an_identical_candidate_is_left_alone_on_difficult_ground(name: str) -> None:
    world = replace(scenarios.stressed(name, 10.0), hours=SHORT_HOURS)
    if isinstance(world.sharing, Ramp):
        world = replace(world, sharing=replace(world.sharing, each=world.intervals // len(world.sharing.shares)))
    judge = scenarios.ours(scenarios.rule_of(ERRORS))

    keep(targets.valid(world.name, failed(world, judge).failed))


def test_sessions_that_stick_to_an_arm_are_no_harm_when_they_are_declared() -> None:
    world = replace(scenarios.stressed(SESSIONS, 10.0), hours=SHORT_HOURS)
    judge = scenarios.ours(scenarios.rule_of(ERRORS, clustered=True))

    keep(targets.valid(world.name, failed(world, judge).failed))


def test_slow_noise_of_each_arm_is_mostly_no_harm_when_a_day_of_it_is_known() -> None:
    world = replace(scenarios.stressed(NOISE, 10.0), hours=SHORT_HOURS)
    judge = scenarios.ours(scenarios.rule_of(ERRORS), INFORMED)

    found: Results = Job(world, (judge,), 200, with_history=True).play()

    keep(targets.valid(world.name, found[world.name, INFORMED].failed, 0.1))


@pytest.mark.parametrize(("kind", "traffic"), HARMFUL, ids=lambda value: getattr(value, "key", value))
def test_harm_is_caught_nearly_as_fast_as_by_a_single_planned_look(kind: Kind, traffic: float) -> None:
    world = scenarios.cell(kind, traffic, True)
    times = failed(world, scenarios.ours(scenarios.rule_of(kind)), until=Until.FAILED)

    keep(targets.fast(world.name, times.failed, kind.t80(traffic)))


def test_harm_that_begins_late_is_caught_within_three_times_the_time() -> None:
    world = replace(scenarios.late(100.0), hours=14.0)
    judge = scenarios.ours(scenarios.rule_of(ERRORS))
    late = failed(world, judge, 200, Until.FAILED).failed
    fresh = failed(scenarios.cell(ERRORS, 100.0, True), judge, until=Until.FAILED).failed

    keep(targets.soon_after_onset(world.name, summary.after(late, scenarios.ONSET_HOURS * 60), fresh))
    assert not summary.rate(late, within=scenarios.ONSET_HOURS * 60).is_above(0.05)


@pytest.mark.parametrize(("name", "at"), MARGINS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_candidate_exactly_at_the_margin_is_not_passed(name: str, at: tuple[float, float]) -> None:
    world = replace(waiting.passing(name, *at, at_margin=True), hours=4.0)

    keep(targets.valid(world.name, failed(world, scenarios.ours(waiting.PASSES[name][1])).passed))


def test_a_candidate_at_the_corner_of_floor_and_margin_is_not_passed() -> None:
    world = replace(waiting.corner(100.0), hours=SHORT_HOURS)

    keep(targets.valid(world.name, failed(world, scenarios.ours(waiting.FLOORED)).passed))


@pytest.mark.parametrize("at", waiting.FLOOR_CELLS, ids=str)
def test_a_model_with_hardly_an_error_passes_in_time(at: tuple[float, float]) -> None:
    expected = dict(zip(waiting.FLOOR_CELLS, (33.5, 3.5, 7.0, 0.5), strict=True))[at]
    world = waiting.rare(waiting.RARE, *at)

    times = failed(world, scenarios.ours(waiting.FLOORED), until=Until.PASSED)

    keep(targets.near(world.name, summary.delay(times.passed).median, expected, 0.15))


def test_a_rule_that_peeks_would_not_get_through_this_gate() -> None:
    world = replace(scenarios.cell(ERRORS, 10.0, False), hours=1.0)
    (*_, peeking) = scenarios.fast_peers(ERRORS)

    found = runs.drive(world, [peeking], 200)[peeking.name].failed

    assert not targets.valid("a z test at every look", found).is_met


def test_four_guardrails_share_one_alpha() -> None:
    (equal, _) = variations.combined(300)
    found = jobs.play([replace(equal, world=replace(equal.world, hours=2.0))], 1, lambda *_: None)

    keep(targets.valid(equal.world.name, found[equal.world.name, OURS].failed))
