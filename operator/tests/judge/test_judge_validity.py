"""What makes the verdicts hold at every look: no bet gains on average while the null is true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_worlds import steady
from modelrollout.judge import evidence, guardrails, merging, priors, proportions, ratios, restarts, rules
from modelrollout.judge.arrays import Floats
from modelrollout.judge.evidence import LARGEST_COUNT, Counts
from modelrollout.judge.guardrails import State
from modelrollout.judge.rule import Rule
from scipy.stats import binom

SIDES = [pytest.param(True, id="to fail"), pytest.param(False, id="to pass")]
few = st.integers(0, 12)
share = st.floats(0.001, 0.95)


@pytest.mark.parametrize("to_fail", SIDES)
@settings(steady, max_examples=200)
@given(n_c=few, n_b=few, baseline=st.floats(0.01, 0.6), null=st.floats(0.3, 1.6), design=st.floats(1.05, 4))
def test_ratio_bets_gain_nothing_at_the_null_by_exact_enumeration(
    to_fail: bool, n_c: int, n_b: int, baseline: float, null: float, design: float
) -> None:
    grid = (
        priors.prior_grid(null, null * design, null * 20)
        if to_fail
        else priors.prior_grid(null, null / design, null / 20)
    )
    s_c, s_b = (axis.ravel() for axis in np.meshgrid(np.arange(n_c + 1), np.arange(n_b + 1)))
    chance = binom.pmf(s_c, n_c, null * baseline) * binom.pmf(s_b, n_b, baseline)

    gains = ratios.log_increments(
        _col(s_c), np.array(float(n_c)), _col(s_b), np.array(float(n_b)), np.array(null), grid
    )

    assert (chance @ np.exp(gains)).max() <= 1 + 1e-9


@pytest.mark.parametrize("to_fail", SIDES)
@settings(steady, max_examples=200)
@given(n=few, null=share, part=st.integers(0, 1000).map(lambda thousandth: thousandth / 1000))
def test_proportion_bets_gain_nothing_under_the_null_by_exact_enumeration(
    to_fail: bool, n: int, null: float, part: float
) -> None:
    rule = rules.error_limit("errors", null)
    test = rule.fail if to_fail else rule.passed
    assert isinstance(test, merging.Test)
    grid = priors.prior_grid(test.null, test.design, test.far)
    truth = null * part if to_fail else null + (1 - null) * part
    s = np.arange(n + 1)

    gains = proportions.log_increments(_col(s), np.array(float(n)), np.array(null), grid)

    assert (binom.pmf(s, n, truth) @ np.exp(gains)).max() <= 1 + 1e-9


WORLDS = {
    "fail, equal arms": (rules.error_ratio("e", floor=0), True, 0.05, 0.05),
    "fail, at the floor though ten times the baseline": (rules.error_ratio("e", floor=0.05), True, 0.05, 0.005),
    "pass, at the margin": (rules.error_ratio("e", margin=1.5, floor=0), False, 0.075, 0.05),
    "pass, at the corner of margin and floor": (rules.error_ratio("e", margin=1.5, floor=0.075), False, 0.075, 0.05),
    "fail, at the limit": (rules.error_limit("e", 0.02), True, 0.02, 0.0),
    "pass, at the limit": (rules.error_limit("e", 0.02), False, 0.02, 0.0),
}


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_mean_wealth_stays_at_most_one_at_the_null_over_looks(world: tuple[Rule, bool, float, float]) -> None:
    rule, to_fail, p_c, p_b = world
    rng = np.random.default_rng(566)
    runs, schedule = 40_000, restarts.Schedule(10, 2)
    state = guardrails.start(rule, runs)

    for look in range(1, 6):
        n_c, n_b = rng.integers(0, 40, 2)
        s_c, s_b = rng.binomial(n_c, p_c, (runs, 1)), rng.binomial(n_b, p_b, (runs, 1))
        gamma = schedule.gamma(look, {1: 1, 4: 2}.get(look, 0))
        state = guardrails.advance(rule, state, evidence.counts(n_c, s_c, n_b, s_b), gamma, gamma)

        reading = guardrails.read(rule, state)
        wealth = np.exp(reading.log_e_fail if to_fail else reading.log_e_pass)
        assert wealth.mean() <= 1 + 3 * wealth.std() / np.sqrt(runs)


block = st.tuples(st.integers(0, 50), share, st.integers(1, 400), share)


@steady
@given(first=block)
def test_a_block_split_in_two_of_equal_share_moves_no_bet(first: tuple[int, float, int, float]) -> None:
    n_c, p_c, n_b, p_b = first
    half = evidence.counts(n_c, n_c * p_c, n_b, n_b * p_b)
    whole = evidence.counts(2 * n_c, 2 * n_c * p_c, 2 * n_b, 2 * n_b * p_b)
    for rule in (rules.error_ratio("e"), rules.error_limit("e")):
        twice = _judge(rule, [half, half])

        once = _judge(rule, [whole])

        assert twice.fail.bets == pytest.approx(once.fail.bets, rel=1e-9)
        assert twice.passed.bets == pytest.approx(once.passed.bets, rel=1e-9)


@steady
@given(looks=st.lists(block, min_size=2, max_size=6))
def test_the_order_of_looks_does_not_matter_without_restarts(looks: list[tuple[int, float, int, float]]) -> None:
    blocks = [evidence.counts(n_c, round(n_c * p_c), n_b, round(n_b * p_b)) for n_c, p_c, n_b, p_b in looks]
    rule = rules.error_ratio("e")

    forward, backward = _judge(rule, blocks), _judge(rule, blocks[::-1])

    assert forward.fail.bets == pytest.approx(backward.fail.bets, rel=1e-6)


@steady
@given(seen=block, n=st.integers(0, 1000), p=share)
def test_a_look_without_candidate_requests_changes_nothing(
    seen: tuple[int, float, int, float], n: int, p: float
) -> None:
    n_c, p_c, n_b, p_b = seen
    rule = rules.error_ratio("e")
    state = _judge(rule, [evidence.counts(n_c, round(n_c * p_c), n_b, round(n_b * p_b))])

    after = guardrails.advance(rule, state, evidence.counts(0, 0, n, round(n * p)), 0, 0)

    assert (after.fail.bets == state.fail.bets).all()
    assert (after.passed.bets == state.passed.bets).all()


@steady
@given(seen=block)
def test_a_look_without_baseline_requests_leaves_the_comparison_alone(seen: tuple[int, float, int, float]) -> None:
    n_c, p_c, *_ = seen
    rule = rules.error_ratio("e", floor=0)
    state = _judge(rule, [evidence.counts(30, 2, 500, 9)])

    after = guardrails.advance(rule, state, evidence.counts(n_c, round(n_c * p_c), 0, 0), 0, 0)

    assert (after.fail.bets == state.fail.bets).all()


@given(planned=st.integers(1, 400), stages=st.integers(1, 9), looks=st.integers(1, 600), data=st.data())
def test_restart_weights_never_sum_above_one(planned: int, stages: int, looks: int, data: st.DataObject) -> None:
    schedule = restarts.Schedule(planned, stages)
    starts = sorted(data.draw(st.sets(st.integers(2, max(2, looks)), max_size=12)))
    ordinal = {1: 1, **{look: place for place, look in enumerate(starts, start=2)}}

    spent = [float(schedule.gamma(look, ordinal.get(look, 0))) for look in range(1, looks + 1)]

    assert min(spent) >= 0
    assert sum(spent) <= 1 + 1e-12


def test_a_caller_that_restarts_too_often_spends_no_more_than_its_stake() -> None:
    rule = rules.error_limit("e")
    state = guardrails.start(rule)

    for _ in range(5):
        state = guardrails.advance(rule, state, evidence.counts(0, 0, 0, 0), 0.7, 0.7)

    assert state.fail.cash.item() == 0
    assert guardrails.read(rule, state).log_e_fail.item() == pytest.approx(0)


def test_dispersion_halves_what_a_look_says_and_never_sharpens_it() -> None:
    rule = rules.error_limit("e")
    harm = evidence.counts(100, 9, 0, 0)

    plain, doubled, sharpened = (
        guardrails.advance(rule, guardrails.start(rule), harm, 1, 1, phi).fail.bets for phi in (1.0, 2.0, 0.5)
    )

    assert np.log(doubled) == pytest.approx(np.log(plain) / 2)
    assert (sharpened == plain).all()


anything = st.floats(0, LARGEST_COUNT)


@settings(steady, max_examples=300)
@given(looks=st.lists(st.tuples(anything, anything, anything, anything), min_size=1, max_size=4))
def test_no_counts_that_are_allowed_lead_to_nan_or_infinity(looks: list[tuple[float, float, float, float]]) -> None:
    schedule = restarts.Schedule(3, 1)
    for rule in (rules.error_ratio("e"), rules.error_limit("e", 0.3), rules.error_ratio("e", 1.01, 0.99)):
        state = guardrails.start(rule)
        for look, counts in enumerate(looks, start=1):
            gamma = schedule.gamma(look, int(look == 1))
            state = guardrails.advance(rule, state, evidence.counts(*counts), gamma, gamma)

        reading = guardrails.read(rule, state)

        assert np.isfinite([reading.log_e_fail, reading.log_e_pass, reading.fail_max, reading.pass_max]).all()


def _judge(rule: Rule, blocks: list[Counts]) -> State:
    """All stake placed at the first look, no restarts."""
    state = guardrails.start(rule)
    for place, one in enumerate(blocks):
        state = guardrails.advance(rule, state, one, float(place == 0), float(place == 0))
    return state


def _col(values: np.ndarray) -> Floats:
    return values[:, None].astype(np.float64)
