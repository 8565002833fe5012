"""Bets on means: the right variance, no gain on average under the null, no dependence on units."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_worlds import BOUND, steady
from modelrollout.judge import betting, differences, eprocess, means
from modelrollout.judge.arrays import Floats
from scipy.stats import multinomial, norm

SIDES = {"to fail": (0.0, 0.05), "to pass": (0.05, 0.0)}
sides = pytest.mark.parametrize(("null", "design"), SIDES.values(), ids=SIDES)


def test_variances_are_those_of_numpy_and_never_below_the_pooled_one() -> None:
    rng = np.random.default_rng(1)
    calm, wild = rng.normal(3, 1, 150), rng.normal(5, 4, 900)

    v_calm, v_wild = means.variances(_moments(calm), _moments(wild))

    assert v_calm.item() == pytest.approx(np.concatenate([calm, wild]).var())
    assert v_wild.item() == pytest.approx(max(wild.var(), np.concatenate([calm, wild]).var()))
    assert means.variance(_moments(calm)).item() == pytest.approx(calm.var())


def test_variances_are_unknown_before_a_hundred_values_in_each_arm() -> None:
    few, many = _moments(np.arange(99.0)), _moments(np.arange(5000.0))

    assert np.isnan(means.variances(few, many)).all()
    assert np.isnan(means.variances(many, few)).all()
    assert np.isnan(means.variance(few)).all()


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3], ids=["zero", "a tenth", "large"])
def test_values_that_are_all_alike_have_no_variance_to_judge_by(value: float) -> None:
    alike = _moments(np.full(777, value))

    assert np.isnan(means.variance(alike)).all()
    assert np.isnan(means.variances(alike, alike)).all()


@sides
def test_bets_on_a_difference_are_fair_for_normal_values_by_quadrature(null: float, design: float) -> None:
    n_c, n_b, var_c, var_b = 40.0, 160.0, 1.3, 0.7
    spread = np.sqrt(var_c / n_c + var_b / n_b)
    drop = null + spread * np.linspace(-12, 12, 4001)
    chance = norm.pdf(drop, null, spread) * (drop[1] - drop[0])
    grid = null + (design - null) * np.array([[0.5, 1, 4]])

    gains = means.difference_increments(
        (_a(n_c), (n_c * (2 - drop))[:, None, None]), (_a(n_b), _a(n_b * 2)), _a(var_c), _a(var_b), _a(null)[0], grid
    )[:, 0]

    assert chance @ np.exp(gains) == pytest.approx([1, 1, 1], abs=1e-9)


@sides
def test_bets_against_a_constant_are_fair_for_normal_values_by_quadrature(null: float, design: float) -> None:
    n, var = 40.0, 1.3
    mean = null + np.sqrt(var / n) * np.linspace(-12, 12, 4001)
    chance = norm.pdf(mean, null, np.sqrt(var / n)) * (mean[1] - mean[0])
    grid = null + (design - null) * np.array([[0.5, 1, 4]])

    gains = means.limit_increments(_a(n), (n * mean)[:, None, None], _a(var), _a(null)[0], grid)[:, 0]

    assert chance @ np.exp(gains) == pytest.approx([1, 1, 1], abs=1e-9)


def test_a_worse_candidate_wins_bets_to_fail_and_an_equal_one_bets_to_pass() -> None:
    baseline = (_a(10_000), _a(20_000))

    worse = _difference((_a(10_000), _a(19_000)), baseline, 0.0, 0.05)
    equal = _difference((_a(10_000), _a(20_000)), baseline, 0.05, 0.0)

    assert worse[0, 0, 0] > 0
    assert equal[0, 0, 0] > 0


@sides
@steady
@given(unit=st.floats(0.001, 1000), zero=st.floats(-5, 5), mean=st.floats(-3, 3))
def test_neither_unit_nor_zero_of_a_value_matters(
    null: float, design: float, unit: float, zero: float, mean: float
) -> None:
    plain = _difference((_a(50), _a(50 * mean)), (_a(300), _a(300.0)), null, design)
    moved = _difference(
        (_a(50), _a(50 * unit * (mean + zero))), (_a(300), _a(300 * unit * (1 + zero))), null, design, unit
    )

    assert moved == pytest.approx(plain, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("n_c", "n_b"), [(0, 500), (500, 0), (0, 0)])
def test_a_block_without_traffic_in_an_arm_says_exactly_nothing(n_c: float, n_b: float) -> None:
    assert (_difference((_a(n_c), _a(n_c * 2)), (_a(n_b), _a(n_b * 3)), 0.0, 0.05) == 0).all()


def test_nothing_is_bet_without_traffic_or_while_a_variance_or_mean_is_unknown() -> None:
    grid = differences.grid(0.0, 0.05)[None]
    nothing = [
        means.difference_increments((_a(9), _a(1)), (_a(9), _a(5)), _a(np.nan), _a(1), _a(0)[0], grid),
        means.difference_increments((_a(9), _a(1)), (_a(9), _a(5)), _a(0), _a(0), _a(0)[0], grid),
        means.limit_increments(_a(9), _a(5), _a(np.nan), _a(0)[0], grid),
        means.limit_increments(_a(0), _a(0), _a(1), _a(0)[0], grid),
        means.bernstein_increments(_a(9), _a(5), _a(4), _a(np.nan), _a(0.5)[0], betting.STAKES),
        means.bernstein_increments(_a(0), _a(0), _a(0), _a(0.5), _a(0.5)[0], betting.STAKES),
    ]

    assert all((gains == 0).all() for gains in nothing)


@pytest.mark.parametrize("sign", [pytest.param(1, id="too large"), pytest.param(-1, id="too small")])
@steady
@given(
    weights=st.lists(st.integers(0, 20), min_size=4, max_size=4).filter(lambda found: sum(found) > 0),
    n=st.integers(1, 4),
    before=st.floats(0, 1),
    slack=st.integers(0, 100),
)
def test_bounded_bets_gain_nothing_under_the_null_by_exact_enumeration(
    sign: int, weights: list[int], n: int, before: float, slack: int
) -> None:
    support = np.array([0.0, 0.2, 0.65, 1.0])
    chance_of = np.array(weights) / sum(weights)
    null = float(chance_of @ support) + sign * slack / 100
    outcomes = np.array([found for found in product(range(n + 1), repeat=4) if sum(found) == n])
    chance = multinomial.pmf(outcomes, n, chance_of)

    gains = means.bernstein_increments(
        _a(n),
        (outcomes @ support)[:, None, None],
        (outcomes @ support**2)[:, None, None],
        _a(before),
        _a(null)[0],
        sign * betting.STAKES,
    )[:, 0]

    assert (chance @ np.exp(gains)).max() <= 1 + 1e-9


def test_bounded_bets_beat_those_on_shares_when_values_hardly_scatter() -> None:
    n, mean = 1000.0, 0.52
    squares = n * (mean**2 + 0.001)

    gains = means.bernstein_increments(_a(n), _a(n * mean), _a(squares), _a(mean), _a(0.5)[0], betting.STAKES)

    kl = mean * np.log(mean / 0.5) + (1 - mean) * np.log((1 - mean) / 0.5)
    assert gains.max() > 10 * n * kl


@sides
def test_skewed_rewards_fail_or_pass_wrongly_in_at_most_alpha_of_runs(null: float, design: float) -> None:
    rng, runs, looks, n_c, n_b = np.random.default_rng(15), 1000, 120, 15, 285
    cut = np.exp(1.5 * norm.ppf(0.99))  # lognormal(0, 1.5), clipped at its 99 %
    draws = np.minimum(rng.lognormal(0, 1.5, 1_000_000), cut)
    drop = null * draws.std()
    process = eprocess.start(runs, 1)
    sums = [[_zero(runs)] * 3, [_zero(runs)] * 3]
    fired = np.zeros(runs, bool)

    for look in range(looks):
        blocks = [_block(rng, draws - drop, runs, n_c), _block(rng, draws, runs, n_b)]
        v_c, v_b = means.variances(*(tuple(arm) for arm in sums))
        gains = means.difference_increments(
            blocks[0][:2], blocks[1][:2], v_c, v_b, _a(drop)[0], draws.std() * differences.grid(null, design)[None]
        )
        process = eprocess.advance(process, gains, 0.75 if look == 0 else 1e-4)
        sums = [[s + x for s, x in zip(arm, block, strict=True)] for arm, block in zip(sums, blocks, strict=True)]
        fired |= np.log(eprocess.value(process))[:, 0] >= BOUND

    assert fired.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def _difference(candidate: means.Arm, baseline: means.Arm, null: float, design: float, unit: float = 1.0) -> Floats:
    grid = unit * differences.grid(null, design)[None]
    return means.difference_increments(candidate, baseline, _a(unit**2), _a(2 * unit**2), _a(unit * null)[0], grid)


def _block(rng: np.random.Generator, draws: Floats, runs: int, n: int) -> means.Moments:
    values = rng.choice(draws, (runs, n))
    return _zero(runs) + n, values.sum(axis=1)[:, None, None], (values**2).sum(axis=1)[:, None, None]


def _moments(values: Floats) -> means.Moments:
    return _a(len(values)), _a(values.sum()), _a((values**2).sum())


def _zero(runs: int) -> Floats:
    return np.zeros((runs, 1, 1))


def _a(value: float) -> Floats:
    return np.full((1, 1, 1), float(value))
