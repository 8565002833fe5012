"""Approvals between stages that move weights: whose soak and evidence count, and how long the plan is."""

from factories import ERRORS, HISTORY, spec, stage, status
from modelrollout.api.spec import RolloutSpec
from modelrollout.plan import engine, evidence, forecasts, itinerary, shares

ON_SOAK = {"advance": "OnSoak", "maxDuration": "1h"}
PLAN = spec(
    stage(10, **ON_SOAK),
    {"approval": {}},
    stage(50, **ON_SOAK),
    {"approval": {"deadline": "2h", "onDeadline": "Approve"}},
    {"approval": {}},
    stage(100, maxDuration="1h"),
)
WITHOUT = spec(stage(10, **ON_SOAK), stage(50, **ON_SOAK), stage(100, maxDuration="1h"))


def test_an_approval_asks_for_what_the_stage_before_it_asked_for() -> None:
    assert [itinerary.asking(PLAN, index).weight for index in range(6)] == [10, 10, 50, 50, 50, 100]
    assert [itinerary.needs_pass(PLAN, index) for index in range(6)] == [False, False, True, True, True, False]
    assert [planned.weight for planned in PLAN.stages] == [10, 10, 50, 50, 50, 100]


def test_only_stages_that_move_weights_count_as_starts() -> None:
    assert [itinerary.ordinal(PLAN, index) for index in range(6)] == [1, 0, 2, 0, 0, 3]
    assert [stage.weight for stage in itinerary.weighty(PLAN)] == [10, 50, 100]


def test_an_approval_makes_the_plan_longer_by_its_deadline_or_a_day() -> None:
    assert evidence.planned_looks(PLAN) - evidence.planned_looks(WITHOUT) == (24 + 2 + 24) * 120


def test_forecasts_wait_for_no_pass_in_an_approval() -> None:
    rules = {name: rule for name, (rule, _) in engine.running(PLAN, engine.open_all(PLAN, HISTORY)).items()}
    outlook = forecasts.at_start(PLAN, rules, {}, HISTORY)

    assert [(one.stage, one.weight) for one in outlook.stages] == list(zip(range(1, 7), _weights(PLAN), strict=True))
    assert not [said for said in outlook.warnings if "maxDuration" in said]


def test_the_share_before_an_approval_is_that_of_its_own_weight() -> None:
    assert shares.least_weight(PLAN, status(PLAN, 1)) == 10
    assert shares.least_weight(PLAN, status(PLAN, 2)) == 10
    assert shares.least_weight(PLAN, status(PLAN, 2, soaked=60)) == 50
    assert shares.least_weight(spec(guardrails=[ERRORS]), status(spec(), None)) == 0


def _weights(of: RolloutSpec) -> list[int]:
    return [planned.weight for planned in of.stages]
