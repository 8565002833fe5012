"""Bets on looks: fair whatever hangs together inside a look."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_worlds import BOUND, steady
from modelrollout.judge import betting, eprocess, priors, proportions, ratios
from modelrollout.judge.arrays import Floats
from scipy.stats import betabinom, binom

share = st.floats(0.01, 0.99)


def test_stakes_are_in_the_order_of_the_weights() -> None:
    assert len(betting.STAKES) == len(priors.WEIGHTS)
    assert betting.STAKES[[0, 1, -1]] == pytest.approx([0.3, 0.01, 0.9])
    assert (np.diff(betting.STAKES[1:]) > 0).all()


def test_a_share_twice_the_configured_one_pays_the_stake() -> None:
    gains = betting.share_increments(_a(4), _a(6), _a(0.2), betting.STAKES)

    assert gains[0, 0] == pytest.approx(np.log(1 + betting.STAKES))


def test_no_candidate_event_loses_the_stake() -> None:
    gains = betting.share_increments(_a(0), _a(6), _a(0.2), betting.STAKES)

    assert gains[0, 0] == pytest.approx(np.log(1 - betting.STAKES))


@settings(steady, max_examples=100)
@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=7), w=share)
def test_sessions_of_any_size_routed_at_random_leave_wealth_unchanged_on_average(sizes: list[int], w: float) -> None:
    routes = np.array(list(product([0, 1], repeat=len(sizes))))
    chance = np.prod(np.where(routes == 1, w, 1 - w), axis=1)
    s_c = routes @ np.array(sizes, dtype=float)

    gains = betting.share_increments(_deep(s_c), _deep(sum(sizes) - s_c), _a(w), betting.STAKES)[:, 0]

    assert chance @ np.exp(gains) == pytest.approx(np.ones(16), abs=1e-12)


@pytest.mark.parametrize(
    ("s_c", "s_b", "w"), [(0, 0, 0.2), (5, 1, np.nan), (5, 0, 1.0), (5, 1, 0.0)], ids=["no event", "nan", "all", "none"]
)
def test_a_look_without_events_or_without_a_known_share_says_exactly_nothing(s_c: float, s_b: float, w: float) -> None:
    assert (betting.share_increments(_a(s_c), _a(s_b), _a(w), betting.STAKES) == 0).all()


def test_sticky_sessions_fool_the_ratio_and_not_the_bet_on_looks() -> None:
    rng, runs, w = np.random.default_rng(20), 400, 0.05
    bold, careful = eprocess.start(runs, 1), eprocess.start(runs, 1)
    grid, one = priors.prior_grid(1, 1.5, 20)[None], np.ones((1, 1))
    fooled, fired = np.zeros(runs, bool), np.zeros(runs, bool)

    for look in range(400):
        sessions = rng.poisson([[15 * w, 15 * (1 - w)]] * runs)  # of 20 requests each
        failing = rng.beta(0.2, 19.8, (2, runs, 40)) * (np.arange(40) < sessions.T[..., None])
        s_c, s_b = rng.binomial(20, failing).sum(axis=-1).astype(float)[..., None, None]
        n_c, n_b = 20.0 * sessions.T[..., None, None]
        gamma = 0.75 if look == 0 else 1e-4
        bold = eprocess.advance(bold, ratios.log_increments(s_c, n_c, s_b, n_b, one, grid), gamma)
        careful = eprocess.advance(careful, betting.share_increments(s_c, s_b, _a(w), betting.STAKES), gamma)
        fooled |= np.log(eprocess.value(bold))[:, 0] >= BOUND
        fired |= np.log(eprocess.value(careful))[:, 0] >= BOUND

    assert fooled.mean() > 0.1
    assert fired.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize("sign", [pytest.param(1.0, id="to fail"), pytest.param(-1.0, id="to pass")])
@settings(steady, max_examples=200)
@given(n=st.integers(1, 20), p0=st.floats(0.02, 0.98), together=st.floats(0.05, 50), part=st.floats(0, 1))
def test_bets_on_a_rate_gain_nothing_under_the_null_however_requests_hang_together(
    sign: float, n: int, p0: float, together: float, part: float
) -> None:
    truth = p0 * (1 - part) if sign > 0 else p0 + (1 - p0) * part
    truth = min(max(truth, 1e-9), 1 - 1e-9)
    s = np.arange(n + 1, dtype=float)
    chance = betabinom.pmf(s, n, truth * together, (1 - truth) * together)

    gains = betting.rate_increments(_deep(s), _a(n), np.array([[p0]]), sign * betting.STAKES)[:, 0]

    assert (chance @ np.exp(gains)).max() <= chance.sum() + 1e-7


def test_the_bet_on_requests_does_gain_when_they_hang_together() -> None:
    s = np.arange(21.0)
    chance = betabinom.pmf(s, 20, 0.05, 0.95)

    gains = proportions.log_increments(_deep(s), _a(20), np.array([[0.05]]), np.array([[0.1]]))[:, 0]

    assert chance @ np.exp(gains) > 1.5
    assert binom.pmf(s, 20, 0.05) @ np.exp(gains) == pytest.approx(1)


@steady
@given(s=st.floats(0, 1), p0=share)
def test_no_rate_loses_more_than_the_stake(s: float, p0: float) -> None:
    for stakes in (betting.STAKES, -betting.STAKES):
        gains = betting.rate_increments(_a(10 * s), _a(10), np.array([[p0]]), stakes)[0, 0]

        assert (gains >= np.log(1 - betting.STAKES) - 1e-12).all()


def test_a_look_without_requests_says_exactly_nothing() -> None:
    gains = betting.rate_increments(
        np.array([[[0.0]], [[5.0]]]), np.array([[[0.0]], [[10.0]]]), _a(0.2), -betting.STAKES
    )

    assert (gains[0] == 0).all()
    assert (gains[1] < 0).all()


def _a(value: float) -> Floats:
    return np.full((1, 1, 1), float(value))


def _deep(values: Floats) -> Floats:
    return values[:, None, None]
