"""Bets on a difference of shares: right figures, and no gain on average while the null is true."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from judge_worlds import steady
from modelrollout.judge import differences, eprocess, priors
from modelrollout.judge.arrays import Floats
from modelrollout.judge.evidence import LARGEST_COUNT
from modelrollout.judge.refusals import RuleRefused
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, rel_entr
from scipy.stats import binom

few = st.integers(0, 9)
rate = st.integers(0, 1000).map(lambda thousandth: thousandth / 1000)
SIDES = {"to fail": (0.0, 0.02), "to fail beyond a tolerance": (0.05, 0.1), "to pass": (0.02, 0.0)}
sides = pytest.mark.parametrize(("null", "design"), SIDES.values(), ids=SIDES)


@pytest.mark.parametrize(
    ("design", "null", "golden"), [pytest.param(0.02, 0.0, 0.758229, id="to fail"), (0.0, 0.02, -0.765431)]
)
def test_increment_is_the_golden_value(design: float, null: float, golden: float) -> None:
    gain = _gain(12, 75, 140, 1425, 0.1, null, np.array([[design]]))

    assert gain.item() == pytest.approx(golden, abs=1e-6)


def test_nearest_point_of_the_null_is_the_golden_one() -> None:
    grid = np.array([[0.0]])
    at = [_gain(s_c, 75, s_b, 1425, 0.1, 0.02, grid).item() for s_c, s_b in ((12, 140), (13, 140), (12, 141))]

    nearest = expit(logit(0.1) - (np.array(at[1:]) - at[0]))  # one more event moves the gain by their odds

    assert nearest == pytest.approx([0.119143, 0.099143], abs=1e-6)


@settings(steady, max_examples=300)
@given(
    n_c=st.floats(1, 1e4),
    n_b=st.floats(1, 1e4),
    base=st.floats(0.01, 0.99),
    null=st.floats(-0.3, 0.3),
    offset=st.floats(-0.5, 0.5),
    part_c=rate,
    part_b=rate,
)
def test_increment_is_the_likelihood_ratio_to_the_nearest_point_that_scipy_finds(
    n_c: float, n_b: float, base: float, null: float, offset: float, part_c: float, part_b: float
) -> None:
    bold = base + np.clip(null + offset, -0.9 * base, 0.9 * (1 - base))
    assume((bold - base - null) * offset > 1e-6 and 0.01 < base + null < 0.99)  # both shares are possible

    gain = _gain(n_c * part_c, n_c, n_b * part_b, n_b, base, null, np.array([[null + offset]])).item()

    found = minimize_scalar(
        lambda b: n_c * _kl(bold, b + null) + n_b * _kl(base, b),
        bounds=(max(0.0, -null), min(1.0, 1 - null)),
        method="bounded",
        options={"xatol": 1e-12},
    )
    plain = float(found.x)
    expected = n_c * _log_ratio(part_c, bold, plain + null) + n_b * _log_ratio(part_b, base, plain)
    assert gain == pytest.approx(expected, rel=1e-4, abs=1e-4 + 1e-6 * (n_c + n_b))


@pytest.mark.parametrize("null", [0.0005, 0.02, 0.3])
@pytest.mark.parametrize("base", [0.0005, 0.01, 0.4])
@pytest.mark.parametrize("n_c", [1.0, 50.0, 5000.0, 1e6])
def test_nearest_point_is_exact_enough_for_much_traffic(null: float, base: float, n_c: float) -> None:
    n_b, grid = 5000.0, differences.grid(null, 0.0)[None]
    at = [_gain(s_c, n_c, s_b, n_b, base, null, grid)[0, 0] for s_c, s_b in ((0, 0), (n_c, 0), (0, n_b))]
    bold = base + np.clip(grid[0], -0.9 * base, 0.9 * (1 - base))

    c = expit(logit(bold) - (at[1] - at[0]) / n_c)
    b = expit(logit(base) - (at[2] - at[0]) / n_b)

    slopes = n_c * (c - bold) / (c * (1 - c)), n_b * (b - base) / (b * (1 - b))
    assert c - b == pytest.approx(np.full(16, null), abs=1e-10)
    assert slopes[0] == pytest.approx(-slopes[1], rel=1e-7)  # the divergence is flat there


@sides
@settings(steady, max_examples=300)
@given(n_c=few, n_b=few, base=rate, truth=rate, inside=rate)
def test_bets_gain_nothing_under_the_null_by_exact_enumeration(
    null: float, design: float, n_c: int, n_b: int, base: float, truth: float, inside: float
) -> None:
    boundary = min(max(truth + null, null), 1.0)
    p_b = boundary - null
    p_c = boundary * (1 - inside) if design > null else boundary + (1 - boundary) * inside
    s_c, s_b = (axis.ravel().astype(float) for axis in np.meshgrid(np.arange(n_c + 1), np.arange(n_b + 1)))
    chance = binom.pmf(s_c, n_c, p_c) * binom.pmf(s_b, n_b, p_b)

    gains = differences.log_increments(
        _deep(s_c), _one(n_c), _deep(s_b), _one(n_b), _one(base), np.array([[null]]), _grid(null, design)
    )[:, 0]

    assert (chance @ np.exp(gains)).max() <= 1 + 1e-9


@sides
def test_mean_wealth_stays_at_most_one_when_the_baseline_is_learnt_on_the_way(null: float, design: float) -> None:
    rng, runs = np.random.default_rng(576), 40_000
    p_b = 0.3
    process = eprocess.start(runs, 1)
    seen_total, seen_events = np.full((runs, 1, 1), 2.0), np.full((runs, 1, 1), 0.5)

    for look in range(6):
        n_c, n_b = rng.integers(0, 30, 2)
        s_c, s_b = _draws(rng, n_c, p_b + null, runs), _draws(rng, n_b, p_b, runs)
        gains = differences.log_increments(
            s_c, _one(n_c), s_b, _one(n_b), seen_events / seen_total, np.array([[null]]), _grid(null, design)
        )
        process = eprocess.advance(process, gains, 0.75 if look == 0 else 0.05)
        seen_total, seen_events = seen_total + n_b, seen_events + s_b

        wealth = eprocess.value(process)
        assert wealth.mean() <= 1 + 3 * wealth.std() / np.sqrt(runs)


@sides
def test_sums_of_values_between_zero_and_one_gain_nothing_either(null: float, design: float) -> None:
    rng, runs = np.random.default_rng(483), 100_000
    mean = 0.4
    c = rng.beta(2 * (mean + null), 2 * (1 - mean - null), (runs, 4)).sum(axis=1)
    b = rng.beta(0.5 * mean, 0.5 * (1 - mean), (runs, 7)).sum(axis=1)

    gains = differences.log_increments(
        _deep(c), _one(4), _deep(b), _one(7), _one(0.35), np.array([[null]]), _grid(null, design)
    )[:, 0]

    wealth = np.exp(gains) @ priors.WEIGHTS
    assert wealth.mean() <= 1 + 3 * wealth.std() / np.sqrt(runs)


@steady
@given(part_c=rate, part_b=rate, base=st.floats(0.01, 0.99))
def test_the_factor_is_convex_in_fractional_events(part_c: float, part_b: float, base: float) -> None:
    corners = [(0, 0), (0, 7), (5, 0), (5, 7)]
    weights = np.array([(1 - part_c) * (1 - part_b), (1 - part_c) * part_b, part_c * (1 - part_b), part_c * part_b])
    at_corners = np.array([np.exp(_gain(s_c, 5, s_b, 7, base, 0.02, _grid(0.02, 0.0))) for s_c, s_b in corners])

    inside = np.exp(_gain(5 * part_c, 5, 7 * part_b, 7, base, 0.02, _grid(0.02, 0.0)))

    assert (inside <= np.tensordot(weights, at_corners, 1) * (1 + 1e-9)).all()


@sides
@pytest.mark.parametrize("counts", [(0, 0, 3, 9), (3, 9, 0, 0), (0, 0, 0, 0)])
def test_a_block_without_traffic_in_an_arm_says_exactly_nothing(
    null: float, design: float, counts: tuple[float, float, float, float]
) -> None:
    assert (_gain(*counts, 0.1, null, _grid(null, design)) == 0).all()


@sides
def test_nothing_is_bet_while_the_baseline_is_unknown(null: float, design: float) -> None:
    assert (_gain(5, 10, 1, 10, np.nan, null, _grid(null, design)) == 0).all()


def test_no_bet_is_placed_on_a_share_that_cannot_be() -> None:
    gains = _gain(99, 100, 99, 100, 0.99, 0.02, _grid(0.02, 0.04))

    assert (gains == 0).all()


def test_tests_of_different_nulls_are_fed_together_as_if_alone() -> None:
    nulls, grid = np.array([[0.0], [0.05]]), np.concatenate([_grid(0, 0.02), _grid(0.05, 0.0)])

    together = _gain(12, 75, 140, 1425, 0.1, nulls, grid)

    alone = [_gain(12, 75, 140, 1425, 0.1, null, _grid(null, design)) for null, design in [(0.0, 0.02), (0.05, 0.0)]]
    assert together[0] == pytest.approx(np.concatenate([one[0] for one in alone]), rel=1e-9)


@settings(steady, max_examples=100)
@given(n_c=st.floats(0, LARGEST_COUNT), n_b=st.floats(0, LARGEST_COUNT), part_c=rate, part_b=rate, base=rate)
def test_no_counts_lead_to_nan_or_infinity(n_c: float, n_b: float, part_c: float, part_b: float, base: float) -> None:
    for null, design in SIDES.values():
        gain = _gain(n_c * part_c, n_c, n_b * part_b, n_b, base, null, _grid(null, design))

        assert np.isfinite(gain).all()


def test_grid_begins_with_the_design_and_spreads_on_its_side_of_the_null() -> None:
    to_fail, to_pass = differences.grid(0.0, 0.02), differences.grid(0.02, 0.0)

    assert len(to_fail) == len(priors.WEIGHTS)
    assert to_fail[[0, 1, -1]] == pytest.approx([0.02, 0.005, 0.4])
    assert to_pass[[0, 1, -1]] == pytest.approx([0.0, 0.015, -0.38])
    assert np.diff(np.log(to_fail[1:])) == pytest.approx(np.full(14, np.log(80) / 14))


@pytest.mark.parametrize(("null", "design"), [(0.02, 0.02), (0.0, np.nan)])
def test_grid_refuses_a_design_that_is_no_alternative(null: float, design: float) -> None:
    with pytest.raises(RuleRefused, match="design"):
        differences.grid(null, design)


def _gain(s_c: float, n_c: float, s_b: float, n_b: float, base: float, null: float | Floats, grid: Floats) -> Floats:
    return differences.log_increments(
        _one(s_c), _one(n_c), _one(s_b), _one(n_b), _one(base), np.reshape(np.asarray(null, float), (-1, 1)), grid
    )


def _grid(null: float, design: float) -> Floats:
    return differences.grid(null, design)[None]


def _one(value: float) -> Floats:
    return np.full((1, 1, 1), float(value))


def _deep(values: Floats) -> Floats:
    return values[:, None, None]


def _draws(rng: np.random.Generator, total: int, share: float, runs: int) -> Floats:
    return rng.binomial(total, share, (runs, 1, 1)).astype(float)


def _kl(p: float, q: float) -> float:
    return float(rel_entr(p, q) + rel_entr(1 - p, 1 - q))


def _log_ratio(part: float, bold: float, plain: float) -> float:
    return float(part * np.log(bold / plain) + (1 - part) * np.log((1 - bold) / (1 - plain)))
