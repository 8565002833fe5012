"""What the status says in advance: the pace of every stage, and warnings with their cure."""

from dataclasses import replace
from math import inf

import factories as f
import pytest
from modelrollout.api.spec import RolloutSpec
from modelrollout.judge import guardrails
from modelrollout.judge.evidence import counts
from modelrollout.judge.guardrails import State
from modelrollout.judge.histograms import Histogram
from modelrollout.judge.rule import Rule
from modelrollout.plan import engine, forecasts, traffics
from modelrollout.plan.world import History, Windows

EDGES = (5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, inf)
LATENCIES = Histogram(EDGES, (0.0, 0.0, 300.0, 8000.0, 28_000.0, 50_000.0, 96_700.0, 99_900.0, 100_000.0))
STAGES = (f.stage(5, maxDuration="1h"), f.stage(50), f.stage(95), f.stage(100))
RATIO = {"name": "accuracy", "ratio": {"bad": "wrong_total", "total": "answers_total"}}


def opened(spec: RolloutSpec) -> dict[str, tuple[Rule, State]]:
    """The counting guardrails before their first look."""
    stored = {one.name: one for one in engine.open_all(spec, LATENCIES)}
    return {rail.name: engine.unpack(stored[rail.name]) for rail in spec.guardrails if rail.query is None}


def outlook(spec: RolloutSpec, per_second: float = 10.0, share: float = 0.01) -> forecasts.Outlook:
    """What is said at the start, after a day of steady traffic."""
    known = {name: rule for name, (rule, _) in opened(spec).items()}
    requests = 30 * per_second
    day = History(Windows(30.0, (requests,) * 2880, (requests * share,) * 2880))
    return forecasts.at_start(spec, known, traffics.of_past(spec, known, LATENCIES, day), LATENCIES)


def test_every_stage_but_the_last_says_how_soon_its_slowest_guardrail_passes() -> None:
    found = outlook(f.spec(*STAGES, guardrails=[f.ERRORS, {"name": "latency", "latency": {}}]))

    assert [(one.stage, one.weight, one.guardrail) for one in found.stages] == [
        (1, 5, "errors"),
        (2, 50, "errors"),
        (3, 95, "errors"),
        (4, 100, ""),
    ]
    assert found.stages[0].pass_in.startswith("2h")
    assert found.stages[0].fail_in < found.stages[0].fail_by
    assert found.stages[3].pass_in == ""


def test_a_stage_that_is_too_short_is_warned_of_with_the_weight_that_would_do() -> None:
    found = outlook(f.spec(*STAGES), per_second=40)

    assert len(found.warnings) == 1
    assert "errors at weight 5 passes an equal model in" in found.warnings[0]
    assert "maxDuration is 1 h: a weight of 8 would do, or a maxDuration of 1 h 25 min" in found.warnings[0]


@pytest.mark.parametrize(
    ("stages", "rail", "share", "warning"),
    [
        pytest.param(
            (f.stage(50), f.stage(100)),
            f.ERRORS,
            0.01,
            "errors compares with the baseline, which has no traffic at weight 100",
            id="nothing can fail at weight 100",
        ),
        pytest.param(
            STAGES,
            {"name": "errors", "errorRate": {"max": "1%"}},
            0.01,
            "errors can never pass a model like the baseline, which is itself beyond the limit or too near to it "
            "(at most 1%)",
            id="the baseline is at the limit",
        ),
        pytest.param(
            STAGES,
            {"name": "slow", "latency": {"max": "175ms"}},
            0.01,
            "slow has no bucket edge near its limit of 175 ms",
            id="a limit between edges",
        ),
    ],
)
def test_what_the_plan_cannot_do_is_warned_of(stages: tuple, rail: dict, share: float, warning: str) -> None:
    said = outlook(f.spec(*stages, guardrails=[rail]), per_second=200, share=share).warnings

    assert any(warning in one for one in said), said


def test_a_healthy_plan_has_no_warnings() -> None:
    assert outlook(f.spec(f.stage(25), f.stage(95), f.stage(100)), per_second=100).warnings == ()


def test_of_a_guardrail_whose_past_is_not_known_nothing_is_said() -> None:
    found = outlook(f.spec(*STAGES, guardrails=[RATIO]))

    assert {one.guardrail for one in found.stages} == {""}
    assert found.warnings == ()


def test_without_traffic_in_the_past_nothing_is_said() -> None:
    assert {one.pass_in for one in outlook(f.spec(*STAGES), per_second=0).stages} == {""}


def test_scatter_in_the_past_makes_every_stage_slower_and_is_warned_of() -> None:
    spec = f.spec(f.stage(50), f.stage(95), f.stage(100), analysis={"dispersion": "4"})

    calm, noisy = outlook(f.spec(f.stage(50), f.stage(95), f.stage(100))), outlook(spec)

    assert calm.stages[0].pass_in.endswith("m")
    assert noisy.stages[0].pass_in != calm.stages[0].pass_in
    assert any("errors scatters 4 times as much" in one for one in noisy.warnings)


def test_while_a_stage_runs_the_time_left_shrinks_until_the_verdict_is_there() -> None:
    spec = f.spec(*STAGES)
    begun = advanced(spec, looks=2)
    later = advanced(spec, looks=90)
    passed = {name: (rule, replace(state, pass_max=state.pass_max + 10)) for name, (rule, state) in later.items()}

    first, then, there = (
        forecasts.live(spec, 0, 30.0 * looks, of)[0]["errors"] for looks, of in ((2, begun), (90, later), (90, passed))
    )

    assert first.pass_in.startswith("2h")
    assert then.pass_in.startswith(("1h", "5", "4"))
    assert there.pass_in == ""
    assert "(90 %: " in first.fail_in


def test_a_candidate_that_will_not_pass_in_time_is_warned_of() -> None:
    spec = f.spec(*STAGES)

    _, said = forecasts.live(spec, 0, 3000.0, advanced(spec, looks=90))

    assert any("errors may take another" in one and "the stage has 10 min left" in one for one in said), said


def test_before_the_baseline_showed_any_traffic_nothing_is_said() -> None:
    spec = f.spec(*STAGES)

    assert forecasts.live(spec, 0, 0.0, opened(spec)) == ({}, ())


def advanced(spec: RolloutSpec, looks: int) -> dict[str, tuple[Rule, State]]:
    """The guardrails after looks at 10 req/s, 5 % of it to the candidate, 1 % of both in error."""
    found = {}
    for name, (rule, fresh) in opened(spec).items():
        state = fresh
        for look in range(looks):
            stake = 0.5 if look == 0 else 1e-4
            state = guardrails.advance(rule, state, counts(15, 0.15, 285, 2.85, 0.05), stake, stake)
        found[name] = (rule, state)
    return found


@pytest.mark.parametrize(
    ("replicas", "analysis", "is_told"),
    [(0, {}, True), (1, {}, True), (2, {}, False), (0, {"dispersion": "2"}, False), (0, {"clustered": True}, False)],
)
def test_a_comparison_whose_noise_nobody_knows_is_told(
    replicas: int, analysis: dict[str, object], is_told: bool
) -> None:
    spec = f.spec(analysis=analysis)
    rules = {name: rule for name, (rule, _) in opened(spec).items()}
    past = History(replicas=(Windows(30.0, (100.0,), (1.0,)),) * replicas)

    said = forecasts.at_start(spec, rules, {}, LATENCIES, past).warnings

    assert any("tells no two replicas of the baseline apart" in one for one in said) is is_told
