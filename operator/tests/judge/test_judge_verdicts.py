"""From readings to one verdict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelrollout.judge import codec, evidence, figures, guardrails, rules, thresholds, verdicts
from modelrollout.judge.guardrails import Reading
from modelrollout.judge.refusals import CountsRefused, RuleRefused
from modelrollout.judge.thresholds import Threshold, ThresholdState
from modelrollout.judge.verdicts import Judged, Stated, Verdict

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
TWENTY = float(np.log(20))


def reading(
    fail: float = 0.0, passed: float = 0.0, fail_max: float | None = None, pass_max: float | None = None
) -> Reading:
    """A reading of these ln E; maxima are the values themselves unless given."""
    return Reading(
        log_e_fail=np.array([fail]),
        log_e_pass=np.array([passed]),
        fail_max=np.array([max(fail, 0.0) if fail_max is None else fail_max]),
        pass_max=np.array([max(passed, 0.0) if pass_max is None else pass_max]),
        held=np.array([False]),
    )


CASES = {
    "nothing to judge is inconclusive": ([], OPEN, None),
    "fresh guardrails are inconclusive": ([Judged("a", reading(), 1)], OPEN, None),
    "all passed": ([Judged("a", reading(passed=3), 0.5), Judged("b", reading(passed=3.1), 0.5)], PASS, None),
    "one of two passed": ([Judged("a", reading(passed=3), 0.5), Judged("b", reading(passed=2.9), 0.5)], OPEN, None),
    "the other is not required": (
        [Judged("a", reading(passed=3), 1), Judged("b", reading(), 0, required=False)],
        PASS,
        None,
    ),
    "a pass in the stage latches": ([Judged("a", reading(passed=1, pass_max=3), 1)], PASS, None),
    "one alone fails at its own share": ([Judged("a", reading(3.7), 0.5), Judged("b", reading(), 0.5)], FAIL, "a"),
    "not enough for its share": ([Judged("a", reading(3.5), 0.5), Judged("b", reading(), 0.5)], OPEN, None),
    "two together fail, the stronger is the cause": (
        [Judged("a", reading(3.0), 0.5), Judged("b", reading(3.1), 0.5)],
        FAIL,
        "b",
    ),
    "the larger weight counts": ([Judged("a", reading(3.3), 0.8), Judged("b", reading(3.4), 0.2)], FAIL, "a"),
    "a fail of its own latches": ([Judged("a", reading(-2, fail_max=4), 1)], FAIL, "a"),
    "fail wins over pass": ([Judged("a", reading(3, 3), 1)], FAIL, "a"),
    "weight 0 never fails the rollout": ([Judged("a", reading(9), 0), Judged("b", reading(), 1)], OPEN, None),
    "weight 0 that failed is no pass": ([Judged("a", reading(9, 9), 0), Judged("b", reading(passed=9), 1)], OPEN, None),
    "an armed threshold fails": ([Judged("a", reading(passed=9), 1), Stated("q", FAIL, armed=True)], FAIL, "q"),
    "an unarmed threshold only prevents the pass": ([Judged("a", reading(passed=9), 1), Stated("q", FAIL)], OPEN, None),
    "a guardrail that cannot be judged yet prevents the pass": (
        [Judged("a", reading(passed=9), 1), Stated("late", OPEN)],
        OPEN,
        None,
    ),
    "a threshold within its limit lets pass": ([Judged("a", reading(passed=9), 1), Stated("q", PASS)], PASS, None),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_verdict_and_cause(case: tuple[list[Judged | Stated], Verdict, str | None]) -> None:
    judged, verdict, cause = case

    judgement = verdicts.decide(judged)

    assert (judgement.verdict, judgement.cause) == (verdict, cause)
    assert [finding.name for finding in judgement.findings] == [one.name for one in judged]


def test_the_cause_is_found_guilty_and_the_innocent_is_not() -> None:
    a, b = verdicts.decide([Judged("a", reading(3.0), 0.5), Judged("b", reading(3.1), 0.5)]).findings

    assert (a.verdict, b.verdict) == (OPEN, FAIL)
    assert (b.evidence_percent, b.toward) == (100, FAIL)


def test_evidence_is_the_part_of_the_way_to_the_nearer_bound() -> None:
    halfway, behind, nowhere = verdicts.decide(
        [
            Judged("to pass", reading(-5, TWENTY / 2), 0.5),
            Judged("to fail", reading(np.log(40) / 4, -3), 0.5),
            Judged("nothing yet", reading(-1, -2), 0),
        ]
    ).findings

    assert [one.evidence_percent for one in (halfway, behind, nowhere)] == pytest.approx([50, 25, 0])
    assert [one.toward for one in (halfway, behind, nowhere)] == [PASS, FAIL, OPEN]


def test_a_finding_bounds_the_chance_of_looking_this_bad() -> None:
    (finding,) = verdicts.decide([Judged("a", reading(1.0, fail_max=2.0), 1)]).findings

    assert finding.always_valid_p_value == pytest.approx(np.exp(-2))


@given(values=st.lists(st.tuples(st.floats(-700, 340), st.floats(-700, 340)), min_size=1, max_size=6))
def test_any_readings_give_a_verdict_with_evidence_in_percent(values: list[tuple[float, float]]) -> None:
    weights = verdicts.equal_weights([str(place) for place in range(len(values))], critical=["0"])
    judged = [
        Judged(name, reading(*value), weight) for (name, weight), value in zip(weights.items(), values, strict=True)
    ]

    judgement = verdicts.decide(judged)

    assert all(0 <= finding.evidence_percent <= 100 for finding in judgement.findings)
    assert (judgement.verdict is FAIL) == (judgement.cause is not None)
    own = [fail >= -np.log(0.05 * one.weight) for one, (fail, _) in zip(judged, values, strict=True)]
    assert judgement.verdict is FAIL or not any(own)


def test_a_critical_guardrail_gets_twice_the_share() -> None:
    assert verdicts.equal_weights(["a", "b", "c"], critical=["b"]) == {"a": 0.25, "b": 0.5, "c": 0.25}


@pytest.mark.parametrize("alpha", [0, 1, float("nan")])
def test_an_alpha_that_promises_nothing_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        verdicts.decide([], alpha_fail=alpha)


def test_weights_above_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sum to 1\.5"):
        verdicts.decide([Judged("a", reading(), 0.75), Judged("b", reading(), 0.75)])


def test_a_gate_renews_the_pass_and_keeps_the_fail() -> None:
    rule = rules.error_ratio("e")
    state = guardrails.advance(rule, guardrails.start(rule), evidence.counts(900, 0, 900, 0), 0.75, 0.75)
    before = guardrails.read(rule, state)

    state = guardrails.reopen_pass(rule, state)

    after = guardrails.read(rule, state)
    assert before.log_e_pass.item() > 1
    assert (after.log_e_pass.item(), after.pass_max.item(), figures.read(rule, state).candidate_samples) == (0, 0, 0)
    assert (after.log_e_fail, after.fail_max) == (before.log_e_fail, before.fail_max)
    assert (state.looks, state.looks_since_gate) == (1, 0)


def test_a_new_stage_forgets_a_pass_that_no_longer_holds() -> None:
    rule = rules.error_limit("e", 0.02)
    state = guardrails.advance(rule, guardrails.start(rule), evidence.counts(400, 0, 0, 0), 0.75, 0.75)
    state = guardrails.advance(rule, state, evidence.counts(100, 9, 0, 0), 0, 0)
    held = guardrails.read(rule, state)

    released = guardrails.read(rule, guardrails.release_pass(rule, state))

    assert held.pass_max.item() > TWENTY > held.log_e_pass.item()
    assert held.log_e_pass.item() < 0 == released.pass_max.item()  # where every e-process begins


def test_a_released_state_can_be_read_back() -> None:
    """A maximum below the beginning was refused on reading, and the rollout stopped looking."""
    rule = rules.error_limit("e", 0.02)
    state = guardrails.advance(rule, guardrails.start(rule), evidence.counts(100, 9, 0, 0), 0.75, 0.75)

    released = guardrails.release_pass(rule, state)

    assert codec.decode(codec.encode(released, rule), rule).pass_max.item() == 0


def test_the_estimate_compares_within_looks_so_a_change_of_weight_does_not_move_it() -> None:
    rule = rules.error_ratio("e")
    state = guardrails.start(rule)
    for block in (evidence.counts(50, 1, 950, 19), evidence.counts(5000, 400, 5000, 400)):
        state = guardrails.advance(rule, state, block, 0, 0)

    seen = figures.read(rule, state)

    assert seen.ratio == pytest.approx(1)
    assert seen.candidate_rate == pytest.approx(401 / 5050)
    assert seen.baseline_rate == pytest.approx(419 / 5950)


QUEUE = Threshold("queue", limit=50, for_seconds=60)
LOOKS = {
    "before the first look": ([], OPEN),
    "within the limit": ([10], PASS),
    "on the limit": ([50], PASS),
    "beyond it for one look": ([51], OPEN),
    "beyond it for as long as allowed": ([51, 51], FAIL),
    "back within it": ([51, 10], PASS),
    "beyond it with a pause": ([51, 10, 51], OPEN),
    "failed stays failed": ([51, 51, 10], FAIL),
}


@pytest.mark.parametrize("case", LOOKS.values(), ids=LOOKS)
def test_a_threshold(case: tuple[list[float], Verdict]) -> None:
    values, expected = case
    state = ThresholdState()

    for value in values:
        state = thresholds.advance(QUEUE, state, value, seconds=30)

    assert thresholds.verdict(QUEUE, state) is expected


def test_a_threshold_refuses_what_is_no_number() -> None:
    with pytest.raises(CountsRefused, match="queue read nan"):
        thresholds.advance(QUEUE, ThresholdState(), float("nan"), 30)
    with pytest.raises(RuleRefused):
        Threshold("queue", float("inf"))
