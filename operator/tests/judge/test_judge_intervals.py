"""Intervals for people: they hold the truth at every look of nearly every rollout, also when events are rare."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_worlds import steady
from modelrollout.judge import intervals, means
from modelrollout.judge.arrays import Floats
from modelrollout.judge.evidence import LARGEST_COUNT
from modelrollout.judge.intervals import Interval
from scipy.integrate import quad
from scipy.stats import beta, lognorm

RUNS, LOOKS = 1000, 200


@dataclass(frozen=True)
class Case:
    """requests per look, the candidate's share of them, both arms' rates."""

    requests: float
    share: float
    candidate: float
    baseline: float


RARE = {
    "equal arms at 1 %": Case(300, 0.05, 0.01, 0.01),
    "equal arms at 1 %, little traffic": Case(30, 0.5, 0.01, 0.01),
    "1 % doubled": Case(300, 0.05, 0.02, 0.01),
    "0.2 % tripled": Case(300, 0.05, 0.006, 0.002),
    "a tenth of 1 %": Case(300, 0.05, 0.001, 0.01),
    "nearly all traffic on the candidate": Case(300, 0.9, 0.01, 0.01),
    "common events": Case(300, 0.25, 0.33, 0.3),
    "common events, far apart": Case(300, 0.05, 0.9, 0.3),
}
cases = pytest.mark.parametrize("case", RARE.values(), ids=RARE)
alphas = pytest.mark.parametrize("alpha", [0.05, 0.01])


@alphas
@cases
def test_the_ratio_is_inside_at_every_look(case: Case, alpha: float) -> None:
    def found(seen: "Seen") -> Interval:
        return intervals.ratio_interval(seen.candidate_pull, seen.baseline_pull, seen.spread, alpha)

    assert _missed(case, found, case.candidate / case.baseline, 101) <= _allowed(alpha)


@alphas
@cases
def test_the_difference_of_shares_is_inside_at_every_look(case: Case, alpha: float) -> None:
    def found(seen: "Seen") -> Interval:
        of_candidate, of_baseline = means.variances(
            (seen.n_c, seen.s_c, seen.s_c),
            (seen.n_b, seen.s_b, seen.s_b),
        )
        noise = seen.candidate_scale * of_candidate + seen.baseline_scale * of_baseline
        return intervals.difference_interval(
            seen.candidate_pull - seen.baseline_pull, seen.weight, noise, alpha, reach=1.0
        )

    assert _missed(case, found, case.candidate - case.baseline, 102) <= _allowed(alpha)


@alphas
@pytest.mark.parametrize("case", [RARE["equal arms at 1 %"], RARE["common events, far apart"]], ids=["rare", "common"])
def test_the_share_of_one_arm_is_inside_at_every_look(case: Case, alpha: float) -> None:
    def found(seen: "Seen") -> Interval:
        return intervals.share_interval(seen.s_c[::4], seen.n_c[::4], alpha)

    assert _missed(case, found, case.candidate, 103, every=10) <= _allowed(alpha, RUNS // 4)


@alphas
@pytest.mark.parametrize("quantile", [0.5, 0.95, 0.99])
def test_a_quantile_is_between_its_edges_at_every_look(quantile: float, alpha: float) -> None:
    rng, runs = np.random.default_rng(104), RUNS // 4
    edges = np.array([0.05, 0.1, 0.2, 0.25, 0.5, np.inf])
    world = lognorm(0.5, scale=0.1)
    truth, chance = world.ppf(quantile), np.diff(world.cdf([0, *edges]))
    missed = np.zeros(runs, bool)
    counts = rng.multinomial(15, chance, (LOOKS, runs)).cumsum(axis=0)

    for seen in counts[::5]:
        low, high = intervals.quantile_interval(edges, seen.cumsum(axis=1), seen.sum(axis=1), quantile, alpha)
        missed |= (low > truth) | (high < truth)

    assert missed.mean() <= _allowed(alpha, runs)
    assert (low > 0).any()
    assert (high < np.inf).any()


def test_a_quantile_that_lies_on_an_edge_is_never_cut_off() -> None:
    rng = np.random.default_rng(105)
    missed = np.zeros(RUNS, bool)
    below = rng.binomial(20, 0.95, (LOOKS, RUNS)).cumsum(axis=0)

    for look in range(1, LOOKS, 4):
        low, high = intervals.quantile_interval(
            [100.0], below[look][:, None], np.full(RUNS, 20 * (look + 1)), 0.95, 0.05
        )
        missed |= (low > 0) | (high < np.inf)  # p95 is 100 exactly: to say "above" or "within" is wrong half the time

    assert missed.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)


def test_the_mean_of_any_values_is_inside_at_every_look() -> None:
    rng = np.random.default_rng(106)
    values = rng.gamma(2.0, 1.0, (RUNS, LOOKS, 20))
    total = 20.0 * np.arange(1, LOOKS + 1)
    seen = values.sum(axis=2).cumsum(axis=1) / total
    deviation = np.sqrt((values**2).sum(axis=2).cumsum(axis=1) / total - seen**2)

    radius = intervals.mean_radius(total, deviation, 0.05)

    outside = (np.abs(seen - 2) > radius)[:, total >= means.BURN_IN].any(axis=1)
    assert outside.mean() <= _allowed(0.05)


def test_radius_is_the_golden_value() -> None:
    assert intervals.mean_radius(1000, 1.0, 0.05, planned=1000) == pytest.approx(0.095979, abs=1e-6)


def test_radius_is_tightest_where_it_was_planned_and_endless_without_values() -> None:
    at = [float(intervals.mean_radius(1000, 1.0, 0.05, planned=planned)) for planned in (500, 900, 1000, 1100, 2000)]

    assert min(at) == at[2]
    assert intervals.mean_radius(0, 1.0, 0.05) == np.inf


@steady
@given(n_c=st.integers(2, 500), n_b=st.integers(2, 500), part_c=st.floats(0.01, 1), part_b=st.floats(0.01, 1))
def test_spread_of_one_look_is_the_textbook_variance_of_a_log_ratio(
    n_c: int, n_b: int, part_c: float, part_b: float
) -> None:
    s_c, s_b = n_c * part_c, n_b * part_b
    pulls = s_c * n_b / (n_c + n_b) * s_b * n_c / (n_c + n_b)

    spread = intervals.ratio_spread(n_c, s_c, n_b, s_b)

    assert spread / pulls == pytest.approx(1 / s_c - 1 / n_c + 1 / s_b - 1 / n_b, rel=1e-6, abs=1e-12)


def test_without_events_a_ratio_can_be_anything_and_one_arm_bounds_one_side() -> None:
    assert intervals.ratio_interval(0, 0, 0, 0.05) == (0, np.inf)

    low, high = intervals.ratio_interval([9.0, 0], [0, 9.0], [9.0, 9.0], 0.05)

    assert (low > 0).tolist() == [True, False]
    assert (high < np.inf).tolist() == [False, True]


def test_swapping_the_arms_turns_the_ratio_over_and_the_difference_around() -> None:
    there, back = intervals.ratio_interval(30, 20, 25, 0.05), intervals.ratio_interval(20, 30, 25, 0.05)
    up, down = intervals.difference_interval(3, 90, 9, 0.05), intervals.difference_interval(-3, 90, 9, 0.05)

    assert there.low * back.high == pytest.approx(1)
    assert up.low == pytest.approx(-down.high)


def test_dispersion_widens_and_never_narrows() -> None:
    for low_phi, phi in ((0.5, 1.0), (1.0, 3.0)):
        ratio, wider = (intervals.ratio_interval(30, 20, 25, 0.05, f) for f in (low_phi, phi))
        gap, wider_gap = (intervals.difference_interval(3, 90, 9, 0.05, f) for f in (low_phi, phi))
        share, wider_share = (intervals.share_interval(30, 900, 0.05, f) for f in (low_phi, phi))
        for one, other in ((ratio, wider), (gap, wider_gap), (share, wider_share)):
            assert (other.high - other.low > one.high - one.low) == (phi > 1)


@pytest.mark.parametrize(("weight", "noise"), [(0.0, 0.0), (50.0, np.nan), (50.0, 0.0)])
def test_a_difference_is_unknown_while_weight_or_noise_is(weight: float, noise: float) -> None:
    assert np.isnan(intervals.difference_interval(0.0, weight, noise, 0.05, reach=1.0)).all()


@pytest.mark.parametrize(("s", "n"), [(3, 40), (0.4, 7), (12, 900), (900, 1000)])
def test_ends_of_a_share_are_where_the_integrated_bet_reaches_its_bound(s: float, n: float) -> None:
    low, high = intervals.share_interval(s, n, 0.05)

    assert _bet_by_quadrature(s, n, float(low)) == pytest.approx(40, rel=1e-4)
    assert _bet_by_quadrature(n - s, n, 1 - float(high)) == pytest.approx(40, rel=1e-4)
    assert low < s / n < high


def test_a_share_of_nothing_is_unknown_and_of_no_event_begins_at_zero() -> None:
    assert intervals.share_interval(0, 0, 0.05) == (0, 1)
    assert intervals.share_interval(0, 100, 0.05).low == 0
    assert intervals.share_interval(100, 100, 0.05).high == 1


@steady
@given(n=st.floats(0, LARGEST_COUNT), part=st.floats(0, 1))
def test_a_share_of_any_count_has_ends_in_order(n: float, part: float) -> None:
    low, high = intervals.share_interval(n * part, n, 0.05)

    assert 0 <= low <= high <= 1


def test_many_values_place_the_quantile_between_neighbouring_edges() -> None:
    low, high = intervals.quantile_interval(
        [5, 100, 250, 500, np.inf], [[0, 8000, 9600, 9950, 10000]], [10000], 0.95, 0.05
    )

    assert (low.item(), high.item()) == (100, 250)


def test_few_values_and_none_leave_the_quantile_open() -> None:
    low, high = intervals.quantile_interval([5, 100], [[0, 9], [0, 0]], [9, 0], 0.95, 0.05)

    assert low.tolist() == [5, 0]  # nine of nine beyond 5 already say that 5 % are not
    assert high.tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, np.nan])
def test_an_alpha_that_is_no_probability_is_refused(alpha: float) -> None:
    for interval in (
        lambda: intervals.ratio_interval(1, 1, 1, alpha),
        lambda: intervals.difference_interval(1, 1, 1, alpha),
        lambda: intervals.share_interval(1, 2, alpha),
        lambda: intervals.quantile_interval([1], [1], 2, 0.5, alpha),
    ):
        with pytest.raises(ValueError, match="alpha"):
            interval()


def test_a_quantile_that_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="quantile"):
        intervals.quantile_interval([1], [1], 2, 95, 0.05)


@dataclass(frozen=True)
class Seen:
    """Running sums, each [runs]."""

    n_c: Floats
    s_c: Floats
    n_b: Floats
    s_b: Floats
    candidate_pull: Floats
    baseline_pull: Floats
    spread: Floats
    weight: Floats
    candidate_scale: Floats
    baseline_scale: Floats


def _looks(case: Case, seed: int) -> Iterator[Seen]:
    rng = np.random.default_rng(seed)
    seen = Seen(*np.zeros((10, RUNS)))
    for _ in range(LOOKS):
        n_c = rng.poisson(case.requests * case.share, RUNS).astype(float)
        n_b = rng.poisson(case.requests * (1 - case.share), RUNS).astype(float)
        s_c = rng.binomial(n_c.astype(int), case.candidate).astype(float)
        s_b = rng.binomial(n_b.astype(int), case.baseline).astype(float)
        n = np.maximum(n_c + n_b, 1)
        seen = replace(
            seen,
            n_c=seen.n_c + n_c,
            s_c=seen.s_c + s_c,
            n_b=seen.n_b + n_b,
            s_b=seen.s_b + s_b,
            candidate_pull=seen.candidate_pull + s_c * n_b / n,
            baseline_pull=seen.baseline_pull + s_b * n_c / n,
            spread=seen.spread + intervals.ratio_spread(n_c, s_c, n_b, s_b),
            weight=seen.weight + n_c * n_b / n,
            candidate_scale=seen.candidate_scale + n_c * n_b**2 / n**2,
            baseline_scale=seen.baseline_scale + n_b * n_c**2 / n**2,
        )
        yield seen


def _missed(case: Case, found: Callable[[Seen], Interval], truth: float, seed: int, every: int = 1) -> float:
    """The part of runs in which the truth was outside at some look."""
    missed = False
    for look, seen in enumerate(_looks(case, seed)):
        if look % every == 0:
            low, high = found(seen)
            missed = missed | (low > truth) | (high < truth)
    assert np.isfinite(low).all()  # the last look knows something
    return float(np.mean(missed))


def _allowed(alpha: float, runs: int = RUNS) -> float:
    return alpha + 3 * float(np.sqrt(alpha * (1 - alpha) / runs))


def _bet_by_quadrature(s: float, n: float, null: float) -> float:
    """The same mixture as an integral: of the likelihood ratio over a beta prior cut to shares above the null."""
    prior = beta(0.5, 0.5)

    def gain(p: float) -> float:
        ratio = s * np.log(p / null) + (n - s) * np.log((1 - p) / (1 - null))
        return float(np.exp(ratio) * prior.pdf(p) / prior.sf(null))

    peak = max(s / n, null + 1e-9)
    ends = sorted({null, peak, min(0.999999, peak + 6 * np.sqrt(peak / n)), 1.0})
    return sum(quad(gain, low, high, limit=200)[0] for low, high in pairwise(ends))
